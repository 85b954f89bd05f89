//! `Query<T>`: the parameters of a list, each known, none twice.

mod paging;
mod pairs;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use pairs::{Pair, decode, shown};

use super::json::Node;
use super::reader::{Field, Reader};
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::aliases::{self, Asked};
use crate::http::schema::{Schemas, put_text};

/// The parameters of the query, read as `T`.
pub struct Query<T>(pub T);

impl<T: QueryInput> FromRequestParts<App> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let query = parts.uri.query().unwrap_or("");
        let asked = parts
            .extensions
            .get::<Asked>()
            .map_or(&parts.uri, |asked| &asked.0);
        let link = format!(
            "{}{}{}",
            app.config.public_url,
            aliases::BASE,
            aliases::tail(asked.path())
        );
        let mut params = Params {
            pairs: decode(query)?,
            link,
        };
        let mut reader = Reader::new(app, true);
        let input = T::read(&mut params, &mut reader);
        params.refuse_unknown(&mut reader, T::names);
        reader.finish(input).map(Query)
    }
}

/// Refuses every parameter (but `utm_*`) where there are none: a filter that does nothing would be believed.
pub(crate) async fn refuse_parameters(request: Request, next: Next) -> Response {
    let pairs = match decode(request.uri().query().unwrap_or("")) {
        Ok(pairs) => pairs,
        Err(error) => return error.into_response(),
    };
    let unknown = pairs
        .iter()
        .filter(|pair| !pair.name.starts_with("utm_"))
        .take(20);
    let refused = unknown.fold(None, |refused: Option<Error>, pair| {
        let (name, code) = (shown(&pair.name), "unknown_parameter");
        let detail = "Unknown parameter: there are none here.";
        Some(match refused {
            None => Error::field(name, code, detail),
            Some(error) => error.and(name, code, detail),
        })
    });
    match refused {
        Some(error) => error.into_response(),
        None => next.run(request).await,
    }
}

/// What a query can be read as; `query!` implements it.
pub trait QueryInput: Sized + Send {
    fn read(params: &mut Params, reader: &mut Reader) -> Option<Self>;
    /// The OpenAPI parameters.
    fn describe(schemas: &mut Schemas) -> Vec<Value>;
    fn names() -> Vec<String> {
        let all = Self::describe(&mut Schemas::default());
        all.iter()
            .filter_map(|param| param["name"].as_str().map(str::to_owned))
            .collect()
    }
}

/// One member of a `query!`: a field, or [`crate::paging::Paging`] which takes several parameters.
pub trait Param: Sized {
    fn take(params: &mut Params, name: &str, reader: &mut Reader) -> Option<Self>;
    fn describe(name: &str, doc: &str, schemas: &mut Schemas) -> Vec<Value>;
}

/// The parameters of one request.
pub struct Params {
    pairs: Vec<Pair>,
    /// The address of this list, for links to its other pages.
    link: String,
}

impl Params {
    pub fn take(&mut self, name: &str) -> Option<String> {
        let pair = self.pairs.iter_mut().find(|pair| pair.name == name)?;
        pair.taken = true;
        Some(pair.value.clone())
    }

    /// Notes what nobody took.
    fn refuse_unknown(&self, reader: &mut Reader, known: impl Fn() -> Vec<String>) {
        let unknown = |pair: &&Pair| !pair.taken && !pair.name.starts_with("utm_");
        let mut unknown = self.pairs.iter().filter(unknown).peekable();
        if unknown.peek().is_none() {
            return;
        }
        let known = known();
        let mut detail = if known.is_empty() {
            "Unknown parameter: there are none here.".to_owned()
        } else {
            format!("Unknown parameter. Known are: {}.", known.join(", "))
        };
        for pair in unknown {
            reader.within(shown(&pair.name), |reader| {
                reader.fault::<()>("unknown_parameter", detail)
            });
            // Once is enough.
            detail = "Unknown parameter.".to_owned();
        }
    }
}

impl<T: Field> Param for T {
    fn take(params: &mut Params, name: &str, reader: &mut Reader) -> Option<Self> {
        let name = name.trim_start_matches("r#");
        let value = params.take(name).map(|text| Node::String(text.into()));
        reader.within(name, |reader| match &value {
            Some(node) => reader.value(node),
            None => T::absent(reader),
        })
    }

    fn describe(name: &str, doc: &str, schemas: &mut Schemas) -> Vec<Value> {
        let mut schema = T::schema(schemas);
        // An absent parameter is left out, never `null`.
        if let Some(kinds) = schema.get("type").and_then(Value::as_array) {
            let kinds: Vec<_> = kinds
                .iter()
                .filter(|kind| *kind != "null")
                .cloned()
                .collect();
            schema["type"] = if let [kind] = &kinds[..] {
                kind.clone()
            } else {
                kinds.into()
            };
        }
        if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
            words.retain(|word| !word.is_null());
        }
        let name = name.trim_start_matches("r#");
        let mut param =
            json!({"name": name, "in": "query", "required": !T::OPTIONAL, "schema": schema});
        if param["schema"]["type"] == "array" {
            param["explode"] = false.into();
        }
        // An empty one counts as absent: forms send those too.
        if T::NULLABLE {
            param["allowEmptyValue"] = true.into();
        }
        put_text(&mut param, doc);
        vec![param]
    }
}

/// Declares the parameters of a list, as [`crate::input!`] does a body. A member of type `Paging` reads `page`,
/// `page_size` and `cursor`.
#[macro_export]
macro_rules! query {
    (
        $(#[doc = $doc:literal])*
        $(#[derive($($derive:path),* $(,)?)])?
        $vis:vis struct $name:ident {
            $($(#[doc = $field_doc:literal])* $field_vis:vis $field:ident : $type:ty),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        $(#[derive($($derive),*)])?
        $vis struct $name { $($(#[doc = $field_doc])* $field_vis $field: $type),* }

        impl $crate::http::extract::QueryInput for $name {
            fn read(
                params: &mut $crate::http::extract::Params,
                reader: &mut $crate::http::extract::Reader,
            ) -> Option<Self> {
                $(let $field = <$type as $crate::http::extract::Param>::take(params, stringify!($field), reader);)*
                Some(Self { $($field: $field?),* })
            }

            fn describe(schemas: &mut $crate::http::schema::Schemas) -> Vec<serde_json::Value> {
                [$(<$type as $crate::http::extract::Param>::describe(
                    stringify!($field), concat!($($field_doc, "\n",)* ""), schemas)),*].concat()
            }
        }
    };
}
