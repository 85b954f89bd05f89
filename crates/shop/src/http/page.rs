//! Small pages for people who follow a link of a mail where the shop has no front end of its own for it. No script, and
//! nothing from another host.

use std::convert::Infallible;
use std::sync::LazyLock;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::WithHeader;
use crate::app::App;
use crate::error::{Code, Error, Result};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:10vh auto;max-width:26rem;padding:0 1rem;color:#18181b}\
    label{display:block;margin:1rem 0}input{display:block;width:100%;box-sizing:border-box;padding:.5rem;font:inherit}\
    button{padding:.6rem 1.2rem;font:inherit;color:#fff;background:#18181b;border:0;border-radius:6px}";

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
});

/// `body`: HTML of ours.
pub fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
        <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"robots\" content=\"noindex\">\
        <title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>"
    );
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (status, kind, html)
        .into_response()
        .with_header(header::CONTENT_SECURITY_POLICY, &POLICY)
}

/// The page for a link that opens nothing.
///
/// # Errors
/// Any other error, as it is.
pub fn refused(error: Error) -> Result<Response> {
    let status = match error.code() {
        Code::TokenUsedOrExpired => StatusCode::GONE,
        Code::Duplicate => StatusCode::CONFLICT,
        _ => return Err(error),
    };
    let detail = error.detail().unwrap_or_default();
    let body = format!("<p role=\"alert\">{detail}</p>");
    Ok(page(status, error.code().title(), &body))
}

/// Is it a browser that shows what it gets to somebody, and no program?
pub struct WantsPage(pub bool);

impl FromRequestParts<App> for WantsPage {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(WantsPage(wants_page(&parts.headers)))
    }
}

fn wants_page(headers: &HeaderMap) -> bool {
    let is = |name: &str, wanted: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| value.to_ascii_lowercase().contains(wanted))
    };
    match headers.contains_key("sec-fetch-dest") {
        true => is("sec-fetch-dest", "document"),
        // Browsers of before 2023 say it only so.
        false => is("accept", "text/html"),
    }
}
