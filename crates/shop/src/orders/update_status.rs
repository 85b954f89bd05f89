//! Staff moves an order on.

use super::advance::{advance, hold, still_as};
use super::find_orders::{Access, find_order};
use super::order::{Order, OrderRef, Status};
use super::store;
use crate::app::App;
use crate::audit::{self, Action};
use crate::caller::Admin;
use crate::error::{Error, Result};
use crate::precondition::AsSeen;
use serde_json::json;

/// Carries out a command and returns the order as it is then.
pub async fn update_status(
    app: &App,
    staff: &Admin,
    order: &OrderRef,
    command: Status,
    note: &str,
    seen: AsSeen<'_, Order>,
) -> Result<Order> {
    let now = app.clock.now();
    crate::transact!(app.db, tx => {
        let id = store::find_order_id(tx, order, &Access::All).await?.ok_or_else(Error::not_found)?;
        still_as(tx, id, seen).await?;
        let held = hold(tx, id, now).await?;
        advance(tx, &held, command, Some(staff.user.id)).await?;
        store::note_step(tx, id, note).await?;
        let order = find_order(tx, &OrderRef::Id(id), &Access::All).await?;
        let change = (json!({"status": held.row.status}), json!({"status": order.row.status}));
        audit::record(tx, staff, Action::OrderStatusChanged, id, change, now).await?;
        Ok(order)
    })
}
