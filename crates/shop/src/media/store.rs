//! SQL of `media_files`.

use db::{Conn, Tx, args};

use super::File;
use crate::clock::Time;
use crate::error::Result;

// A file that is on its way out is not taken up again: no row is returned.
const CLAIM: &str = "INSERT INTO media_files (name, format, thumbnail_format, width, height, touched_at)
  VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (name) DO UPDATE SET touched_at = excluded.touched_at WHERE media_files.leaving = FALSE
  RETURNING name";

// Who refers to files is listed here: products by their pictures, and by naming the address of one or of a thumbnail.
// Such an address begins with what the index products_image_url holds.
const MARK: &str = "UPDATE media_files SET leaving = TRUE
  WHERE touched_at < $1 AND leaving = FALSE
    AND NOT EXISTS (SELECT 1 FROM product_images i WHERE i.file = media_files.name)
    AND NOT EXISTS (SELECT 1 FROM products p WHERE substr(p.image_url, 1, 7) = '/media/'
      AND substr(p.image_url, 1, 39) = '/media/' || media_files.name)";

// Whoever marks files waits for this, and finds it touched.
const TOUCH: &str = "UPDATE media_files SET touched_at = $2 WHERE name = $1 AND leaving = FALSE
  RETURNING name, format, thumbnail_format, width, height";

const LEAVING: &str =
    "SELECT name, format, thumbnail_format, width, height FROM media_files WHERE leaving = TRUE
  ORDER BY name LIMIT 1000";

const FORGET: &str = "DELETE FROM media_files WHERE name = $1 AND leaving = TRUE";

pub const STATEMENTS: &[&str] = &[CLAIM, MARK, TOUCH, LEAVING, FORGET];

/// Notes a file that is about to be written. `false` while one of this name is being erased.
pub(super) async fn claim(tx: &Tx, file: &File, now: Time) -> Result<bool> {
    let row = args![
        &file.name,
        file.format,
        file.thumbnail_format,
        file.width,
        file.height,
        now
    ];
    Ok(tx.optional::<String>(CLAIM, row).await?.is_some())
}

/// Marks what nothing has referred to since `before`.
pub(super) async fn mark(tx: &Tx, before: Time) -> Result<u64> {
    Ok(tx.execute(MARK, args![before]).await?)
}

/// The file of this name, which stays for at least an hour from now; `None` where there is none or it is being erased.
pub(super) async fn touch(tx: &Tx, name: &str, now: Time) -> Result<Option<File>> {
    Ok(tx.optional(TOUCH, args![name, now]).await?)
}

pub(super) async fn leaving(conn: &Conn) -> Result<Vec<File>> {
    Ok(conn.all(LEAVING, args![]).await?)
}

pub(super) async fn forget(tx: &Tx, file: &File) -> Result<u64> {
    Ok(tx.execute(FORGET, args![&file.name]).await?)
}
