//! SQL of the attempt that a buyer who comes back can mean.

use db::{Conn, args};

use crate::error::Result;
use crate::ids::OrderId;
use crate::payments::payment::{Payment, Provider};

const LATEST: &str = concat!(
    "SELECT ",
    payment_columns!(""),
    " FROM payments WHERE order_id = $1 AND provider = $2
    ORDER BY CASE WHEN status = 'succeeded' THEN 0 WHEN status IN ('pending', 'authorized') THEN 1
      WHEN status = 'flagged' THEN 2 ELSE 3 END, id DESC LIMIT 1"
);
const REFERENCE: &str =
    "SELECT reference FROM payments WHERE order_id = $1 AND provider = $2 AND reference IS NOT NULL
    ORDER BY id DESC LIMIT 1";

pub(super) const STATEMENTS: &[&str] = &[LATEST, REFERENCE];

/// The attempt that a client of this provider can mean: the one that counts, else the open one, else one
/// that staff looks at, else the newest.
pub(crate) async fn find_latest(
    conn: &Conn,
    order: OrderId,
    provider: Provider,
) -> Result<Option<Payment>> {
    Ok(conn.optional(LATEST, args![order, provider]).await?)
}

/// What was last asked for at a provider.
pub(crate) async fn find_reference(
    conn: &Conn,
    order: OrderId,
    provider: Provider,
) -> Result<Option<String>> {
    Ok(conn.optional(REFERENCE, args![order, provider]).await?)
}
