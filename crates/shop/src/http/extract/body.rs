//! `In<T>`: the JSON body of a request. `Keyed<T>`: the same with its `Idempotency-Key`.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::BytesMut;
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use tokio::time::timeout_at;

use super::json::{Node, parse};
use super::reader::{Field, Reader};
use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::http::card_data;
use crate::http::places::Place;
use crate::idempotency::IdempotencyKey;

/// Largest JSON body.
pub const MAX_JSON: usize = 256 * 1024;

/// What is still taken in of one that was refused, and for how long.
const MAX_DRAINED: usize = 8 * 1024 * 1024;
const DRAINING: Duration = Duration::from_secs(1);

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

/// Reads the raw body up to `limit` bytes, for those who need it as it came.
///
/// # Errors
/// 413; 408 when it does not arrive in its time; 400 when it breaks off; 429 or 503 as [`Place::waiting`] says.
pub async fn raw_bytes(request: Request, limit: usize) -> Result<Bytes> {
    let (parts, body) = request.into_parts();
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if content_length(&parts.headers).is_some_and(|length| length > limit) {
        return Err(refuse_large(&parts.headers, body, limit));
    }
    let place = parts.extensions.get::<Place>();
    let place = place.ok_or_else(|| Error::internal("a request without a place"))?;
    let mut reading = (body, BytesMut::new());
    match place
        .waiting(read_whole(&mut reading, place, limit))
        .await?
    {
        true => Ok(reading.1.freeze()),
        false => Err(refuse_large(&parts.headers, reading.0, limit)),
    }
}

/// Whether the body was read to its end; else it is larger than it may be.
async fn read_whole(
    (body, bytes): &mut (Body, BytesMut),
    place: &Place,
    limit: usize,
) -> Result<bool> {
    let mut deadline = place.patience();
    let mut next = MAX_JSON;
    loop {
        let frame = timeout_at(deadline, body.frame()).await;
        let frame =
            frame.map_err(|_| Code::BodyTimeout.with("The body did not arrive in time."))?;
        let Some(frame) = frame else { return Ok(true) };
        let broke_off = |error| {
            Code::MalformedJson
                .with("The body broke off.")
                .because(error)
        };
        let Ok(data) = frame.map_err(broke_off)?.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > limit {
            return Ok(false);
        }
        bytes.extend_from_slice(&data);
        // A large one, such as a picture, may take longer as long as it goes on.
        if bytes.len() >= next {
            next = bytes.len() + MAX_JSON;
            deadline = place.patience();
        }
    }
}

/// 413 at once. What is on its way is taken in for a while and forgotten: a client that is still sending when the
/// connection closes never sees why. One that asks before it sends has nothing on its way.
fn refuse_large(headers: &HeaderMap, mut body: Body, limit: usize) -> Error {
    if !headers.contains_key(header::EXPECT) {
        tokio::spawn(tokio::time::timeout(DRAINING, async move {
            let mut left = MAX_DRAINED;
            while left > 0
                && let Some(Ok(frame)) = body.frame().await
            {
                left = left.saturating_sub(frame.data_ref().map_or(1, Bytes::len));
            }
        }));
    }
    Code::BodyTooLarge.with(format!("At most {} KiB.", limit / 1024))
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
