//! bKash, tokenized checkout: a payment of theirs that the buyer agrees to on their page, and that we execute then.
//! Amounts are decimal texts in taka. What the buyer's browser brings back decides nothing.

mod notification;

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::{as_decimal, decimal, text};
use crate::app::App;
use crate::config::Setting;
use crate::error::Result;
use crate::payments::client::{self, Body, Call, Trouble};
use crate::payments::payment::{
    Payment, Provider, Refund, RefundReport, RefundState, Report, Stands, Sum,
};
use crate::payments::provider::{
    Answer, Ask, Created, Hook, Needs, NewPayment, Notice, PaymentProvider, Proof,
};

pub(crate) struct Bkash;

pub(crate) const PROVIDER: Bkash = Bkash;
const NAME: Provider = Provider::named("bkash");

const APP_KEY: Setting = Setting::text("BKASH_APP_KEY");
const APP_SECRET: Setting = Setting::secret("BKASH_APP_SECRET");
const USERNAME: Setting = Setting::text("BKASH_USERNAME");
const PASSWORD: Setting = Setting::secret("BKASH_PASSWORD");
/// Of the notifications; without it they are refused.
const SNS_TOPIC_ARN: Setting = Setting::text("BKASH_SNS_TOPIC_ARN");
/// Ours, as payee.
const SHORT_CODE: Setting = Setting::text("BKASH_SHORT_CODE");
const BASE_URL: Setting = Setting::origin("BKASH_BASE_URL", "https://tokenized.pay.bka.sh");

/// Tokens last an hour, and no more than two are given in one: one is used for most of it.
const TOKEN_LASTS: Duration = Duration::from_secs(50 * 60);
const CHECKOUT: &str = "/v1.2.0-beta/tokenized/checkout";
const CURRENCY: &str = "BDT";

impl PaymentProvider for Bkash {
    fn name(&self) -> Provider {
        NAME
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            APP_KEY,
            APP_SECRET,
            USERNAME,
            PASSWORD,
            SNS_TOPIC_ARN,
            SHORT_CODE,
            BASE_URL,
        ]
    }

    fn is_configured(&self, app: &App) -> bool {
        keys(app).is_some() && app.currency.code() == CURRENCY
    }

    fn create<'a>(&'a self, app: &'a App, new: &'a NewPayment<'a>) -> Answer<'a, Created> {
        Box::pin(async move {
            let body = json!({
                "mode": "0011",
                "payerReference": new.order_number,
                "callbackURL": super::return_url(app, new.order_number),
                "amount": as_decimal(new.payment.amount_minor, &new.payment.currency),
                "currency": new.payment.currency,
                "intent": "sale",
                "merchantInvoiceNumber": new.key,
            });
            let made = ask(app, "/create", &body).await?;
            match (text(&made, "/paymentID"), text(&made, "/bkashURL")) {
                (Some(id), Some(url)) if is_fine(&made) => Ok(Created {
                    reference: id.to_owned(),
                    url: Some(url.to_owned()),
                    needs: Needs::new(),
                }),
                _ => Err(Trouble::Refused {
                    status: 400,
                    answer: made,
                }),
            }
        })
    }

    /// A payment is executed once; when that is not sure, or is done, its status is asked for and compared alike.
    fn status<'a>(
        &'a self,
        app: &'a App,
        payment: &'a Payment,
        _: &'a Proof,
        how: Ask,
    ) -> Answer<'a, Report> {
        Box::pin(async move {
            let id = payment.reference.as_deref().unwrap_or_default();
            let body = json!({"paymentID": id});
            if how == Ask::Settle {
                match ask(app, "/execute", &body).await {
                    Ok(done)
                        if is_fine(&done)
                            && text(&done, "/transactionStatus") == Some("Completed") =>
                    {
                        return Ok(read(&done, id));
                    }
                    Err(trouble @ (Trouble::NotSent(_) | Trouble::Paused { .. })) => {
                        return Err(trouble);
                    }
                    _ => {}
                }
            }
            let found = ask(app, "/payment/status", &body).await?;
            if !is_fine(&found) {
                return Err(Trouble::Broken("it does not know the payment".to_owned()));
            }
            Ok(read(&found, id))
        })
    }

    /// bKash has no key for a refund: whether it was made is asked first. An earlier one that failed is none.
    fn refund<'a>(
        &'a self,
        app: &'a App,
        payment: &'a Payment,
        refund: &'a Refund,
    ) -> Answer<'a, RefundReport> {
        Box::pin(async move {
            let (id, money) = (
                payment.reference.as_deref(),
                payment.provider_payment_id.as_deref(),
            );
            let asked = json!({"paymentID": id, "trxID": money});
            let before = read_refund(&ask(app, "/payment/refund", &asked).await?);
            let is_earlier = |made: &RefundReport| {
                made.status == RefundState::Failed && made.refund_id != refund.provider_refund_id
            };
            if let Some(made) = before.filter(|made| !is_earlier(made)) {
                let wanted = Sum::new(refund.amount_minor, &payment.currency);
                return match payment.refunded_minor == 0 && made.money == Some(wanted) {
                    true => Ok(made),
                    false => Err(Trouble::Impossible(
                        "bKash gives a payment back once.".to_owned(),
                    )),
                };
            }
            let body = json!({
                "paymentID": id,
                "trxID": money,
                "amount": as_decimal(refund.amount_minor, &payment.currency),
                "sku": "order",
                "reason": if refund.reason.is_empty() { "refund" } else { &refund.reason },
            });
            let made = ask(app, "/payment/refund", &body).await?;
            read_refund(&made).ok_or(Trouble::Refused {
                status: 400,
                answer: made,
            })
        })
    }

    fn read_webhook<'a>(
        &'a self,
        app: &'a App,
        hook: &'a Hook<'a>,
    ) -> BoxFuture<'a, Result<Notice>> {
        Box::pin(notification::read(app, hook))
    }
}

struct Keys<'a> {
    app_key: &'a str,
    app_secret: &'a str,
    username: &'a str,
    password: &'a str,
}

fn keys(app: &App) -> Option<Keys<'_>> {
    let set = |setting| app.config.get(setting);
    Some(Keys {
        app_key: set(APP_KEY)?,
        app_secret: set(APP_SECRET)?,
        username: set(USERNAME)?,
        password: set(PASSWORD)?,
    })
}

async fn ask(app: &App, path: &str, body: &Value) -> Result<Value, Trouble> {
    let keys = keys(app).ok_or_else(Trouble::no_keys)?;
    let post = |path, body| Call::post(format!("{CHECKOUT}{path}"), Body::Json(body));
    let asked = json!({"app_key": keys.app_key, "app_secret": keys.app_secret});
    let login = post("/token/grant", &asked)
        .header("username", keys.username)
        .header("password", keys.password);
    let grant = client::call(app, NAME, BASE_URL, login);
    let token = app.payments.tokens.of(NAME);
    let granted = token.get(app, "id_token", TOKEN_LASTS, grant).await?;
    let call = post(path, body)
        .header("authorization", granted)
        .header("x-app-key", keys.app_key);
    let answer = client::call(app, NAME, BASE_URL, call).await;
    if matches!(answer, Err(Trouble::Refused { status, .. }) if [401, 403].contains(&status)) {
        token.forget().await;
    }
    answer
}

fn is_fine(answer: &Value) -> bool {
    text(answer, "/statusCode") == Some("0000")
}

fn read(payment: &Value, id: &str) -> Report {
    let stands = match text(payment, "/transactionStatus") {
        Some("Completed") => Stands::Captured,
        Some("Initiated" | "Authorized" | "Pending Authorized") => Stands::Open,
        Some("Expired" | "Cancelled" | "Voided") => Stands::Ended,
        _ => Stands::Failed,
    };
    let invoice =
        text(payment, "/merchantInvoiceNumber").or_else(|| text(payment, "/merchantInvoice"));
    let names = invoice
        .and_then(|invoice| invoice.rsplit('-').next())
        .unwrap_or_default();
    let foreign = text(payment, "/paymentID") != Some(id);
    Report {
        payment_id: text(payment, "/trxID").map(str::to_owned),
        money: decimal(text(payment, "/amount"), text(payment, "/currency")),
        method: "bkash".to_owned(),
        note: if foreign {
            "it is another payment".to_owned()
        } else {
            String::new()
        },
        foreign,
        names: Some(names.to_owned()),
        ..Report::of(stands)
    }
}

/// None when there is no refund.
fn read_refund(refund: &Value) -> Option<RefundReport> {
    let id = text(refund, "/refundTrxID")?;
    let status = match text(refund, "/transactionStatus") {
        Some("Completed") => RefundState::Succeeded,
        Some("Failed" | "Cancelled") => RefundState::Failed,
        _ => RefundState::Pending,
    };
    Some(RefundReport {
        refund_id: Some(id.to_owned()),
        money: decimal(text(refund, "/amount"), text(refund, "/currency")),
        ..RefundReport::of(status)
    })
}
