//! A provider that never was: it does what it is told, for trying out a shop and for tests. Not in production.
//!
//! Its book is apart from the shop's, and it sends webhooks as real ones do: signed, through the same door, and when
//! it is asked to, late or twice.

mod api;
mod choose_outcome;
mod store;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::Routes;
use crate::payments::client::Trouble;
use crate::payments::payment::{
    Payment, Provider, Refund, RefundReport, RefundState, Report, Stands, Sum,
};
use crate::payments::provider::{
    About, Answer, Ask, Created, Dispute, Hook, Kind, Member, Needs, NewPayment, News, Notice,
    PaymentProvider, Proof, REDIRECT_URL, not_configured,
};
use crate::payments::{providers, random_key, signature};

pub(crate) struct Sandbox;

pub(crate) const PROVIDER: Sandbox = Sandbox;
const NAME: Provider = Provider::named("sandbox");

const JOB: &str = "send_sandbox_webhook";

/// A webhook on its way.
#[derive(Deserialize, Serialize)]
struct Delivery {
    body: String,
}

/// Sends a webhook to the shop's own door.
async fn deliver(app: &App, delivery: &Delivery) -> anyhow::Result<()> {
    let signed = signature::sign(&secret(app), &[delivery.body.as_bytes()]);
    let header = |name: &str| Ok((name == "x-sandbox-signature").then(|| signed.clone()));
    let hook = Hook {
        body: delivery.body.as_bytes(),
        header: &header,
    };
    Ok(crate::payments::receive_webhook::receive_webhook(app, NAME, &hook).await?)
}

impl PaymentProvider for Sandbox {
    fn name(&self) -> Provider {
        NAME
    }

    fn kind(&self) -> Kind {
        Kind::Stage
    }

    fn gives(&self) -> &'static [Member] {
        &[
            REDIRECT_URL,
            Member {
                name: "sandbox_reference",
                doc: "The payment in the sandbox.",
            },
        ]
    }

    fn shown(&self, _: &App, payment: &Payment) -> Needs {
        vec![
            (REDIRECT_URL.name, payment.url.clone()),
            ("sandbox_reference", payment.reference.clone()),
        ]
    }

    fn routes(&self) -> Option<Routes> {
        Some(api::routes())
    }

    fn jobs(&self, app: &App, runner: jobs::Runner) -> jobs::Runner {
        let app = app.clone();
        runner.on(JOB, move |delivery: Delivery| {
            let app = app.clone();
            async move { deliver(&app, &delivery).await }
        })
    }

    fn statements(&self) -> &'static [&'static str] {
        store::STATEMENTS
    }

    fn is_configured(&self, app: &App) -> bool {
        !app.config.is_production()
    }

    fn create<'a>(&'a self, app: &'a App, new: &'a NewPayment<'a>) -> Answer<'a, Created> {
        Box::pin(async move {
            let wanted = format!("sbx_{}", random_key().map_err(broken)?);
            let money = Sum::new(new.payment.amount_minor, &new.payment.currency);
            let now = app.clock.now();
            let reference = crate::transact!(app.db, tx => {
                store::open(tx, &wanted, &new.key, &money, now).await
            });
            let reference = reference.map_err(broken)?;
            let url = format!(
                "{}/api/v1/payments/sandbox/page/{reference}/",
                app.config.public_url
            );
            Ok(Created {
                reference,
                url: Some(url),
                needs: Needs::new(),
            })
        })
    }

    fn status<'a>(
        &'a self,
        app: &'a App,
        payment: &'a Payment,
        _: &'a Proof,
        _: Ask,
    ) -> Answer<'a, Report> {
        Box::pin(async move {
            let reference = payment.reference.as_deref().unwrap_or_default();
            let conn = app.db.read().await.map_err(|error| broken(error.into()))?;
            let row = store::find(&conn, reference).await.map_err(broken)?;
            let row = row.ok_or_else(|| Trouble::Broken("no such payment".to_owned()))?;
            Ok(report(&row))
        })
    }

    fn refund<'a>(
        &'a self,
        app: &'a App,
        payment: &'a Payment,
        refund: &'a Refund,
    ) -> Answer<'a, RefundReport> {
        Box::pin(async move {
            let reference = payment.reference.as_deref().unwrap_or_default();
            let done = crate::transact!(app.db, tx => {
                store::refund(tx, reference, &refund.request_key, refund.amount_minor).await
            });
            match done.map_err(broken)? {
                Some(id) => Ok(RefundReport {
                    refund_id: Some(format!("sbxref_{id}")),
                    money: Some(Sum::new(refund.amount_minor, &payment.currency)),
                    ..RefundReport::of(RefundState::Succeeded)
                }),
                None => Err(Trouble::Refused {
                    status: 400,
                    answer: Value::Null,
                }),
            }
        })
    }

    fn read_webhook<'a>(
        &'a self,
        app: &'a App,
        hook: &'a Hook<'a>,
    ) -> BoxFuture<'a, Result<Notice>> {
        Box::pin(async move {
            if !self.is_configured(app) {
                return Err(not_configured(NAME));
            }
            let signed = (hook.header)("x-sandbox-signature")?.unwrap_or_default();
            if !signature::is_signed(&[&secret(app)], &[hook.body], &signed) {
                return Err(signature::invalid());
            }
            let event: Event = providers::event(hook.body)?;
            Ok(event.into_notice())
        })
    }
}

/// What a webhook of the sandbox says.
#[derive(Deserialize, Serialize)]
struct Event {
    id: String,
    /// `payment.captured`, `payment.failed` or `payment.dispute.created`.
    kind: String,
    reference: String,
    payment_id: String,
    amount: i64,
    currency: String,
}

impl Event {
    fn into_notice(self) -> Notice {
        let money = Sum::new(self.amount, &self.currency);
        let told = |stands| Report {
            payment_id: Some(self.payment_id.clone()),
            money: Some(money.clone()),
            method: "sandbox".to_owned(),
            ..Report::of(stands)
        };
        let news = match self.kind.as_str() {
            "payment.captured" => News::Payment(told(Stands::Captured)),
            "payment.failed" => News::Payment(told(Stands::Failed)),
            "payment.dispute.created" => News::Dispute {
                id: format!("dispute_{}", self.reference),
                money: Some(money),
                stands: Dispute::Opened,
            },
            _ => News::Other,
        };
        Notice {
            event_key: self.id,
            kind: self.kind,
            about: About::Reference(self.reference),
            news,
        }
    }
}

fn report(row: &store::Row) -> Report {
    let stands = match row.status.as_str() {
        "captured" => Stands::Captured,
        "failed" => Stands::Failed,
        _ => return Report::of(Stands::Open),
    };
    Report {
        payment_id: Some(payment_id(&row.reference)),
        money: Some(Sum::new(row.captured_minor, &row.currency)),
        method: "sandbox".to_owned(),
        note: if stands == Stands::Failed {
            "declined".to_owned()
        } else {
            String::new()
        },
        ..Report::of(stands)
    }
}

fn payment_id(reference: &str) -> String {
    reference.replacen("sbx_", "sbxpay_", 1)
}

/// Known to nobody outside: the sandbox is part of the shop.
fn secret(app: &App) -> String {
    signature::sign(
        app.config.secret_key.expose(),
        &[b"cartwright sandbox webhooks"],
    )
}

fn broken(error: Error) -> Trouble {
    Trouble::Broken(error.to_string())
}
