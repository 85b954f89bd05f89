//! SQL of `media_files`.

use db::{Conn, Tx, args};

use super::{File, PATH};
use crate::clock::Time;
use crate::error::Result;

// A file that is on its way out is not taken up again: no row is returned.
const CLAIM: &str = "INSERT INTO media_files (name, format, thumbnail_format, width, height, touched_at)
  VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (name) DO UPDATE SET touched_at = excluded.touched_at WHERE media_files.leaving = FALSE
  RETURNING name";

// Who refers to files is listed in these two.
const MARK: &str = "UPDATE media_files SET leaving = TRUE
  WHERE touched_at < $1 AND leaving = FALSE
    AND NOT EXISTS (SELECT 1 FROM product_images i WHERE i.file = media_files.name)
    AND NOT EXISTS (SELECT 1 FROM products p WHERE p.image_url = $2 || media_files.name || '.' || media_files.format)";

const LEAVING: &str =
    "SELECT name, format, thumbnail_format, width, height FROM media_files WHERE leaving = TRUE
  ORDER BY name LIMIT 1000";

const FORGET: &str = "DELETE FROM media_files WHERE name = $1 AND leaving = TRUE";

pub const STATEMENTS: &[&str] = &[CLAIM, MARK, LEAVING, FORGET];

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
    Ok(tx.execute(MARK, args![before, PATH]).await?)
}

pub(super) async fn leaving(conn: &Conn) -> Result<Vec<File>> {
    Ok(conn.all(LEAVING, args![]).await?)
}

pub(super) async fn forget(tx: &Tx, file: &File) -> Result<u64> {
    Ok(tx.execute(FORGET, args![&file.name]).await?)
}
