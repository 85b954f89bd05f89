//! Money that is not what was asked for, or that the provider takes back its word about.

use super::Books;
use crate::error::Result;
use crate::events::{self, Event};
use crate::payments::alert::alert;
use crate::payments::give_back;
use crate::payments::payment::{Fact, Payment, PaymentState, Report, Stands};
use crate::payments::store::{self, Money};

impl Books<'_> {
    /// Money that is not what was asked for counts for nothing until somebody has looked at it; of an order that ended
    /// it is given back. What comes beside other money is a payment of its own.
    pub(super) async fn flagged(
        &self,
        payment: Payment,
        report: &Report,
        id: &str,
        why: &str,
    ) -> Result<Payment> {
        tracing::warn!(
            payment = payment.id.0,
            order = self.order.id.0,
            why,
            "a payment is not what was asked for"
        );
        let captured_minor = here(&payment, report);
        if !payment.has_money() || payment.waits_for_money() {
            return self.flag(payment, report, (id, captured_minor), why).await;
        }
        let same = payment.provider_payment_id.as_deref() == Some(id);
        if captured_minor == 0 || same {
            alert(self.tx, &payment, id, why, self.told()).await?;
            return Ok(payment);
        }
        let money = Money {
            order: self.order.id,
            provider: payment.provider,
            provider_payment_id: Some(id),
            status: PaymentState::Flagged,
            asked_minor: payment.amount_minor,
            captured_minor,
            currency: &payment.currency,
            method: &report.method,
            actor: None,
        };
        match store::insert_money(self.tx, &money, self.now).await? {
            Some(beside) => self.flag(beside, report, (id, captured_minor), why).await,
            None => Ok(payment),
        }
    }

    async fn flag(
        &self,
        mut payment: Payment,
        report: &Report,
        (id, captured_minor): (&str, i64),
        why: &str,
    ) -> Result<Payment> {
        let is_new = self.note(&payment, Fact::Flagged, id, 0, why).await?;
        if !is_new && captured_minor == payment.captured_minor {
            return Ok(payment);
        }
        payment.status = PaymentState::Flagged;
        payment.captured_minor = captured_minor;
        // Another order's money keeps its name free for that order.
        if !report.foreign && !id.is_empty() {
            payment.provider_payment_id = Some(id.to_owned());
        }
        payment.note = why.chars().take(200).collect();
        let event = Event::PaymentFlagged {
            order_id: self.order.id,
            payment_id: payment.id,
        };
        store::save(self.tx, &payment, None).await?;
        events::record(self.tx, &event, self.now).await?;
        if captured_minor > 0 && self.order_ended() {
            give_back::enqueue(self.tx, self.order.id, self.now).await?;
        }
        Ok(payment)
    }

    /// The provider says that money in the books never came. An event that says so may be an old one,
    /// and so may an answer that was under way when the money came.
    pub(super) async fn doubt(&self, payment: &Payment, report: &Report) -> Result<()> {
        let id = report.payment_id.as_deref().unwrap_or_default();
        let same = payment.provider_payment_id.as_deref() == Some(id);
        if !(self.asked && self.had_money && payment.has_money() && same) {
            return Ok(());
        }
        const WHY: &str = "the provider says that this money was not taken";
        alert(self.tx, payment, id, WHY, self.told()).await
    }
}

/// What came of this payment, in minor units: money of another order, payee or currency is not here to be given back.
fn here(payment: &Payment, report: &Report) -> i64 {
    let here = report.stands == Stands::Captured && !report.foreign;
    let told = report
        .money
        .as_ref()
        .filter(|money| here && money.currency == payment.currency && money.minor > 0);
    told.map_or(0, |money| money.minor)
}
