//! Stripe's webhooks: time and raw body signed together, any of several secrets' signatures, five minutes either way.

use std::time::Duration;

use serde_json::Value;

use super::{NAME, WEBHOOK_SECRET, is_live, read_intent, read_refund, sum, text};
use crate::app::App;
use crate::clock::Time;
use crate::error::{Code, Result};
use crate::payments::provider::{About, Dispute, Hook, News, Notice, not_configured};
use crate::payments::{providers, signature};

/// How far the time of a webhook may be from ours, either way.
const TOLERANCE: Duration = Duration::from_secs(300);

pub(super) fn read(app: &App, hook: &Hook<'_>) -> Result<Notice> {
    let secret = app.config.get(WEBHOOK_SECRET);
    let secret = secret.ok_or_else(|| not_configured(NAME))?;
    let header = (hook.header)("stripe-signature")?.unwrap_or_default();
    check_signature(secret, &header, hook.body, app.clock.now())?;
    read_event(app, &providers::event(hook.body)?)
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
