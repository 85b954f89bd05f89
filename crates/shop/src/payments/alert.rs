//! What a provider tells and the books cannot take: it is written down once, and staff is told.

use db::Tx;

use super::payment::{Fact, Heard, Payment};
use super::store::{self, Entry};
use crate::clock::Time;
use crate::error::Result;
use crate::events::{self, Event};

/// Who told it, and when.
#[derive(Clone, Copy)]
pub(crate) struct Told {
    pub heard: Heard,
    pub now: Time,
}

/// Notes it beside a held payment, under the provider's name of it (`id`), without effect on any money.
pub(super) async fn alert(
    tx: &Tx,
    payment: &Payment,
    id: &str,
    why: &str,
    told: Told,
) -> Result<()> {
    tracing::warn!(
        payment = payment.id.0,
        order = payment.order_id.0,
        why,
        "a provider tells what cannot be"
    );
    let entry = Entry {
        fact: Fact::Flagged,
        reference: id,
        minor: 0,
        heard: told.heard,
        note: why,
        actor: None,
    };
    let event = Event::PaymentFlagged {
        order_id: payment.order_id,
        payment_id: payment.id,
    };
    if store::add_fact(tx, payment, &entry, told.now).await? {
        events::record(tx, &event, told.now).await?;
    }
    Ok(())
}
