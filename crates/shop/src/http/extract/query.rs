//! `Query<T>`: the parameters of a list, each known, none twice.

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::json::Node;
use super::reader::{Field, Reader};
use crate::app::App;
use crate::error::{Error, Fault, Result};
use crate::http::aliases::{self, Asked};
use crate::http::schema::{Schemas, put_text};
use crate::paging::Paging;

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

/// One member of a `query!`: a field, or [`Paging`] which takes several parameters.
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
        if schema_is_list(&param["schema"]) {
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

fn schema_is_list(schema: &Value) -> bool {
    schema["type"] == "array"
}

impl Param for Paging {
    fn take(params: &mut Params, _: &str, reader: &mut Reader) -> Option<Self> {
        let mut number = |params: &mut Params, name: &str, default: i64| match params.take(name) {
            None => Some(default),
            Some(text) => reader.within(name, |reader| {
                match i64::read(&Node::String(text.into()), reader)? {
                    number if number < 1 => reader.fault("min_value", "Must be at least 1."),
                    number => Some(number),
                }
            }),
        };
        let page = number(params, "page", 1);
        let page_size = number(params, "page_size", Paging::DEFAULT_SIZE);
        let cursor = params.take("cursor");
        let cursor = reader.within("cursor", |reader| match cursor {
            None => Some(None),
            Some(text) => match Paging::read_cursor(&text) {
                Some(cursor) => Some(Some(cursor)),
                None => reader.fault(
                    "invalid",
                    "Not a cursor of this list. Start again with an empty one.",
                ),
            },
        });
        let mut paging = Paging::new(page?, page_size?, cursor?);
        paging.link = link_of(params, paging.page_size());
        Some(paging)
    }

    fn describe(_: &str, _: &str, _: &mut Schemas) -> Vec<Value> {
        vec![
            json!({"name": "page", "in": "query", "required": false, "description": "From 1. A page beyond the last is 404.",
                "schema": {"type": "integer", "format": "int64", "minimum": 1, "default": 1}}),
            json!({"name": "page_size", "in": "query", "required": false, "description": "At most 100; more is cut down to it.",
                "schema": {"type": "integer", "format": "int64", "minimum": 1, "default": Paging::DEFAULT_SIZE}}),
            json!({"name": "cursor", "in": "query", "required": false, "allowEmptyValue": true,
                "description": "Instead of `page`: empty to start, then the value in `next`. No item is skipped or doubled while others write; there is no `count`.",
                "schema": {"type": "string"}}),
        ]
    }
}

/// The address of the list with all its parameters but those of the page.
fn link_of(params: &Params, page_size: i64) -> String {
    let mut link = format!("{}?", params.link);
    for pair in params
        .pairs
        .iter()
        .filter(|pair| !["page", "page_size", "cursor"].contains(&&*pair.name))
    {
        link.push_str(&format!("{}={}&", encode(&pair.name), encode(&pair.value)));
    }
    if page_size != Paging::DEFAULT_SIZE {
        link.push_str(&format!("page_size={page_size}&"));
    }
    link
}

fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~,:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

struct Pair {
    name: String,
    value: String,
    taken: bool,
}

/// The pairs of a query; none twice, all of it text.
fn decode(query: &str) -> Result<Vec<Pair>> {
    let mut pairs: Vec<Pair> = Vec::new();
    let mut faults = Vec::new();
    let fault = |name: &str, code, detail: &str| Fault {
        attr: shown(name),
        code,
        detail: detail.to_owned(),
        in_query: true,
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (percent_decode(name, true), percent_decode(value, true)) {
            (Some(name), Some(_)) if pairs.iter().any(|pair| pair.name == name) => {
                faults.push(fault(&name, "duplicate", "This parameter stands twice."));
            }
            (Some(name), Some(value)) => pairs.push(Pair {
                name,
                value,
                taken: false,
            }),
            _ => faults.push(fault(name, "invalid", "Not percent-encoded UTF-8 text.")),
        }
        if pairs.len() + faults.len() > 100 {
            return Err(Error::faults(vec![fault(
                name,
                "invalid",
                "Too many parameters.",
            )]));
        }
    }
    if faults.is_empty() {
        Ok(pairs)
    } else {
        Err(Error::faults(faults))
    }
}

/// A name that a client chose, fit to be shown.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(60).collect()
}

/// `None` for broken escapes, NUL, and what is not UTF-8.
fn percent_decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let (high, low) = (
                    char::from(bytes.next()?).to_digit(16)?,
                    char::from(bytes.next()?).to_digit(16)?,
                );
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    String::from_utf8(out)
        .ok()
        .filter(|text| !text.contains('\0'))
}

/// A list without filters: `Query<Paging>`.
impl QueryInput for Paging {
    fn read(params: &mut Params, reader: &mut Reader) -> Option<Self> {
        <Paging as Param>::take(params, "", reader)
    }

    fn describe(schemas: &mut Schemas) -> Vec<Value> {
        <Paging as Param>::describe("", "", schemas)
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
