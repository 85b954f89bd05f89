//! A refund that nobody asked for here: staff used the provider's own pages, or the event is of one of ours whose answer
//! was lost and which the provider tells without our key.

use db::Tx;

use super::alert::{Told, alert};
use super::apply_refund::{BEYOND, done};
use super::late_refund;
use super::payment::{Payment, Refund, RefundReport, RefundState};
use super::random_key;
use super::store::{self, NewRefund};
use crate::error::Result;
use crate::orders::OrderRow;

/// Counts it, or keeps it while another has the claim; what cannot be is noted.
pub(super) async fn made_elsewhere(
    tx: &Tx,
    order: &OrderRow,
    payment: &Payment,
    others: &[&Refund],
    report: &RefundReport,
    told: Told,
) -> Result<()> {
    let (Some(id), Some(money)) = (report.refund_id.as_deref(), &report.money) else {
        return Ok(());
    };
    let fits =
        money.currency == payment.currency && (1..=payment.captured_minor).contains(&money.minor);
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
