//! How orders are paid: once, by the right buyer, with the right amount, whatever network and provider do.
//!
//! Words: a *payment* is one attempt to pay an order; its *reference* is the provider's name of what was asked for,
//! its *provider payment id* that of the money. A *fact* is a row of the ledger (`payment_events`), never changed. A
//! *report* is what a provider says of an attempt, a *notice* what it sends by itself.
//! Invariants: providers are asked outside transactions, after our row is committed and under its key; the payment
//! status of an order is recomputed from the ledger by `orders::settle_payment` alone; an attempt moves forward only;
//! each amount and currency is compared with ours; refunds are claimed before they are asked for, so their sum never
//! exceeds what was captured; money that cannot count is written down and given back, and revives nothing.

mod alert;
mod api;
mod apply_dispute;
mod apply_refund;
mod apply_report;
mod breaker;
mod client;
mod give_back;
mod initiate_payment;
mod late_refund;
mod made_elsewhere;
mod parked;
mod payment;
mod provider;
pub(crate) mod providers;
mod receive_webhook;
mod reconcile;
mod refund_payment;
mod reversed_refund;
mod schedule;
pub(crate) mod signature;
mod store;
mod take_by_hand;
mod verify_payment;

use std::time::Duration;

pub(crate) use api::PaymentOut;
pub use give_back::at_order_end;
pub(crate) use payment::Payment;
pub use reconcile::reconcile;
pub(crate) use store::all_of;
pub use take_by_hand::take_by_hand;

use crate::app::App;
use crate::config::Setting;
use crate::error::{Error, Result};
use crate::http::Routes;
use payment::Provider;
use provider::{ALL, Kind};

/// What payments keep on this node.
#[derive(Default)]
pub struct Payments {
    client: client::Client,
    tokens: providers::Tokens,
    certificates: providers::Certificates,
}

pub fn routes() -> impl Iterator<Item = Routes> {
    let own = ALL.iter().filter_map(|provider| provider.routes());
    std::iter::once(api::routes()).chain(own)
}

/// How buyers may pay.
pub fn methods() -> impl Iterator<Item = &'static str> {
    let chosen = ALL.iter().filter(|provider| provider.kind() != Kind::Books);
    chosen.map(|provider| provider.name().as_str())
}

/// Through a provider that can be asked.
pub fn is_online(method: &str) -> bool {
    Provider::parse(method).is_some_and(Provider::is_online)
}

/// Of all providers.
pub fn settings() -> impl Iterator<Item = Setting> {
    let all = ALL.iter().flat_map(|provider| provider.settings());
    all.copied()
}

/// What is done later: open attempts are looked at, money is given back, and what providers do.
pub fn jobs(app: &App, runner: jobs::Runner) -> jobs::Runner {
    let (reconciled, gives) = (app.clone(), app.clone());
    let runner = runner
        .every(Duration::from_secs(30), "reconcile_payments", move || {
            let app = reconciled.clone();
            async move { Ok(reconcile(&app).await.map(drop)?) }
        })
        .on(give_back::JOB, move |payload: give_back::Payload| {
            let app = gives.clone();
            async move { give_back::give_back(&app, payload).await }
        });
    ALL.iter()
        .fold(runner, |runner, provider| provider.jobs(app, runner))
}

pub fn statements() -> Vec<String> {
    let providers = ALL.iter().flat_map(|provider| provider.statements());
    let providers = providers.map(|sql| (*sql).to_owned());
    store::statements().into_iter().chain(providers).collect()
}

/// 160 bit, in hexadecimal digits.
fn random_key() -> Result<String> {
    let mut bytes = [0; 20];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal(error.to_string()))?;
    Ok(signature::to_hex(&bytes))
}
