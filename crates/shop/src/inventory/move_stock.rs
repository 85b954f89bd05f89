//! The verbs that always succeed on a sound book: receive, release, sell, give back, and new items.

use db::Tx;

use super::stock::{Cause, Kind, in_order};
use super::store;
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::ids::{OrderId, UserId, VariantId};

/// Makes the stock items of new variants; what is on the shelf from the start is `received`.
pub async fn create_items(
    tx: &Tx,
    items: &[(VariantId, i64)],
    actor: Option<UserId>,
    now: Time,
) -> Result<()> {
    store::insert_items(tx, items).await?;
    receive(tx, items, actor, "first stock", now).await
}

/// Puts goods that arrived on the shelf.
pub async fn receive(
    tx: &Tx,
    lines: &[(VariantId, i64)],
    actor: Option<UserId>,
    reason: &str,
    now: Time,
) -> Result<()> {
    all(tx, Kind::Received, lines, None, actor, reason, now).await
}

/// Gives up what was promised to an order: it was cancelled or has expired.
pub async fn release(
    tx: &Tx,
    order: OrderId,
    lines: &[(VariantId, i64)],
    actor: Option<UserId>,
    now: Time,
) -> Result<()> {
    all(
        tx,
        Kind::Released,
        lines,
        Some(order),
        actor,
        "order ended",
        now,
    )
    .await
}

/// Takes what was promised to an order off the shelf: it is shipped.
pub async fn sell(
    tx: &Tx,
    order: OrderId,
    lines: &[(VariantId, i64)],
    actor: Option<UserId>,
    now: Time,
) -> Result<()> {
    all(
        tx,
        Kind::Sold,
        lines,
        Some(order),
        actor,
        "order shipped",
        now,
    )
    .await
}

/// Puts shipped goods that came back on the shelf again.
pub async fn give_back(
    tx: &Tx,
    order: OrderId,
    lines: &[(VariantId, i64)],
    actor: Option<UserId>,
    now: Time,
) -> Result<()> {
    all(
        tx,
        Kind::Returned,
        lines,
        Some(order),
        actor,
        "goods returned",
        now,
    )
    .await
}

async fn all(
    tx: &Tx,
    kind: Kind,
    lines: &[(VariantId, i64)],
    order: Option<OrderId>,
    actor: Option<UserId>,
    reason: &str,
    now: Time,
) -> Result<()> {
    let lines = in_order(lines);
    let cause = Cause {
        kind,
        order,
        actor,
        reason,
    };
    let refused = store::move_stock(tx, cause, &lines, now).await?;
    let Some(&(variant, quantity)) = refused.first().map(|&at| &lines[at]) else {
        return Ok(());
    };
    Err(Error::internal(format!(
        "stock of variant {variant} refuses {quantity} {}",
        kind.word()
    )))
}
