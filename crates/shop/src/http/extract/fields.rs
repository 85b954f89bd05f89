//! The types that members of bodies and parameters of queries may have: here what wraps others, beside it plain ones.

mod numbers;
mod texts;

use serde_json::{Value, json};

use super::json::Node;
use super::reader::{Field, Reader};
use crate::http::schema::Schemas;

/// Items of a list in a query.
const MOST_IN_QUERY: usize = 100;

/// A member that a PATCH may leave alone, clear or set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    #[default]
    Absent,
    Null,
    Set(T),
}

/// Any JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Json(pub Value);

/// A plain text or an object, such as an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextOr<T> {
    Text(String),
    Object(T),
}

impl<T: Field> Field for Option<T> {
    const OPTIONAL: bool = true;
    const NULLABLE: bool = true;

    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        match node {
            Node::Null => Some(None),
            Node::String(text) if reader.in_query && text.is_empty() => Some(None),
            node => T::read(node, reader).map(Some),
        }
    }

    fn absent(_: &mut Reader) -> Option<Self> {
        Some(None)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        nullable(T::schema(schemas))
    }
}

/// May be left out, but is not `null`: a client that has lost the value does not mean the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<T>(pub Option<T>);

impl<T: Field> Field for Given<T> {
    const OPTIONAL: bool = true;

    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        T::read(node, reader).map(|value| Given(Some(value)))
    }

    fn absent(_: &mut Reader) -> Option<Self> {
        Some(Given(None))
    }

    fn schema(schemas: &mut Schemas) -> Value {
        T::schema(schemas)
    }
}

impl<T: Field> Field for Patch<T> {
    const OPTIONAL: bool = true;
    const NULLABLE: bool = true;

    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        match node {
            Node::Null => Some(Patch::Null),
            node => T::read(node, reader).map(Patch::Set),
        }
    }

    fn absent(_: &mut Reader) -> Option<Self> {
        Some(Patch::Absent)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        nullable(T::schema(schemas))
    }
}

fn nullable(mut schema: Value) -> Value {
    match schema.get("type").and_then(Value::as_str) {
        Some(kind) => {
            schema["type"] = json!([kind, "null"]);
            if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
                words.push(Value::Null);
            }
            schema
        }
        None => json!({"oneOf": [{"type": "null"}, schema]}),
    }
}

impl<T: Field> Field for Vec<T> {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        match node {
            Node::Array(items) => {
                let items = items.iter().enumerate();
                all(items, reader, |(at, item), reader| {
                    reader.within(at, |reader| reader.value(item))
                })
            }
            // A query has `id__in=1,2,3`.
            Node::String(text) if reader.in_query => {
                if text.split(',').nth(MOST_IN_QUERY).is_some() {
                    let most = format!("Ask for at most {MOST_IN_QUERY} at once.");
                    return reader.fault("max_length", most);
                }
                all(text.split(','), reader, |item, reader| {
                    reader.value(&Node::String(item.into()))
                })
            }
            _ => reader.fault("not_a_list", "Expected a list of items."),
        }
    }

    fn schema(schemas: &mut Schemas) -> Value {
        json!({"type": "array", "items": T::schema(schemas)})
    }
}

/// All items. The others are read after a faulty one, so that all their faults are noted, as many as are.
fn all<I, T>(
    items: impl Iterator<Item = I>,
    reader: &mut Reader,
    read: impl Fn(I, &mut Reader) -> Option<T>,
) -> Option<Vec<T>> {
    let mut all = Some(Vec::new());
    for item in items {
        match (read(item, reader), &mut all) {
            (Some(value), Some(values)) => values.push(value),
            (Some(_), None) => {}
            (None, _) if reader.is_full() => return None,
            (None, _) => all = None,
        }
    }
    all
}

impl Field for Json {
    const NULLABLE: bool = true;

    fn read(node: &Node<'_>, _: &mut Reader) -> Option<Self> {
        Some(Json(node.to_value()))
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({})
    }
}

impl<T: Field> Field for TextOr<T> {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        match node {
            Node::String(text) => Some(TextOr::Text(text.to_string())),
            Node::Object(_) => T::read(node, reader).map(TextOr::Object),
            _ => reader.fault("invalid", "Expected a text or an object."),
        }
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let mut object = T::schema(schemas);
        if object == json!({}) {
            object = json!({"type": "object"});
        }
        json!({"oneOf": [{"type": "string"}, object]})
    }
}
