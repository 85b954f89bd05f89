//! Takes what a provider says of a dispute into the books.

use db::Tx;
use futures_util::try_join;

use super::alert::{Told, alert};
use super::apply_refund::refunded;
use super::payment::{Fact, Payment, Sum};
use super::provider::Dispute;
use super::store::{self, Entry};
use crate::error::Result;
use crate::events::{self, Event};
use crate::orders;

/// A chargeback that is lost takes the money back as a refund does; before that it is noted only.
pub(crate) async fn apply_dispute(
    tx: &Tx,
    payment: &Payment,
    id: &str,
    money: Option<&Sum>,
    stands: Dispute,
    told: Told,
) -> Result<()> {
    let now = told.now;
    let (order, payment) = try_join!(
        orders::hold_order(tx, payment.order_id, now),
        store::hold(tx, payment.id, now)
    )?;
    let minor = money.map_or(0, |money| money.minor);
    let too_much = money.is_some_and(|money| {
        money.currency != payment.currency || money.minor > payment.captured_minor
    });
    if too_much || minor < 0 || !payment.has_money() {
        return alert(
            tx,
            &payment,
            id,
            "a dispute about more than was captured",
            told,
        )
        .await;
    }
    let fact = match stands {
        Dispute::Opened => Fact::Disputed,
        Dispute::Won => Fact::DisputeWon,
        Dispute::Lost => Fact::ChargedBack,
    };
    // Another event may have told the same: then nothing of it is claimed again.
    if store::has_fact(tx, payment.id, fact, id).await? {
        return Ok(());
    }
    let lost = stands == Dispute::Lost && minor > 0;
    // Part of it may have been given back before: the buyer then has more than was paid, for people to sort out.
    if lost && !store::claim_refund(tx, payment.id, minor, now).await? {
        return alert(
            tx,
            &payment,
            id,
            "a chargeback beyond what is left of the payment",
            told,
        )
        .await;
    }
    let entry = Entry {
        fact,
        reference: id,
        minor,
        heard: told.heard,
        note: "",
        actor: None,
    };
    store::add_fact(tx, &payment, &entry, now).await?;
    tracing::warn!(
        payment = payment.id.0,
        order = order.id.0,
        dispute = fact.as_str(),
        "a payment is disputed"
    );
    let event = Event::PaymentDisputed {
        order_id: order.id,
        payment_id: payment.id,
    };
    events::record(tx, &event, now).await?;
    if lost {
        store::count_refund(tx, payment.id, minor, now).await?;
        refunded(tx, &order, &payment, now).await?;
    }
    Ok(())
}
