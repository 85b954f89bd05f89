//! The answer itself: one that was kept, or the handler's.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tracing::Instrument;

use crate::app::App;
use crate::caller::RequestId;
use crate::error::{Code, Error};
use crate::http::aliases::{self, Asked};

/// The answer that was kept; else the handler's, which is kept when it may be.
pub(super) async fn remembered_or_made(
    mut request: Request,
    next: Next,
    app: &App,
    id: RequestId,
) -> Response {
    let answers = &app.answers;
    let key = answers.key(&request);
    if let Some(key) = &key
        && let Some(response) = answers.find(app, key, request.headers()).await
    {
        return response;
    }
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
    let response = answer(request, next, app).instrument(span).await;
    answers.keep(key, response).await
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
async fn answer(request: Request, next: Next, app: &App) -> Response {
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(app.config.request_timeout, answer).await {
        Ok(Ok(response)) => response,
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
