//! Stripe: a PaymentIntent that the client's own form confirms, or a hosted Checkout Session. Amounts are Stripe's
//! minor units. Calls are forms with `Idempotency-Key`; webhooks are signed with their time.

pub(crate) mod webhook;

use futures_util::future::BoxFuture;
use hyper::Method;
use serde_json::Value;

use super::{LISTED, among, found, is_old, set, text, told};
use crate::app::App;
use crate::error::Result;
use crate::payments::client::{Body, Call, Trouble, call, escaped};
use crate::payments::payment::{
    Payment, Provider, Refund, RefundReport, RefundState, Report, Stands, Sum,
};
use crate::payments::provider::{
    Answer, Ask, ClientNeeds, Created, Hook, NewPayment, Notice, PaymentProvider, Proof,
};

pub(crate) struct Stripe;

impl PaymentProvider for Stripe {
    fn is_configured(&self, app: &App) -> bool {
        secret(app).is_some()
    }

    fn create<'a>(&'a self, app: &'a App, new: &'a NewPayment<'a>) -> Answer<'a, Created> {
        Box::pin(async move {
            let once = format!("{}-create", new.key);
            let hosted = new.payment.flow == "checkout";
            let (path, form) = if hosted {
                ("/v1/checkout/sessions", session(app, new))
            } else {
                ("/v1/payment_intents", intent(new))
            };
            let made = ask(app, Method::POST, path, &form, Some(&once)).await?;
            let reference =
                text(&made, "/id").ok_or_else(|| Trouble::Broken("it made nothing".to_owned()))?;
            Ok(Created {
                reference: reference.to_owned(),
                url: text(&made, "/url").map(str::to_owned).filter(|_| hosted),
                needs: if hosted {
                    ClientNeeds::default()
                } else {
                    needs(app, &made)
                },
            })
        })
    }

    fn client<'a>(&'a self, app: &'a App, payment: &'a Payment) -> Answer<'a, ClientNeeds> {
        Box::pin(async move {
            if payment.flow == "checkout" {
                return Ok(ClientNeeds::default());
            }
            Ok(needs(
                app,
                &find_intent(app, payment.reference.as_deref().unwrap_or_default()).await?,
            ))
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
            let mut id = reference.to_owned();
            if payment.flow == "checkout" {
                let path = format!("/v1/checkout/sessions/{}", escaped(reference));
                let session = ask(app, Method::GET, &path, &[], None).await?;
                match (text(&session, "/status"), text(&session, "/payment_intent")) {
                    (Some("complete"), Some(intent)) => id = intent.to_owned(),
                    (Some("expired"), _) => return Ok(Report::of(Stands::Ended)),
                    _ => return Ok(Report::of(Stands::Open)),
                }
            }
            let report = read_intent(app, &find_intent(app, &id).await?)?;
            if report.stands == Stands::Authorized
                && how == Ask::Settle
                && report.mismatch(payment).is_none()
            {
                let form = [(
                    "amount_to_capture".to_owned(),
                    stripe_minor(payment.amount_minor, &payment.currency).to_string(),
                )];
                let (path, once) = (
                    format!("/v1/payment_intents/{}/capture", escaped(&id)),
                    format!("{}-capture", payment.id),
                );
                return read_intent(
                    app,
                    &ask(app, Method::POST, &path, &form, Some(&once)).await?,
                );
            }
            Ok(report)
        })
    }

    fn refund<'a>(
        &'a self,
        app: &'a App,
        payment: &'a Payment,
        refund: &'a Refund,
    ) -> Answer<'a, RefundReport> {
        Box::pin(async move {
            if let Some(made) = find_refund(app, payment, refund).await? {
                return Ok(read_refund(&made));
            }
            let form = [
                (
                    "payment_intent".to_owned(),
                    payment.provider_payment_id.clone().unwrap_or_default(),
                ),
                (
                    "amount".to_owned(),
                    stripe_minor(refund.amount_minor, &payment.currency).to_string(),
                ),
                ("metadata[refund]".to_owned(), refund.request_key.clone()),
            ];
            let made = ask(
                app,
                Method::POST,
                "/v1/refunds",
                &form,
                Some(&refund.request_key),
            )
            .await?;
            Ok(read_refund(&made))
        })
    }

    fn read_webhook<'a>(
        &'a self,
        app: &'a App,
        hook: &'a Hook<'a>,
    ) -> BoxFuture<'a, Result<Notice>> {
        Box::pin(async move { webhook::read(app, hook) })
    }
}

fn secret(app: &App) -> Option<&str> {
    set(app.config.stripe.secret_key.as_ref())
}

/// Whether our key is one for real money.
fn is_live(app: &App) -> bool {
    secret(app)
        .is_some_and(|secret| secret.starts_with("sk_live_") || secret.starts_with("rk_live_"))
}

async fn ask(
    app: &App,
    method: Method,
    path: &str,
    form: &[(String, String)],
    once: Option<&str>,
) -> Result<Value, Trouble> {
    let secret = secret(app).ok_or_else(|| Trouble::NotSent("no key is set".to_owned()))?;
    let mut headers = vec![("authorization", format!("Bearer {secret}"))];
    headers.extend(once.map(|key| ("idempotency-key", key.to_owned())));
    let url = format!("{}{path}", app.config.stripe.base_url);
    let body = if method == Method::GET {
        Body::None
    } else {
        Body::Form(form)
    };
    call(
        app,
        Call {
            provider: Provider::Stripe,
            method,
            url,
            headers,
            body,
        },
    )
    .await
}

async fn find_intent(app: &App, id: &str) -> Result<Value, Trouble> {
    let intent = ask(
        app,
        Method::GET,
        &format!("/v1/payment_intents/{}", escaped(id)),
        &[],
        None,
    )
    .await?;
    match text(&intent, "/id") == Some(id) {
        true => Ok(intent),
        false => Err(Trouble::Broken("it told of another payment".to_owned())),
    }
}

/// One that was made before, where that is known or may be.
async fn find_refund(
    app: &App,
    payment: &Payment,
    refund: &Refund,
) -> Result<Option<Value>, Trouble> {
    if let Some(id) = &refund.provider_refund_id {
        let path = format!("/v1/refunds/{}", escaped(id));
        return found(ask(app, Method::GET, &path, &[], None).await, id).map(Some);
    }
    if !is_old(app, refund) {
        return Ok(None);
    }
    let intent = payment.provider_payment_id.as_deref().unwrap_or_default();
    let path = format!(
        "/v1/refunds?payment_intent={}&limit={LISTED}",
        escaped(intent)
    );
    let list = told(ask(app, Method::GET, &path, &[], None).await)?;
    among(list.get("data"), "/metadata/refund", &refund.request_key)
}

fn intent(new: &NewPayment<'_>) -> Vec<(String, String)> {
    let amount = stripe_minor(new.payment.amount_minor, &new.payment.currency).to_string();
    let fields = [
        ("amount", amount),
        ("currency", new.payment.currency.to_lowercase()),
        ("automatic_payment_methods[enabled]", "true".to_owned()),
        ("metadata[order_number]", new.order_number.to_owned()),
        ("metadata[payment]", new.payment.id.to_string()),
    ];
    fields.map(|(name, value)| (name.to_owned(), value)).into()
}

fn session(app: &App, new: &NewPayment<'_>) -> Vec<(String, String)> {
    let amount = stripe_minor(new.payment.amount_minor, &new.payment.currency).to_string();
    let back = super::return_url(app, new.order_number);
    let mut fields = vec![
        ("mode", "payment".to_owned()),
        ("client_reference_id", new.payment.id.to_string()),
        ("success_url", back.clone()),
        ("cancel_url", back),
        ("line_items[0][quantity]", "1".to_owned()),
        (
            "line_items[0][price_data][currency]",
            new.payment.currency.to_lowercase(),
        ),
        ("line_items[0][price_data][unit_amount]", amount),
        (
            "line_items[0][price_data][product_data][name]",
            format!("Order {}", new.order_number),
        ),
        (
            "payment_intent_data[metadata][order_number]",
            new.order_number.to_owned(),
        ),
        (
            "payment_intent_data[metadata][payment]",
            new.payment.id.to_string(),
        ),
        ("payment_intent_data[metadata][flow]", "checkout".to_owned()),
    ];
    if !new.email.is_empty() {
        fields.push(("customer_email", new.email.to_owned()));
    }
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn needs(app: &App, intent: &Value) -> ClientNeeds {
    ClientNeeds {
        client_secret: text(intent, "/client_secret").map(str::to_owned),
        publishable_key: app.config.stripe.publishable_key.clone(),
    }
}

fn read_intent(app: &App, intent: &Value) -> Result<Report, Trouble> {
    let failed = intent
        .pointer("/last_payment_error")
        .is_some_and(Value::is_object);
    let (stands, amount) = match text(intent, "/status") {
        Some("succeeded") => (Stands::Captured, "amount_received"),
        Some("requires_capture") => (Stands::Authorized, "amount_capturable"),
        Some("requires_payment_method") if failed => (Stands::Failed, "amount"),
        Some(
            "requires_payment_method" | "requires_confirmation" | "requires_action" | "processing",
        ) => (Stands::Open, "amount"),
        Some("canceled") => (Stands::Ended, "amount"),
        _ => {
            return Err(Trouble::Broken(
                "a payment without a known status".to_owned(),
            ));
        }
    };
    let foreign = intent.get("livemode").and_then(Value::as_bool) != Some(is_live(app));
    let declined = text(intent, "/last_payment_error/code").unwrap_or_default();
    Ok(Report {
        payment_id: text(intent, "/id").map(str::to_owned),
        money: sum(intent, amount),
        method: text(intent, "/payment_method_types/0")
            .unwrap_or_default()
            .to_owned(),
        note: if foreign {
            "it is money of the other mode"
        } else {
            declined
        }
        .to_owned(),
        foreign,
        // Our own name of the attempt, to be compared.
        names: text(intent, "/metadata/payment").map(str::to_owned),
        ..Report::of(stands)
    })
}

fn read_refund(refund: &Value) -> RefundReport {
    RefundReport {
        status: match text(refund, "/status") {
            Some("succeeded") => RefundState::Succeeded,
            Some("failed" | "canceled") => RefundState::Failed,
            _ => RefundState::Pending,
        },
        refund_id: text(refund, "/id").map(str::to_owned),
        request_key: text(refund, "/metadata/refund").map(str::to_owned),
        money: sum(refund, "amount"),
        note: text(refund, "/failure_reason")
            .unwrap_or_default()
            .to_owned(),
    }
}

/// Stripe counts these two in hundredths, though nobody else does.
fn scale(currency: &str) -> i64 {
    if matches!(currency.to_ascii_uppercase().as_str(), "ISK" | "UGX") {
        100
    } else {
        1
    }
}

fn stripe_minor(minor: i64, currency: &str) -> i64 {
    minor.saturating_mul(scale(currency))
}

fn sum(object: &Value, amount: &str) -> Option<Sum> {
    let currency = object.get("currency")?.as_str()?;
    let told = object.get(amount)?.as_i64()?;
    // A fraction of what we can count is no amount that we asked for.
    (told % scale(currency) == 0).then(|| Sum::new(told / scale(currency), currency))
}
