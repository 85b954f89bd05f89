//! SQL of categories.

use db::{Conn, Tx, args};

use super::category::Category;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::CategoryId;
use crate::values::Key;

const LIST: &str = "SELECT id, name, slug, description, parent_id FROM categories";

const FIND: &str = "SELECT id, name, slug, description, parent_id FROM categories
  WHERE id = CAST($1 AS BIGINT) OR slug = CAST($2 AS TEXT)";

const FIND_IMPORTED: &str = "SELECT id, name, parent_id FROM categories WHERE external_id = $1";

const FIND_NAMED: &str =
    "SELECT id FROM categories WHERE name = $1 ORDER BY parent_id IS NOT NULL, id LIMIT 1";

const INSERT: &str =
    "INSERT INTO categories (name, slug, description, parent_id, external_id, created_at, updated_at)
  VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING id";

const UPDATE: &str =
    "UPDATE categories SET name = $2, slug = $3, description = $4, parent_id = $5, updated_at = $6
  WHERE id = $1";

const MOVE: &str = "UPDATE categories SET name = $2, parent_id = $3, updated_at = $4 WHERE id = $1";

const SET_SLUG: &str = "UPDATE categories SET slug = $2 WHERE id = $1";

const DELETE: &str = "DELETE FROM categories WHERE id = $1
  AND NOT EXISTS (SELECT 1 FROM products p WHERE p.category_id = $1)
  AND NOT EXISTS (SELECT 1 FROM categories c WHERE c.parent_id = $1)";

// The bounds end the recursion should the table ever hold a circle.
const ANCESTORS: &str = "WITH RECURSIVE above (id, parent_id, depth) AS (
    SELECT id, parent_id, CAST(1 AS BIGINT) FROM categories WHERE id = $1
    UNION ALL
    SELECT c.id, c.parent_id, a.depth + 1 FROM categories c JOIN above a ON c.id = a.parent_id WHERE a.depth < 100
  ) SELECT id FROM above ORDER BY depth";

const HEIGHT: &str = "WITH RECURSIVE below (id, depth) AS (
    SELECT id, CAST(1 AS BIGINT) FROM categories WHERE id = $1
    UNION ALL
    SELECT c.id, b.depth + 1 FROM categories c JOIN below b ON c.parent_id = b.id WHERE b.depth < 100
  ) SELECT CAST(COALESCE(MAX(depth), 0) AS BIGINT) FROM below";

const COUNT_PRODUCTS: &str = "SELECT category_id, COUNT(*) FROM products WHERE is_active = TRUE AND category_id IS NOT NULL GROUP BY category_id";

pub(in crate::catalog) const STATEMENTS: &[&str] = &[
    LIST,
    FIND,
    FIND_IMPORTED,
    FIND_NAMED,
    INSERT,
    UPDATE,
    MOVE,
    SET_SLUG,
    DELETE,
    ANCESTORS,
    HEIGHT,
    COUNT_PRODUCTS,
];

pub(in crate::catalog) async fn list_categories(conn: &Conn) -> Result<Vec<Category>> {
    Ok(conn.all(LIST, args![]).await?)
}

pub(in crate::catalog) async fn find_category(conn: &Conn, key: &Key) -> Result<Option<Category>> {
    Ok(conn.optional(FIND, &crate::catalog::key_args(key)).await?)
}

/// Id, name and parent of a category that came from a file.
pub(super) async fn find_imported(
    conn: &Conn,
    external_id: &str,
) -> Result<Option<(CategoryId, String, Option<CategoryId>)>> {
    Ok(conn.optional(FIND_IMPORTED, args![external_id]).await?)
}

/// The category of that name that stands highest.
pub(in crate::catalog) async fn find_named(conn: &Conn, name: &str) -> Result<Option<CategoryId>> {
    Ok(conn.optional(FIND_NAMED, args![name]).await?)
}

/// The category itself and all above it, from the bottom up.
pub(super) async fn ancestors(conn: &Conn, id: CategoryId) -> Result<Vec<CategoryId>> {
    Ok(conn.all(ANCESTORS, args![id]).await?)
}

/// How many levels a category and all below it have.
pub(super) async fn height(conn: &Conn, id: CategoryId) -> Result<i64> {
    Ok(conn.one(HEIGHT, args![id]).await?)
}

/// How many products each category shows, without those of its children.
pub(in crate::catalog) async fn count_products(conn: &Conn) -> Result<Vec<(CategoryId, i64)>> {
    Ok(conn.all(COUNT_PRODUCTS, args![]).await?)
}

pub(super) async fn insert_category(
    tx: &Tx,
    name: &str,
    slug: &str,
    description: &str,
    parent: Option<CategoryId>,
    external_id: Option<&str>,
    now: Time,
) -> Result<CategoryId> {
    Ok(tx
        .one(
            INSERT,
            args![name, slug, description, parent, external_id, now],
        )
        .await?)
}

pub(super) async fn update_category(tx: &Tx, category: &Category, now: Time) -> Result<()> {
    let Category {
        id,
        name,
        slug,
        description,
        parent_id,
    } = category;
    tx.execute(UPDATE, args![id, name, slug, description, *parent_id, now])
        .await?;
    Ok(())
}

pub(super) async fn move_category(
    tx: &Tx,
    id: CategoryId,
    name: &str,
    parent: Option<CategoryId>,
    now: Time,
) -> Result<()> {
    tx.execute(MOVE, args![id, name, parent, now]).await?;
    Ok(())
}

pub(super) async fn set_slug(tx: &Tx, id: CategoryId, slug: &str) -> Result<()> {
    tx.execute(SET_SLUG, args![id, slug]).await?;
    Ok(())
}

/// Whether it was deleted: not when something stands in it.
pub(super) async fn delete_category(tx: &Tx, id: CategoryId) -> db::Result<bool> {
    Ok(tx.execute(DELETE, args![id]).await? == 1)
}
