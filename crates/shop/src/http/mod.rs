//! From requests to calls and from results to answers. To add a route, add a line to the `routes()` of its feature;
//! everything here is about all of them: reading, refusing, errors, lists, paths, and the API document.

pub mod access;
pub mod aliases;
pub mod answer;
mod card_data;
mod cors;
mod docs;
mod etag;
pub mod extract;
mod kept;
mod layers;
pub mod metrics;
pub mod openapi;
pub mod page;
mod places;
mod problem;
mod rate_limit;
mod routes;
pub mod schema;

use axum::Router;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

pub use answer::{WithHeader, cached, created, json, json_text, no_content, ok, tagged};
pub use kept::Answers;
pub use layers::Front;
pub use routes::{Op, Routes, Who};

use crate::app::App;
use crate::error::{Code, Error};

/// The whole shop as one service.
pub fn front(app: App) -> Front {
    let mut features = crate::routes();
    features.push(docs::routes());
    serve(app, features)
}

/// The shop with other routes, for tests of the ground.
pub fn serve(app: App, features: Vec<Routes>) -> Front {
    let mut router = Router::new();
    for feature in features {
        router = router.merge(feature.router);
    }
    if metrics::is_beside_the_api(&app) {
        router = router.route(metrics::PATH, get(metrics::show));
    }
    let compressed = SizeAbove::new(1024)
        .and(NotForContentType::IMAGES)
        .and(NotForContentType::SSE);
    let router: Router = router
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(
            CompressionLayer::new()
                .gzip(true)
                .br(true)
                .compress_when(compressed),
        )
        .with_state(app.clone());
    Front::new(app, router)
}

async fn no_route(request: axum::extract::Request) -> Response {
    let asked = request.extensions().get::<aliases::Asked>();
    let path = asked.map_or(request.uri().path(), |asked| asked.0.path());
    match (aliases::methods_at(path).is_empty(), request.method()) {
        (true, _) => Error::from(Code::NotFound).into_response(),
        (false, &Method::OPTIONS) => StatusCode::NO_CONTENT.into_response(),
        (false, _) => Error::from(Code::MethodNotAllowed).into_response(),
    }
}

/// axum adds `Allow`.
async fn no_method(method: Method) -> Response {
    match method {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => Error::from(Code::MethodNotAllowed).into_response(),
    }
}
