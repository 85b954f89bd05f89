//! Whole answers, as finished bytes, for as long as what they show has not changed.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::answer::knows;
use super::etag;
use super::routes::Route;
use crate::app::App;
use crate::catalog::RestsOn;

/// Larger ones are made anew each time.
const LARGEST: usize = 256 * 1024;
const LONGEST_KEY: usize = 1024;

/// By and large what an answer takes beside its body.
const OVERHEAD: u64 = 512;
/// Kinds of answers that share their headers.
const MOST_KINDS: usize = 32;

/// Answers by address and accepted encodings.
pub struct Answers(Option<Kept>);

struct Kept {
    answers: Cache<Box<str>, Arc<Answer>, Weigher>,
    /// Most answers differ in nothing but tag and body.
    kinds: Mutex<Vec<Arc<HeaderMap>>>,
}

#[derive(Clone)]
struct Weigher;

struct Answer {
    headers: Arc<HeaderMap>,
    tag: HeaderValue,
    body: Bytes,
    rests_on: RestsOn,
    route: Route,
}

impl Weighter<Box<str>, Arc<Answer>> for Weigher {
    fn weight(&self, key: &Box<str>, answer: &Arc<Answer>) -> u64 {
        (key.len() + answer.body.len()) as u64 + OVERHEAD
    }
}

impl Answers {
    /// `bytes`: how much room there is, 0 for none.
    pub fn new(bytes: u64) -> Self {
        let number = usize::try_from(bytes / (4 * OVERHEAD)).unwrap_or(usize::MAX);
        Answers((bytes > 0).then(|| Kept {
            answers: Cache::with_weighter(number, bytes, Weigher),
            kinds: Mutex::default(),
        }))
    }

    /// Under which name the answer to this request is kept; `None` when it is not.
    pub(super) fn key(&self, request: &axum::extract::Request) -> Option<String> {
        let headers = request.headers();
        self.0.as_ref()?;
        if request.method() != axum::http::Method::GET
            || headers.contains_key(header::AUTHORIZATION)
        {
            return None;
        }
        let mut accepted = headers.get_all(header::ACCEPT_ENCODING).iter();
        let encodings = match accepted.next() {
            Some(value) => value.to_str().ok()?,
            None => "",
        };
        let asked = request.uri().path_and_query()?.as_str();
        let length = encodings.len() + asked.len() + 1;
        (accepted.next().is_none() && length <= LONGEST_KEY)
            .then(|| [encodings, " ", asked].concat())
    }

    /// The answer that was kept, when it still holds: 304 when the client has it.
    pub(super) async fn find(
        &self,
        app: &App,
        key: &str,
        request: &HeaderMap,
    ) -> Option<(Response, Route)> {
        let answer = self.0.as_ref()?.answers.get(key)?;
        if !answer.rests_on.holds(app).await {
            return None;
        }
        let tag = answer.tag.to_str().ok()?;
        let is_known = knows(request, tag);
        let mut response = Response::new(match is_known {
            true => Body::empty(),
            false => Body::from(answer.body.clone()),
        });
        let mut headers = HeaderMap::clone(&answer.headers);
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            headers.remove(header::CONTENT_TYPE);
            headers.remove(header::CONTENT_ENCODING);
            headers.insert(header::ETAG, etag::uncoded(tag)?);
        } else {
            headers.insert(header::ETAG, answer.tag.clone());
        }
        *response.headers_mut() = headers;
        Some((response, answer.route))
    }

    /// Keeps an answer that says what it rests on. It has all its headers but those that depend on who asks.
    pub(super) async fn keep(
        &self,
        key: Option<String>,
        mut response: Response,
        route: Option<Route>,
    ) -> Response {
        let rests_on = response.extensions_mut().remove::<RestsOn>();
        let (Some(kept), Some(key), Some(rests_on), Some(route)) = (&self.0, key, rests_on, route)
        else {
            return response;
        };
        if response.status() != StatusCode::OK
            || response.body().size_hint().lower() > LARGEST as u64
        {
            return response;
        }
        let (parts, body) = response.into_parts();
        let Ok(body) = to_bytes(body, usize::MAX).await else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let mut headers = parts.headers.clone();
        headers.remove(header::CONTENT_LENGTH);
        if body.len() <= LARGEST
            && let Some(tag) = headers.remove(header::ETAG)
        {
            let answer = Answer {
                headers: kept.shared(headers),
                tag,
                body: body.clone(),
                rests_on,
                route,
            };
            kept.answers.insert(key.into(), Arc::new(answer));
        }
        Response::from_parts(parts, body.into())
    }
}

impl Kept {
    /// The same headers, as other answers have them.
    fn shared(&self, headers: HeaderMap) -> Arc<HeaderMap> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kind) = kinds.iter().find(|kind| ***kind == headers) {
            return Arc::clone(kind);
        }
        let kind = Arc::new(headers);
        if kinds.len() < MOST_KINDS {
            kinds.push(Arc::clone(&kind));
        }
        kind
    }
}
