//! `In<T>`: the JSON body of a request. `Keyed<T>`: the same with its `Idempotency-Key`.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};

use super::json::{Node, parse};
use super::reader::{Field, Reader};
use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::http::card_data;
use crate::idempotency::IdempotencyKey;

/// Largest JSON body.
pub const MAX_JSON: usize = 256 * 1024;

/// What is still taken in of a larger one before it is refused.
const MAX_DRAINED: usize = 8 * 1024 * 1024;

/// The body, read as `T`. An absent one is `{}`.
pub struct In<T>(pub T);

impl<T: Field + Send> FromRequest<App> for In<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let guarded = card_data::is_guarded(request.uri().path());
        let bytes = json_bytes(request).await?;
        read(app, &node(&bytes, guarded)?).map(In)
    }
}

/// A body whose repetition under the same `Idempotency-Key` has no second effect.
pub struct Keyed<T> {
    pub key: Option<IdempotencyKey>,
    pub body: T,
}

impl<T: Field + Send> FromRequest<App> for Keyed<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let key = idempotency_key(request.headers())?;
        let guarded = card_data::is_guarded(request.uri().path());
        let bytes = json_bytes(request).await?;
        let node = node(&bytes, guarded)?;
        let body = read(app, &node)?;
        let key = key.map(|key| IdempotencyKey {
            key,
            request_hash: Sha256::digest(node.canonical()).into(),
        });
        Ok(Keyed { key, body })
    }
}

/// Reads the raw body up to `limit`, for those who need it as it came.
pub async fn raw_bytes(request: Request, limit: usize) -> Result<Bytes> {
    let too_large = || Code::BodyTooLarge.with(format!("At most {} KiB.", limit / 1024));
    if content_length(request.headers()).is_some_and(|length| length > limit) {
        drain(request).await;
        return Err(too_large());
    }
    axum::body::to_bytes(request.into_body(), limit)
        .await
        .map_err(|error| {
            let mut source: Option<&dyn std::error::Error> = Some(&error);
            while let Some(error) = source {
                if error.is::<http_body_util::LengthLimitError>() {
                    return too_large();
                }
                source = error.source();
            }
            Code::MalformedJson
                .with("The body broke off.")
                .because(error)
        })
}

/// Reads on for a while and forgets it: a client that is still sending when the connection closes never sees why.
async fn drain(request: Request) {
    let (mut body, mut left) = (request.into_body(), MAX_DRAINED);
    while left > 0
        && let Some(Ok(frame)) = body.frame().await
    {
        left = left.saturating_sub(frame.data_ref().map_or(1, Bytes::len));
    }
}

pub(super) async fn json_bytes(request: Request) -> Result<Bytes> {
    let encoded = request
        .headers()
        .get(header::CONTENT_ENCODING)
        .is_some_and(|value| value != "identity");
    let is_json = is_json(request.headers());
    let refuse = || {
        Err(Code::UnsupportedMediaType.with(if encoded {
            "A body must come without Content-Encoding."
        } else {
            "Send the body as JSON with Content-Type: application/json."
        }))
    };
    if (encoded || !is_json) && content_length(request.headers()).is_some_and(|length| length > 0) {
        return refuse();
    }
    let bytes = raw_bytes(request, MAX_JSON).await?;
    if (encoded || !is_json) && !bytes.is_empty() {
        refuse()
    } else {
        Ok(bytes)
    }
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let mut parts = value
        .split(';')
        .map(|part| part.trim().to_ascii_lowercase());
    let kind = parts.next().unwrap_or_default();
    let json =
        kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"));
    json && parts.all(|part| match part.split_once('=') {
        Some(("charset", set)) => matches!(set.trim_matches('"'), "utf-8" | "utf8"),
        _ => true,
    })
}

/// `guarded`: card data is refused.
pub(super) fn node(bytes: &[u8], guarded: bool) -> Result<Node<'_>> {
    if bytes.is_empty() {
        return Ok(Node::Object(Vec::new()));
    }
    let node = parse(bytes).map_err(|fault| {
        let (line, column) = (fault.line, fault.column);
        Code::MalformedJson
            .with(format!("Line {line}, column {column}: {}.", fault.why))
            .member("line", line)
            .member("column", column)
    })?;
    if guarded {
        card_data::refuse(&node)?;
    }
    Ok(node)
}

pub(super) fn read<T: Field>(app: &App, node: &Node<'_>) -> Result<T> {
    let mut reader = Reader::new(app, false);
    let value = reader.value(node);
    reader.finish(value)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>> {
    let mut all = headers.get_all("idempotency-key").iter();
    let Some(value) = all.next() else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or("");
    let printable = key.bytes().all(|b| (0x20..0x7f).contains(&b));
    if all.next().is_some() || key.is_empty() || key.len() > 255 || !printable {
        return Err(Error::field(
            "Idempotency-Key",
            "invalid",
            "Send one Idempotency-Key of 1 to 255 printable characters.",
        ));
    }
    Ok(Some(key.to_owned()))
}
