//! All SQL of settings.

use db::{Conn, Tx, args};

const ADD: &str = "INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";
const FIND: &str = "SELECT value FROM settings WHERE key = $1";

pub const STATEMENTS: &[&str] = &[ADD, FIND];

/// Keeps what is there.
pub(super) async fn add(tx: &Tx, key: &str, value: &str) -> db::Result<()> {
    tx.execute(ADD, args![key, value]).await?;
    Ok(())
}

pub(super) async fn value(conn: &Conn, key: &str) -> db::Result<Option<String>> {
    conn.optional(FIND, args![key]).await
}
