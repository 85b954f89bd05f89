//! What the buyer's browser says has been paid: a hint upon which the provider is asked.

use super::apply_report::apply_answer;
use super::initiate_payment::payable;
use super::payment::{Heard, Payment, PaymentState, Provider, Stands};
use super::provider::{self, Ask, Proof};
use super::store;
use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::orders::{self, Access, Lifecycle, OrderRef, OrderRow};

#[derive(Clone, Debug)]
pub(crate) struct Verify {
    pub order: OrderRef,
    pub provider: Option<Provider>,
    pub proof: Proof,
}

/// The order and its payment when there is money for it; an error when not, with the books up to date in either case.
pub(crate) async fn verify_payment(
    app: &App,
    access: &Access,
    asked: &Verify,
) -> Result<(OrderRow, Payment)> {
    let (order, name, found) = {
        let conn = app.db.read().await?;
        let order = orders::find_row(&conn, &asked.order, access).await?;
        let named = asked
            .provider
            .or_else(|| Provider::parse(&order.payment_method));
        let name = named
            .filter(|name| name.is_online())
            .ok_or_else(|| mismatch("No online payment was begun for this order."))?;
        let found = store::find_latest(&conn, order.id, name).await?;
        (order, name, found)
    };
    let provider = provider::configured(app, name)?;
    let mut payment = found.ok_or_else(|| mismatch("No such payment was begun for this order."))?;
    if payment.reference.is_none() && payment.has_money() {
        // A second money of one attempt: what was asked for is what that attempt asked for.
        let conn = app.db.read().await?;
        payment.reference = store::find_reference(&conn, order.id, name).await?;
    }
    // Some browsers bring the name of the money, others of what was asked for.
    let ours = [&payment.provider_payment_id, &payment.reference];
    let paid = provider.paid(&asked.proof);
    let named = paid.is_none() || ours.iter().any(|id| id.as_deref() == paid);
    let known = payment.status == PaymentState::Succeeded && named;
    if !known || is_over(&order) {
        payable(&order)?;
    }
    if payment.reference.is_none() {
        return Err(mismatch("No such payment was begun for this order."));
    }
    provider.check_proof(app, &payment, &asked.proof)?;
    if known {
        return Ok((order, payment));
    }
    let report = provider
        .status(app, &payment, &asked.proof, Ask::Settle)
        .await?;
    let now = app.clock.now();
    // Who asks again and again holds nobody up, and keeps nothing.
    let payment = match report.is_news(&payment) {
        true => crate::transact!(app.db, tx => {
            apply_answer(tx, &payment, &report, Heard::Client, now).await
        })?,
        false => payment,
    };
    let order =
        orders::find_row(&app.db.read().await?, &OrderRef::Id(order.id), &Access::All).await?;
    match payment.status {
        // Ended while the provider was asked: what came goes back.
        PaymentState::Succeeded | PaymentState::Authorized if is_over(&order) => {
            payable(&order).map(|()| (order, payment))
        }
        PaymentState::Succeeded | PaymentState::Authorized => Ok((order, payment)),
        PaymentState::Surplus => {
            Err(Code::AlreadyPaid.with("The order was paid before; this payment is given back."))
        }
        PaymentState::Flagged => Err(mismatch(
            "The payment is not what was asked for. Staff looks at it.",
        )),
        // Another try is under way.
        PaymentState::Failed if report.stands == Stands::Open => Err(pending()),
        PaymentState::Failed => {
            Err(Code::PaymentDeclined.with("The payment failed. Try again, or pay another way."))
        }
        PaymentState::Pending
            if report.payment_id.is_some() && report.stands == Stands::Captured =>
        {
            Err(mismatch("The payment belongs to another order."))
        }
        PaymentState::Pending | PaymentState::Cancelled => Err(pending()),
    }
}

fn is_over(order: &OrderRow) -> bool {
    order.lifecycle != Lifecycle::Open
}

fn pending() -> Error {
    Code::PaymentPending
        .with("The provider has no payment for this order yet.")
        .retry_after(5)
}

fn mismatch(detail: &'static str) -> Error {
    Code::PaymentMismatch.with(detail)
}
