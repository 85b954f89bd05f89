//! What handlers answer when all went well.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::etag;
use crate::catalog::RestsOn;
use crate::error::Error;

pub fn ok<T: Serialize>(body: &T) -> Response {
    json(StatusCode::OK, body)
}

pub fn created<T: Serialize>(body: &T) -> Response {
    json(StatusCode::CREATED, body)
}

pub fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

pub fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => (status, [(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(error) => Error::internal(error).into_response(),
    }
}

/// A thing as it is, with its strong ETag: what `If-Match` names when it is written.
pub fn tagged<T: Serialize>(status: StatusCode, body: &T) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => {
            let tag = etag::of(&bytes);
            (status, [(header::CONTENT_TYPE, "application/json")], bytes)
                .into_response()
                .with_header(header::ETAG, &tag)
        }
        Err(error) => Error::internal(error).into_response(),
    }
}

/// An answer that was kept before it was sent, such as that of a repeated request.
pub fn json_text(status: u16, text: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// Sets a header on an answer.
pub trait WithHeader {
    #[must_use]
    fn with_header(self, name: HeaderName, value: &str) -> Self;
    #[must_use]
    fn replace_header(self, name: HeaderName, value: &str) -> Self;
}

/// Says of an answer what it was made of, so that it can be kept and given to the next who asks.
pub trait RestingOn {
    #[must_use]
    fn resting_on(self, what: RestsOn) -> Self;
}

impl RestingOn for Response {
    fn resting_on(mut self, what: RestsOn) -> Self {
        self.extensions_mut().insert(what);
        self
    }
}

impl WithHeader for Response {
    fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers_mut().append(name, value);
        }
        self
    }

    fn replace_header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers_mut().remove(&name);
        self.with_header(name, value)
    }
}

/// An answer for caches: a strong ETag of the body, and 304 when the client has it already.
/// `cache_control`: see [`crate::config::Config::catalog_max_age`].
pub fn cached<T: Serialize>(request: &HeaderMap, cache_control: &str, body: &T) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => cached_bytes(request, cache_control, "application/json", bytes),
        Err(error) => Error::internal(error).into_response(),
    }
}

/// The same for what is no JSON.
pub fn cached_bytes(
    request: &HeaderMap,
    cache_control: &str,
    content_type: &str,
    bytes: Vec<u8>,
) -> Response {
    let tag = etag::of(&bytes);
    let response = if knows(request, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(bytes)
            .into_response()
            .with_header(header::CONTENT_TYPE, content_type)
    };
    response
        .with_header(header::ETAG, &tag)
        .with_header(header::CACHE_CONTROL, cache_control)
}

/// Does `If-None-Match` name this tag? Proxies may have weakened it.
pub(crate) fn knows(request: &HeaderMap, tag: &str) -> bool {
    request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            value.split(',').map(str::trim).any(|given| {
                given == "*" || etag::same(given.strip_prefix("W/").unwrap_or(given), tag)
            })
        })
}
