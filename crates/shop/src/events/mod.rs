//! What happened, for those who wake on it: rows of the outbox, written in the transaction that caused them.
//!
//! A new event is a variant here. Its payload may grow; a change of meaning is a new `version`.

pub mod store;

use db::{Tx, args};
use serde::Serialize;

use crate::clock::Time;
use crate::error::{Error, Result};
use crate::ids::{OrderId, PaymentId, ProductId, UserId};

/// Notes an event in the transaction that caused it.
pub async fn record(tx: &Tx, event: &Event, now: Time) -> Result<()> {
    let payload = serde_json::to_string(event).map_err(Error::internal)?;
    tx.execute(
        store::ADD_EVENT,
        args![event.topic(), event.version(), payload, now],
    )
    .await?;
    Ok(())
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Event {
    UserRegistered {
        user_id: UserId,
    },
    ProductChanged {
        product_id: ProductId,
    },
    OrderPlaced {
        order_id: OrderId,
    },
    OrderCancelled {
        order_id: OrderId,
    },
    OrderStatusChanged {
        order_id: OrderId,
        axis: &'static str,
        from: String,
        to: String,
    },
    PaymentCaptured {
        order_id: OrderId,
        payment_id: PaymentId,
    },
    PaymentFailed {
        order_id: OrderId,
        payment_id: PaymentId,
    },
    PaymentRefunded {
        order_id: OrderId,
        payment_id: PaymentId,
    },
    /// The provider gives the money back to nobody; of its own accord the shop tries it again for a week.
    PaymentRefundFailed {
        order_id: OrderId,
        payment_id: PaymentId,
    },
    /// Somebody has to look at it.
    PaymentFlagged {
        order_id: OrderId,
        payment_id: PaymentId,
    },
    PaymentDisputed {
        order_id: OrderId,
        payment_id: PaymentId,
    },
}

impl Event {
    pub fn topic(&self) -> &'static str {
        match self {
            Event::UserRegistered { .. } => "user.registered",
            Event::ProductChanged { .. } => "product.changed",
            Event::OrderPlaced { .. } => "order.placed",
            Event::OrderCancelled { .. } => "order.cancelled",
            Event::OrderStatusChanged { .. } => "order.status_changed",
            Event::PaymentCaptured { .. } => "payment.captured",
            Event::PaymentFailed { .. } => "payment.failed",
            Event::PaymentRefunded { .. } => "payment.refunded",
            Event::PaymentRefundFailed { .. } => "payment.refund_failed",
            Event::PaymentFlagged { .. } => "payment.flagged",
            Event::PaymentDisputed { .. } => "payment.disputed",
        }
    }

    fn version(&self) -> i64 {
        1
    }
}
