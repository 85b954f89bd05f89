//! Makes the payment status of an order what the ledger of its payments says: the only writer of that axis.

use std::time::Duration;

use db::Tx;
use futures_util::try_join;

use super::order::{Axis, EDGES, OrderRow, PaymentMethod, PaymentStatus, State, Step};
use super::store;
use crate::clock::Time;
use crate::error::Result;
use crate::events::{self, Event};
use crate::ids::{OrderId, UserId};

db::record! {
    /// What the ledger says of an order: sums in minor units; of authorizations and failures the number of the last.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct PaymentSums {
        pub captures: i64,
        pub authorized: i64,
        pub failed: i64,
        pub captured_minor: i64,
        pub refunded_minor: i64,
    }
}

/// Holds the row of an order until the transaction ends. What follows is of the time `updated_at`.
pub async fn hold_order(tx: &Tx, order: OrderId, now: Time) -> Result<OrderRow> {
    store::hold_order(tx, order, now).await
}

/// Notes how a held order is going to be paid. Whoever begins to pay has `ttl` for it, but no more than that again
/// after what the order had from the first, however often they begin. An order that was to be paid at the door had
/// nothing so far.
pub async fn choose_method(
    tx: &Tx,
    order: &OrderRow,
    method: PaymentMethod,
    ttl: Duration,
) -> Result<()> {
    let again = order.updated_at.min(order.created_at + ttl);
    let first = match crate::is_paid_online(&order.payment_method) {
        true => again,
        false => order.updated_at,
    };
    store::set_payment_method(tx, order.id, method, first, again).await
}

/// Brings a held order up to its ledger. Forward only: what would be a step back changes nothing.
pub async fn settle_payment(
    tx: &Tx,
    order: &OrderRow,
    sums: &PaymentSums,
    actor: Option<UserId>,
) -> Result<()> {
    let before = order.state();
    let target = sums.status();
    let edge = (Axis::Payment, before.payment.as_str(), target.as_str());
    let moves = EDGES.contains(&edge);
    let same =
        sums.captured_minor == order.captured_minor && sums.refunded_minor == order.refunded_minor;
    if !moves && same {
        return Ok(());
    }
    let state = if moves {
        State {
            payment: target,
            ..before
        }
    } else {
        before
    };
    let money = (sums.captured_minor, sums.refunded_minor);
    if !moves {
        return store::save_state(tx, order.id, state, order.confirmed_at, money).await;
    }
    let step = Step {
        axis: Axis::Payment,
        from: before.payment.as_str(),
        to: target.as_str(),
    };
    let now = order.updated_at;
    let event = Event::OrderStatusChanged {
        order_id: order.id,
        axis: step.axis.as_str(),
        from: before.payment.as_str().to_owned(),
        to: step.to.to_owned(),
    };
    try_join!(
        store::save_state(tx, order.id, state, order.confirmed_at, money),
        store::insert_step(tx, order.id, step, actor, now),
        events::record(tx, &event, now),
    )?;
    Ok(())
}

impl PaymentSums {
    /// The one rule.
    pub fn status(&self) -> PaymentStatus {
        match self {
            PaymentSums {
                captures: 1..,
                refunded_minor: 0,
                ..
            } => PaymentStatus::Paid,
            PaymentSums {
                captures: 1..,
                captured_minor,
                refunded_minor,
                ..
            } if refunded_minor < captured_minor => PaymentStatus::PartiallyRefunded,
            PaymentSums { captures: 1.., .. } => PaymentStatus::Refunded,
            PaymentSums {
                authorized, failed, ..
            } if authorized > failed => PaymentStatus::Authorized,
            PaymentSums { failed: 1.., .. } => PaymentStatus::Failed,
            _ => PaymentStatus::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_what_the_sums_say() {
        let sums = |captures, authorized, failed, captured_minor, refunded_minor| {
            PaymentSums {
                captures,
                authorized,
                failed,
                captured_minor,
                refunded_minor,
            }
            .status()
        };
        assert_eq!(sums(0, 0, 0, 0, 0), PaymentStatus::Pending);
        assert_eq!(sums(0, 0, 7, 0, 0), PaymentStatus::Failed);
        assert_eq!(sums(0, 8, 7, 0, 0), PaymentStatus::Authorized);
        assert_eq!(sums(0, 7, 8, 0, 0), PaymentStatus::Failed);
        assert_eq!(sums(1, 8, 9, 500, 0), PaymentStatus::Paid);
        assert_eq!(sums(1, 0, 0, 500, 100), PaymentStatus::PartiallyRefunded);
        assert_eq!(sums(1, 0, 0, 500, 500), PaymentStatus::Refunded);
        assert_eq!(
            sums(1, 0, 0, 0, 0),
            PaymentStatus::Paid,
            "nothing was to be paid"
        );
    }
}
