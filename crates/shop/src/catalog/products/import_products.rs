//! Takes plain products of a file in, keyed by SKU.

use std::collections::HashMap;

use db::Tx;

use super::create_product::{NewProduct, ProductWish, insert_all};
use super::plan::{Plan, Wish, plan};
use super::store::{self, KnownSku};
use super::update_product::change_product;
use crate::app::App;
use crate::catalog::{self, categories};
use crate::clock::Time;
use crate::error::Result;
use crate::ids::CategoryId;
use crate::transact;
use crate::values::Key;

#[derive(Clone, Debug, Default)]
pub(crate) struct ImportedProduct {
    pub(crate) sku: String,
    pub(crate) name: String,
    pub(crate) price_minor: i64,
    pub(crate) description: Option<String>,
    /// By name; it is made when there is none.
    pub(crate) category: Option<String>,
    pub(crate) image_url: Option<String>,
    /// Of a new product. That of an old one has moved on since.
    pub(crate) stock: i64,
}

/// What became of a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Imported {
    pub(crate) new: u64,
    pub(crate) updated: u64,
    pub(crate) unchanged: u64,
    /// SKUs of variants of products that have several: they are nobody's plain products.
    pub(crate) refused: Vec<String>,
}

/// Makes products, or updates name, price and what else is given; in one short transaction, so keep batches small.
pub(crate) async fn import_products(app: &App, products: &[ImportedProduct]) -> Result<Imported> {
    let now = app.clock.now();
    let imported = transact!(app.db, tx => {
        catalog::store::bump_generation(tx).await?;
        let known = store::known_skus(tx, products.iter().map(|product| product.sku.as_str())).await?;
        let categories = find_or_make_categories(tx, products, now).await?;
        let (mut imported, mut new) = (Imported::default(), Vec::new());
        for product in products {
            let category = product.category.as_ref().and_then(|name| categories.get(name.as_str())).copied();
            match known.get(&product.sku) {
                None => new.push((product, category)),
                Some(old) if old.variants > 1 => imported.refused.push(product.sku.clone()),
                Some(old) if is_same(product, category, old) => imported.unchanged += 1,
                Some(old) => {
                    let key = Key::Id(old.product_id.0);
                    change_product(tx, app.db.engine(), None, &key, &changes(product, category), now).await?;
                    imported.updated += 1;
                }
            }
        }
        insert(tx, app.db.engine(), &new, now).await?;
        imported.new = new.len() as u64;
        Ok(imported)
    })?;
    Ok(imported)
}

/// What [`import_products`] would do, as far as it can be told without doing it.
pub(crate) async fn preview_products(app: &App, products: &[ImportedProduct]) -> Result<Imported> {
    let conn = app.db.read().await?;
    let known =
        store::known_skus(&conn, products.iter().map(|product| product.sku.as_str())).await?;
    let mut imported = Imported::default();
    for product in products {
        match known.get(&product.sku) {
            None => imported.new += 1,
            Some(old) if old.variants > 1 => imported.refused.push(product.sku.clone()),
            Some(old) => {
                let same_category =
                    product.category.is_none() || product.category == old.category_name;
                if same_category && is_same(product, None, old) {
                    imported.unchanged += 1;
                } else {
                    imported.updated += 1;
                }
            }
        }
    }
    Ok(imported)
}

fn is_same(product: &ImportedProduct, category: Option<CategoryId>, old: &KnownSku) -> bool {
    product.name == old.name
        && product.price_minor == old.price_minor
        && product
            .description
            .as_ref()
            .is_none_or(|text| *text == old.description)
        && product
            .image_url
            .as_ref()
            .is_none_or(|url| Some(url) == old.image_url.as_ref())
        && category.is_none_or(|category| Some(category) == old.category_id)
}

fn changes(product: &ImportedProduct, category: Option<CategoryId>) -> ProductWish {
    ProductWish {
        name: Some(product.name.clone()),
        description: product.description.clone(),
        category: category.map(|category| Some(Key::Id(category.0))),
        image_url: product.image_url.clone().map(Some),
        variants: Wish {
            price: Some(product.price_minor),
            ..Wish::default()
        },
        ..ProductWish::default()
    }
}

async fn insert(
    tx: &Tx,
    engine: db::Engine,
    products: &[(&ImportedProduct, Option<CategoryId>)],
    now: Time,
) -> Result<()> {
    let plans: Vec<Plan> = products
        .iter()
        .map(|(product, _)| {
            let (price, stock) = (Some(product.price_minor), Some(product.stock));
            plan(
                None,
                &Wish {
                    price,
                    stock,
                    sku: Some(Some(product.sku.clone())),
                    ..Wish::default()
                },
            )
        })
        .collect::<Result<_>>()?;
    let new: Vec<NewProduct<'_>> = products
        .iter()
        .zip(&plans)
        .map(|(&(product, category), plan)| NewProduct {
            name: &product.name,
            slug: None,
            description: product.description.as_deref().unwrap_or_default(),
            category,
            image_url: product.image_url.as_deref(),
            is_active: true,
            is_featured: false,
            plan,
        })
        .collect();
    if !new.is_empty() {
        insert_all(tx, engine, &new, None, now).await?;
    }
    Ok(())
}

async fn find_or_make_categories<'a>(
    tx: &Tx,
    products: &'a [ImportedProduct],
    now: Time,
) -> Result<HashMap<&'a str, CategoryId>> {
    let mut found = HashMap::new();
    for name in products
        .iter()
        .filter_map(|product| product.category.as_deref())
    {
        if found.contains_key(name) {
            continue;
        }
        let id = match categories::store::find_named(tx, name).await? {
            Some(id) => id,
            None => categories::insert(tx, name, None, "", None, None, now).await?,
        };
        found.insert(name, id);
    }
    Ok(found)
}
