//! Headers that every answer carries, whoever made it.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::app::App;
use crate::http::{aliases, etag};

/// Adds the methods that aliases give to a path.
pub(super) fn complete_allow(headers: &mut HeaderMap, path: &str) {
    let more = aliases::methods_at(path);
    let mut all: Vec<&str> = headers
        .get(header::ALLOW)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("")
        .split(',')
        .map(str::trim)
        .collect();
    all.extend(more);
    all.push("OPTIONS");
    all.retain(|method| !method.is_empty());
    let mut seen = Vec::new();
    all.retain(|method| {
        !seen.contains(method) && {
            seen.push(method);
            true
        }
    });
    if let Ok(value) = HeaderValue::from_str(&all.join(", ")) {
        headers.insert(header::ALLOW, value);
    }
}

pub(super) fn security_headers(headers: &mut HeaderMap, app: &App, has_token: bool) {
    let mut default = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    default(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    );
    default(header::REFERRER_POLICY, "no-referrer");
    default(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-site",
    );
    default(header::CACHE_CONTROL, "no-store");
    if app.config.public_url.starts_with("https://") {
        default(
            header::STRICT_TRANSPORT_SECURITY,
            "max-age=63072000; includeSubDomains",
        );
    }
    // What a caller with a token sees is nobody else's, even where the path is public.
    if has_token
        && headers
            .get(header::CACHE_CONTROL)
            .is_some_and(|value| value != "no-store" && !is_immutable(value))
    {
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-cache"),
        );
        headers.append(header::VARY, HeaderValue::from_static("Authorization"));
    }
    // The compressed bytes are others than those that the tag was made of.
    if let Some(coding) = headers
        .get(header::CONTENT_ENCODING)
        .and_then(|coding| coding.to_str().ok())
        && let Some(tag) = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok())
        && let Ok(tag) = HeaderValue::from_str(&etag::of_coded(tag, coding))
    {
        headers.insert(header::ETAG, tag);
    }
}

/// A file of the same name is the same for everybody.
fn is_immutable(value: &HeaderValue) -> bool {
    value
        .to_str()
        .is_ok_and(|value| value.ends_with("immutable"))
}
