//! PayPal's webhooks: `id|time|webhook id|crc32` signed by a certificate that the header names. The webhook id is ours
//! from the settings, never one that was sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{BASE_URL, NAME, WEBHOOK_ID, find_refund_called, read_refund, text};
use crate::app::App;
use crate::error::{Code, Result};
use crate::payments::client::Trouble;
use crate::payments::provider::{About, Dispute, Hook, News, Notice, not_configured};
use crate::payments::providers::certificates::{self, Signed};
use crate::payments::{providers, signature};

/// Whose certificates sign.
const NAMES: &[&str] = &[
    "messageverificationcerts.paypal.com",
    "messageverificationcerts.sandbox.paypal.com",
];

pub(super) async fn read(app: &App, hook: &Hook<'_>) -> Result<Notice> {
    let webhook = super::keys(app).and(app.config.get(WEBHOOK_ID));
    let webhook = webhook.ok_or_else(|| not_configured(NAME))?;
    let base = app.config.get(BASE_URL).unwrap_or_default();
    let header = |name| -> Result<String> { (hook.header)(name)?.ok_or_else(signature::invalid) };
    let (id, time) = (
        header("paypal-transmission-id")?,
        header("paypal-transmission-time")?,
    );
    let (signed, url) = (
        header("paypal-transmission-sig")?,
        header("paypal-cert-url")?,
    );
    if header("paypal-auth-algo")? != "SHA256withRSA" || !is_ours(base, &url) {
        return Err(signature::invalid());
    }
    let message = message(&id, &time, webhook, hook.body);
    let signature = STANDARD.decode(signed).map_err(|_| signature::invalid())?;
    let signed = Signed {
        url: &url,
        names: NAMES,
        message: message.as_bytes(),
        signature: &signature,
        sha1: false,
    };
    certificates::check(app, &signed).await?;
    let event: Value = providers::event(hook.body)?;
    let key =
        text(&event, "/id").ok_or_else(|| Code::MalformedJson.with("The event has no id."))?;
    let kind = text(&event, "/event_type").unwrap_or_default();
    let (about, news) = told(app, kind, event.get("resource").unwrap_or(&Value::Null)).await?;
    Ok(Notice {
        event_key: key.to_owned(),
        kind: kind.to_owned(),
        about,
        news,
    })
}

fn message(id: &str, time: &str, webhook: &str, body: &[u8]) -> String {
    format!("{id}|{time}|{webhook}|{}", crc32fast::hash(body))
}

/// Certificates lie beside the API: exactly there, by https, without anything that a URL can hide. A base of another
/// host than PayPal's (a stand-in) keeps its own.
fn is_ours(base: &str, url: &str) -> bool {
    let origin = match base {
        "https://api-m.paypal.com" | "https://api.paypal.com" => "https://api.paypal.com",
        "https://api-m.sandbox.paypal.com" | "https://api.sandbox.paypal.com" => {
            "https://api.sandbox.paypal.com"
        }
        other => other,
    };
    let name = url
        .strip_prefix(origin)
        .and_then(|path| path.strip_prefix("/v1/notifications/certs/"));
    name.is_some_and(|name| {
        !name.is_empty()
            && name.len() <= 100
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    })
}

/// The signature holds little together, so of an event only the names count, and the rest is asked for.
async fn told(app: &App, kind: &str, resource: &Value) -> Result<(About, News)> {
    let order = text(resource, "/supplementary_data/related_ids/order_id");
    let about = |id: Option<&str>| id.map_or(About::Nothing, |id| About::Reference(id.to_owned()));
    Ok(match kind {
        "CHECKOUT.ORDER.APPROVED" | "CHECKOUT.ORDER.COMPLETED" | "CHECKOUT.ORDER.VOIDED" => {
            (about(text(resource, "/id")), News::Ask)
        }
        "PAYMENT.CAPTURE.COMPLETED" | "PAYMENT.CAPTURE.DENIED" | "PAYMENT.CAPTURE.PENDING" => {
            (about(order), News::Ask)
        }
        "PAYMENT.CAPTURE.REFUNDED"
        | "PAYMENT.CAPTURE.REVERSED"
        | "PAYMENT.REFUND.PENDING"
        | "PAYMENT.REFUND.FAILED" => {
            let Some(id) = text(resource, "/id") else {
                return Ok((About::Nothing, News::Other));
            };
            let refund = find_refund_called(app, id)
                .await
                .map_err(Trouble::come_again)?;
            (capture_of(&refund), News::Refund(read_refund(&refund)))
        }
        "CUSTOMER.DISPUTE.CREATED" => {
            let id = text(resource, "/dispute_id").unwrap_or_default().to_owned();
            let amount = resource.get("dispute_amount").unwrap_or(&Value::Null);
            let money = providers::decimal(text(amount, "/value"), text(amount, "/currency_code"));
            let capture = text(resource, "/disputed_transactions/0/seller_transaction_id");
            let about = capture.map_or(About::Nothing, |id| About::PaymentId(id.to_owned()));
            (
                about,
                News::Dispute {
                    id,
                    money,
                    stands: Dispute::Opened,
                },
            )
        }
        _ => (About::Nothing, News::Other),
    })
}

/// A refund names its capture by the link upwards.
fn capture_of(refund: &Value) -> About {
    let links = refund.get("links").and_then(Value::as_array);
    let up = links.and_then(|links| links.iter().find(|link| text(link, "/rel") == Some("up")));
    let id = up
        .and_then(|link| text(link, "/href"))
        .and_then(|href| href.rsplit('/').next());
    id.filter(|id| !id.is_empty())
        .map_or(About::Nothing, |id| About::PaymentId(id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(
            message("a", "b", "c", br#"{"id":"WH-1"}"#),
            "a|b|c|838965618"
        );
    }

    /// WH-12
    #[test]
    fn certificates_come_from_one_place_only() {
        let live = "https://api-m.paypal.com";
        assert!(is_ours(
            live,
            "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77"
        ));
        assert!(is_ours(
            "https://api-m.sandbox.paypal.com",
            "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1"
        ));
        for url in [
            "http://api.paypal.com/v1/notifications/certs/CERT-1",
            "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
            "https://api.paypal.com.evil/v1/notifications/certs/CERT-1",
            "https://api.paypal.com@evil/v1/notifications/certs/CERT-1",
            "https://evil@api.paypal.com/v1/notifications/certs/CERT-1",
            "https://api.paypal.com:444/v1/notifications/certs/CERT-1",
            "https://api.paypal.com/v1/notifications/certs/CERT-1#x",
            "https://api.paypal.com/v1/notifications/certs/../../x",
            "https://api.paypal.com/v1/notifications/certs/CERT-1?x=1",
            "https://api.paypal.com/v1/notifications/certs/",
            "https://evil/https://api.paypal.com/v1/notifications/certs/CERT-1",
            "file:///v1/notifications/certs/CERT-1",
            "https://127.0.0.1/v1/notifications/certs/CERT-1",
        ] {
            assert!(!is_ours(live, url), "{url}");
        }
    }
}
