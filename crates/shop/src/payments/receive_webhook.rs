//! What a provider tells by itself: who sent it is checked first, then each event counts once.
//!
//! An event that names nothing of ours, or a refund of money that is not there yet, is parked: kept, answered 200, and
//! taken when its payment is known. A fault of ours is no 200, so that the provider sends the event again.

use db::Tx;
use futures_util::try_join;

use super::alert::Told;
use super::apply_dispute::apply_dispute;
use super::apply_refund::apply_refund;
use super::apply_report::{apply_answer, apply_report};
use super::client::Trouble;
use super::initiate_payment::how_to_ask;
use super::parked;
use super::payment::{Heard, Payment, Provider, Report, Stands};
use super::provider::{self, About, Hook, News, Notice, PaymentProvider, Proof};
use super::store::{self, Event};
use crate::app::App;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::PaymentId;
use crate::orders::{self, Access, OrderRef};

const PARKED: &str = "parked";

pub(crate) async fn receive_webhook(app: &App, name: Provider, hook: &Hook<'_>) -> Result<()> {
    let provider = provider::provider(name)?;
    let notice = provider.read_webhook(app, hook).await?;
    let payment = {
        let conn = app.db.read().await?;
        let (known, payment) = try_join!(
            store::outcome_of(&conn, name, &notice.event_key),
            find(&conn, name, &notice.about)
        )?;
        // What was parked for want of its payment is looked at again.
        if known.is_some_and(|outcome| outcome != PARKED || payment.is_none()) {
            return Ok(());
        }
        payment
    };
    let now = app.clock.now();
    let asked = match (&payment, &notice.news) {
        (Some(payment), News::Ask) => Some(ask(app, provider, payment).await?),
        _ => None,
    };
    crate::transact!(app.db, tx => { take(tx, name, &notice, payment.as_ref(), asked.as_ref(), now).await })
}

async fn find(conn: &db::Conn, name: Provider, about: &About) -> Result<Option<Payment>> {
    match about {
        About::Reference(reference) => store::find_by_reference(conn, name, reference).await,
        About::PaymentId(id) => store::find_by_provider_payment(conn, name, id).await,
        About::Attempt(id) => {
            let found = store::find_by_id_if_any(conn, PaymentId(*id)).await?;
            Ok(found.filter(|payment| payment.provider == name && payment.reference.is_some()))
        }
        About::Nothing => Ok(None),
    }
}

async fn ask(app: &App, provider: &dyn PaymentProvider, payment: &Payment) -> Result<Report> {
    let order = {
        let conn = app.db.read().await?;
        orders::find_row(&conn, &OrderRef::Id(payment.order_id), &Access::All).await?
    };
    provider
        .status(app, payment, &Proof::default(), how_to_ask(&order, payment))
        .await
        .map_err(Trouble::come_again)
}

pub(super) async fn take(
    tx: &Tx,
    name: Provider,
    notice: &Notice,
    payment: Option<&Payment>,
    asked: Option<&Report>,
    now: Time,
) -> Result<()> {
    let subject = match &notice.about {
        About::Reference(text) | About::PaymentId(text) => text.clone(),
        About::Attempt(id) => id.to_string(),
        About::Nothing => String::new(),
    };
    let outcome = match (payment, &notice.news) {
        (_, News::Other) => "ignored",
        (None, _) => PARKED,
        (Some(_), news) if parked::is_early(news, payment) => PARKED,
        (Some(_), _) => "applied",
    };
    let event = Event {
        provider: name,
        key: &notice.event_key,
        kind: &notice.kind,
        subject: &subject,
        payment: payment.map(|payment| payment.id),
        outcome,
        news: parked::kept(&notice.news).filter(|_| outcome == PARKED),
    };
    if !store::take_event(tx, &event, now).await? {
        return Ok(());
    }
    if outcome == PARKED {
        tracing::warn!(
            provider = name.as_str(),
            kind = notice.kind,
            subject,
            "an event about nothing that we have"
        );
        return Ok(());
    }
    let Some(payment) = payment else {
        return Ok(());
    };
    let told = Told {
        heard: Heard::Webhook,
        now,
    };
    match (&notice.news, asked) {
        (News::Payment(report), _) if report.stands != Stands::Open => {
            apply_report(tx, payment, report, Heard::Webhook, now).await?;
        }
        (News::Ask, Some(report)) if report.stands != Stands::Open => {
            apply_answer(tx, payment, report, Heard::Webhook, now).await?;
        }
        (News::Refund(report), _) => {
            Box::pin(apply_refund(tx, payment, report, told)).await?;
        }
        (News::Dispute { id, money, stands }, _) => {
            apply_dispute(tx, payment, id, money.as_ref(), *stands, told).await?;
        }
        _ => {}
    }
    Ok(())
}
