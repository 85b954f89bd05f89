//! Stripe: a PaymentIntent that the client's own form confirms, or a hosted Checkout Session. Amounts are Stripe's
//! minor units. Calls are forms with `Idempotency-Key`; webhooks are signed with their time.

use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper::Method;
use serde_json::Value;

use super::text;
use crate::app::App;
use crate::clock::Time;
use crate::error::{Code, Result};
use crate::payments::client::{Body, Call, Trouble, call, escaped};
use crate::payments::payment::{
    Payment, Provider, Refund, RefundReport, RefundState, Report, Stands, Sum,
};
use crate::payments::provider::{
    About, Answer, Ask, ClientNeeds, Created, Dispute, Hook, NewPayment, News, Notice,
    PaymentProvider, Proof, not_configured,
};
use crate::payments::signature;

pub(crate) struct Stripe;

/// How far the time of a webhook may be from ours, either way.
const TOLERANCE: Duration = Duration::from_secs(300);

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

    fn check_proof(&self, _: &App, payment: &Payment, proof: &Proof) -> Result<()> {
        super::same_id(payment, proof)
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
        Box::pin(async move {
            let secret = app
                .config
                .stripe
                .webhook_secret
                .as_ref()
                .filter(|secret| !secret.is_empty());
            let secret = secret
                .ok_or_else(|| not_configured(Provider::Stripe))?
                .expose();
            let header = (hook.header)("stripe-signature")?.unwrap_or_default();
            check_signature(secret, &header, hook.body, app.clock.now())?;
            let event: Value = serde_json::from_slice(hook.body).map_err(|error| {
                Code::MalformedJson
                    .with("The event is no JSON.")
                    .because(error)
            })?;
            read_event(app, &event)
        })
    }
}

fn secret(app: &App) -> Option<&str> {
    app.config
        .stripe
        .secret_key
        .as_ref()
        .map(|secret| secret.expose())
        .filter(|secret| !secret.is_empty())
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

fn read_event(app: &App, event: &Value) -> Result<Notice> {
    let (Some(id), Some(kind), Some(object)) = (
        text(event, "/id"),
        text(event, "/type"),
        event.pointer("/data/object"),
    ) else {
        return Err(Code::MalformedJson.with("The event has no id, type or object."));
    };
    let reference =
        || text(object, "/id").map_or(About::Nothing, |id| About::Reference(id.to_owned()));
    let by_intent = || {
        text(object, "/payment_intent").map_or(About::Nothing, |id| About::PaymentId(id.to_owned()))
    };
    // An event of somebody else's account, or of the other mode, is none of ours.
    let ours = event.get("account").is_none_or(Value::is_null)
        && event
            .get("livemode")
            .and_then(Value::as_bool)
            .is_none_or(|live| live == is_live(app));
    let (about, news) = match kind {
        _ if !ours => (About::Nothing, News::Other),
        kind if kind.starts_with("payment_intent.")
            && text(object, "/metadata/flow") == Some("checkout") =>
        {
            // Its session has an event of its own.
            (About::Nothing, News::Other)
        }
        "payment_intent.succeeded"
        | "payment_intent.payment_failed"
        | "payment_intent.canceled" => (
            reference(),
            read_intent(app, object).map_or(News::Ask, News::Payment),
        ),
        "payment_intent.amount_capturable_updated" => (reference(), News::Ask),
        "checkout.session.completed"
        | "checkout.session.async_payment_succeeded"
        | "checkout.session.async_payment_failed"
        | "checkout.session.expired" => (reference(), News::Ask),
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            (by_intent(), News::Refund(read_refund(object)))
        }
        kind if kind.starts_with("charge.dispute.") => {
            let stands = match text(object, "/status") {
                Some("won" | "warning_closed" | "prevented") => Dispute::Won,
                Some("lost") => Dispute::Lost,
                _ => Dispute::Opened,
            };
            let id = text(object, "/id").unwrap_or_default().to_owned();
            (
                by_intent(),
                News::Dispute {
                    id,
                    money: sum(object, "amount"),
                    stands,
                },
            )
        }
        _ => (About::Nothing, News::Other),
    };
    Ok(Notice {
        event_key: id.to_owned(),
        kind: kind.to_owned(),
        about,
        news,
    })
}

/// `t=<unix>,v1=<hex>[,v1=<hex>][,v0=…]`: exactly one time, any of the `v1`; the secret counts as it is written.
pub(crate) fn check_signature(secret: &str, header: &str, body: &[u8], now: Time) -> Result<()> {
    let pairs: Vec<_> = header
        .split(',')
        .filter_map(|pair| pair.split_once('='))
        .collect();
    let mut times = pairs
        .iter()
        .filter(|(name, _)| *name == "t")
        .map(|(_, value)| *value);
    let (Some(time), None) = (times.next(), times.next()) else {
        return Err(signature::invalid());
    };
    let message: &[&[u8]] = &[time.as_bytes(), b".", body];
    let fits = |(name, signed): &(&str, &str)| {
        *name == "v1" && signature::is_signed(&[secret], message, signed)
    };
    if !pairs.iter().take(20).any(fits) {
        return Err(signature::invalid());
    }
    let seconds: i64 = time.parse().map_err(|_| signature::invalid())?;
    if now.seconds().abs_diff(seconds) > TOLERANCE.as_secs() {
        return Err(Code::TimestampOutOfTolerance
            .with("The event was signed more than five minutes ago or ahead."));
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: &str = "c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925";
    const AT: Time = Time(1_700_000_000_000_000);

    fn code(header: &str, now: Time) -> Option<Code> {
        check_signature("whsec_test", header, br#"{"id":"evt_1"}"#, now)
            .err()
            .map(|error| error.code())
    }

    /// `.ci/run` lets stripe's own library sign.
    #[test]
    fn what_is_signed_by_the_library_fits() {
        for line in signature::library_signatures("stripe") {
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            let (secret, body, header) = (text("secret"), text("body"), text("signed"));
            assert!(check_signature(&secret, &header, body.as_bytes(), AT).is_ok());
            let other = format!("{body} ");
            assert!(check_signature(&secret, &header, other.as_bytes(), AT).is_err());
        }
    }

    #[test]
    fn a_published_signature_fits() {
        assert_eq!(code(&format!("t=1700000000,v1={SIGNED}"), AT), None);
        assert_eq!(
            code(&format!("t=1700000000,v1=00,v0=x,v1={SIGNED}"), AT),
            None
        );
    }

    /// WH-09
    #[test]
    fn what_is_old_or_ahead_is_refused() {
        let header = format!("t=1700000000,v1={SIGNED}");
        for (seconds, refused) in [(300, false), (301, true), (-300, false), (-301, true)] {
            let now = Time(AT.0 + seconds * 1_000_000);
            assert_eq!(
                code(&header, now),
                refused.then_some(Code::TimestampOutOfTolerance),
                "{seconds}"
            );
        }
    }

    #[test]
    fn what_is_not_signed_so_is_refused() {
        let flipped = SIGNED.replacen('c', "d", 1);
        for header in [
            String::new(),
            "t=1700000000".into(),
            format!("v1={SIGNED}"),
            format!("t=1700000000,v0={SIGNED}"),
            format!("t=1700000000,v1={flipped}"),
            format!("t=1700000000,t=1700000000,v1={SIGNED}"),
            format!("t=1700000001,v1={SIGNED}"),
        ] {
            assert_eq!(code(&header, AT), Some(Code::InvalidSignature), "{header}");
        }
    }
}
