//! `Routes` and `Op`: one line makes both the route and its place in the API document.

mod op;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn;
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use tower::util::MapResponseLayer;

pub use op::{Op, Who};

use super::aliases::BASE;
use super::extract::refuse_parameters;
use crate::app::App;

/// The routes of a feature.
pub struct Routes {
    pub(super) tag: &'static str,
    pub(super) router: Router<App>,
    pub(super) operations: Vec<Operation>,
}

/// One method of one path.
pub(super) struct Operation {
    pub tag: &'static str,
    pub method: &'static str,
    /// Below the base: `/cart/items/{id}/`.
    pub path: &'static str,
    pub op: Op,
}

impl Routes {
    pub fn tag(tag: &'static str) -> Self {
        Routes {
            tag,
            router: Router::new(),
            operations: Vec::new(),
        }
    }

    #[must_use]
    pub fn get<H: Handler<T, App>, T: 'static>(
        self,
        path: &'static str,
        handler: H,
        op: Op,
    ) -> Self {
        self.on("get", MethodFilter::GET, path, handler, op)
    }

    #[must_use]
    pub fn post<H: Handler<T, App>, T: 'static>(
        self,
        path: &'static str,
        handler: H,
        op: Op,
    ) -> Self {
        self.on("post", MethodFilter::POST, path, handler, op)
    }

    #[must_use]
    pub fn put<H: Handler<T, App>, T: 'static>(
        self,
        path: &'static str,
        handler: H,
        op: Op,
    ) -> Self {
        self.on("put", MethodFilter::PUT, path, handler, op)
    }

    #[must_use]
    pub fn patch<H: Handler<T, App>, T: 'static>(
        self,
        path: &'static str,
        handler: H,
        op: Op,
    ) -> Self {
        self.on("patch", MethodFilter::PATCH, path, handler, op)
    }

    #[must_use]
    pub fn delete<H: Handler<T, App>, T: 'static>(
        self,
        path: &'static str,
        handler: H,
        op: Op,
    ) -> Self {
        self.on("delete", MethodFilter::DELETE, path, handler, op)
    }

    /// A page or file for people: a route that is no part of the API document.
    #[must_use]
    pub fn page<H: Handler<T, App>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.add(
            &format!("{BASE}{path}"),
            path,
            on(MethodFilter::GET, handler),
        )
    }

    /// What a form of such a page sends.
    #[must_use]
    pub fn form<H: Handler<T, App>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.add(
            &format!("{BASE}{path}"),
            path,
            on(MethodFilter::POST, handler),
        )
    }

    /// A file outside the base, at a path that is no part of the API.
    #[must_use]
    pub fn at_root<H: Handler<T, App>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.add(path, path, on(MethodFilter::GET, handler))
    }

    /// `path` as it is counted: see [`Route`].
    fn add(mut self, full: &str, path: &'static str, route: MethodRouter<App>) -> Self {
        let named = MapResponseLayer::new(move |mut response: Response| {
            response.extensions_mut().insert(Route(path));
            response
        });
        self.router = self.router.route(full, route.layer(named));
        self
    }

    fn on<H: Handler<T, App>, T: 'static>(
        mut self,
        method: &'static str,
        filter: MethodFilter,
        path: &'static str,
        handler: H,
        op: Op,
    ) -> Self {
        let mut route = on(filter, handler);
        if method == "get" && op.query.is_none() && matches!(op.who, Who::Public | Who::Shopper) {
            route = route.layer(from_fn(refuse_parameters));
        }
        self = self.add(&format!("{BASE}{path}"), path, route);
        self.operations.push(Operation {
            tag: self.tag,
            method,
            path,
            op,
        });
        self
    }
}

/// On each answer of a route: its template, below the base.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route(pub(super) &'static str);
