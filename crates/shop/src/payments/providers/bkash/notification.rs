//! bKash's notifications come by Amazon SNS: who signed and which topic sent is checked, then bKash itself is asked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{BASE_URL, NAME, SHORT_CODE, SNS_TOPIC_ARN, text};
use crate::app::App;
use crate::error::Result;
use crate::payments::client::{self, Trouble};
use crate::payments::provider::{About, Hook, News, Notice, not_configured};
use crate::payments::providers::certificates::{self, Signed};
use crate::payments::{providers, signature};

pub(super) async fn read(app: &App, hook: &Hook<'_>) -> Result<Notice> {
    let topic = super::keys(app).and(app.config.get(SNS_TOPIC_ARN));
    let topic = topic.ok_or_else(|| not_configured(NAME))?;
    let envelope: Value = providers::event(hook.body)?;
    let kind = text(&envelope, "/Type").unwrap_or_default();
    let header = (hook.header)("x-amz-sns-message-type")?;
    if header.is_some_and(|header| header != kind) || text(&envelope, "/TopicArn") != Some(topic) {
        return Err(signature::invalid());
    }
    check_signature(app, &envelope, kind).await?;
    let key = text(&envelope, "/MessageId")
        .ok_or_else(signature::invalid)?
        .to_owned();
    let other = |kind: &str| Notice {
        event_key: key.clone(),
        kind: kind.to_owned(),
        about: About::Nothing,
        news: News::Other,
    };
    match kind {
        "Notification" => {
            let message = text(&envelope, "/Message").unwrap_or_default();
            let told: Value = providers::event(message.as_bytes())?;
            Ok(notice(app, &told, key.clone()).unwrap_or_else(|| other(kind)))
        }
        "SubscriptionConfirmation" => {
            confirm(app, text(&envelope, "/SubscribeURL").unwrap_or_default()).await?;
            Ok(other(kind))
        }
        _ => Ok(other(kind)),
    }
}

/// What is told is not believed but asked for: by our own name of the attempt.
fn notice(app: &App, told: &Value, event_key: String) -> Option<Notice> {
    let ours = app.config.get(SHORT_CODE);
    if ours.is_some() && text(told, "/creditShortCode") != ours
        || text(told, "/transactionStatus") != Some("Completed")
    {
        return None;
    }
    let invoice =
        text(told, "/merchantInvoiceNumber").or_else(|| text(told, "/transactionReference"))?;
    let id = invoice.rsplit('-').next()?.parse().ok()?;
    Some(Notice {
        event_key,
        kind: "Completed".to_owned(),
        about: About::Attempt(id),
        news: News::Ask,
    })
}

async fn check_signature(app: &App, envelope: &Value, kind: &str) -> Result<()> {
    let url = text(envelope, "/SigningCertURL").unwrap_or_default();
    let path_fits = url.ends_with(".pem") && !url.contains(['?', '#']);
    let host = host(base(app), url)
        .filter(|_| path_fits)
        .ok_or_else(signature::invalid)?;
    let sha1 = match text(envelope, "/SignatureVersion") {
        Some("1") => true,
        Some("2") => false,
        _ => return Err(signature::invalid()),
    };
    let sent = STANDARD
        .decode(text(envelope, "/Signature").unwrap_or_default())
        .map_err(|_| signature::invalid())?;
    let message = message(envelope, kind).ok_or_else(signature::invalid)?;
    let signed = Signed {
        url,
        names: &[host],
        message: message.as_bytes(),
        signature: &sent,
        sha1,
    };
    certificates::check(app, &signed).await
}

/// `Key\nValue\n` for each of the members that Amazon signs, in its order.
fn message(envelope: &Value, kind: &str) -> Option<String> {
    let keys: &[&str] = match kind {
        "Notification" => &[
            "Message",
            "MessageId",
            "Subject",
            "Timestamp",
            "TopicArn",
            "Type",
        ],
        "SubscriptionConfirmation" | "UnsubscribeConfirmation" => &[
            "Message",
            "MessageId",
            "SubscribeURL",
            "Timestamp",
            "Token",
            "TopicArn",
            "Type",
        ],
        _ => return None,
    };
    let mut message = String::new();
    for key in keys {
        match envelope.get(key).and_then(Value::as_str) {
            Some(value) => message.push_str(&format!("{key}\n{value}\n")),
            None if *key == "Subject" => {}
            None => return None,
        }
    }
    Some(message)
}

fn base(app: &App) -> &str {
    app.config.get(BASE_URL).unwrap_or_default()
}

async fn confirm(app: &App, url: &str) -> Result<()> {
    host(base(app), url).ok_or_else(signature::invalid)?;
    client::fetch(app, url)
        .await
        .map(drop)
        .map_err(Trouble::come_again)
}

/// Amazon's host in an address, by https and without anything that a URL can hide. A base of another host than bKash's
/// (a stand-in) may stand in for Amazon too.
fn host<'u>(base: &'u str, url: &'u str) -> Option<&'u str> {
    let is_real = base.ends_with(".bka.sh");
    if !is_real
        && url
            .strip_prefix(base)
            .is_some_and(|path| path.starts_with('/'))
    {
        return Some("sns.us-east-1.amazonaws.com");
    }
    let host = url.strip_prefix("https://")?.split('/').next()?;
    let region = host.strip_prefix("sns.")?;
    let region = region
        .strip_suffix(".amazonaws.com")
        .or_else(|| region.strip_suffix(".amazonaws.com.cn"))?;
    let fits = region.len() >= 3
        && region
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (fits && url.len() > "https://".len() + host.len()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WH-16
    #[test]
    fn certificates_come_from_amazon_only() {
        let base = "https://tokenized.pay.bka.sh";
        for url in [
            "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
            "https://sns.cn-north-1.amazonaws.com.cn/x.pem",
        ] {
            assert!(host(base, url).is_some(), "{url}");
        }
        for url in [
            "http://sns.us-east-1.amazonaws.com/x.pem",
            "https://sns.us-east-1.amazonaws.com.evil/x.pem",
            "https://sns.us-east-1.amazonaws.com@evil/x.pem",
            "https://evil@sns.us-east-1.amazonaws.com/x.pem",
            "https://sns.us-east-1.amazonaws.com:444/x.pem",
            "https://sns.evil.com/sns.us-east-1.amazonaws.com/x.pem",
            "https://bucket.s3.amazonaws.com/x.pem",
            "https://sns.us_east.amazonaws.com/x.pem",
            "https://sns.a.b.amazonaws.com/x.pem",
            "https://sns.us-east-1.amazonaws.com",
            "file:///x.pem",
            "",
        ] {
            assert!(host(base, url).is_none(), "{url}");
        }
    }
}
