//! What becomes of a payment in the sandbox, by whoever sits before its page.

use std::time::Duration;

use super::store::{self, Row};
use super::{Delivery, Event, JOB, NAME, payment_id};
use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::payments::provider;
use crate::payments::random_key;
use crate::words;

words! {
    /// `three_d_secure` asks for one more step: choose again. A late webhook comes after a minute, a lost one never.
    pub enum Outcome {
        Success = "success",
        Decline = "decline",
        ThreeDSecure = "three_d_secure",
        LateWebhook = "late_webhook",
        DoubledWebhook = "doubled_webhook",
        LostWebhook = "lost_webhook",
        WrongAmount = "wrong_amount",
        Dispute = "dispute",
    }
}

const LATE: Duration = Duration::from_secs(60);

/// Decides it in the sandbox's book, and sends the webhooks that follow. The status that the payment has then.
pub(super) async fn choose_outcome(
    app: &App,
    reference: &str,
    outcome: Outcome,
) -> Result<&'static str> {
    provider::configured(app, NAME)?;
    let row = store::find(&app.db.read().await?, reference)
        .await?
        .ok_or_else(Error::not_found)?;
    let (status, captured) = match outcome {
        Outcome::Decline => ("failed", 0),
        Outcome::ThreeDSecure => ("challenged", 0),
        Outcome::WrongAmount => ("captured", (row.amount_minor - 1).max(1)),
        _ => ("captured", row.amount_minor),
    };
    let sent = webhooks(&row, outcome, captured)?;
    let now = app.clock.now();
    crate::transact!(app.db, tx => {
        if !store::decide(tx, reference, status, captured).await? {
            return Err(Code::InvalidTransition.with("It was paid before."));
        }
        for (event, after) in &sent {
            let body = serde_json::to_string(event).map_err(Error::internal)?;
            jobs::enqueue(tx, JOB, &Delivery { body }, (now + *after).0).await?;
        }
        Ok(status)
    })
}

fn webhooks(row: &Row, outcome: Outcome, captured: i64) -> Result<Vec<(Event, Duration)>> {
    let event = |id: &str, kind: &str, amount| Event {
        id: format!("sbxevt_{id}"),
        kind: kind.to_owned(),
        reference: row.reference.clone(),
        payment_id: payment_id(&row.reference),
        amount,
        currency: row.currency.clone(),
    };
    let (id, soon) = (random_key()?, Duration::ZERO);
    Ok(match outcome {
        Outcome::ThreeDSecure | Outcome::LostWebhook => Vec::new(),
        Outcome::Decline => vec![(event(&id, "payment.failed", row.amount_minor), soon)],
        Outcome::LateWebhook => vec![(event(&id, "payment.captured", captured), LATE)],
        Outcome::DoubledWebhook => {
            vec![
                (event(&id, "payment.captured", captured), soon),
                (event(&id, "payment.captured", captured), soon),
            ]
        }
        Outcome::Dispute => {
            let dispute = event(&random_key()?, "payment.dispute.created", captured);
            vec![
                (event(&id, "payment.captured", captured), soon),
                (dispute, soon),
            ]
        }
        Outcome::Success | Outcome::WrongAmount => {
            vec![(event(&id, "payment.captured", captured), soon)]
        }
    })
}
