//! SQL of what others have to count anew.

use db::{Conn, Select, Tx, args};

use crate::error::Result;
use crate::ids::OrderId;
use crate::paging::padded;

const NOTE_CHANGE: &str = "INSERT INTO order_changes (order_id) VALUES ($1)";
const HAS_CHANGES: &str = "SELECT EXISTS (SELECT 1 FROM order_changes)";
const LIST_CHANGES: &str = "SELECT id, order_id FROM order_changes ORDER BY id LIMIT $1";
const FORGET_CHANGES: &str = "DELETE FROM order_changes";

/// Filled examples.
pub(super) fn statements() -> Vec<String> {
    let forget = forget_changes_sql(&[1]).sql().to_owned();
    let fixed = [NOTE_CHANGE, HAS_CHANGES, LIST_CHANGES].map(String::from);
    fixed.into_iter().chain([forget]).collect()
}

/// Tells those who keep totals that the order is not what they counted. Nobody waits for the row.
pub(in crate::orders) async fn note_change(tx: &Tx, order: OrderId) -> db::Result<()> {
    tx.execute(NOTE_CHANGE, args![order]).await.map(drop)
}

/// Whether any change waits to be counted.
pub async fn has_changes(conn: &Conn) -> Result<bool> {
    Ok(conn.one(HAS_CHANGES, args![]).await?)
}

/// Changes that wait to be counted, as (change, order): oldest first, and one order perhaps several times.
pub async fn list_changes(tx: &Tx, most: i64) -> Result<Vec<(i64, OrderId)>> {
    Ok(tx.all(LIST_CHANGES, args![most]).await?)
}

fn forget_changes_sql(changes: &[i64]) -> Select {
    Select::new(FORGET_CHANGES).filter_in("id", padded(changes))
}

/// They are counted in this transaction.
pub async fn forget_changes(tx: &Tx, changes: &[i64]) -> Result<()> {
    let delete = forget_changes_sql(changes);
    tx.execute(delete.sql(), delete.args()).await?;
    Ok(())
}
