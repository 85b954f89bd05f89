//! PayPal, Orders v2: an order of theirs that the buyer approves on their page, and that we capture then. Amounts are
//! decimal texts. Webhooks are signed with a checksum of the body only, so what they tell is always asked again.

mod webhook;

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::{among, as_decimal, called, decimal, made_before, text};
use crate::app::App;
use crate::config::Setting;
use crate::error::Result;
use crate::payments::client::{self, Body, Call, Trouble, escaped};
use crate::payments::payment::{
    Payment, Provider, Refund, RefundReport, RefundState, Report, Stands, Sum,
};
use crate::payments::provider::{
    Answer, Ask, Created, Hook, Member, Needs, NewPayment, Notice, PaymentProvider, Proof,
};

pub(crate) struct Paypal;

pub(crate) const PROVIDER: Paypal = Paypal;
const NAME: Provider = Provider::named("paypal");

const CLIENT_ID: Setting = Setting::text("PAYPAL_CLIENT_ID");
const CLIENT_SECRET: Setting = Setting::secret("PAYPAL_CLIENT_SECRET");
const WEBHOOK_ID: Setting = Setting::text("PAYPAL_WEBHOOK_ID");
/// Ours, as payee.
const MERCHANT_ID: Setting = Setting::text("PAYPAL_MERCHANT_ID");
const BASE_URL: Setting = Setting::origin("PAYPAL_BASE_URL", "https://api-m.paypal.com");

/// Under it PayPal does a thing once.
const ONCE: &str = "paypal-request-id";

impl PaymentProvider for Paypal {
    fn name(&self) -> Provider {
        NAME
    }

    fn settings(&self) -> &'static [Setting] {
        &[CLIENT_ID, CLIENT_SECRET, WEBHOOK_ID, MERCHANT_ID, BASE_URL]
    }

    fn gives(&self) -> &'static [Member] {
        &[
            Member {
                name: "approve_url",
                doc: "PayPal: where the buyer approves.",
            },
            Member {
                name: "paypal_order_id",
                doc: "",
            },
        ]
    }

    fn shown(&self, _: &App, payment: &Payment) -> Needs {
        vec![
            ("approve_url", payment.url.clone()),
            ("paypal_order_id", payment.reference.clone()),
        ]
    }

    fn is_configured(&self, app: &App) -> bool {
        keys(app).is_some()
    }

    fn create<'a>(&'a self, app: &'a App, new: &'a NewPayment<'a>) -> Answer<'a, Created> {
        Box::pin(async move {
            let back = super::return_url(app, new.order_number);
            let body = json!({
                "intent": "CAPTURE",
                "purchase_units": [{
                    "reference_id": new.payment.id.to_string(),
                    "custom_id": new.payment.id.to_string(),
                    "invoice_id": new.key,
                    "amount": {"currency_code": new.payment.currency, "value": value(new.payment.amount_minor, &new.payment.currency)?},
                }],
                "payment_source": {"paypal": {"experience_context": {
                    "return_url": back, "cancel_url": back, "user_action": "PAY_NOW", "shipping_preference": "NO_SHIPPING",
                }}},
            });
            let call = Call::post("/v2/checkout/orders", Body::Json(&body));
            let order = ask(app, call.header(ONCE, &new.key)).await?;
            let reference = text(&order, "/id")
                .ok_or_else(|| Trouble::Broken("it made no order".to_owned()))?;
            Ok(Created {
                reference: reference.to_owned(),
                url: approve_url(&order),
                needs: Needs::new(),
            })
        })
    }

    fn status<'a>(
        &'a self,
        app: &'a App,
        payment: &'a Payment,
        _: &'a Proof,
        how: Ask,
    ) -> Answer<'a, Report> {
        Box::pin(async move {
            let reference = payment.reference.as_deref().unwrap_or_default();
            let order = find_order(app, reference).await?;
            let approved = text(&order, "/status") == Some("APPROVED");
            if !approved || how == Ask::Look || !asks_for(&order, payment) {
                return read_order(app, &order);
            }
            capture(app, payment, reference).await
        })
    }

    fn refund<'a>(
        &'a self,
        app: &'a App,
        payment: &'a Payment,
        refund: &'a Refund,
    ) -> Answer<'a, RefundReport> {
        Box::pin(async move {
            let capture = payment.provider_payment_id.as_deref().unwrap_or_default();
            if let Some(made) = find_refund(app, payment, refund).await? {
                return Ok(read_refund(&made));
            }
            let path = format!("/v2/payments/captures/{}/refund", escaped(capture));
            let body = json!({
                "amount": {"currency_code": payment.currency, "value": value(refund.amount_minor, &payment.currency)?},
                "custom_id": refund.request_key,
            });
            let call = Call::post(path, Body::Json(&body));
            let made = ask(app, call.header(ONCE, &refund.request_key)).await?;
            Ok(read_refund(&made))
        })
    }

    fn read_webhook<'a>(
        &'a self,
        app: &'a App,
        hook: &'a Hook<'a>,
    ) -> BoxFuture<'a, Result<Notice>> {
        Box::pin(webhook::read(app, hook))
    }
}

fn keys(app: &App) -> Option<(&str, &str)> {
    let set = |setting| app.config.get(setting);
    Some((set(CLIENT_ID)?, set(CLIENT_SECRET)?))
}

async fn ask(app: &App, call: Call<'_>) -> Result<Value, Trouble> {
    let token = token(app).await?;
    // All of what was made, not its name only.
    let call = call
        .header("authorization", format!("Bearer {token}"))
        .header("prefer", "return=representation");
    let answer = client::call(app, NAME, BASE_URL, call).await;
    if matches!(answer, Err(Trouble::Refused { status: 401, .. })) {
        app.payments.tokens.of(NAME).forget().await;
    }
    answer
}

async fn token(app: &App) -> Result<String, Trouble> {
    let (id, secret) = keys(app).ok_or_else(Trouble::no_keys)?;
    let form = [("grant_type".to_owned(), "client_credentials".to_owned())];
    let call = Call::post("/v1/oauth2/token", Body::Form(&form)).basic(id, secret);
    let grant = client::call(app, NAME, BASE_URL, call);
    // They last nine hours; after one, another costs little.
    let lasts = Duration::from_secs(3600);
    let token = app.payments.tokens.of(NAME);
    token.get(app, "access_token", lasts, grant).await
}

async fn find_order(app: &App, reference: &str) -> Result<Value, Trouble> {
    let path = format!("/v2/checkout/orders/{}", escaped(reference));
    called(ask(app, Call::get(path)).await?, reference)
}

async fn find_refund(
    app: &App,
    payment: &Payment,
    refund: &Refund,
) -> Result<Option<Value>, Trouble> {
    let id = refund.provider_refund_id.as_deref().unwrap_or_default();
    let asked = find_refund_called(app, id);
    let listed = async {
        let order = find_order(app, payment.reference.as_deref().unwrap_or_default()).await?;
        match order.pointer("/purchase_units/0/payments/refunds") {
            None => Ok(None),
            list => among(list, "/custom_id", &refund.request_key),
        }
    };
    made_before(app, refund, asked, listed).await
}

async fn find_refund_called(app: &App, id: &str) -> Result<Value, Trouble> {
    let path = format!("/v2/payments/refunds/{}", escaped(id));
    ask(app, Call::get(path)).await
}

async fn capture(app: &App, payment: &Payment, reference: &str) -> Result<Report, Trouble> {
    let path = format!("/v2/checkout/orders/{}/capture", escaped(reference));
    let once = format!("capture-{reference}-{}", payment.id);
    let body = json!({});
    let call = Call::post(path, Body::Json(&body)).header(ONCE, once);
    match ask(app, call).await {
        Ok(order) => read_order(app, &order),
        Err(Trouble::Refused { answer, .. }) if issue(&answer) == Some("INSTRUMENT_DECLINED") => {
            Ok(Report {
                note: "declined".to_owned(),
                ..Report::of(Stands::Failed)
            })
        }
        // Taken by somebody else meanwhile, for one.
        Err(Trouble::Refused { status: 422, .. }) => {
            read_order(app, &find_order(app, reference).await?)
        }
        Err(trouble) => Err(trouble),
    }
}

fn issue(answer: &Value) -> Option<&str> {
    text(answer, "/details/0/issue")
}

/// Is the order of theirs still the one that we made?
fn asks_for(order: &Value, payment: &Payment) -> bool {
    unit_money(order) == Some(Sum::new(payment.amount_minor, &payment.currency))
}

fn unit_money(order: &Value) -> Option<Sum> {
    let amount = order.pointer("/purchase_units/0/amount")?;
    decimal(text(amount, "/value"), text(amount, "/currency_code"))
}

fn read_order(app: &App, order: &Value) -> Result<Report, Trouble> {
    let unit = order.pointer("/purchase_units/0").unwrap_or(&Value::Null);
    let capture = unit.pointer("/payments/captures/0");
    let stands = match (
        text(order, "/status"),
        capture.and_then(|capture| text(capture, "/status")),
    ) {
        (_, Some("COMPLETED" | "REFUNDED" | "PARTIALLY_REFUNDED")) => Stands::Captured,
        (_, Some("DECLINED" | "FAILED")) => Stands::Failed,
        (Some("VOIDED"), _) => Stands::Ended,
        (Some("CREATED" | "SAVED" | "APPROVED" | "PAYER_ACTION_REQUIRED" | "COMPLETED"), _) => {
            Stands::Open
        }
        _ => {
            return Err(Trouble::Broken(
                "an order without a known status".to_owned(),
            ));
        }
    };
    let capture = capture.unwrap_or(&Value::Null);
    let payee = text(unit, "/payee/merchant_id");
    let ours = app.config.get(MERCHANT_ID);
    let foreign = ours.is_some() && payee != ours;
    Ok(Report {
        payment_id: text(capture, "/id").map(str::to_owned),
        money: capture
            .get("amount")
            .and_then(|amount| decimal(text(amount, "/value"), text(amount, "/currency_code"))),
        method: "paypal".to_owned(),
        note: if foreign {
            "another payee has it".to_owned()
        } else {
            String::new()
        },
        foreign,
        names: text(unit, "/custom_id")
            .or_else(|| text(capture, "/custom_id"))
            .map(str::to_owned),
        ..Report::of(stands)
    })
}

fn read_refund(refund: &Value) -> RefundReport {
    let amount = refund.get("amount").unwrap_or(&Value::Null);
    RefundReport {
        status: match text(refund, "/status") {
            Some("COMPLETED") => RefundState::Succeeded,
            Some("FAILED" | "CANCELLED") => RefundState::Failed,
            _ => RefundState::Pending,
        },
        refund_id: text(refund, "/id").map(str::to_owned),
        request_key: text(refund, "/custom_id").map(str::to_owned),
        money: decimal(text(amount, "/value"), text(amount, "/currency_code")),
        note: text(refund, "/status_details/reason")
            .unwrap_or_default()
            .to_owned(),
    }
}

fn approve_url(order: &Value) -> Option<String> {
    let links = order.get("links")?.as_array()?;
    let link = links
        .iter()
        .find(|link| matches!(text(link, "/rel"), Some("payer-action" | "approve")))?;
    text(link, "/href").map(str::to_owned)
}

/// PayPal takes no decimals of these, though the currencies have them.
fn value(minor: i64, currency: &str) -> Result<String, Trouble> {
    let text = as_decimal(minor, currency);
    match (currency, text.strip_suffix(".00")) {
        ("HUF" | "TWD", Some(whole)) => Ok(whole.to_owned()),
        ("HUF" | "TWD", None) => Err(Trouble::Impossible(format!(
            "PayPal takes whole {currency} only."
        ))),
        _ => Ok(text),
    }
}
