//! What every request passes through: its id, limits, address and host, and what every answer carries.

mod answer;
mod headers;
mod log;
mod refuse;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};
use axum::response::{IntoResponse, Response};

use super::places::Places;
use super::problem::{self, Failed};
use super::rate_limit::RateLimit;
use super::routes::Route;
use super::{access, aliases, cors};
use crate::app::App;
use crate::caller::RequestId;
use crate::error::Result;
use crate::limits::Left;
use crate::traces::{Told, Trace};
use answer::made;
use headers::{complete_allow, security_headers};
use log::{log_access, log_failure, shown_path};
use refuse::refusal;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The whole shop as one service.
#[derive(Clone)]
pub struct Front(Arc<Parts>);

struct Parts {
    app: App,
    rate_limit: Option<RateLimit>,
    places: Arc<Places>,
    router: Router,
}

/// An answer, and the route that it is counted under.
struct Answered {
    response: Response,
    route: Option<Route>,
}

impl Front {
    /// `router`: whoever makes answers.
    pub(super) fn new(app: App, router: Router) -> Self {
        let rate_limit = app.config.rate_limit.map(RateLimit::new);
        let places = Arc::new(Places::new(&app.config));
        Front(Arc::new(Parts {
            app,
            rate_limit,
            places,
            router,
        }))
    }

    /// The answer to a request from this address.
    pub async fn answer(&self, request: Request, peer: SocketAddr) -> Response {
        let app = &self.0.app;
        let is_traced = app.traces.are_told() && !is_about_health(request.uri().path());
        let parent = request.headers().get(TRACEPARENT).filter(|_| is_traced);
        let parent = parent.and_then(|value| value.to_str().ok());
        let trace = is_traced.then(|| app.traces.begin(parent, app.clock.now()));
        match trace.flatten() {
            Some(trace) => Box::pin(self.traced(trace, request, peer)).await,
            None => self.timed(request, peer).await.response,
        }
    }

    async fn traced(&self, trace: Trace, request: Request, peer: SocketAddr) -> Response {
        let (method, path) = (request.method().clone(), shown_path(request.uri().path()));
        let (answered, steps) = db::recorded(self.timed(request, peer)).await;
        let response = answered.response;
        let id = response.headers().get(REQUEST_ID);
        let told = Told {
            method: method.as_str(),
            route: answered.route.map(|route| route.0),
            path,
            status: response.status().as_u16(),
            request_id: id.and_then(|id| id.to_str().ok()).unwrap_or_default(),
        };
        self.0.app.traces.answered(trace, &told, steps);
        response
    }

    async fn timed(&self, request: Request, peer: SocketAddr) -> Answered {
        if !self.0.app.config.server_timing {
            return self.layered(request, peer).await;
        }
        let started = Instant::now();
        let answer = Box::pin(self.layered(request, peer));
        let (mut answered, spent) = db::watched(answer).await;
        let (all, database) = (started.elapsed(), spent.time);
        let timing = format!(
            "total;dur={:.2}, db;dur={:.2};desc=\"{} statements\"",
            all.as_secs_f64() * 1000.0,
            database.as_secs_f64() * 1000.0,
            spent.statements
        );
        if let Ok(timing) = HeaderValue::from_str(&timing) {
            answered
                .response
                .headers_mut()
                .insert(SERVER_TIMING, timing);
        }
        answered
    }

    async fn layered(&self, request: Request, peer: SocketAddr) -> Answered {
        let app = &self.0.app;
        let started = Instant::now();
        let _in_flight = app.metrics.in_flight();
        let asked = Asking::of(&request, peer, app);
        let id = asked.id;

        let allowance = self.allowance(&asked).await;
        let is_counted = allowance.is_some();
        let (left, refused) = match allowance {
            Some(Ok(left)) => (left, None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        let Answered {
            mut response,
            route,
        } = match refusal(&request, app).or(refused) {
            Some(error) => self.complete(error.into_response(), &asked),
            None if asked.is_preflight => self.complete(cors::preflight(), &asked),
            None => self.remembered_or_made(request, &asked, peer).await,
        };

        let origins = &app.config.cors_allowed_origins;
        let headers = response.headers_mut();
        cors::allow(headers, asked.origin.as_ref(), origins, asked.is_preflight);
        if let Some(limit) = self.0.rate_limit.as_ref().filter(|_| is_counted) {
            limit.tell(headers, left);
        }
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            headers.insert(REQUEST_ID, value);
        }
        let name = route.map_or("none", |route| route.0);
        let (method, status) = (asked.method.as_str(), response.status());
        let took = started.elapsed();
        app.metrics.answered(method, name, status.as_u16(), took);
        log_access(&asked, status, took);
        Answered { response, route }
    }

    /// What is left of the client's allowance, where there is a limit. Probes are not counted.
    async fn allowance(&self, asked: &Asking) -> Option<Result<Option<Left>>> {
        let limit = self.0.rate_limit.as_ref();
        let limit = limit.filter(|_| !is_probe(asked.uri.path()))?;
        Some(limit.take(&self.0.app, asked.client).await)
    }

    /// The answer that was kept; else the handler's, which is kept when it may be.
    async fn remembered_or_made(
        &self,
        mut request: Request,
        asked: &Asking,
        peer: SocketAddr,
    ) -> Answered {
        let Parts { app, places, .. } = &*self.0;
        // Those who ask how the service is need no place among the requests in flight.
        let permit = match is_about_health(asked.uri.path()) {
            true => None,
            false => match places.permit() {
                Ok(permit) => Some(permit),
                Err(error) => return self.complete(error.into_response(), asked),
            },
        };
        let key = app.answers.key(&request);
        if let Some(key) = &key
            && let Some((response, route)) = app.answers.find(app, key, request.headers()).await
        {
            let route = Some(route);
            return Answered { response, route };
        }
        let place = places.place(asked.client, permit);
        let extensions = request.extensions_mut();
        extensions.insert(ConnectInfo(peer));
        extensions.insert(asked.id);
        extensions.insert(place.clone());
        let made = async {
            let response = made(request, &self.0, asked.id).await;
            let Answered { response, route } = self.complete(response, asked);
            let response = app.answers.keep(key, response, route).await;
            Answered { response, route }
        };
        Box::pin(made).await
    }

    /// With all that does not depend on who asks.
    fn complete(&self, mut response: Response, asked: &Asking) -> Answered {
        let app = &self.0.app;
        if let Some(Failed(error)) = response.extensions_mut().remove::<Failed>() {
            let request_id = asked.id.as_str();
            app.metrics.failed(error.code());
            log_failure(&error, request_id);
            let reader = problem::Reader {
                request_id,
                wants_body: asked.method != Method::HEAD,
                wants_problem_json: asked.wants_problem_json,
                login_as_400: aliases::resolve(&asked.method, asked.uri.path())
                    .via
                    .login_as_400,
            };
            problem::write(&mut response, &error, &reader);
        }
        if response.status() == StatusCode::METHOD_NOT_ALLOWED
            || asked.method == Method::OPTIONS && !asked.is_preflight
        {
            complete_allow(response.headers_mut(), asked.uri.path());
        }
        // The rest of the body could be taken for the next request.
        if response.status() == StatusCode::REQUEST_TIMEOUT && !asked.is_http2 {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        security_headers(response.headers_mut(), app, asked.has_token);
        let origin = HeaderValue::from_static("Origin");
        response.headers_mut().append(header::VARY, origin);
        let route = response.extensions().get::<Route>().copied();
        Answered { response, route }
    }
}

/// What of the request is needed when it is gone.
struct Asking {
    id: RequestId,
    method: Method,
    uri: Uri,
    origin: Option<HeaderValue>,
    wants_problem_json: bool,
    has_token: bool,
    is_preflight: bool,
    is_http2: bool,
    client: IpAddr,
}

impl Asking {
    fn of(request: &Request, peer: SocketAddr, app: &App) -> Self {
        let headers = request.headers();
        let accept = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok());
        Asking {
            id: request_id(headers),
            method: request.method().clone(),
            uri: request.uri().clone(),
            origin: headers.get(header::ORIGIN).cloned(),
            wants_problem_json: accept
                .into_iter()
                .any(|value| value.contains("application/problem+json")),
            has_token: headers.contains_key(header::AUTHORIZATION),
            is_preflight: cors::is_preflight(request.method(), headers),
            is_http2: request.version() == Version::HTTP_2,
            client: access::client_ip(headers, peer, &app.config),
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
    matches!(aliases::name(path), "/livez" | "/readyz" | "/metrics")
}

fn is_about_health(path: &str) -> bool {
    is_probe(path) || aliases::name(path) == "/health"
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
