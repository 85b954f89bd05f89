//! Ends an order that has not left yet; what was promised to it is given back, once.

use super::advance::{advance, hold, still_as};
use super::find_orders::{Access, find_order};
use super::order::{Order, OrderRef, OrderRow, Status};
use super::store;
use crate::app::App;
use crate::audit::{self, Action};
use crate::caller::Admin;
use crate::error::{Code, Error, Result};
use crate::ids::UserId;
use crate::precondition::AsSeen;
use serde_json::json;

/// Who cancels. Staff may until the order has been shipped, customers while nothing has happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canceller {
    Staff(Admin),
    Customer(Option<UserId>),
}

/// Cancels; 409 `not_cancellable` when it is too late, also for the second of two who try at once.
pub async fn cancel_order(
    app: &App,
    by: Canceller,
    order: &OrderRef,
    access: &Access,
    note: &str,
    seen: AsSeen<'_, Order>,
) -> Result<Order> {
    let now = app.clock.now();
    crate::transact!(app.db, tx => {
        let id = store::find_order_id(tx, order, access).await?.ok_or_else(Error::not_found)?;
        still_as(tx, id, seen).await?;
        let held = hold(tx, id, now).await?;
        may_cancel(&held.row, by)?;
        advance(tx, &held, Status::Cancelled, by.actor()).await?;
        store::note_step(tx, id, note).await?;
        let order = find_order(tx, &OrderRef::Id(id), access).await?;
        if let Canceller::Staff(staff) = &by {
            let change = (json!({"status": held.row.status}), json!({"status": order.row.status}));
            audit::record(tx, staff, Action::OrderCancelled, id, change, now).await?;
        }
        Ok(order)
    })
}

fn may_cancel(order: &OrderRow, by: Canceller) -> Result<()> {
    let state = order.state();
    let may = match by {
        Canceller::Staff(_) => state.after(Status::Cancelled).is_some(),
        Canceller::Customer(_) => state.customer_may_cancel(),
    };
    if may {
        return Ok(());
    }
    Err(Code::NotCancellable
        .with(format!(
            "The order is {} and can no longer be cancelled.",
            order.status
        ))
        .member("status_now", order.status.as_str()))
}

impl Canceller {
    fn actor(self) -> Option<UserId> {
        match self {
            Canceller::Staff(admin) => Some(admin.user.id),
            Canceller::Customer(id) => id,
        }
    }
}
