//! Razorpay's webhooks: the raw body signed with a secret of their own, which may be in the middle of a change.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::read::{never_captured, read_payment, refund_of, sum};
use super::{NAME, WEBHOOK_SECRET, WEBHOOK_SECRET_PREVIOUS, text};
use crate::app::App;
use crate::error::Result;
use crate::payments::provider::{About, Dispute, Hook, News, Notice, not_configured};
use crate::payments::providers;
use crate::payments::signature::{self, to_hex};

pub(super) fn read(app: &App, hook: &Hook<'_>) -> Result<Notice> {
    let set = |setting| app.config.get(setting);
    let secret = set(WEBHOOK_SECRET).ok_or_else(|| not_configured(NAME))?;
    let previous = set(WEBHOOK_SECRET_PREVIOUS).unwrap_or_default();
    let signed = (hook.header)("x-razorpay-signature")?.unwrap_or_default();
    if !signature::is_signed(&[secret, previous], &[hook.body], &signed) {
        return Err(signature::invalid());
    }
    let event: Value = providers::event(hook.body)?;
    let id = (hook.header)("x-razorpay-event-id")?.filter(|id| !id.is_empty() && id.len() <= 200);
    Ok(read_event(
        &event,
        id.unwrap_or_else(|| to_hex(&Sha256::digest(hook.body))),
    ))
}

fn read_event(event: &Value, event_key: String) -> Notice {
    let kind = text(event, "/event").unwrap_or_default().to_owned();
    let entity = |name: &str| {
        event
            .pointer(&format!("/payload/{name}/entity"))
            .filter(|entity| entity.is_object())
    };
    let by_payment = |of: &Value| match text(of, "/payment_id").or_else(|| text(of, "/id")) {
        Some(id) => About::PaymentId(id.to_owned()),
        None => About::Nothing,
    };
    let (about, news) = match (
        kind.as_str(),
        entity("payment"),
        entity("refund"),
        entity("dispute"),
    ) {
        (
            "payment.authorized" | "payment.captured" | "payment.failed" | "order.paid",
            Some(payment),
            ..,
        ) => {
            let order = text(payment, "/order_id").unwrap_or_default();
            let news = match (kind.as_str(), read_payment(payment, order)) {
                // Authorized money is to be captured, which the provider is asked for.
                ("payment.authorized", _) | (_, Err(_)) => News::Ask,
                (_, Ok(report)) if report.payment_id.is_none() => News::Other,
                (_, Ok(report)) => News::Payment(report),
            };
            (About::Reference(order.to_owned()), news)
        }
        ("refund.processed" | "refund.failed" | "refund.created", payment, Some(refund), _) => {
            // What was never taken is let go, which is no refund of ours.
            let news = match payment.is_some_and(never_captured) {
                true => News::Other,
                false => News::Refund(refund_of(refund)),
            };
            (by_payment(refund), news)
        }
        (kind, _, _, Some(dispute)) if kind.starts_with("payment.dispute.") => {
            let stands = match kind {
                "payment.dispute.won" => Dispute::Won,
                "payment.dispute.lost" => Dispute::Lost,
                _ => Dispute::Opened,
            };
            let id = text(dispute, "/id").unwrap_or_default().to_owned();
            (
                by_payment(dispute),
                News::Dispute {
                    id,
                    money: sum(dispute),
                    stands,
                },
            )
        }
        _ => (About::Nothing, News::Other),
    };
    Notice {
        event_key,
        kind,
        about,
        news,
    }
}
