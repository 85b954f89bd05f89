//! The answer of the handler.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tower::ServiceExt as _;
use tracing::Instrument;

use super::Parts;
use crate::caller::RequestId;
use crate::error::{Code, Error};
use crate::http::aliases::{self, Asked};

/// Asks whoever the request is meant for.
pub(super) async fn made(mut request: Request, parts: &Parts, id: RequestId) -> Response {
    let target = aliases::resolve(request.method(), request.uri().path());
    if target.other_methods_only {
        return match *request.method() {
            Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
            _ => Error::from(Code::MethodNotAllowed).into_response(),
        };
    }
    redirect(&mut request, target);
    // What is logged on the way, such as a slow statement, can be told from others' by it. Above all levels, so that
    // warnings have it whatever LOG_LEVEL says.
    let span = tracing::error_span!("request", request_id = id.as_str());
    answer(request, parts).instrument(span).await
}

/// Points the request at the route that its path means.
fn redirect(request: &mut Request, target: aliases::Target) {
    request.extensions_mut().insert(target.via);
    if let Some(method) = target.method {
        *request.method_mut() = method;
    }
    let Some(path) = target.path else { return };
    let asked = request.uri().clone();
    let text = match asked.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    if let Ok(uri) = text.parse::<Uri>() {
        *request.uri_mut() = uri;
        request.extensions_mut().insert(Asked(asked));
    }
}

/// The handler's answer, whatever becomes of it.
async fn answer(request: Request, parts: &Parts) -> Response {
    let answer = parts.router.clone().oneshot(request);
    let answer = AssertUnwindSafe(answer).catch_unwind();
    match tokio::time::timeout(parts.app.config.request_timeout, answer).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(never))) => match never {},
        Ok(Err(panic)) => {
            Error::internal(format!("panic: {}", panic_text(&*panic))).into_response()
        }
        Err(_) => Code::Timeout
            .with("The request took too long.")
            .into_response(),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
