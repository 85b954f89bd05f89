//! Makes products: one that somebody describes, or many from a file.

use std::collections::HashSet;

use db::Tx;
use serde_json::Value;

use super::plan::{Plan, Wish, plan};
use super::product::Product;
use super::store::{self, Written};
use crate::app::App;
use crate::audit::{self, Action};
use crate::caller::Admin;
use crate::catalog::search::Words;
use crate::catalog::slug::{self, Kind, slug_of};
use crate::catalog::{self, categories, images};
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::ids::{CategoryId, ProductId, UserId};
use crate::inventory;
use crate::media;
use crate::transact;
use crate::values::Key;

/// What somebody wants written; `None` leaves it as it is, or takes the default for a new product.
#[derive(Clone, Debug, Default)]
pub struct ProductWish {
    pub name: Option<String>,
    pub slug: Option<String>,
    pub description: Option<String>,
    pub category: Option<Option<Key>>,
    pub image_url: Option<Option<String>>,
    pub is_active: Option<bool>,
    pub is_featured: Option<bool>,
    /// A new main picture.
    pub picture: Option<media::File>,
    pub variants: Wish,
}

pub async fn create_product(app: &App, by: Option<&Admin>, wish: &ProductWish) -> Result<Product> {
    let now = app.clock.now();
    let plan = plan(None, &wish.variants)?;
    let name = wish
        .name
        .as_deref()
        .ok_or_else(|| Error::field("name", "required", "This field is required."))?;
    let picture = wish.picture.as_ref().map(media::File::path);
    let image_url = picture
        .as_deref()
        .or(wish.image_url.as_ref().and_then(Option::as_deref));
    let product = transact!(app.db, tx => {
        catalog::store::bump_generation(tx).await?;
        if let Some(slug) = &wish.slug {
            slug::chosen(tx, Kind::Product, slug).await?;
        }
        if let Some(url) = image_url {
            media::refer_to(tx, "image_url", url, now).await?;
        }
        let new = NewProduct {
            name,
            slug: wish.slug.as_deref(),
            description: wish.description.as_deref().unwrap_or_default(),
            category: category_of_new(tx, wish.category.as_ref().and_then(Option::as_ref), now).await?,
            image_url,
            is_active: wish.is_active.unwrap_or(true),
            is_featured: wish.is_featured.unwrap_or(false),
            plan: &plan,
        };
        let actor = by.map(|admin| admin.user.id);
        let ids = insert_all(tx, app.db.engine(), &[new], actor, now).await?;
        if let (Some(file), Some(&id)) = (&wish.picture, ids.first()) {
            images::store::insert(tx, id, file, "", now).await?;
        }
        let product = found(tx, ids.first().copied()).await?;
        if let Some(staff) = by {
            let change = (Value::Null, product.audited());
            audit::record(tx, staff, Action::ProductCreated, product.id, change, now).await?;
        }
        Ok(product)
    })?;
    Ok(product)
}

/// A product to be.
pub(super) struct NewProduct<'a> {
    pub(super) name: &'a str,
    pub(super) slug: Option<&'a str>,
    pub(super) description: &'a str,
    pub(super) category: Option<CategoryId>,
    pub(super) image_url: Option<&'a str>,
    pub(super) is_active: bool,
    pub(super) is_featured: bool,
    pub(super) plan: &'a Plan,
}

/// Few round trips for many products: each step is one statement for all of them.
pub(super) async fn insert_all(
    tx: &Tx,
    engine: db::Engine,
    products: &[NewProduct<'_>],
    by: Option<UserId>,
    now: Time,
) -> Result<Vec<ProductId>> {
    let slugs = free_slugs(tx, products).await?;
    let rows: Vec<Written<'_>> = products
        .iter()
        .zip(&slugs)
        .map(|(p, slug)| Written {
            name: p.name,
            slug,
            description: p.description,
            category: p.category,
            image_url: p.image_url,
            is_active: p.is_active,
            is_featured: p.is_featured,
            price_minor: p.plan.price_minor,
        })
        .collect();
    let ids = store::insert_products(tx, &rows, now).await?;
    for (&id, slug) in ids.iter().zip(&slugs) {
        if slug.starts_with('~') {
            let slug =
                slug::free(tx, Kind::Product, &format!("product-{id}"), &HashSet::new()).await?;
            store::set_slug(tx, id, &slug).await?;
        }
    }

    let options: Vec<_> = ids
        .iter()
        .copied()
        .zip(products.iter().map(|p| p.plan.options.as_slice()))
        .collect();
    store::insert_options(tx, &options).await?;
    let variants: Vec<_> = ids
        .iter()
        .zip(products)
        .flat_map(|(&id, p)| {
            (0i64..)
                .zip(&p.plan.variants)
                .map(move |(position, variant)| (id, position, variant))
        })
        .collect();
    let variant_ids = store::insert_variants(tx, &variants, now).await?;
    let stock: Vec<_> = variant_ids
        .into_iter()
        .zip(&variants)
        .map(|(id, (_, _, v))| (id, v.stock.unwrap_or(0)))
        .collect();
    inventory::create_items(tx, &stock, by, now).await?;

    let words: Vec<(ProductId, Words)> = ids
        .iter()
        .zip(products)
        .map(|(&id, p)| {
            let variants = p.plan.variants.iter();
            let skus = variants.filter_map(|variant| variant.sku.as_deref());
            (id, Words::of(p.name, skus, p.description))
        })
        .collect();
    store::learn_words(tx, engine, &words).await?;
    Ok(ids)
}

/// A slug for each, none twice. One that begins with `~` stands there until the id is known.
async fn free_slugs(tx: &Tx, products: &[NewProduct<'_>]) -> Result<Vec<String>> {
    let wanted: Vec<Option<String>> = products
        .iter()
        .map(|p| {
            p.slug
                .map(str::to_owned)
                .or_else(|| slug_of(p.name, Kind::Product))
        })
        .collect();
    let known: Vec<String> = wanted.iter().flatten().cloned().collect();
    let mut taken: HashSet<String> = catalog::store::taken_slugs(tx, Kind::Product, &known)
        .await?
        .into_iter()
        .collect();
    let mut slugs = Vec::with_capacity(products.len());
    for (at, slug) in wanted.into_iter().enumerate() {
        let slug = match slug {
            None => format!("~{at}"),
            Some(slug) if !taken.contains(&slug) => slug,
            Some(slug) => slug::free(tx, Kind::Product, &slug, &taken).await?,
        };
        taken.insert(slug.clone());
        slugs.push(slug);
    }
    Ok(slugs)
}

/// The first product of a shop without any category may name the first category to be: it is made, as "General".
async fn category_of_new(tx: &Tx, key: Option<&Key>, now: Time) -> Result<Option<CategoryId>> {
    let first = Key::Id(1);
    if key == Some(&first)
        && categories::store::find_category(tx, &first)
            .await?
            .is_none()
        && categories::store::list_categories(tx).await?.is_empty()
    {
        categories::insert(tx, "General", None, "", None, None, now).await?;
    }
    find_category(tx, key).await
}

pub(super) async fn find_category(tx: &Tx, key: Option<&Key>) -> Result<Option<CategoryId>> {
    let Some(key) = key else { return Ok(None) };
    match categories::store::find_category(tx, key).await? {
        Some(category) => Ok(Some(category.id)),
        None => Err(Error::field(
            "category",
            "does_not_exist",
            "There is no such category.",
        )),
    }
}

pub(super) async fn found(tx: &Tx, id: Option<ProductId>) -> Result<Product> {
    let product = match id {
        Some(id) => store::find_product(tx, &Key::Id(id.0)).await?,
        None => None,
    };
    product.ok_or_else(Error::not_found)
}
