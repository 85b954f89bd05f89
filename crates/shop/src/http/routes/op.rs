//! `Op`: what the API document says of an operation.

use serde_json::Value;
use utoipa::ToSchema;

use crate::error::Code;
use crate::http::extract::{Field, QueryInput};
use crate::http::schema::Schemas;

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
    pub(in crate::http) id: &'static str,
    pub(in crate::http) summary: &'static str,
    pub(in crate::http) description: &'static str,
    pub(in crate::http) who: Who,
    pub(in crate::http) body: Option<fn(&mut Schemas) -> Value>,
    pub(in crate::http) keyed: bool,
    pub(in crate::http) tagged: bool,
    pub(in crate::http) conditional: bool,
    /// The member of a form that is a file.
    pub(in crate::http) upload: Option<&'static str>,
    pub(in crate::http) query: Option<fn(&mut Schemas) -> Vec<Value>>,
    pub(in crate::http) answers: Vec<Answer>,
    pub(in crate::http) errors: Vec<Code>,
}

pub(in crate::http) struct Answer {
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

    /// It heeds `If-Match` ([`crate::http::extract::IfMatch`]), and its answers carry the new `ETag`.
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
