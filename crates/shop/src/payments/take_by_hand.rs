//! Money that staff has in hand: cash at the door, a transfer to the bank.

use db::Tx;
use futures_util::future::BoxFuture;

use super::payment::{Fact, Heard, PaymentState};
use super::providers::{cod, manual};
use super::store::{self, Entry, Money};
use crate::error::{Error, Result};
use crate::events::{self, Event};
use crate::ids::UserId;
use crate::orders::{self, OrderRow};

/// Called for an order that is held and may be paid.
pub fn take_by_hand<'a>(
    tx: &'a Tx,
    order: &'a OrderRow,
    actor: Option<UserId>,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let now = order.updated_at;
        let at_door = order.payment_method == cod::NAME.as_str();
        let money = Money {
            order: order.id,
            provider: if at_door { cod::NAME } else { manual::NAME },
            provider_payment_id: None,
            status: PaymentState::Succeeded,
            asked_minor: order.total_minor,
            captured_minor: order.total_minor,
            currency: &order.currency,
            method: "",
            actor,
        };
        store::cancel_others(tx, order.id, crate::ids::PaymentId(0), now).await?;
        let payment = store::insert_money(tx, &money, now).await?;
        let payment = payment
            .ok_or_else(|| Error::internal("a payment that has no name is known already"))?;
        let entry = Entry {
            fact: Fact::Captured,
            reference: "",
            minor: order.total_minor,
            heard: Heard::Staff,
            note: "",
            actor,
        };
        store::add_fact(tx, &payment, &entry, now).await?;
        let event = Event::PaymentCaptured {
            order_id: order.id,
            payment_id: payment.id,
        };
        events::record(tx, &event, now).await?;
        let sums = store::sums(tx, order.id).await?;
        orders::settle_payment(tx, order, &sums, actor).await
    })
}
