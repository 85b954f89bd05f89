//! What is logged of a request and its answer. Nothing of it is a secret.

use std::time::Duration;

use axum::http::StatusCode;

use super::Asking;
use crate::error::Error;

pub(super) fn log_failure(error: &Error, request_id: &str) {
    let code = error.code().as_str();
    match (error.code().status(), error.source_text()) {
        (500, source) => {
            let source = source.unwrap_or_default();
            tracing::error!(request_id, code, source, "{code}: {source}");
        }
        (_, Some(source)) => tracing::warn!(request_id, code, source, "{code}: {source}"),
        _ => {}
    }
}

pub(super) fn log_access(asked: &Asking, status: StatusCode, took: Duration) {
    if !tracing::enabled!(target: "access", tracing::Level::INFO) {
        return;
    }
    let (method, status) = (asked.method.as_str(), status.as_u16());
    let path = shown_path(asked.uri.path());
    let ms = took.as_secs_f64() * 1000.0;
    let (request_id, client) = (asked.id.as_str(), asked.client);
    tracing::info!(target: "access", request_id, method, path, status, ms, %client, "{method} {path} {status} in {ms:.1} ms");
}

/// A path without its query, and without parts that may be secrets: whatever is long or odd.
pub(super) fn shown_path(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let parts = path.split('/').take(12).map(|part| {
        if part.len() <= 20 && part.bytes().all(plain) {
            part
        } else {
            "…"
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_paths_are_not_logged() {
        assert_eq!(shown_path("/api/v1/products/7/"), "/api/v1/products/7/");
        let token = "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5";
        assert_eq!(
            shown_path(&format!("/api/v1/auth/verify-email/{token}/")),
            "/api/v1/auth/verify-email/…/"
        );
        assert_eq!(shown_path("/a%0Ab/"), "/…/");
    }
}
