//! `/metrics`: on a port of its own, or beside the API for whoever has the token.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::metrics::CONTENT_TYPE;

pub(super) const PATH: &str = "/metrics";

/// All that `METRICS_BIND` answers to.
pub fn router(app: App) -> Router {
    Router::new().route(PATH, get(show)).with_state(app)
}

/// Whether it stands beside the API: never without a token.
pub(super) fn is_beside_the_api(app: &App) -> bool {
    app.config.metrics_token.is_some() && app.config.metrics_bind.is_none()
}

pub(super) async fn show(State(app): State<App>, headers: HeaderMap) -> Response {
    if !may_read(&app, &headers) {
        let ask = [(header::WWW_AUTHENTICATE, "Bearer")];
        return (StatusCode::UNAUTHORIZED, ask).into_response();
    }
    match app.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn may_read(app: &App, headers: &HeaderMap) -> bool {
    let Some(token) = &app.config.metrics_token else {
        return true;
    };
    let sent = headers.get(header::AUTHORIZATION);
    let sent = sent.and_then(|value| value.to_str().ok());
    sent.and_then(|value| value.strip_prefix("Bearer "))
        .is_some_and(|sent| sent.as_bytes().ct_eq(token.expose().as_bytes()).into())
}
