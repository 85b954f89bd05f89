//! A letter, and the message that is made of it.

use std::time::{Duration, SystemTime};

use lettre::Message;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Mailer, Template};
use crate::clock::Time;

/// To whom, by which template, with which values. Has no `Debug`: values may hold links that open something.
#[derive(Clone, Serialize, Deserialize)]
pub struct Letter {
    /// The same however often it is sent, so that a second copy can be told as one.
    id: String,
    to: String,
    template: Template,
    values: Value,
}

impl Letter {
    /// `values`: an object, whose members the template shows. `to`: an address of an account.
    pub fn new(to: &str, template: Template, values: Value) -> Self {
        let mut chance = [0u8; 16];
        // Without chance ids repeat, and a copy may be taken for another.
        let _ = getrandom::fill(&mut chance);
        let id = chance.iter().map(|byte| format!("{byte:02x}")).collect();
        Letter {
            id,
            to: to.to_owned(),
            template,
            values,
        }
    }

    /// # Errors
    /// The address is none, or a template of the shop's own cannot be filled in. No further try would mend it.
    pub(super) fn message(&self, mailer: &Mailer, now: Time) -> anyhow::Result<Message> {
        let hopeless = |why: String| jobs::Hopeless(format!("{}: {why}", self.template.name()));
        let filled = mailer.templates.fill(self.template, &self.values);
        let filled = filled.map_err(|error| hopeless(error.to_string()))?;
        let to = self.to.parse().map_err(|_| hopeless("no address".into()))?;
        let sent = SystemTime::UNIX_EPOCH + Duration::from_micros(now.0.unsigned_abs());
        Message::builder()
            .from(mailer.from.clone())
            .to(Mailbox::new(None, to))
            .subject(filled.subject)
            .date(sent)
            .message_id(Some(format!("<{}@{}>", self.id, mailer.host)))
            .raw_header(automatic())
            .multipart(
                MultiPart::alternative()
                    .singlepart(part(ContentType::TEXT_PLAIN, filled.text))
                    .singlepart(part(ContentType::TEXT_HTML, filled.html)),
            )
            .map_err(|error| hopeless(error.to_string()).into())
    }
}

/// As it is where that may be (RFC 5322, 2.1.1): links are longer than what other encodings leave in one piece.
fn part(kind: ContentType, body: String) -> SinglePart {
    let body = body.replace("\r\n", "\n").replace('\r', "\n");
    let plain = body.is_ascii() && !body.contains('\0');
    let body = match plain && body.lines().all(|line| line.len() <= 998) {
        true => {
            let lines: String = body.lines().flat_map(|line| [line, "\r\n"]).collect();
            Body::dangerous_pre_encoded(lines.into_bytes(), ContentTransferEncoding::SevenBit)
        }
        false => Body::new(body),
    };
    SinglePart::builder().header(kind).body(body)
}

/// RFC 3834: nobody's holiday answers this.
fn automatic() -> HeaderValue {
    let name = HeaderName::new_from_ascii_str("Auto-Submitted");
    HeaderValue::new(name, "auto-generated".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(body: &str) -> String {
        let part = part(ContentType::TEXT_PLAIN, body.to_owned());
        String::from_utf8(part.formatted()).unwrap()
    }

    #[test]
    fn a_link_stays_in_one_piece() {
        let link = format!("https://shop.test/{}", "a".repeat(200));
        let text = formatted(&format!("Go:\n{link}\r\nlone\rreturn"));
        assert!(text.contains("7bit") && text.contains(&format!("Go:\r\n{link}\r\n")));
        for other in [format!("{link} é"), "x".repeat(999)] {
            assert!(!formatted(&other).contains("7bit"), "{other}");
        }
    }
}
