//! `If-Match`: write only what is still as the client saw it (RFC 9110, 13.1.1).

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use serde::Serialize;

use crate::app::App;
use crate::error::{Code, Error, Fault, Result};
use crate::http::etag;
use crate::precondition::AsSeen;

/// The tags that the client sent; none were sent, or `*`: whatever it looks like.
pub struct IfMatch(Option<Vec<String>>);

impl IfMatch {
    /// `look` as a precondition, where the client set one.
    pub fn given<'a, T, F: Fn(&T) -> Result<()> + Sync>(&self, look: &'a F) -> AsSeen<'a, T> {
        self.0.as_ref().map(|_| look as _)
    }

    /// 412 unless the client named the tag of one of these bodies, which are how the thing looks now.
    pub fn check<T: Serialize>(&self, looks: &[T]) -> Result<()> {
        let Some(tags) = &self.0 else { return Ok(()) };
        for look in looks {
            let tag = etag::of(&serde_json::to_vec(look).map_err(Error::internal)?);
            if tags.iter().any(|given| etag::same(given, &tag)) {
                return Ok(());
            }
        }
        Err(Code::PreconditionFailed.with("It has changed since you read it. Read it again."))
    }
}

impl FromRequestParts<App> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        let mut tags = Vec::new();
        for value in parts.headers.get_all(header::IF_MATCH) {
            let value = value.to_str().map_err(|_| malformed())?;
            match value.trim() {
                "*" => return Ok(IfMatch(None)),
                list => tags.extend(list.split(',').map(|tag| tag.trim().to_owned())),
            }
        }
        if tags.iter().any(|tag| !is_tag(tag)) {
            return Err(malformed());
        }
        Ok(IfMatch((!tags.is_empty()).then_some(tags)))
    }
}

/// Weak tags are tags, although they match nothing.
fn is_tag(text: &str) -> bool {
    let opaque = text.strip_prefix("W/").unwrap_or(text);
    opaque
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .is_some_and(|inner| !inner.contains('"'))
}

fn malformed() -> Error {
    Error::faults(vec![Fault {
        attr: "If-Match".to_owned(),
        code: "invalid",
        detail: "Send * or ETags in quotes, with commas between them.".to_owned(),
        in_query: true,
    }])
}
