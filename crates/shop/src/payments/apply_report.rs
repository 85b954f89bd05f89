//! Takes what a provider says of an attempt into the books: the only way in for money.
//!
//! Forward only: what is told late, twice or in the wrong order changes nothing that is further on. Money that
//! cannot count (wrong amount, a second time, an order that ended) is written down all the same, and given back by a
//! job where it is clear to whom.

mod flagged;

use db::Tx;
use futures_util::try_join;

use super::alert::{Told, alert};
use super::payment::{Fact, Heard, Payment, PaymentState, Report, Stands};
use super::store::{self, Entry, Money};
use super::{give_back, schedule};
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::events::{self, Event};
use crate::ids::PaymentId;
use crate::orders::{self, Lifecycle, OrderRow};

/// What a provider told by itself. Returns the payment as it stands then.
pub(crate) async fn apply_report(
    tx: &Tx,
    payment: &Payment,
    report: &Report,
    heard: Heard,
    now: Time,
) -> Result<Payment> {
    apply(tx, payment, report, (heard, false), now).await
}

/// What a provider answered when we asked: that is how things stand, not how they stood.
pub(crate) async fn apply_answer(
    tx: &Tx,
    payment: &Payment,
    report: &Report,
    heard: Heard,
    now: Time,
) -> Result<Payment> {
    apply(tx, payment, report, (heard, true), now).await
}

async fn apply(
    tx: &Tx,
    payment: &Payment,
    report: &Report,
    (heard, asked): (Heard, bool),
    now: Time,
) -> Result<Payment> {
    let had_money = payment.has_money();
    let (order, payment) = try_join!(
        orders::hold_order(tx, payment.order_id, now),
        store::hold(tx, payment.id, now)
    )?;
    let books = Books {
        tx,
        order: &order,
        heard,
        asked,
        had_money,
        now,
    };
    match report.stands {
        Stands::Captured => books.captured(payment, report).await,
        Stands::Authorized => books.authorized(payment, report).await,
        Stands::Failed => books.failed(payment, report).await,
        Stands::Ended => books.ended(payment).await,
        Stands::Open => Ok(payment),
    }
}

/// The rows that are held, and who told us.
struct Books<'a> {
    tx: &'a Tx,
    order: &'a OrderRow,
    heard: Heard,
    /// The provider was asked.
    asked: bool,
    /// Its money was in the books before.
    had_money: bool,
    now: Time,
}

impl Books<'_> {
    async fn captured(&self, mut payment: Payment, report: &Report) -> Result<Payment> {
        let id = report
            .payment_id
            .as_deref()
            .ok_or_else(|| Error::internal("money without a name"))?;
        let same = payment.provider_payment_id.as_deref() == Some(id);
        if payment.has_money() && same && !payment.waits_for_money() {
            return Ok(payment);
        }
        let (known, paid) = try_join!(
            store::find_by_provider_payment(self.tx, payment.provider, id),
            store::has_success(self.tx, self.order.id)
        )?;
        match known {
            // The second money of this attempt, told again.
            Some(known) if known.id != payment.id && known.order_id == payment.order_id => {
                return Ok(known);
            }
            Some(known) if known.id != payment.id => {
                const WHY: &str = "this money belongs to another payment";
                alert(self.tx, &payment, id, WHY, self.told()).await?;
                return Ok(payment);
            }
            _ => {}
        }
        if let Some(why) = report.mismatch(&payment) {
            return self.flagged(payment, report, id, &why).await;
        }
        let status = if paid {
            PaymentState::Surplus
        } else {
            PaymentState::Succeeded
        };
        if payment.has_money() && !payment.waits_for_money() {
            return self.second_money(payment, report, id, status).await;
        }
        payment.status = status;
        payment.provider_payment_id = Some(id.to_owned());
        payment.captured_minor = payment.amount_minor;
        payment.method.clone_from(&report.method);
        payment.note.clear();
        try_join!(
            store::cancel_others(self.tx, self.order.id, payment.id, self.now),
            store::save(self.tx, &payment, None),
            self.took(&payment, id),
        )?;
        Ok(payment)
    }

    /// The buyer paid twice for one thing that we asked for: the second money is a payment of its own.
    async fn second_money(
        &self,
        payment: Payment,
        report: &Report,
        id: &str,
        status: PaymentState,
    ) -> Result<Payment> {
        let money = Money {
            order: self.order.id,
            provider: payment.provider,
            provider_payment_id: Some(id),
            status,
            asked_minor: payment.amount_minor,
            captured_minor: payment.amount_minor,
            currency: &payment.currency,
            method: &report.method,
            actor: None,
        };
        let Some(second) = store::insert_money(self.tx, &money, self.now).await? else {
            return Ok(payment);
        };
        self.took(&second, id).await?;
        Ok(second)
    }

    /// Writes down money that came, and what follows for the order. What does not wait for answers is sent together.
    async fn took(&self, payment: &Payment, id: &str) -> Result<()> {
        let event = Event::PaymentCaptured {
            order_id: self.order.id,
            payment_id: payment.id,
        };
        let (_, (), sums) = try_join!(
            self.note(payment, Fact::Captured, id, payment.captured_minor, ""),
            events::record(self.tx, &event, self.now),
            store::sums(self.tx, self.order.id),
        )?;
        if payment.status == PaymentState::Succeeded {
            orders::settle_payment(self.tx, self.order, &sums, None).await?;
        }
        if self.order_ended() || payment.status == PaymentState::Surplus {
            give_back::enqueue(self.tx, self.order.id, self.now).await?;
        }
        Ok(())
    }

    async fn authorized(&self, mut payment: Payment, report: &Report) -> Result<Payment> {
        let id = report.payment_id.as_deref().unwrap_or_default();
        if payment.has_money() || payment.status == PaymentState::Authorized {
            return Ok(payment);
        }
        if let Some(why) = report.mismatch(&payment) {
            return self.flagged(payment, report, id, &why).await;
        }
        let (paid, open) = try_join!(
            store::has_success(self.tx, self.order.id),
            store::find_open(self.tx, self.order.id)
        )?;
        let other = open
            .is_some_and(|open| open.id != payment.id && open.status == PaymentState::Authorized);
        if paid || other {
            return Ok(payment);
        }
        payment.status = PaymentState::Authorized;
        payment.method.clone_from(&report.method);
        payment.note.clear();
        store::cancel_others(self.tx, self.order.id, payment.id, self.now).await?;
        store::save(self.tx, &payment, Some(self.now + schedule::FIRST)).await?;
        let minor = payment.amount_minor;
        self.note_anew(&payment, Fact::Authorized, id, minor)
            .await?;
        self.settle().await?;
        Ok(payment)
    }

    /// A try that failed. Where the provider lets the buyer try again, money may still come.
    async fn failed(&self, mut payment: Payment, report: &Report) -> Result<Payment> {
        if !payment.is_open() {
            self.doubt(&payment, report).await?;
            return Ok(payment);
        }
        let id = report.payment_id.as_deref().unwrap_or_default();
        let was_authorized = payment.status == PaymentState::Authorized;
        if was_authorized
            && !(self.asked || id.is_empty())
            && !self.is_the_authorized(payment.id, id).await?
        {
            // An earlier try, told late: the authorization stands.
            return Ok(payment);
        }
        payment.status = PaymentState::Failed;
        payment.note = report.note.chars().take(200).collect();
        let next = Some(self.now + schedule::FIRST).filter(|_| payment.reference.is_some());
        let event = Event::PaymentFailed {
            order_id: self.order.id,
            payment_id: payment.id,
        };
        try_join!(
            store::save(self.tx, &payment, next),
            events::record(self.tx, &event, self.now)
        )?;
        match was_authorized {
            true => self.note_anew(&payment, Fact::Failed, id, 0).await?,
            false => drop(
                self.note(&payment, Fact::Failed, id, 0, &payment.note)
                    .await?,
            ),
        }
        self.settle().await?;
        Ok(payment)
    }

    /// Of several tries of one attempt the last that was authorized is the one that holds the money.
    async fn is_the_authorized(&self, payment: PaymentId, id: &str) -> Result<bool> {
        let last = store::last_authorized(self.tx, payment).await?;
        Ok(last.is_some_and(|last| last.split('@').next() == Some(id)))
    }

    async fn ended(&self, mut payment: Payment) -> Result<Payment> {
        match payment.status {
            PaymentState::Pending | PaymentState::Cancelled | PaymentState::Failed => {
                if payment.status == PaymentState::Pending {
                    payment.status = PaymentState::Cancelled;
                }
                store::save(self.tx, &payment, None).await?;
            }
            PaymentState::Authorized => {
                return self.failed(payment, &Report::of(Stands::Failed)).await;
            }
            _ => {}
        }
        Ok(payment)
    }

    /// Where this was told under this name before, it is a fact of its own that it is so again.
    async fn note_anew(&self, payment: &Payment, fact: Fact, id: &str, minor: i64) -> Result<()> {
        let note = payment.note.as_str();
        if !self.note(payment, fact, id, minor, note).await? {
            let anew = format!("{id}@{}", self.now.0);
            self.note(payment, fact, &anew, minor, note).await?;
        }
        Ok(())
    }

    async fn note(
        &self,
        payment: &Payment,
        fact: Fact,
        reference: &str,
        minor: i64,
        note: &str,
    ) -> Result<bool> {
        let entry = Entry {
            fact,
            reference,
            minor,
            heard: self.heard,
            note,
            actor: None,
        };
        store::add_fact(self.tx, payment, &entry, self.now).await
    }

    fn told(&self) -> Told {
        Told {
            heard: self.heard,
            now: self.now,
        }
    }

    fn order_ended(&self) -> bool {
        matches!(
            self.order.lifecycle,
            Lifecycle::Cancelled | Lifecycle::Expired
        )
    }

    async fn settle(&self) -> Result<()> {
        let sums = store::sums(self.tx, self.order.id).await?;
        orders::settle_payment(self.tx, self.order, &sums, None).await
    }
}
