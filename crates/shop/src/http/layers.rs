//! What every request passes through: its id, limits, address and host, and what every answer carries.

mod answer;
mod headers;
mod log;
mod refuse;

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::places::{Place, Places};
use super::problem::{self, Failed};
use super::rate_limit::RateLimit;
use super::routes::Route;
use super::{access, aliases, cors};
use crate::app::App;
use crate::caller::RequestId;
use crate::error::Result;
use crate::limits::Left;
use crate::traces::Told;
use answer::remembered_or_made;
use headers::{complete_allow, security_headers};
use log::{log_access, log_failure, shown_path};
use refuse::refusal;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// What the layers know.
#[derive(Clone)]
pub(super) struct Layers {
    app: App,
    rate_limit: Option<Arc<RateLimit>>,
    places: Arc<Places>,
}

impl Layers {
    pub(super) fn new(app: App) -> Self {
        let rate_limit = app
            .config
            .rate_limit
            .map(|rate| Arc::new(RateLimit::new(rate)));
        let places = Arc::new(Places::new(&app.config));
        Layers {
            app,
            rate_limit,
            places,
        }
    }

    /// A place among the requests in flight; those who ask how the service is need none.
    fn place(&self, asked: &Asking) -> Result<Place> {
        match is_about_health(asked.uri.path()) {
            true => Ok(self.places.beside(asked.client)),
            false => self.places.take(asked.client),
        }
    }

    /// What is left of the client's allowance, where there is a limit. Probes are not counted.
    async fn allowance(&self, asked: &Asking) -> Option<Result<Option<Left>>> {
        let limit = self
            .rate_limit
            .as_ref()
            .filter(|_| !is_probe(asked.uri.path()))?;
        Some(limit.take(&self.app, asked.client).await)
    }
}

/// Around everything.
pub(super) async fn around(State(layers): State<Layers>, request: Request, next: Next) -> Response {
    let app = &layers.app;
    let parent = request.headers().get(TRACEPARENT);
    let parent = parent.and_then(|value| value.to_str().ok());
    let trace = match is_about_health(request.uri().path()) {
        true => None,
        false => app.traces.begin(parent, app.clock.now()),
    };
    let Some(trace) = trace else {
        return timed(&layers, request, next).await;
    };
    let (method, path) = (request.method().clone(), shown_path(request.uri().path()));
    let answer = Box::pin(timed(&layers, request, next));
    let (response, steps) = db::recorded(answer).await;
    let route = response.extensions().get::<Route>();
    let id = response.headers().get(REQUEST_ID);
    let told = Told {
        method: method.as_str(),
        route: route.map(|route| route.0),
        path,
        status: response.status().as_u16(),
        request_id: id.and_then(|id| id.to_str().ok()).unwrap_or_default(),
    };
    app.traces.answered(trace, &told, steps);
    response
}

async fn timed(layers: &Layers, request: Request, next: Next) -> Response {
    if !layers.app.config.server_timing {
        return layered(layers, request, next).await;
    }
    let started = Instant::now();
    let answer = Box::pin(layered(layers, request, next));
    let (mut response, spent) = db::watched(answer).await;
    let (all, database) = (started.elapsed(), spent.time);
    let timing = format!(
        "total;dur={:.2}, db;dur={:.2};desc=\"{} statements\"",
        all.as_secs_f64() * 1000.0,
        database.as_secs_f64() * 1000.0,
        spent.statements
    );
    if let Ok(timing) = HeaderValue::from_str(&timing) {
        response.headers_mut().insert(SERVER_TIMING, timing);
    }
    response
}

async fn layered(layers: &Layers, mut request: Request, next: Next) -> Response {
    let app = &layers.app;
    let started = Instant::now();
    let _in_flight = app.metrics.in_flight();
    let id = request_id(request.headers());
    let asked = Asking::of(&request, app);
    request.extensions_mut().insert(id);

    let preflight = cors::preflight(request.method(), request.headers());
    let is_preflight = preflight.is_some();
    let allowance = layers.allowance(&asked).await;
    let is_counted = allowance.is_some();
    let (left, refused) = match allowance {
        Some(Ok(left)) => (left, None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    let refused = refusal(&request, app).or(refused);
    let mut response = match (refused, preflight) {
        (Some(error), _) => error.into_response(),
        (None, Some(answer)) => answer,
        (None, None) => match layers.place(&asked) {
            Ok(place) => {
                request.extensions_mut().insert(place.clone());
                let response = remembered_or_made(request, next, app, id).await;
                drop(place);
                response
            }
            Err(error) => error.into_response(),
        },
    };

    if let Some(Failed(error)) = response.extensions_mut().remove::<Failed>() {
        let request_id = id.as_str();
        app.metrics.failed(error.code());
        log_failure(&error, request_id);
        let reader = problem::Reader {
            request_id,
            wants_problem_json: asked.wants_problem_json,
            login_as_400: aliases::resolve(&asked.method, asked.uri.path())
                .via
                .login_as_400,
        };
        problem::write(&mut response, &error, &reader);
    }
    if response.status() == StatusCode::METHOD_NOT_ALLOWED
        || asked.method == Method::OPTIONS && !is_preflight
    {
        complete_allow(response.headers_mut(), asked.uri.path());
    }
    // The rest of the body could be taken for the next request.
    if response.status() == StatusCode::REQUEST_TIMEOUT && !asked.is_http2 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    let origins = &app.config.cors_allowed_origins;
    cors::allow(&mut response, asked.origin.as_ref(), origins, is_preflight);
    security_headers(response.headers_mut(), app, asked.has_token);
    if let Some(limit) = layers.rate_limit.as_ref().filter(|_| is_counted) {
        limit.tell(response.headers_mut(), left);
    }
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let route = response.extensions().get::<Route>();
    let route = route.map_or("none", |route| route.0);
    let (method, status) = (asked.method.as_str(), response.status().as_u16());
    let took = started.elapsed();
    app.metrics.answered(method, route, status, took);
    log_access(&asked, response.status(), started, id.as_str());
    response
}

/// What of the request is needed when it is gone.
struct Asking {
    method: Method,
    uri: Uri,
    origin: Option<HeaderValue>,
    wants_problem_json: bool,
    has_token: bool,
    is_http2: bool,
    client: std::net::IpAddr,
}

impl Asking {
    fn of(request: &Request, app: &App) -> Self {
        let headers = request.headers();
        let accept = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let peer = request
            .extensions()
            .get::<ConnectInfo<std::net::SocketAddr>>();
        Asking {
            method: request.method().clone(),
            uri: request.uri().clone(),
            origin: headers.get(header::ORIGIN).cloned(),
            wants_problem_json: accept
                .into_iter()
                .any(|value| value.contains("application/problem+json")),
            has_token: headers.contains_key(header::AUTHORIZATION),
            is_http2: request.version() == Version::HTTP_2,
            client: access::client(headers, peer, &app.config).ip,
        }
    }
}

/// The id that the client sent, when it is safe to show; else a new one.
fn request_id(headers: &HeaderMap) -> RequestId {
    let sent = headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    sent.and_then(RequestId::parse)
        .unwrap_or_else(RequestId::random)
}

fn is_probe(path: &str) -> bool {
    matches!(&*aliases::tail(path), "/livez/" | "/readyz/" | "/metrics/")
}

fn is_about_health(path: &str) -> bool {
    is_probe(path) || aliases::tail(path) == "/health/"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_safe_request_id_is_taken_over() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(
                REQUEST_ID,
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
            request_id(&headers)
        };
        assert_eq!(with("abc-1.2:3_4").as_str(), "abc-1.2:3_4");
        for unsafe_id in ["", "a b", "a\"b", "é", &"x".repeat(65)] {
            let made = with(unsafe_id);
            assert_eq!(made.as_str().len(), 24, "{unsafe_id}");
        }
    }

    #[test]
    fn only_the_routes_of_that_name_are_probes() {
        for path in ["/livez", "/readyz/", "/api/v1/livez/", "/api/readyz"] {
            assert!(is_probe(path) && is_about_health(path), "{path}");
        }
        assert!(is_about_health("/api/v1/health/"));
        for path in [
            "/api/v1/products/livez/",
            "/x/readyz",
            "/api/v1/products/health/",
        ] {
            assert!(!is_about_health(path), "{path}");
        }
    }
}
