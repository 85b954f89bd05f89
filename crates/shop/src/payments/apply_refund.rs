//! Takes what a provider says of a refund into the books.

use db::Tx;
use futures_util::try_join;

use super::alert::{Told, alert};
use super::late_refund;
use super::made_elsewhere::made_elsewhere;
use super::payment::{Fact, Heard, Payment, PaymentState, Refund, RefundReport, RefundState, Sum};
use super::reversed_refund::{reversed, was_reversed};
use super::schedule;
use super::store::{self, Entry};
use crate::clock::Time;
use crate::error::Result;
use crate::events::{self, Event};
use crate::orders::{self, Lifecycle, OrderRow};

/// Takes it into the books. One that is unknown and fits was made at the provider; one that does not fit is noted and
/// has no effect.
pub(crate) async fn apply_refund(
    tx: &Tx,
    payment: &Payment,
    report: &RefundReport,
    told: Told,
) -> Result<()> {
    let now = told.now;
    let id = report.refund_id.as_deref();
    let (order, payment, refund, all) = try_join!(
        orders::hold_order(tx, payment.order_id, now),
        store::hold(tx, payment.id, now),
        store::find_refund_told(tx, payment.id, id, report.request_key.as_deref()),
        store::refunds_of(tx, payment.id),
    )?;
    let others = others(&all, refund.as_ref());
    // Boxed, as each of these keeps much and a caller is deep in its stack.
    let Some(refund) = refund else {
        return match report.status {
            RefundState::Succeeded => {
                Box::pin(made_elsewhere(tx, &order, &payment, &others, report, told)).await
            }
            _ => Ok(()),
        };
    };
    let fits = |told: &Sum| told.minor == refund.amount_minor && told.currency == payment.currency;
    if !report.money.as_ref().is_none_or(fits) {
        const WHY: &str = "a refund of another amount than was asked for";
        return alert(tx, &payment, id.unwrap_or_default(), WHY, told).await;
    }
    use RefundState::{Failed, Pending, Succeeded};
    match (refund.status, report.status) {
        (Pending | Failed, Succeeded) => {
            Box::pin(made(tx, &order, &payment, &refund, others, report, told)).await
        }
        (Pending, Failed) => {
            Box::pin(refused(tx, &order, &payment, &refund, report, told)).await?;
            Box::pin(late_refund::count(tx, &payment, &others, told)).await
        }
        (Succeeded, Failed) => {
            Box::pin(reversed(tx, &order, &payment, &refund, report, told)).await?;
            Box::pin(late_refund::count(tx, &payment, &others, told)).await
        }
        (Failed, Failed) if refund.late_success_at.is_some() => {
            const WHY: &str = "a refund failed after it had succeeded";
            let next = next_try(tx, &order, &payment, now).await?;
            store::save_refund(tx, refund.id, Failed, id, WHY, next, now).await?;
            alert(tx, &payment, id.unwrap_or_default(), WHY, told).await
        }
        (Pending, Pending) => {
            let next = Some(schedule::next_refund(refund.checks, now));
            store::save_refund(tx, refund.id, Pending, id, "", next, now).await
        }
        _ => Ok(()),
    }
}

/// The provider made it, if only after it had refused it.
async fn made(
    tx: &Tx,
    order: &OrderRow,
    payment: &Payment,
    refund: &Refund,
    others: Vec<&Refund>,
    report: &RefundReport,
    told: Told,
) -> Result<()> {
    let id = report.refund_id.as_deref();
    let again = refund.status == RefundState::Failed;
    if again && was_reversed(tx, payment, refund, report).await? {
        const WHY: &str = "a refund succeeded after it had come to nothing";
        return alert(tx, payment, id.unwrap_or_default(), WHY, told).await;
    }
    let others = late_refund::give_way(tx, others, id).await?;
    if again && !store::claim_refund(tx, payment.id, refund.amount_minor, told.now).await? {
        return match late_refund::may_count(&others) {
            true => late_refund::keep(tx, refund, report, told.now).await,
            false => alert(tx, payment, id.unwrap_or_default(), BEYOND, told).await,
        };
    }
    done(tx, order, payment, refund, report, told).await?;
    late_refund::count(tx, payment, &others, told).await
}

pub(super) const BEYOND: &str = "a refund beyond what was captured";

/// The refunds of the payment but the one that is told of.
fn others<'a>(all: &'a [Refund], told_of: Option<&Refund>) -> Vec<&'a Refund> {
    let own = told_of.map(|refund| refund.id);
    all.iter().filter(|one| Some(one.id) != own).collect()
}

pub(super) async fn done(
    tx: &Tx,
    order: &OrderRow,
    payment: &Payment,
    refund: &Refund,
    report: &RefundReport,
    told: Told,
) -> Result<()> {
    let reference = report.refund_id.as_deref().unwrap_or(&refund.request_key);
    let entry = entry(
        Fact::Refunded,
        reference,
        refund.amount_minor,
        told.heard,
        "",
        refund,
    );
    // Where providers have no key of ours, two refunds may each be told of the same one: it is one in the books.
    if !store::add_fact(tx, payment, &entry, told.now).await? {
        let report = RefundReport {
            note: "it was made under another refund".to_owned(),
            ..RefundReport::of(RefundState::Failed)
        };
        return Box::pin(refused(tx, order, payment, refund, &report, told)).await;
    }
    try_join!(
        store::save_refund(
            tx,
            refund.id,
            RefundState::Succeeded,
            report.refund_id.as_deref(),
            "",
            None,
            told.now
        ),
        store::count_refund(tx, payment.id, refund.amount_minor, told.now),
    )?;
    refunded(tx, order, payment, told.now).await
}

/// The provider will not: what was claimed is free again. What the shop itself wants to give back is tried anew.
async fn refused(
    tx: &Tx,
    order: &OrderRow,
    payment: &Payment,
    refund: &Refund,
    report: &RefundReport,
    told: Told,
) -> Result<()> {
    let now = told.now;
    let next = next_try(tx, order, payment, now).await?;
    let key = &refund.request_key;
    let entry = entry(Fact::RefundFailed, key, 0, told.heard, &report.note, refund);
    let event = Event::PaymentRefundFailed {
        order_id: payment.order_id,
        payment_id: payment.id,
    };
    let id = report.refund_id.as_deref();
    try_join!(
        store::save_refund(
            tx,
            refund.id,
            RefundState::Failed,
            id,
            &report.note,
            next,
            now
        ),
        store::release_refund(tx, payment.id, refund.amount_minor, now),
        store::add_fact(tx, payment, &entry, now),
        events::record(tx, &event, now)
    )?;
    tracing::warn!(
        payment = payment.id.0,
        order = payment.order_id.0,
        refund = refund.id.0,
        why = report.note,
        "a provider refuses a refund"
    );
    Ok(())
}

/// When what was not given back is tried anew by the shop itself: all of it is to go back then, whoever asked first.
pub(super) async fn next_try(
    tx: &Tx,
    order: &OrderRow,
    payment: &Payment,
    now: Time,
) -> Result<Option<Time>> {
    let ended = matches!(order.lifecycle, Lifecycle::Cancelled | Lifecycle::Expired);
    match ended || payment.status == PaymentState::Surplus {
        true => Ok(schedule::next_try(
            store::count_refused(tx, payment.id).await? + 1,
            now,
        )),
        false => Ok(None),
    }
}

pub(super) async fn refunded(
    tx: &Tx,
    order: &OrderRow,
    payment: &Payment,
    now: Time,
) -> Result<()> {
    let event = Event::PaymentRefunded {
        order_id: order.id,
        payment_id: payment.id,
    };
    events::record(tx, &event, now).await?;
    settle(tx, order, payment).await
}

pub(super) async fn settle(tx: &Tx, order: &OrderRow, payment: &Payment) -> Result<()> {
    if payment.status == PaymentState::Succeeded {
        let sums = store::sums(tx, order.id).await?;
        orders::settle_payment(tx, order, &sums, None).await?;
    }
    Ok(())
}

pub(super) fn entry<'a>(
    fact: Fact,
    reference: &'a str,
    minor: i64,
    heard: Heard,
    note: &'a str,
    refund: &Refund,
) -> Entry<'a> {
    Entry {
        fact,
        reference,
        minor,
        heard,
        note,
        actor: refund.actor_id,
    }
}
