//! What every request passes through: its id, limits, address and host, and what every answer carries.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tracing::Instrument;

use super::aliases::{self, Asked};
use super::places::{Place, Places};
use super::problem::{self, Failed};
use super::rate_limit::RateLimit;
use super::routes::Route;
use super::{access, cors, etag};
use crate::app::App;
use crate::caller::RequestId;
use crate::error::{Code, Error, Result};
use crate::limits::Left;
use crate::traces::Told;

const MAX_URL: usize = 8 * 1024;
const MAX_HEADERS: usize = 100;
const MAX_HEADER_BYTES: usize = 32 * 1024;
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

/// Why a request is not looked at further.
fn refusal(request: &Request, app: &App) -> Option<Error> {
    if request
        .uri()
        .path_and_query()
        .is_some_and(|uri| uri.as_str().len() > MAX_URL)
    {
        return Some(Code::UriTooLong.with("At most 8 KiB."));
    }
    let headers = request.headers();
    let size = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
    if headers.len() > MAX_HEADERS || headers.iter().map(size).sum::<usize>() > MAX_HEADER_BYTES {
        return Some(Code::HeadersTooLarge.with("At most 100 headers and 32 KiB."));
    }
    let mut hosts = request
        .headers()
        .get_all(header::HOST)
        .iter()
        .map(|value| value.to_str().unwrap_or(""));
    let refuse = || Some(Code::HostNotAllowed.with("This host name is not in ALLOWED_HOSTS."));
    // Whoever watches over the process knows its address, not its name.
    if is_probe(request.uri().path()) {
        return None;
    }
    // RFC 9112, 3.2. Two readers could take two, also two equal ones, for different names.
    let told = headers.get_all(header::HOST).iter().count();
    if told > 1 || told == 0 && request.version() == Version::HTTP_11 {
        return Some(Code::HostNotAllowed.with("Send one Host header."));
    }
    let authority = request.uri().host();
    let unknown = |host: &str| !app.config.allows_host(host);
    if hosts.any(unknown) || authority.is_some_and(unknown) {
        refuse()
    } else {
        None
    }
}

fn is_probe(path: &str) -> bool {
    matches!(&*aliases::tail(path), "/livez/" | "/readyz/" | "/metrics/")
}

fn is_about_health(path: &str) -> bool {
    is_probe(path) || aliases::tail(path) == "/health/"
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

/// The answer that was kept; else the handler's, which is kept when it may be.
async fn remembered_or_made(
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

/// Adds the methods that aliases give to a path.
fn complete_allow(headers: &mut HeaderMap, path: &str) {
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

fn security_headers(headers: &mut HeaderMap, app: &App, has_token: bool) {
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

fn log_failure(error: &Error, request_id: &str) {
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

fn log_access(asked: &Asking, status: StatusCode, started: Instant, request_id: &str) {
    if !tracing::enabled!(target: "access", tracing::Level::INFO) {
        return;
    }
    let (method, status) = (asked.method.as_str(), status.as_u16());
    let path = shown_path(asked.uri.path());
    let ms = started.elapsed().as_secs_f64() * 1000.0;
    let client = asked.client;
    tracing::info!(target: "access", request_id, method, path, status, ms, %client, "{method} {path} {status} in {ms:.1} ms");
}

/// A path without its query, and without parts that may be secrets: whatever is long or odd.
fn shown_path(path: &str) -> String {
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
