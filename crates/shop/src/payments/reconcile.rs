//! Settles what a crash, a lost answer or a lost webhook left open: providers are asked again, less and less often.
//!
//! Each provider has a sweep of its own, so that one that is down holds up nobody else. A sweep asks one at first, and
//! twice as many at once after each time that went well; at a provider that does not answer it ends, and what it did
//! not get to stays due.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::future::join_all;

use super::apply_report::apply_answer;
use super::initiate_payment::how_to_ask;
use super::payment::{Heard, Payment, Provider, Refund, RefundState, Report, Stands};
use super::provider::{self, Ask, Proof};
use super::store::{self, Due};
use super::{give_back, parked, refund_payment, schedule};
use crate::app::App;
use crate::clock::Time;
use crate::error::{Code, Result};
use crate::orders::{self, Access, OrderRef};

/// Rows read at a time.
const PAGE: i64 = 50;
/// At one provider.
const AT_ONCE: usize = 16;
/// After this a sweep begins nothing more: other jobs of the node wait for it, and the next one goes on.
const LONGEST: Duration = Duration::from_secs(20);

/// How many were looked at.
pub async fn reconcile(app: &App) -> Result<usize> {
    let kinds = [Kind::Payments, Kind::Refunds];
    let sweeps = provider::ALL
        .iter()
        .flat_map(|provider| kinds.map(|kind| sweep(app, provider.name(), kind)));
    let looked = join_all(sweeps).await.into_iter().sum();
    Box::pin(parked::take_parked(app)).await?;
    looked
}

#[derive(Clone, Copy)]
enum Kind {
    Payments,
    Refunds,
}

enum Open {
    Payment(Payment),
    Refund(Refund),
}

async fn sweep(app: &App, name: Provider, kind: Kind) -> Result<usize> {
    let begun = app.clock.now();
    let (mut looked, mut at_once) = (0, 1);
    let mut due = Due {
        provider: name,
        now: begun,
        after: (Time(i64::MIN), 0),
        limit: PAGE,
    };
    let mut open = VecDeque::new();
    loop {
        if open.is_empty() {
            open = page(app, &due, kind).await?;
        }
        let now = app.clock.now();
        let later = now.since(begun) >= LONGEST || app.payments.client.is_paused(name, now);
        if open.is_empty() || later {
            return Ok(looked);
        }
        let some: Vec<_> = open.drain(..at_once.min(open.len())).collect();
        if let Some(last) = some.last() {
            due.after = last.place();
        }
        looked += some.len();
        let well = join_all(some.into_iter().map(|one| one.look_at(app))).await;
        at_once = match well.into_iter().all(|well| well) {
            true => (at_once * 2).min(AT_ONCE),
            false => 1,
        };
    }
}

async fn page(app: &App, due: &Due, kind: Kind) -> Result<VecDeque<Open>> {
    let conn = app.db.read().await?;
    Ok(match kind {
        Kind::Payments => {
            let all = store::due_payments(&conn, due).await?;
            all.into_iter().map(Open::Payment).collect()
        }
        Kind::Refunds => {
            let all = store::due_refunds(&conn, due).await?;
            all.into_iter().map(Open::Refund).collect()
        }
    })
}

impl Open {
    /// By what a sweep is ordered.
    fn place(&self) -> (Time, i64) {
        let (at, id) = match self {
            Open::Payment(payment) => (payment.next_check_at, payment.id.0),
            Open::Refund(refund) => (refund.next_check_at, refund.id.0),
        };
        (at.unwrap_or(Time(i64::MIN)), id)
    }

    /// False when it could not be settled, nor be seen to be open still.
    async fn look_at(self, app: &App) -> bool {
        let (_, id) = self.place();
        match self {
            Open::Payment(payment) => look_at(app, &payment).await.inspect_err(
                |error| tracing::warn!(payment = id, %error, "a look at a payment failed"),
            ),
            Open::Refund(refund) => ask_again(app, refund).await.inspect_err(
                |error| tracing::warn!(refund = id, %error, "a look at a refund failed"),
            ),
        }
        .is_ok()
    }
}

async fn look_at(app: &App, payment: &Payment) -> Result<()> {
    let now = app.clock.now();
    let next = schedule::next(payment.created_at, payment.checks, now);
    // First the next date, so that one that never comes to an end does not hold up the others.
    if !crate::transact!(app.db, tx => { store::schedule(tx, payment, Some(next)).await })? {
        return Ok(());
    }
    let age = now.since(payment.created_at);
    let report = match payment.reference {
        Some(_) => match ask(app, payment).await {
            // Not when nobody was asked: the provider has a pause, or the database is away.
            Err(error) if is_last(payment) && error.code() != Code::DependencyUnavailable => {
                tracing::error!(payment = payment.id.0, %error, "a payment is given up");
                end(app, payment).await?;
                return Err(error);
            }
            report => report?,
        },
        None if age >= schedule::NAMELESS => Report::of(Stands::Ended),
        None => return Ok(()),
    };
    if age >= schedule::LAST && !brings_more(&report, payment) {
        return end(app, payment).await;
    }
    if !report.is_news(payment) {
        return Ok(());
    }
    let applied = crate::transact!(app.db, tx => {
        apply_answer(tx, payment, &report, Heard::Reconciler, now).await
    })?;
    // What came may be another payment's money: then nothing comes of this one.
    if age >= schedule::LAST && !(applied.id == payment.id && applied.has_money()) {
        return end(app, payment).await;
    }
    Ok(())
}

/// It was due so late. One that only nobody got to in time is asked for once more.
fn is_last(payment: &Payment) -> bool {
    let due = payment.next_check_at;
    due.is_some_and(|due| due.since(payment.created_at) >= schedule::GIVE_UP)
}

/// At the last look: what the buyer has not decided by then, or what nobody could take, comes to nothing.
fn brings_more(report: &Report, payment: &Payment) -> bool {
    match report.stands {
        Stands::Open | Stands::Authorized => false,
        Stands::Failed => payment.is_open(),
        Stands::Captured | Stands::Ended => true,
    }
}

async fn end(app: &App, payment: &Payment) -> Result<()> {
    let now = app.clock.now();
    let ended = Report::of(Stands::Ended);
    crate::transact!(app.db, tx => { apply_answer(tx, payment, &ended, Heard::Reconciler, now).await.map(drop) })
}

async fn ask(app: &App, payment: &Payment) -> Result<Report> {
    let order = {
        let conn = app.db.read().await?;
        orders::find_row(&conn, &OrderRef::Id(payment.order_id), &Access::All).await?
    };
    let how = match payment.is_open() {
        true => how_to_ask(&order, payment),
        false => Ask::Look,
    };
    let provider = provider::configured(app, payment.provider)?;
    Ok(provider
        .status(app, payment, &Proof::default(), how)
        .await?)
}

async fn ask_again(app: &App, refund: Refund) -> Result<()> {
    let now = app.clock.now();
    let next = Some(schedule::next_refund(refund.checks, now));
    if !crate::transact!(app.db, tx => { store::schedule_refund(tx, &refund, next).await })? {
        return Ok(());
    }
    if refund.status == RefundState::Failed {
        return give_back::try_anew(app, &refund, next).await;
    }
    let payment = store::find_by_id(&app.db.read().await?, refund.payment_id).await?;
    refund_payment::ask_provider(app, &payment, refund, Heard::Reconciler)
        .await
        .map(drop)
}
