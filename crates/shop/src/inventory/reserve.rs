//! Promises stock to an order, and says of every line that it cannot promise what is missing.

use db::{Conn, Tx};

use super::out_of_stock::out_of_stock;
use super::stock::{Cause, Kind, in_order};
use super::store;
use crate::clock::Time;
use crate::error::{Code, Result};
use crate::ids::{OrderId, VariantId};

/// The lines that stock cannot meet. The transaction must end with [`Short::refuse`].
#[must_use]
pub struct Short(Vec<(VariantId, i64)>);

/// Reserves the lines. The rows stay locked until the transaction ends, so this comes late in it; it asks nothing
/// that depends on the outcome, so that it can be sent together with what follows.
pub async fn reserve(
    tx: &Tx,
    order: OrderId,
    lines: &[(VariantId, i64)],
    now: Time,
) -> Result<Short> {
    let wanted = in_order(lines);
    let cause = Cause {
        kind: Kind::Reserved,
        order: Some(order),
        actor: None,
        reason: "order placed",
    };
    let refused = store::move_stock(tx, cause, &wanted, now).await?;
    Ok(Short(refused.into_iter().map(|at| wanted[at]).collect()))
}

impl Short {
    /// 409 `out_of_stock` with the lines that are short; `product_unavailable` when they were erased meanwhile.
    pub async fn refuse(self, conn: &Conn) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let lines = store::find_short_lines(conn, &self.0).await?;
        if lines.is_empty() {
            return Err(Code::ProductUnavailable.with("A product in the cart was just erased."));
        }
        Err(out_of_stock(lines))
    }
}
