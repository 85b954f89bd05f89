//! A refund that the provider made after it had refused it, or that somebody made there, while another refund has the
//! claim: it is kept, and counts when the other is refused in its turn.

use db::Tx;

use super::alert::{Told, alert};
use super::apply_refund::{BEYOND, done};
use super::payment::{Fact, Payment, Refund, RefundReport, RefundState};
use super::store;
use crate::clock::Time;
use crate::error::Result;
use crate::orders;

/// Another is open, whose claim may become free.
pub(super) fn may_count(others: &[&Refund]) -> bool {
    others
        .iter()
        .any(|other| other.status == RefundState::Pending)
}

pub(super) async fn keep(tx: &Tx, refund: &Refund, report: &RefundReport, now: Time) -> Result<()> {
    const WHY: &str = "made after all; it counts when the refund in its place is refused";
    let (id, state) = (report.refund_id.as_deref(), RefundState::Failed);
    store::save_refund(tx, refund.id, state, id, WHY, None, now).await?;
    store::note_late_success(tx, refund.id, Some(now)).await
}

/// A refund is told under the id of one that was kept and that nobody asked for here: they are the same. Its row gives
/// way, so that the id is that of the refund we asked for. Returns the others that are left.
pub(super) async fn give_way<'a>(
    tx: &Tx,
    mut others: Vec<&'a Refund>,
    id: Option<&str>,
) -> Result<Vec<&'a Refund>> {
    let twin = others.iter().copied().find(|other| {
        other.late_success_at.is_some() && id.is_some() && other.provider_refund_id.as_deref() == id
    });
    if let Some(twin) = twin
        && store::forget_nameless(tx, twin.id).await?
    {
        others.retain(|other| other.id != twin.id);
    }
    Ok(others)
}

/// One of the payment's refunds has ended; of the `others` those are counted that waited for that, as far as there is
/// money for them. What no open refund can make room for any more is for staff to look at.
pub(super) async fn count(
    tx: &Tx,
    payment: &Payment,
    others: &[&Refund],
    told: Told,
) -> Result<()> {
    let late = others
        .iter()
        .filter(|other| other.late_success_at.is_some());
    for refund in late {
        let id = refund.provider_refund_id.as_deref();
        if store::claim_refund(tx, payment.id, refund.amount_minor, told.now).await? {
            let report = RefundReport {
                refund_id: refund.provider_refund_id.clone(),
                ..RefundReport::of(RefundState::Succeeded)
            };
            // As it stands now: the one that ended may have changed it.
            let order = orders::hold_order(tx, payment.order_id, told.now).await?;
            Box::pin(done(tx, &order, payment, refund, &report, told)).await?;
        } else if !may_count(others) {
            store::note_late_success(tx, refund.id, None).await?;
            // Told of the one in its place, too: then it is counted there.
            let id = id.unwrap_or_default();
            if !store::has_fact(tx, payment.id, Fact::Refunded, id).await? {
                alert(tx, payment, id, BEYOND, told).await?;
            }
        }
    }
    Ok(())
}
