//! Whole answers, as finished bytes, for as long as what they show has not changed.

use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::answer::knows;
use super::routes::Route;
use crate::app::App;
use crate::catalog::RestsOn;

/// Larger ones are made anew each time.
const LARGEST: usize = 256 * 1024;
const LONGEST_KEY: usize = 1024;

/// Answers by address and accepted encodings.
pub struct Answers(Option<moka::sync::Cache<Box<str>, Arc<Answer>>>);

struct Answer {
    headers: HeaderMap,
    body: Bytes,
    rests_on: RestsOn,
    route: Route,
}

impl Answers {
    /// `bytes`: how much room there is, 0 for none.
    pub fn new(bytes: u64) -> Self {
        #[expect(clippy::borrowed_box, reason = "the cache hands out its keys so")]
        fn weigh(key: &Box<str>, answer: &Arc<Answer>) -> u32 {
            // The headers and the places of the variants, by and large.
            u32::try_from(key.len() + answer.body.len() + 1024).unwrap_or(u32::MAX)
        }
        let cache = moka::sync::Cache::builder()
            .weigher(weigh)
            .max_capacity(bytes);
        Answers((bytes > 0).then(|| cache.build()))
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
    pub(super) async fn find(&self, app: &App, key: &str, request: &HeaderMap) -> Option<Response> {
        let answer = self.0.as_ref()?.get(key)?;
        if !answer.rests_on.holds(app).await {
            return None;
        }
        let tag = answer.headers.get(header::ETAG)?.to_str().ok()?;
        let mut response = if knows(request, tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Body::from(answer.body.clone()).into_response()
        };
        let is_whole = response.status() == StatusCode::OK;
        for (name, value) in &answer.headers {
            if is_whole
                || name == header::ETAG
                || name == header::CACHE_CONTROL
                || name == header::VARY
            {
                response.headers_mut().insert(name, value.clone());
            }
        }
        response.extensions_mut().insert(answer.route);
        Some(response)
    }

    /// Keeps an answer that says what it rests on.
    pub(super) async fn keep(&self, key: Option<String>, mut response: Response) -> Response {
        let rests_on = response.extensions_mut().remove::<RestsOn>();
        let route = response.extensions().get::<Route>().copied();
        let (Some(cache), Some(key), Some(rests_on), Some(route)) = (&self.0, key, rests_on, route)
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
        if body.len() <= LARGEST {
            let answer = Answer {
                headers: parts.headers.clone(),
                body: body.clone(),
                rests_on,
                route,
            };
            cache.insert(key.into(), Arc::new(answer));
        }
        Response::from_parts(parts, body.into())
    }
}
