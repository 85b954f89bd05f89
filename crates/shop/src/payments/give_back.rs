//! Gives back money that is not ours to keep: of a cancelled or expired order, or paid twice.
//!
//! What the provider refuses is tried anew by the reconciler, after an hour, two, four … a day, for about a week.

use db::Tx;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::payment::Refund;
use super::refund_payment::{self, Asked};
use super::store;
use crate::app::App;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::OrderId;
use crate::orders::OrderRow;

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
        match store::has_money(tx, order.id).await? {
            true => enqueue(tx, order.id, order.updated_at).await,
            false => Ok(()),
        }
    })
}

/// Each payment is given back once, however often the job runs.
pub(crate) async fn give_back(app: &App, payload: Payload) -> anyhow::Result<()> {
    let order = OrderId(payload.order_id);
    let payments = store::to_give_back(&app.db.read().await?, order).await?;
    let mut done = Ok(());
    for payment in payments {
        // What staff gave back before is no part of it, so each rest has a name of its own.
        let key = format!("give-back:{}:{}", payment.id, payment.claimed_minor);
        // One whose provider does not answer holds up no other.
        done = done.and(refund_payment::refund_by_itself(app, payment.id, asked(key)).await);
    }
    Ok(done?)
}

/// A refund that the provider refused is no more under its key: another takes its place. `next` is the date that the
/// refused one was given meanwhile.
pub(crate) async fn try_anew(app: &App, refused: &Refund, next: Option<Time>) -> Result<()> {
    let key = format!("give-back:{}:after:{}", refused.payment_id, refused.id);
    refund_payment::refund_by_itself(app, refused.payment_id, asked(key)).await?;
    let due = Refund {
        next_check_at: next,
        ..refused.clone()
    };
    crate::transact!(app.db, tx => { store::schedule_refund(tx, &due, None).await.map(drop) })
}

fn asked(client_key: String) -> Asked {
    Asked {
        amount_minor: None,
        reason: "the order has ended or was paid before".into(),
        client_key: Some(client_key),
    }
}
