//! `Routes` and `Op`: one line makes both the route and its place in the API document.

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn;
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use serde_json::Value;
use tower::util::MapResponseLayer;
use utoipa::ToSchema;

use super::aliases::BASE;
use super::extract::{Field, QueryInput, refuse_parameters};
use super::schema::Schemas;
use crate::app::App;
use crate::error::Code;

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

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Public,
    Shopper,
    User,
    Admin,
}

/// What the API document says of an operation. Error answers that follow from who calls, the body and the path are
/// added by themselves.
pub struct Op {
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    pub(super) who: Who,
    pub(super) body: Option<fn(&mut Schemas) -> Value>,
    pub(super) keyed: bool,
    pub(super) tagged: bool,
    pub(super) conditional: bool,
    /// The member of a form that is a file.
    pub(super) upload: Option<&'static str>,
    pub(super) query: Option<fn(&mut Schemas) -> Vec<Value>>,
    pub(super) answers: Vec<Answer>,
    pub(super) errors: Vec<Code>,
}

pub(super) struct Answer {
    pub status: u16,
    pub description: &'static str,
    pub schema: Option<Schema>,
    pub is_list: bool,
    /// A member beside the results of a list.
    pub beside: Option<(&'static str, Schema)>,
    pub media_type: &'static str,
}

type Schema = fn(&mut Schemas) -> Value;

impl Op {
    /// `id`: unique, verb first, such as `list_orders`. For admins only, until it says otherwise.
    pub fn new(id: &'static str, summary: &'static str) -> Self {
        Op {
            id,
            summary,
            description: "",
            who: Who::Admin,
            body: None,
            keyed: false,
            tagged: false,
            conditional: false,
            upload: None,
            query: None,
            answers: Vec::new(),
            errors: Vec::new(),
        }
    }

    #[must_use]
    pub fn describe(self, description: &'static str) -> Self {
        Op {
            description,
            ..self
        }
    }

    #[must_use]
    pub fn public(self) -> Self {
        Op {
            who: Who::Public,
            ..self
        }
    }

    #[must_use]
    pub fn shopper(self) -> Self {
        Op {
            who: Who::Shopper,
            ..self
        }
    }

    #[must_use]
    pub fn user(self) -> Self {
        Op {
            who: Who::User,
            ..self
        }
    }

    #[must_use]
    pub fn admin(self) -> Self {
        Op {
            who: Who::Admin,
            ..self
        }
    }

    /// What `In<T>` reads.
    #[must_use]
    pub fn body<T: Field>(self) -> Self {
        Op {
            body: Some(T::schema),
            ..self
        }
    }

    /// What `Keyed<T>` reads: a body, and `Idempotency-Key`.
    #[must_use]
    pub fn keyed_body<T: Field>(self) -> Self {
        Op {
            body: Some(T::schema),
            keyed: true,
            ..self
        }
    }

    /// Its answers carry a strong `ETag`.
    #[must_use]
    pub fn tagged(self) -> Self {
        Op {
            tagged: true,
            ..self
        }
    }

    /// What `InOrForm<T>` reads: the body may come as a form too, with a file in its member `name`.
    #[must_use]
    pub fn uploads(self, name: &'static str) -> Self {
        Op {
            upload: Some(name),
            ..self
        }
    }

    /// It heeds `If-Match` ([`super::extract::IfMatch`]), and its answers carry the new `ETag`.
    #[must_use]
    pub fn conditional(self) -> Self {
        Op {
            conditional: true,
            ..self.tagged()
        }
    }

    #[must_use]
    pub fn query<T: QueryInput>(self) -> Self {
        Op {
            query: Some(T::describe),
            ..self
        }
    }

    #[must_use]
    pub fn answers<T: ToSchema>(self, status: u16) -> Self {
        self.answer(status, Some(Schemas::output::<T>), false)
    }

    /// 200 with a page of `T`.
    #[must_use]
    pub fn lists<T: ToSchema>(self) -> Self {
        self.answer(200, Some(Schemas::output::<T>), true)
    }

    /// A member that the list just declared may have beside its results.
    #[must_use]
    pub fn beside<T: ToSchema>(mut self, name: &'static str) -> Self {
        if let Some(list) = self.answers.last_mut() {
            list.beside = Some((name, Schemas::output::<T>));
        }
        self
    }

    /// An answer without a body.
    #[must_use]
    pub fn answers_nothing(self, status: u16) -> Self {
        self.answer(status, None, false)
    }

    /// An answer that is no JSON, such as a page.
    #[must_use]
    pub fn answers_file(mut self, status: u16, media_type: &'static str) -> Self {
        self.answers.push(Answer {
            status,
            description: describe(status),
            schema: None,
            is_list: false,
            beside: None,
            media_type,
        });
        self
    }

    #[must_use]
    pub fn errors(mut self, codes: &[Code]) -> Self {
        self.errors.extend_from_slice(codes);
        self
    }

    fn answer(mut self, status: u16, schema: Option<Schema>, is_list: bool) -> Self {
        let media_type = if schema.is_some() {
            "application/json"
        } else {
            ""
        };
        self.answers.push(Answer {
            status,
            description: describe(status),
            schema,
            is_list,
            beside: None,
            media_type,
        });
        self
    }
}

fn describe(status: u16) -> &'static str {
    match status {
        201 => "Created",
        202 => "Accepted",
        204 => "Done, nothing to show",
        304 => "Not changed since the ETag that was sent",
        _ => "OK",
    }
}
