//! A refund that comes to nothing after it has succeeded.

use db::Tx;
use futures_util::try_join;

use super::alert::Told;
use super::apply_refund::{entry, next_try, settle};
use super::payment::{Fact, Payment, Refund, RefundReport, RefundState};
use super::store;
use crate::error::Result;
use crate::events::{self, Event};
use crate::orders::OrderRow;

/// It had succeeded, and the money did not reach the buyer after all: it is with us again, and owed.
pub(super) async fn reversed(
    tx: &Tx,
    order: &OrderRow,
    payment: &Payment,
    refund: &Refund,
    report: &RefundReport,
    told: Told,
) -> Result<()> {
    let (now, minor) = (told.now, refund.amount_minor);
    let id = report.refund_id.as_deref();
    let known = refund.provider_refund_id.as_deref().or(id);
    let reference = known.unwrap_or(&refund.request_key);
    let note = match report.note.as_str() {
        "" => "it failed after it had succeeded",
        why => why,
    };
    let fact = Fact::RefundReversed;
    let entry = entry(fact, reference, minor, told.heard, note, refund);
    if !store::add_fact(tx, payment, &entry, now).await? {
        return Ok(());
    }
    let next = next_try(tx, order, payment, now).await?;
    let event = Event::PaymentRefundFailed {
        order_id: payment.order_id,
        payment_id: payment.id,
    };
    try_join!(
        store::save_refund(tx, refund.id, RefundState::Failed, id, note, next, now),
        store::count_refund(tx, payment.id, -minor, now),
        store::release_refund(tx, payment.id, minor, now),
        events::record(tx, &event, now)
    )?;
    tracing::warn!(
        payment = payment.id.0,
        order = payment.order_id.0,
        refund = refund.id.0,
        why = note,
        "a refund failed after it had succeeded"
    );
    settle(tx, order, payment).await
}

/// It had succeeded before, and that came to nothing: which of the two is the last word, the provider does not say.
pub(super) async fn was_reversed(
    tx: &Tx,
    payment: &Payment,
    refund: &Refund,
    report: &RefundReport,
) -> Result<bool> {
    let ids = [&refund.provider_refund_id, &report.refund_id];
    let names = ids.into_iter().filter_map(|id| id.as_deref());
    for name in names.chain([refund.request_key.as_str()]) {
        if store::has_fact(tx, payment.id, Fact::RefundReversed, name).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
