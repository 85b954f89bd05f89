//! Ends orders that were to be paid online and were not in time; what was promised to them is given back, once.

use super::advance::{expire, hold};
use super::find_orders::{Access, find_row};
use super::order::OrderRef;
use super::store;
use crate::app::App;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::OrderId;

/// Orders looked for at a time.
const BATCH: i64 = 100;

/// Expires what nobody has paid within `UNPAID_ORDER_TTL` of its placing or the last attempt to pay it, each in a transaction of its own. Returns how many.
pub async fn expire_orders(app: &App) -> Result<u64> {
    let now = app.clock.now();
    let oldest = now - app.config.unpaid_order_ttl;
    let (mut expired, mut after) = (0, (Time(i64::MIN), OrderId(0)));
    loop {
        let due = store::list_unpaid(&app.db.read().await?, oldest, after, BATCH).await?;
        for &(since, order) in &due {
            after = (since, order);
            match expire_one(app, order, oldest, now).await {
                Ok(done) => expired += u64::from(done),
                // One that cannot be ended does not keep the others.
                Err(error) => tracing::error!(order = order.0, %error, "the order did not expire"),
            }
        }
        if due.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) {
            return Ok(expired);
        }
    }
}

async fn expire_one(app: &App, order: OrderId, oldest: Time, now: Time) -> Result<bool> {
    crate::transact!(app.db, tx => {
        // Looked at again while it is held: somebody may just have begun to pay.
        store::lock_order(tx, order).await?;
        let row = find_row(tx, &OrderRef::Id(order), &Access::All).await?;
        let since = store::waits_since(tx, order).await?;
        if since >= oldest || !crate::is_paid_online(&row.payment_method) {
            return Ok(false);
        }
        let held = hold(tx, order, now).await?;
        expire(tx, &held).await
    })
}
