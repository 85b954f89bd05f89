//! One step of an order that is held: the only writer of state, status and history, and of what a step entails.

use db::Tx;
use futures_util::future::BoxFuture;
use futures_util::try_join;

use super::find_orders::{Access, find_order};
use super::order::{Order, OrderLine, OrderRef, OrderRow, Source, State, Status, Step};
use super::store;
use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::ids::{OrderId, UserId, VariantId};
use crate::inventory;
use crate::precondition::AsSeen;

/// An order whose row is held until the transaction ends.
pub struct Held {
    pub row: OrderRow,
    pub lines: Vec<OrderLine>,
}

/// What a later feature does when staff has the money of an order in hand, inside the transaction: it writes it down
/// and settles the order.
pub type PaidHook = for<'a> fn(&'a Tx, &'a OrderRow, Option<UserId>) -> BoxFuture<'a, Result<()>>;

/// What a later feature does when an order is cancelled or expires, inside the transaction.
pub type EndHook = for<'a> fn(&'a Tx, &'a OrderRow) -> BoxFuture<'a, Result<()>>;

/// Waits for the order and holds it. A step that follows is of the time `held.row.updated_at`.
pub async fn hold(tx: &Tx, order: OrderId, now: Time) -> Result<Held> {
    let ids = [order];
    let (row, lines) = try_join!(
        store::hold_order(tx, order, now),
        store::list_lines(tx, &ids)
    )?;
    Ok(Held { row, lines })
}

/// Waits for the order, where its look matters, and looks at it before a step gives it another time.
pub async fn still_as(tx: &Tx, order: OrderId, seen: AsSeen<'_, Order>) -> Result<()> {
    let Some(seen) = seen else { return Ok(()) };
    store::lock_order(tx, order).await?;
    seen(&find_order(tx, &OrderRef::Id(order), &Access::All).await?)
}

/// Carries out a command; 409 `invalid_transition` when it is impossible from here.
pub async fn advance(tx: &Tx, held: &Held, command: Status, actor: Option<UserId>) -> Result<()> {
    let order = &held.row;
    let (state, step) = order
        .state()
        .after(command)
        .ok_or_else(|| invalid_transition(order, command))?;
    if command == Status::Paid {
        return crate::ON_PAID_BY_HAND(tx, order, actor).await;
    }
    take(tx, held, command, (state, step), actor).await
}

/// Ends an order whose time to be paid is over; `false` when it is none of those any more.
pub(super) async fn expire(tx: &Tx, held: &Held) -> Result<bool> {
    match held.row.state().expired() {
        Some(next) => take(tx, held, Status::Expired, next, None)
            .await
            .map(|()| true),
        None => Ok(false),
    }
}

async fn take(
    tx: &Tx,
    held: &Held,
    command: Status,
    (state, step): (State, Step),
    actor: Option<UserId>,
) -> Result<()> {
    let order = &held.row;
    let now = order.updated_at;
    let confirmed_at = order.confirmed_at.or(state.confirmed.then_some(now));
    let money = (order.captured_minor, order.refunded_minor);
    let event = match command {
        Status::Cancelled => Event::OrderCancelled { order_id: order.id },
        _ => Event::OrderStatusChanged {
            order_id: order.id,
            axis: step.axis.as_str(),
            from: step.from.to_owned(),
            to: step.to.to_owned(),
        },
    };
    try_join!(
        store::save_state(tx, order.id, state, confirmed_at, money),
        store::insert_step(tx, order.id, step, actor, now),
        events::record(tx, &event, now),
        entail(tx, held, command, actor, now),
    )?;
    Ok(())
}

/// What a command does beside changing the state.
async fn entail(
    tx: &Tx,
    held: &Held,
    command: Status,
    actor: Option<UserId>,
    now: Time,
) -> Result<()> {
    let Held { row, .. } = held;
    match command {
        Status::Cancelled | Status::Expired => {
            inventory::release(tx, row.id, &held.promised(), actor, now).await?;
            crate::ON_ORDER_END(tx, row).await
        }
        Status::Shipped => {
            let promised = held.promised();
            try_join!(
                inventory::sell(tx, row.id, &promised, actor, now),
                store::ship_lines(tx, row.id)
            )?;
            Ok(())
        }
        _ => Ok(()),
    }
}

impl Held {
    /// What stock still holds for the order. History that was taken over never moved any.
    fn promised(&self) -> Vec<(VariantId, i64)> {
        if self.row.source == Source::Import {
            return Vec::new();
        }
        let open = self
            .lines
            .iter()
            .filter_map(|line| Some((line.variant_id?, line.quantity - line.shipped_quantity)));
        open.filter(|&(_, quantity)| quantity > 0).collect()
    }
}

fn invalid_transition(order: &OrderRow, command: Status) -> Error {
    let possible: Vec<&str> = order
        .state()
        .possible()
        .into_iter()
        .map(Status::as_str)
        .collect();
    let next = if possible.is_empty() {
        "It stays so.".to_owned()
    } else {
        format!("Possible: {}.", possible.join(", "))
    };
    Code::InvalidTransition
        .with(format!(
            "The order is {} and cannot become {command}. {next}",
            order.status
        ))
        .member("status_now", order.status.as_str())
        .member("possible", possible)
}
