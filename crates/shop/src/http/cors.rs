//! Which other sites' pages may read answers: an exact list, and any port of localhost during development.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::config::Origins;

const EXPOSED: &str = "X-Cart-Token, X-Request-Id, Idempotency-Replayed, Retry-After, ETag, RateLimit, RateLimit-Policy";
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
const HEADERS: &str = "Authorization, Content-Type, Accept, X-Cart-Token, X-Order-Token, X-Request-Id, \
    X-CSRF-Token, X-Requested-With, Idempotency-Key, If-Match, If-None-Match, traceparent";

/// Does a browser ask before it asks?
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to that.
pub(super) fn preflight() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// Adds what the browser wants to see. `origin` is the one that asked.
pub(super) fn allow(
    headers: &mut HeaderMap,
    origin: Option<&HeaderValue>,
    allowed: &Origins,
    is_preflight: bool,
) {
    let Some(origin) =
        origin.filter(|origin| origin.to_str().is_ok_and(|origin| allowed.allows(origin)))
    else {
        return;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
        HeaderValue::from_static("true"),
    );
    if is_preflight {
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static(METHODS),
        );
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static(HEADERS),
        );
        headers.insert(
            header::ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from_static("600"),
        );
    } else {
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(EXPOSED),
        );
    }
}
