//! Takes what a provider says of a refund into the books.

use db::Tx;
use futures_util::try_join;

use super::late_refund;
use super::payment::{Fact, Heard, Payment, PaymentState, Refund, RefundReport, RefundState};
use super::store::{self, Entry, NewRefund};
use super::{random_key, schedule};
use crate::clock::Time;
use crate::error::Result;
use crate::events::{self, Event};
use crate::orders::{self, Lifecycle, OrderRow};

/// Whom to thank for what is told.
#[derive(Clone, Copy)]
pub(crate) struct Told<'a> {
    pub heard: Heard,
    /// Our name of the refund, where the provider gives it back.
    pub request_key: Option<&'a str>,
    pub now: Time,
}

/// True when it changed something. One that is unknown and fits was made at the provider; one that does not fit is
/// noted and has no effect.
pub(crate) async fn apply_refund(
    tx: &Tx,
    payment: &Payment,
    report: &RefundReport,
    told: Told<'_>,
) -> Result<bool> {
    let now = told.now;
    let (order, payment, refund, all) = try_join!(
        orders::hold_order(tx, payment.order_id, now),
        store::hold(tx, payment.id, now),
        store::find_refund_told(
            tx,
            payment.id,
            report.refund_id.as_deref(),
            told.request_key
        ),
        store::refunds_of(tx, payment.id),
    )?;
    let others = others(&all, refund.as_ref());
    let id = report.refund_id.as_deref().unwrap_or_default();
    let fits = |minor: i64| {
        report
            .money
            .as_ref()
            .is_none_or(|m| m.minor == minor && m.currency == payment.currency)
    };
    // Boxed, as each of these keeps much and a caller is deep in its stack.
    match (refund, report.status) {
        (Some(refund), _) if !fits(refund.amount_minor) => {
            alert(
                tx,
                &payment,
                id,
                "a refund of another amount than was asked for",
                told,
            )
            .await
        }
        (Some(refund), RefundState::Succeeded) if refund.status != RefundState::Succeeded => {
            let again = refund.status == RefundState::Failed;
            if again && !store::claim_refund(tx, payment.id, refund.amount_minor, now).await? {
                if late_refund::may_count(&others) {
                    return Box::pin(late_refund::keep(tx, &refund, report, now)).await;
                }
                return alert(tx, &payment, id, BEYOND, told).await;
            }
            Box::pin(done(tx, &order, &payment, &refund, report, told)).await?;
            Box::pin(late_refund::count(tx, &payment, &others, told)).await
        }
        (Some(refund), RefundState::Failed) if refund.status == RefundState::Pending => {
            Box::pin(refused(tx, &order, &payment, &refund, report, told)).await?;
            Box::pin(late_refund::count(tx, &payment, &others, told)).await
        }
        (Some(refund), RefundState::Failed) if refund.status == RefundState::Succeeded => {
            Box::pin(reversed(tx, &order, &payment, &refund, report, told)).await?;
            Box::pin(late_refund::count(tx, &payment, &others, told)).await
        }
        (Some(refund), RefundState::Failed) if refund.late_success_at.is_some() => {
            alert(
                tx,
                &payment,
                id,
                "a refund failed after it had succeeded",
                told,
            )
            .await
        }
        (Some(refund), RefundState::Pending) if refund.status == RefundState::Pending => {
            let next = Some(schedule::next_refund(refund.checks, now));
            store::save_refund(
                tx,
                refund.id,
                refund.status,
                report.refund_id.as_deref(),
                "",
                next,
                now,
            )
            .await?;
            Ok(true)
        }
        (Some(_), _) => Ok(false),
        (None, RefundState::Succeeded) => {
            Box::pin(made_elsewhere(tx, &order, &payment, &others, report, told)).await
        }
        (None, _) => Ok(false),
    }
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
    told: Told<'_>,
) -> Result<bool> {
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
    refunded(tx, order, payment, told.now).await?;
    Ok(true)
}

/// The provider will not: what was claimed is free again. What the shop itself wants to give back is tried anew.
async fn refused(
    tx: &Tx,
    order: &OrderRow,
    payment: &Payment,
    refund: &Refund,
    report: &RefundReport,
    told: Told<'_>,
) -> Result<bool> {
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
    Ok(true)
}

/// It had succeeded, and the money did not reach the buyer after all: it is with us again, and owed.
async fn reversed(
    tx: &Tx,
    order: &OrderRow,
    payment: &Payment,
    refund: &Refund,
    report: &RefundReport,
    told: Told<'_>,
) -> Result<bool> {
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
        return Ok(false);
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
    settle(tx, order, payment).await?;
    Ok(true)
}

/// When what was not given back is tried anew by the shop itself: all of it is to go back then, whoever asked first.
async fn next_try(tx: &Tx, order: &OrderRow, payment: &Payment, now: Time) -> Result<Option<Time>> {
    let ended = matches!(order.lifecycle, Lifecycle::Cancelled | Lifecycle::Expired);
    match ended || payment.status == PaymentState::Surplus {
        true => Ok(schedule::next_try(
            store::count_refused(tx, payment.id).await? + 1,
            now,
        )),
        false => Ok(None),
    }
}

/// Staff used the provider's own pages.
async fn made_elsewhere(
    tx: &Tx,
    order: &OrderRow,
    payment: &Payment,
    others: &[&Refund],
    report: &RefundReport,
    told: Told<'_>,
) -> Result<bool> {
    let (Some(id), Some(money)) = (report.refund_id.as_deref(), &report.money) else {
        return Ok(false);
    };
    let fits = money.currency == payment.currency && money.minor > 0;
    let claimed = fits && store::claim_refund(tx, payment.id, money.minor, told.now).await?;
    let waits = !claimed && fits && late_refund::may_count(others);
    if !claimed && !waits {
        return alert(tx, payment, id, BEYOND, told).await;
    }
    let key = random_key()?;
    let new = NewRefund {
        payment: payment.id,
        status: match waits {
            true => RefundState::Failed,
            false => RefundState::Pending,
        },
        minor: money.minor,
        request_key: &key,
        client_key: None,
        provider_refund_id: Some(id),
        reason: "made at the provider",
        actor: None,
        next_check_at: None,
    };
    let refund = store::insert_refund(tx, &new, told.now).await?;
    match waits {
        true => Box::pin(late_refund::keep(tx, &refund, report, told.now)).await,
        false => Box::pin(done(tx, order, payment, &refund, report, told)).await,
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

async fn settle(tx: &Tx, order: &OrderRow, payment: &Payment) -> Result<()> {
    if payment.status == PaymentState::Succeeded {
        let sums = store::sums(tx, order.id).await?;
        orders::settle_payment(tx, order, &sums, None).await?;
    }
    Ok(())
}

pub(super) async fn alert(
    tx: &Tx,
    payment: &Payment,
    id: &str,
    why: &str,
    told: Told<'_>,
) -> Result<bool> {
    tracing::warn!(
        payment = payment.id.0,
        order = payment.order_id.0,
        why,
        "a provider tells what cannot be"
    );
    let entry = Entry {
        fact: Fact::Flagged,
        reference: id,
        minor: 0,
        heard: told.heard,
        note: why,
        actor: None,
    };
    let event = Event::PaymentFlagged {
        order_id: payment.order_id,
        payment_id: payment.id,
    };
    if store::add_fact(tx, payment, &entry, told.now).await? {
        events::record(tx, &event, told.now).await?;
    }
    Ok(false)
}

fn entry<'a>(
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
