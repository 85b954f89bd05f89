//! Stripe: a PaymentIntent that the client's own form confirms, or a hosted Checkout Session. Amounts are Stripe's
//! minor units. Calls are forms with `Idempotency-Key`; webhooks are signed with their time.

pub(crate) mod webhook;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{LISTED, among, called, made_before, text};
use crate::app::App;
use crate::config::Setting;
use crate::error::Result;
use crate::payments::client::{self, Body, Call, Trouble, escaped};
use crate::payments::payment::{
    Payment, Provider, Refund, RefundReport, RefundState, Report, Stands, Sum,
};
use crate::payments::provider::{
    Answer, Ask, Created, Hook, Member, Needs, NewPayment, Notice, PaymentProvider, Proof,
    REDIRECT_URL,
};

pub(crate) struct Stripe;

pub(crate) const PROVIDER: Stripe = Stripe;
const NAME: Provider = Provider::named("stripe");

const PUBLISHABLE_KEY: Setting = Setting::text("STRIPE_PUBLISHABLE_KEY");
const SECRET_KEY: Setting = Setting::secret("STRIPE_SECRET_KEY");
const WEBHOOK_SECRET: Setting = Setting::secret("STRIPE_WEBHOOK_SECRET");
const BASE_URL: Setting = Setting::origin("STRIPE_BASE_URL", "https://api.stripe.com");

/// Under it Stripe does a thing once.
const ONCE: &str = "idempotency-key";

impl PaymentProvider for Stripe {
    fn name(&self) -> Provider {
        NAME
    }

    fn settings(&self) -> &'static [Setting] {
        &[PUBLISHABLE_KEY, SECRET_KEY, WEBHOOK_SECRET, BASE_URL]
    }

    fn gives(&self) -> &'static [Member] {
        &[
            Member {
                name: "client_secret",
                doc: "Stripe: for its form in the client.",
            },
            Member {
                name: "publishable_key",
                doc: "",
            },
            REDIRECT_URL,
        ]
    }

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
            let call = Call::post(path, Body::Form(&form)).header(ONCE, once);
            let made = ask(app, call).await?;
            let reference =
                text(&made, "/id").ok_or_else(|| Trouble::Broken("it made nothing".to_owned()))?;
            Ok(Created {
                reference: reference.to_owned(),
                url: text(&made, "/url").map(str::to_owned).filter(|_| hosted),
                needs: if hosted {
                    Needs::new()
                } else {
                    needs(app, &made)
                },
            })
        })
    }

    fn client<'a>(&'a self, app: &'a App, payment: &'a Payment) -> Answer<'a, Needs> {
        Box::pin(async move {
            if payment.flow == "checkout" {
                return Ok(Needs::new());
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
                let session = ask(app, Call::get(path)).await?;
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
                let call = Call::post(path, Body::Form(&form)).header(ONCE, once);
                return read_intent(app, &ask(app, call).await?);
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
            let call = Call::post("/v1/refunds", Body::Form(&form));
            let made = ask(app, call.header(ONCE, &refund.request_key)).await?;
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
    app.config.get(SECRET_KEY)
}

/// Whether our key is one for real money.
fn is_live(app: &App) -> bool {
    secret(app)
        .is_some_and(|secret| secret.starts_with("sk_live_") || secret.starts_with("rk_live_"))
}

async fn ask(app: &App, call: Call<'_>) -> Result<Value, Trouble> {
    let secret = secret(app).ok_or_else(Trouble::no_keys)?;
    let call = call.header("authorization", format!("Bearer {secret}"));
    client::call(app, NAME, BASE_URL, call).await
}

async fn find_intent(app: &App, id: &str) -> Result<Value, Trouble> {
    let path = format!("/v1/payment_intents/{}", escaped(id));
    called(ask(app, Call::get(path)).await?, id)
}

async fn find_refund(
    app: &App,
    payment: &Payment,
    refund: &Refund,
) -> Result<Option<Value>, Trouble> {
    let id = refund.provider_refund_id.as_deref().unwrap_or_default();
    let asked = ask(app, Call::get(format!("/v1/refunds/{}", escaped(id))));
    let listed = async {
        let intent = escaped(payment.provider_payment_id.as_deref().unwrap_or_default());
        let path = format!("/v1/refunds?payment_intent={intent}&limit={LISTED}");
        let list = ask(app, Call::get(path)).await?;
        among(list.get("data"), "/metadata/refund", &refund.request_key)
    };
    made_before(app, refund, asked, listed).await
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

fn needs(app: &App, intent: &Value) -> Needs {
    let secret = text(intent, "/client_secret").map(str::to_owned);
    let key = app.config.get(PUBLISHABLE_KEY).map(str::to_owned);
    vec![("client_secret", secret), ("publishable_key", key)]
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
