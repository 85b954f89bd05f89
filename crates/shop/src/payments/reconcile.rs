//! Settles what a crash, a lost answer or a lost webhook left open: providers are asked again, less and less often.

use futures_util::future::join_all;

use super::apply_report::apply_report;
use super::payment::{Heard, Payment, PaymentState, Refund, Report, Stands};
use super::provider::{self, Ask, Proof};
use super::{refund_payment, schedule, store};
use crate::app::App;
use crate::error::Result;
use crate::orders::{self, Access, Lifecycle, OrderRef};

/// How many were looked at.
pub async fn reconcile(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let (payments, refunds) = {
        let conn = app.db.read().await?;
        (
            store::due_payments(&conn, now).await?,
            store::due_refunds(&conn, now).await?,
        )
    };
    let looked = payments.len() + refunds.len();
    join_all(payments.iter().map(|payment| async move {
        if let Err(error) = look_at(app, payment).await {
            tracing::warn!(payment = payment.id.0, %error, "a payment is still open");
        }
    }))
    .await;
    join_all(refunds.into_iter().map(|refund| async move {
        let id = refund.id.0;
        if let Err(error) = ask_again(app, refund).await {
            tracing::warn!(refund = id, %error, "a refund is still open");
        }
    }))
    .await;
    Ok(looked)
}

async fn look_at(app: &App, payment: &Payment) -> Result<()> {
    let now = app.clock.now();
    // First the next date, so that a provider that hangs does not hold up the others.
    crate::transact!(app.db, tx => {
        store::schedule(tx, payment.id, schedule::next(payment.created_at, payment.checks, now)).await
    })?;
    let report = match payment.reference {
        Some(_) => ask(app, payment).await?,
        None if now.since(payment.created_at) >= schedule::NAMELESS => Report::of(Stands::Ended),
        None => return Ok(()),
    };
    if report.stands == Stands::Open {
        return if schedule::next(payment.created_at, payment.checks, now).is_none() {
            end(app, payment).await
        } else {
            Ok(())
        };
    }
    // An attempt that failed may be open for another try; that it failed is known.
    if payment.status == PaymentState::Failed && report.stands == Stands::Failed {
        return Ok(());
    }
    crate::transact!(app.db, tx => { apply_report(tx, payment, &report, Heard::Reconciler, now).await.map(drop) })
}

async fn end(app: &App, payment: &Payment) -> Result<()> {
    let now = app.clock.now();
    let ended = Report::of(Stands::Ended);
    crate::transact!(app.db, tx => { apply_report(tx, payment, &ended, Heard::Reconciler, now).await.map(drop) })
}

async fn ask(app: &App, payment: &Payment) -> Result<Report> {
    let order = {
        let conn = app.db.read().await?;
        orders::find_row(&conn, &OrderRef::Id(payment.order_id), &Access::All).await?
    };
    let wanted = order.lifecycle == Lifecycle::Open && payment.is_open();
    let how = if wanted { Ask::Settle } else { Ask::Look };
    let provider = provider::configured(app, payment.provider)?;
    Ok(provider
        .status(app, payment, &Proof::default(), how)
        .await?)
}

async fn ask_again(app: &App, refund: Refund) -> Result<()> {
    let now = app.clock.now();
    crate::transact!(app.db, tx => {
        store::schedule_refund(tx, refund.id, Some(schedule::next_refund(refund.checks, now))).await
    })?;
    let payment = store::find_by_id(&app.db.read().await?, refund.payment_id).await?;
    refund_payment::ask_provider(app, &payment, refund, Heard::Reconciler)
        .await
        .map(drop)
}
