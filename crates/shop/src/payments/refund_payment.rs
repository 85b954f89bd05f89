//! Gives money back: the amount is claimed first, so that no two refunds together exceed what was captured, then the
//! provider is asked under the refund's own key, as often as it takes.

use serde_json::json;

use super::alert::Told;
use super::apply_refund::apply_refund;
use super::payment::{Heard, Payment, Refund, RefundReport, RefundState};
use super::providers::import;
use super::store::{self, NewRefund};
use super::{provider, random_key, schedule};
use crate::app::App;
use crate::audit::{self, Action};
use crate::caller::Admin;
use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::ids::{PaymentId, UserId};
use crate::orders;

#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// All that is left when it is absent.
    pub amount_minor: Option<i64>,
    pub reason: String,
    /// The same key is the same refund.
    pub client_key: Option<String>,
}

/// By staff. The refund as it stands when the provider has answered; 504 `payment_pending` when it has not.
pub(crate) async fn refund_payment(
    app: &App,
    staff: &Admin,
    payment: PaymentId,
    asked: &Asked,
) -> Result<Refund> {
    let (payment, refund) = claim(app, Some(staff), payment, asked).await?;
    made(ask_provider(app, &payment, refund, Heard::Staff).await?)
}

/// By the shop itself. Nothing left to give back is fine; what the provider refuses has a date for the next try.
pub(crate) async fn refund_by_itself(app: &App, payment: PaymentId, asked: Asked) -> Result<()> {
    match claim(app, None, payment, &asked).await {
        Ok((payment, refund)) => ask_provider(app, &payment, refund, Heard::Job)
            .await
            .map(drop),
        Err(error) if error.code() == Code::InvalidTransition => Ok(()),
        Err(error) => Err(error),
    }
}

/// One that the provider refused is an error, and stays so under its key.
fn made(refund: Refund) -> Result<Refund> {
    match refund.status {
        RefundState::Failed => Err(Code::ProviderError.with(
            "The payment provider refused this refund. Try another amount, with a new Idempotency-Key.",
        )),
        _ => Ok(refund),
    }
}

async fn claim(
    app: &App,
    staff: Option<&Admin>,
    id: PaymentId,
    asked: &Asked,
) -> Result<(Payment, Refund)> {
    let now = app.clock.now();
    let key = random_key()?;
    let found = store::find_by_id_if_any(&app.db.read().await?, id)
        .await?
        .ok_or_else(Error::not_found)?;
    crate::transact!(app.db, tx => {
        let order = orders::hold_order(tx, found.order_id, now).await?;
        let payment = store::hold(tx, id, now).await?;
        if let Some(client_key) = &asked.client_key
            && let Some(refund) = store::find_refund_of(tx, client_key).await?
        {
            return match asked.amount_minor {
                Some(minor) if minor != refund.amount_minor => Err(Code::IdempotencyKeyReused
                    .with("This Idempotency-Key was used for a refund of another amount.")),
                _ => Ok((payment, refund)),
            };
        }
        if payment.provider == import::NAME {
            return Err(Code::InvalidTransition.with("It was paid elsewhere, and is given back there."));
        }
        let minor = asked.amount_minor.unwrap_or(payment.refundable_minor());
        if minor <= 0 || !store::claim_refund(tx, id, minor, now).await? {
            return Err(too_much(app, &payment));
        }
        let actor = staff.map(|staff| staff.user.id);
        let refund = store::insert_refund(tx, &new_refund(id, minor, &key, asked, actor, now), now).await?;
        if let Some(staff) = staff {
            let change = (serde_json::Value::Null, json!({
                "refund_id": refund.id, "order_id": order.id, "amount": app.amount(minor), "reason": asked.reason,
            }));
            audit::record(tx, staff, Action::PaymentRefunded, id, change, now).await?;
        }
        Ok((payment, refund))
    })
}

fn new_refund<'a>(
    payment: PaymentId,
    minor: i64,
    key: &'a str,
    asked: &'a Asked,
    actor: Option<UserId>,
    now: Time,
) -> NewRefund<'a> {
    NewRefund {
        payment,
        status: RefundState::Pending,
        minor,
        request_key: key,
        client_key: asked.client_key.as_deref(),
        provider_refund_id: None,
        reason: &asked.reason,
        actor,
        next_check_at: Some(now + schedule::FIRST),
    }
}

/// Asks the provider for a refund that is still open, and writes down what it says. Also what the reconciler does.
pub(crate) async fn ask_provider(
    app: &App,
    payment: &Payment,
    refund: Refund,
    heard: Heard,
) -> Result<Refund> {
    if refund.status != RefundState::Pending {
        return Ok(refund);
    }
    let provider = provider::configured(app, payment.provider)?;
    let mut report = match provider.refund(app, payment, &refund).await {
        Err(trouble) if trouble.is_final() => RefundReport {
            note: trouble.to_string(),
            ..RefundReport::of(RefundState::Failed)
        },
        report => report?,
    };
    report.request_key = Some(refund.request_key.clone());
    let now = app.clock.now();
    crate::transact!(app.db, tx => {
        let told = Told { heard, now };
        Box::pin(apply_refund(tx, payment, &report, told)).await?;
        store::find_refund(tx, refund.id).await
    })
}

fn too_much(app: &App, payment: &Payment) -> Error {
    let left = payment.refundable_minor();
    if left <= 0 {
        return Code::InvalidTransition.with("Nothing of this payment is left to give back.");
    }
    let left = app.amount(left);
    Error::field(
        "amount",
        "max_value",
        format!("Between 0 and {left} can be given back."),
    )
}
