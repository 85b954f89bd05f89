//! SQL that writes products, their options and variants.

use db::{DbError, Tx, Value, args, args_vec};
use futures_util::future::try_join_all;

use super::texts;
use crate::catalog::products::plan::PlannedVariant;
use crate::catalog::products::product::ProductOption;
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::ids::{CategoryId, ProductId, VariantId};
use crate::values::Key;

const CLAIM: &str = "UPDATE products SET version = version + 1, updated_at = $3
  WHERE id = CAST($1 AS BIGINT) OR slug = CAST($2 AS TEXT) RETURNING id";

const INSERT: &str =
    "INSERT INTO products (name, slug, description, category_id, image_url, is_active, is_featured, price_minor,
    created_at, updated_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) RETURNING id";

const UPDATE: &str =
    "UPDATE products SET name = $1, slug = $2, description = $3, category_id = $4, image_url = $5,
    is_active = $6, is_featured = $7, price_minor = $8 WHERE id = $9";

const SET_SLUG: &str = "UPDATE products SET slug = $2 WHERE id = $1";

const HIDE: &str = "UPDATE products SET is_active = FALSE WHERE id = $1";

const DELETE: &str = "DELETE FROM products WHERE id = $1
  AND NOT EXISTS (SELECT 1 FROM order_lines l WHERE l.product_id = $1)";

const DELETE_OPTIONS: &str = "DELETE FROM product_options WHERE product_id = $1";

const INSERT_OPTION: &str =
    "INSERT INTO product_options (product_id, position, name, choices) VALUES ($1, $2, $3, $4)";

const INSERT_VARIANT: &str =
    "INSERT INTO variants (product_id, position, sku, title, options, price_minor, image_id, is_active,
    created_at, updated_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) RETURNING id";

const UPDATE_VARIANT: &str =
    "UPDATE variants SET position = $2, sku = $3, title = $4, options = $5, price_minor = $6,
    image_id = $7, is_active = $8, updated_at = $9 WHERE id = $1";

const HIDE_VARIANT: &str =
    "UPDATE variants SET is_active = FALSE, position = 9999, updated_at = $2 WHERE id = $1";

const DELETE_VARIANT: &str = "DELETE FROM variants WHERE id = $1
  AND NOT EXISTS (SELECT 1 FROM order_lines l WHERE l.variant_id = $1)";

pub(super) const STATEMENTS: &[&str] = &[
    CLAIM,
    INSERT,
    UPDATE,
    SET_SLUG,
    HIDE,
    DELETE,
    DELETE_OPTIONS,
    INSERT_OPTION,
    INSERT_VARIANT,
    UPDATE_VARIANT,
    HIDE_VARIANT,
    DELETE_VARIANT,
];

/// Locks a product until the transaction ends, so that nobody else writes it meanwhile.
pub(crate) async fn claim(tx: &Tx, key: &Key, now: Time) -> Result<Option<ProductId>> {
    let [id, slug] = crate::catalog::key_args(key);
    Ok(tx.optional(CLAIM, &[id, slug, now.into()]).await?)
}

/// The columns that a product has of its own.
pub(crate) struct Written<'a> {
    pub(crate) name: &'a str,
    pub(crate) slug: &'a str,
    pub(crate) description: &'a str,
    pub(crate) category: Option<CategoryId>,
    pub(crate) image_url: Option<&'a str>,
    pub(crate) is_active: bool,
    pub(crate) is_featured: bool,
    pub(crate) price_minor: i64,
}

impl Written<'_> {
    /// The columns, and what a statement has behind them.
    fn row(&self, last: impl Into<Value>) -> Vec<Value> {
        let last: Value = last.into();
        args_vec![
            self.name,
            self.slug,
            self.description,
            self.category,
            self.image_url,
            self.is_active,
            self.is_featured,
            self.price_minor,
            last
        ]
    }
}

/// Inserts many products at once; ids in their order.
pub(crate) async fn insert_products(
    tx: &Tx,
    products: &[Written<'_>],
    now: Time,
) -> Result<Vec<ProductId>> {
    let rows: Vec<_> = products.iter().map(|product| product.row(now)).collect();
    Ok(try_join_all(rows.iter().map(|row| tx.one(INSERT, row))).await?)
}

pub(crate) async fn update_product(tx: &Tx, id: ProductId, p: &Written<'_>) -> Result<()> {
    tx.execute(UPDATE, &p.row(id)).await?;
    Ok(())
}

pub(crate) async fn set_slug(tx: &Tx, id: ProductId, slug: &str) -> Result<()> {
    tx.execute(SET_SLUG, args![id, slug]).await?;
    Ok(())
}

pub(crate) async fn hide_product(tx: &Tx, id: ProductId) -> Result<()> {
    tx.execute(HIDE, args![id]).await?;
    Ok(())
}

/// Whether it was erased: not when an order names it.
pub(crate) async fn delete_product(tx: &Tx, id: ProductId) -> Result<bool> {
    Ok(ordered_meanwhile(tx.execute(DELETE, args![id]).await)? == 1)
}

pub(crate) async fn replace_options(
    tx: &Tx,
    id: ProductId,
    options: &[ProductOption],
) -> Result<()> {
    tx.execute(DELETE_OPTIONS, args![id]).await?;
    insert_options(tx, &[(id, options)]).await
}

pub(crate) async fn insert_options(tx: &Tx, of: &[(ProductId, &[ProductOption])]) -> Result<()> {
    let rows: Vec<Vec<Value>> = of
        .iter()
        .flat_map(|(id, options)| {
            options
                .iter()
                .zip(0i64..)
                .map(|(option, at)| args_vec![*id, at, &option.name, texts(&option.choices)])
        })
        .collect();
    if !rows.is_empty() {
        tx.execute_each(INSERT_OPTION, &rows).await?;
    }
    Ok(())
}

/// Inserts variants of any products; ids in their order.
pub(crate) async fn insert_variants(
    tx: &Tx,
    variants: &[(ProductId, i64, &PlannedVariant)],
    now: Time,
) -> Result<Vec<VariantId>> {
    let rows: Vec<_> = variants
        .iter()
        .map(|&(product, position, variant)| variant_row(product, position, variant, now))
        .collect();
    // Answers come in the order of the rows: the first that is refused says whose SKU it was, and ends it.
    let inserted = rows
        .iter()
        .zip(variants)
        .map(async |(row, (_, _, variant))| {
            let id = tx.one(INSERT_VARIANT, row).await;
            id.map_err(|error| taken(error, variant))
        });
    try_join_all(inserted).await
}

pub(crate) async fn update_variant(
    tx: &Tx,
    id: VariantId,
    position: i64,
    v: &PlannedVariant,
    now: Time,
) -> Result<()> {
    tx.execute(UPDATE_VARIANT, &variant_row(id, position, v, now))
        .await
        .map_err(|error| taken(error, v))?;
    Ok(())
}

/// `first`: the product that it gets into, or itself.
fn variant_row(
    first: impl Into<Value>,
    position: i64,
    v: &PlannedVariant,
    now: Time,
) -> Vec<Value> {
    let first: Value = first.into();
    args_vec![
        first,
        position,
        v.sku.as_deref(),
        &v.title,
        texts(&v.choices),
        v.price_minor,
        v.image,
        v.is_active,
        now
    ]
}

/// Erases a variant, or hides it when an order names it.
pub(crate) async fn drop_variant(tx: &Tx, id: VariantId, now: Time) -> Result<()> {
    if ordered_meanwhile(tx.execute(DELETE_VARIANT, args![id]).await)? == 0 {
        tx.execute(HIDE_VARIANT, args![id, now]).await?;
    }
    Ok(())
}

fn taken(error: DbError, variant: &PlannedVariant) -> Error {
    if error.is_unique("variants.sku") {
        let sku = variant.sku.as_deref().unwrap_or_default();
        Error::duplicate(
            "sku",
            format!("A product with the SKU \"{sku}\" already exists."),
        )
    } else {
        error.into()
    }
}

/// Somebody ordered it between the look and the deletion: the transaction is tried again, and looks again.
fn ordered_meanwhile(result: db::Result<u64>) -> db::Result<u64> {
    result.map_err(|error| match error {
        DbError::ForeignKey(name) => DbError::Conflict(name.into()),
        other => other,
    })
}
