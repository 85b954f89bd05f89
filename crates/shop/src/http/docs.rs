//! The API document, two readers of it, and what each error is, all from the binary: no page asks any other host for
//! anything.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::cached_bytes;
use super::extract::Query;
use super::{Routes, ok, openapi};
use crate::error::{Code, Error, Result};

static DOCUMENT: LazyLock<Value> = LazyLock::new(openapi::document);
static JSON: LazyLock<String> = LazyLock::new(|| DOCUMENT.to_string());
static YAML: LazyLock<String> = LazyLock::new(|| openapi::yaml(&DOCUMENT));

/// The bundle of ReDoc 2, as published on npm; its licence lies beside it.
const REDOC: &[u8] = include_bytes!("../../web/redoc.standalone.js");
const REDOC_PAGE: &str = include_str!("../../web/redoc.html");
const REDOC_START: &str = include_str!("../../web/redoc-start.js");
const SWAGGER_PAGE: &str = include_str!("../../web/swagger.html");
const SWAGGER_START: &str = include_str!("../../web/swagger-start.js");

/// Scripts and data from here only. Both pages set styles from their scripts, which needs `unsafe-inline`.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

pub(super) fn routes() -> Routes {
    Routes::tag("docs")
        .page("/schema/", schema)
        .page("/docs/", swagger_page)
        .page("/docs/{file}", swagger_file)
        .page("/redoc/", redoc_page)
        .page("/redoc/{file}", redoc_file)
        .at_root("/problems/{code}", problem)
}

crate::words! {
    enum Format { Json = "json", Yaml = "yaml" }
}

crate::query! {
    struct SchemaQuery { format: Option<Format> }
}

async fn schema(headers: HeaderMap, Query(query): Query<SchemaQuery>) -> Response {
    match query.format {
        Some(Format::Yaml) => file(&headers, "application/yaml", YAML.as_bytes()),
        _ => file(&headers, "application/json", JSON.as_bytes()),
    }
}

async fn swagger_page(headers: HeaderMap) -> Response {
    page(&headers, SWAGGER_PAGE)
}

async fn redoc_page(headers: HeaderMap) -> Response {
    page(&headers, REDOC_PAGE)
}

async fn swagger_file(headers: HeaderMap, Path(name): Path<String>) -> Result<Response> {
    if name == "start.js" {
        return Ok(file(&headers, "text/javascript", SWAGGER_START.as_bytes()));
    }
    let known = [
        "swagger-ui.css",
        "swagger-ui-bundle.js",
        "favicon-32x32.png",
        "favicon-16x16.png",
    ];
    if !known.contains(&&*name) {
        return Err(Error::not_found());
    }
    let config = std::sync::Arc::new(utoipa_swagger_ui::Config::default());
    match utoipa_swagger_ui::serve(&name, config) {
        Ok(Some(found)) => Ok(file(&headers, &found.content_type, &found.bytes)),
        _ => Err(Error::not_found()),
    }
}

async fn redoc_file(headers: HeaderMap, Path(name): Path<String>) -> Result<Response> {
    match name.as_str() {
        "redoc.standalone.js" => Ok(file(&headers, "text/javascript", REDOC)),
        "start.js" => Ok(file(&headers, "text/javascript", REDOC_START.as_bytes())),
        _ => Err(Error::not_found()),
    }
}

/// What the `type` of an error leads to: its line of the table.
async fn problem(Path(name): Path<String>) -> Result<Response> {
    let code = Code::ALL.iter().find(|code| code.as_str() == name);
    let code = code.ok_or_else(Error::not_found)?;
    Ok(ok(&json!({
        "type": format!("/problems/{name}"),
        "title": code.title(),
        "status": code.status(),
        "code": name,
    })))
}

fn file(headers: &HeaderMap, content_type: &str, bytes: &[u8]) -> Response {
    cached_bytes(headers, "no-cache", content_type, bytes.to_vec())
}

fn page(headers: &HeaderMap, html: &str) -> Response {
    let mut response = file(headers, "text/html; charset=utf-8", html.as_bytes());
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(PAGE_POLICY),
    );
    let opener = HeaderName::from_static("cross-origin-opener-policy");
    response
        .headers_mut()
        .insert(opener, HeaderValue::from_static("same-origin"));
    response.into_response()
}
