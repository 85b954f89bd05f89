//! What remains of the orders of somebody who is erased: goods, amounts and the country.

use std::time::Duration;

use db::Tx;
use serde_json::{Value, json};

use super::advance::{advance, hold};
use super::order::{FulfillmentStatus, Lifecycle, State, Status};
use super::store;
use crate::app::App;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::{OrderId, UserId};
use crate::transact;

/// An order that has not arrived by then never will.
const UNDER_WAY_AT_MOST: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Orders that are anonymised at a time.
const BATCH: i64 = 100;

/// Cancels what its buyer may cancel, and anonymises all that is not under way.
pub async fn forget_buyer(tx: &Tx, user: UserId, now: Time) -> Result<()> {
    for order in store::named_orders_of(tx, user).await? {
        if order.state().customer_may_cancel() {
            let held = hold(tx, order.id, now).await?;
            if held.row.state().customer_may_cancel() {
                advance(tx, &held, Status::Cancelled, Some(user)).await?;
            }
        }
    }
    for order in store::named_orders_of(tx, user).await? {
        if !is_under_way(order.state()) {
            anonymise(tx, order.id, &order.addresses(), now).await?;
        }
    }
    Ok(())
}

/// Anonymises what people who are erased had under way, once it has arrived.
pub async fn anonymise_finished(app: &App) -> Result<()> {
    let now = app.clock.now();
    let mut after = OrderId(0);
    loop {
        let conn = app.db.read().await?;
        let batch = store::named_orders_of_erased(&conn, after, BATCH).await?;
        drop(conn);
        let Some(last) = batch.last() else {
            return Ok(());
        };
        after = last.id;
        transact!(app.db, tx => {
            for order in &batch {
                if !is_under_way(order.state()) || now.since(order.erased_at) > UNDER_WAY_AT_MOST {
                    anonymise(tx, order.id, &order.addresses(), now).await?;
                }
            }
            Ok(())
        })?;
    }
}

fn is_under_way(state: State) -> bool {
    let arrived = matches!(
        state.fulfillment,
        FulfillmentStatus::Delivered
            | FulfillmentStatus::PartiallyReturned
            | FulfillmentStatus::Returned
    );
    state.lifecycle == Lifecycle::Open && !arrived
}

async fn anonymise(
    tx: &Tx,
    order: OrderId,
    addresses: &[Option<&str>; 2],
    now: Time,
) -> Result<()> {
    let [shipping, billing] = addresses.map(|address| address.and_then(country_of));
    store::anonymise(tx, order, shipping, billing, now).await
}

/// What of an address tax has to know.
fn country_of(address: &str) -> Option<String> {
    let address: Value = serde_json::from_str(address).ok()?;
    let country = address.get("country")?.as_str()?;
    // A country, and not what somebody else wrote there.
    (country.len() == 2).then(|| json!({"country": country}).to_string())
}
