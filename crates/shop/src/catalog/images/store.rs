//! SQL of the pictures of products.

use std::collections::HashMap;

use db::{Conn, Select, Tx, Value, args, args_vec};

use super::ProductImage;
use crate::catalog::products::Product;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::{ImageId, ProductId};
use crate::media::{File, Format};
use crate::paging::padded;

const LIST: &str =
    "SELECT i.product_id, i.id, i.alt, f.name, f.format, f.thumbnail_format, f.width, f.height
  FROM product_images i JOIN media_files f ON f.name = i.file";

const INSERT: &str = "INSERT INTO product_images (product_id, position, file, alt, created_at)
  SELECT CAST($1 AS BIGINT), CAST(COALESCE(MAX(position), 0) + 1 AS BIGINT), CAST($2 AS TEXT), CAST($3 AS TEXT),
    CAST($4 AS BIGINT)
  FROM product_images WHERE product_id = $1 RETURNING id";

const INSERT_FIRST: &str = "INSERT INTO product_images (product_id, position, file, created_at)
  SELECT CAST($1 AS BIGINT), CAST(COALESCE(MIN(position), 2) - 1 AS BIGINT), CAST($2 AS TEXT), CAST($3 AS BIGINT)
  FROM product_images WHERE product_id = $1";

const MOVE_FIRST: &str = "UPDATE product_images
  SET position = (SELECT MIN(position) - 1 FROM product_images WHERE product_id = $1) WHERE id = $2 AND product_id = $1";

const DELETE: &str = "DELETE FROM product_images WHERE id = $2 AND product_id = $1";

const SET_MAIN: &str = "UPDATE products SET image_url = $2 WHERE id = $1";

pub(in crate::catalog) const STATEMENTS: &[&str] =
    &[LIST, INSERT, INSERT_FIRST, MOVE_FIRST, DELETE, SET_MAIN];

db::record! {
    struct Row {
        product_id: ProductId,
        id: ImageId,
        alt: String,
        name: String,
        format: Format,
        thumbnail_format: Format,
        width: i64,
        height: i64,
    }
}

/// Gives products their pictures.
pub(in crate::catalog) async fn attach(conn: &Conn, products: &mut [Product]) -> Result<()> {
    if products.is_empty() {
        return Ok(());
    }
    let ids: Vec<ProductId> = products.iter().map(|product| product.id).collect();
    let select = Select::new(LIST)
        .filter_in("i.product_id", padded(&ids))
        .order("i.product_id, i.position, i.id");
    let mut of: HashMap<ProductId, Vec<ProductImage>> = HashMap::new();
    for row in select.all::<Row>(conn).await? {
        let Row {
            product_id,
            id,
            alt,
            name,
            format,
            thumbnail_format,
            width,
            height,
        } = row;
        let file = File {
            name,
            format,
            thumbnail_format,
            width,
            height,
        };
        of.entry(product_id)
            .or_default()
            .push(ProductImage { id, alt, file });
    }
    for product in products {
        product.images = of.remove(&product.id).unwrap_or_default();
    }
    Ok(())
}

/// Behind the others.
pub(in crate::catalog) async fn insert(
    tx: &Tx,
    product: ProductId,
    file: &File,
    alt: &str,
    now: Time,
) -> Result<ImageId> {
    Ok(tx.one(INSERT, args![product, &file.name, alt, now]).await?)
}

/// The first pictures of products that have none yet.
pub(in crate::catalog) async fn insert_each(
    tx: &Tx,
    files: &[(ProductId, &File)],
    now: Time,
) -> Result<()> {
    let rows: Vec<Vec<Value>> = files
        .iter()
        .map(|(product, file)| args_vec![*product, &file.name, now])
        .collect();
    tx.execute_each(INSERT_FIRST, &rows).await?;
    Ok(())
}

/// Before the others.
pub(super) async fn insert_first(
    tx: &Tx,
    product: ProductId,
    file: &File,
    now: Time,
) -> Result<()> {
    tx.execute(INSERT_FIRST, args![product, &file.name, now])
        .await?;
    Ok(())
}

pub(super) async fn move_first(tx: &Tx, product: ProductId, image: ImageId) -> Result<()> {
    tx.execute(MOVE_FIRST, args![product, image]).await?;
    Ok(())
}

pub(super) async fn delete(tx: &Tx, product: ProductId, image: ImageId) -> Result<()> {
    tx.execute(DELETE, args![product, image]).await?;
    Ok(())
}

pub(super) async fn set_main(tx: &Tx, product: ProductId, url: Option<&str>) -> Result<()> {
    tx.execute(SET_MAIN, args![product, url]).await?;
    Ok(())
}
