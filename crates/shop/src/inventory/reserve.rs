//! Promises stock to an order, or says of every line what is missing.

use db::Tx;

use super::out_of_stock::out_of_stock;
use super::stock::{Kind, Movement, in_order};
use super::store;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::{OrderId, VariantId};

/// Reserves all lines or none; a line that cannot be met makes it 409 `out_of_stock` with all such lines, and the
/// caller's transaction must end. The rows stay locked until then, so this comes late in it.
pub async fn reserve(tx: &Tx, order: OrderId, lines: &[(VariantId, i64)], now: Time) -> Result<()> {
    let wanted = in_order(lines);
    let movements: Vec<Movement> = wanted
        .iter()
        .map(|&(variant, quantity)| Movement {
            variant,
            kind: Kind::Reserved,
            quantity,
            order: Some(order),
            actor: None,
            reason: "order placed",
        })
        .collect();
    let refused = store::move_stock(tx, &movements, now).await?;
    if refused.is_empty() {
        return Ok(());
    }
    let short: Vec<(VariantId, i64)> = refused.into_iter().map(|at| wanted[at]).collect();
    Err(out_of_stock(store::find_short_lines(tx, &short).await?))
}
