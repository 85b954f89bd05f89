//! Gives back money that is not ours to keep: of a cancelled or expired order, or paid twice.

use db::Tx;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::refund_payment::{self, Asked};
use super::store;
use crate::app::App;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::OrderId;
use crate::orders::{OrderRow, PaymentStatus};

pub(crate) const JOB: &str = "give_back_payments";

#[derive(Deserialize, Serialize)]
pub(crate) struct Payload {
    order_id: i64,
}

/// Has it done soon after the transaction.
pub(crate) async fn enqueue(tx: &Tx, order: OrderId, now: Time) -> Result<()> {
    Ok(jobs::enqueue(tx, JOB, &Payload { order_id: order.0 }, now.0).await?)
}

/// What orders call when one ends.
pub fn at_order_end<'a>(tx: &'a Tx, order: &'a OrderRow) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let has_money = order.captured_minor > order.refunded_minor
            || order.payment_status == PaymentStatus::Authorized;
        match has_money {
            true => enqueue(tx, order.id, order.updated_at).await,
            false => Ok(()),
        }
    })
}

/// Each payment is given back once, however often the job runs.
pub(crate) async fn give_back(app: &App, payload: Payload) -> anyhow::Result<()> {
    let order = OrderId(payload.order_id);
    let payments = store::to_give_back(&app.db.read().await?, order).await?;
    for payment in payments {
        // What staff gave back before is no part of it, so each rest has a name of its own.
        let key = format!("give-back:{}:{}", payment.id, payment.claimed_minor);
        let asked = Asked {
            amount_minor: None,
            reason: "the order has ended or was paid before".into(),
            client_key: Some(key),
        };
        refund_payment::refund_by_itself(app, payment.id, asked).await?;
    }
    Ok(())
}
