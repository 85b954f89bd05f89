//! The types that members of bodies and parameters of queries may have.

use std::net::IpAddr;

use money::{Money, MoneyError};
use serde_json::{Value, json};

use super::json::Node;
use super::reader::{Field, Reader};
use crate::http::schema::Schemas;
use crate::values::{Country, Decimal, Email, Key, Line, Price, Quantity, QuantityOrZero, Text};
use crate::words::Word;

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

impl Field for String {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        text(node, reader).map(str::to_owned)
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "string"})
    }
}

fn text<'n>(node: &'n Node<'_>, reader: &mut Reader) -> Option<&'n str> {
    match node {
        Node::String(text) => Some(text),
        _ => reader.fault("invalid", "Not a valid string."),
    }
}

impl<const MAX: usize> Field for Text<MAX> {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        match Text::parse(text(node, reader)?) {
            Ok(text) => Some(text),
            Err("blank") => reader.fault("blank", "This field may not be blank."),
            Err("invalid") => reader.fault("invalid", "Send one line, without control characters."),
            Err(code) => reader.fault(
                code,
                format!("Ensure this field has no more than {MAX} characters."),
            ),
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "string", "minLength": 1, "maxLength": MAX})
    }
}

impl<const MAX: usize> Field for Line<MAX> {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        Line::parse(text(node, reader)?).or_else(|| {
            let detail = format!("Ensure this field has no more than {MAX} characters.");
            reader.fault("max_length", detail)
        })
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "string", "maxLength": MAX})
    }
}

impl Field for Country {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        Country::parse(text(node, reader)?).or_else(|| {
            let detail = "Use the two letters of the country in ISO 3166-1, such as US.";
            reader.fault("invalid_choice", detail)
        })
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "string", "pattern": "^[A-Za-z]{2}$", "examples": ["US"]})
    }
}

impl Field for Email {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        match text(node, reader)?.trim_matches(' ') {
            "" => reader.fault("blank", "This field may not be blank."),
            text => Email::parse(text)
                .or_else(|| reader.fault("invalid", "Enter a valid email address.")),
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "string", "format": "email", "maxLength": 254})
    }
}

impl Field for IpAddr {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        let address = text(node, reader)?.parse::<IpAddr>();
        let address = address.ok().map(|ip| ip.to_canonical());
        address.or_else(|| reader.fault("invalid", "Enter a valid IPv4 or IPv6 address."))
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "string"})
    }
}

impl Field for i64 {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        integer(node).or_else(|| reader.fault("invalid", "A valid integer is required."))
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "integer", "format": "int64"})
    }
}

/// `7` or `"7"`, digit by digit: no fraction, no exponent, no other digits.
fn integer(node: &Node<'_>) -> Option<i64> {
    let text = match node {
        Node::Number(text) => text,
        Node::String(text) => text.as_ref(),
        _ => return None,
    };
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

impl Field for bool {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        match node {
            Node::Bool(value) => Some(*value),
            Node::String(text) => match text.as_ref() {
                "true" | "True" => Some(true),
                "false" | "False" => Some(false),
                "1" if reader.in_query => Some(true),
                "0" if reader.in_query => Some(false),
                _ => reader.fault("invalid", "Must be true or false."),
            },
            _ => reader.fault("invalid", "Must be true or false."),
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "boolean"})
    }
}

fn bounded(node: &Node<'_>, reader: &mut Reader, min: i64, max: i64) -> Option<i64> {
    let value = i64::read(node, reader)?;
    if value < min {
        reader.fault("min_value", format!("Must be at least {min}."))
    } else if value > max {
        reader.fault("max_value", format!("Must be at most {max}."))
    } else {
        Some(value)
    }
}

impl Field for Quantity {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        bounded(node, reader, 1, reader.max_quantity).map(Quantity)
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "integer", "format": "int64", "minimum": 1})
    }
}

impl Field for QuantityOrZero {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        bounded(node, reader, 0, reader.max_quantity).map(QuantityOrZero)
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "integer", "format": "int64", "minimum": 0})
    }
}

impl Field for Decimal {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        amount(node, reader).map(Decimal)
    }

    fn schema(_: &mut Schemas) -> Value {
        amount_schema()
    }
}

impl Field for Price {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        match amount(node, reader)? {
            minor if minor < 0 => reader.fault("min_value", "Must not be negative."),
            minor => Some(Price(minor)),
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        amount_schema()
    }
}

/// Minor units, read from the text of the number.
fn amount(node: &Node<'_>, reader: &mut Reader) -> Option<i64> {
    let text = match node {
        Node::Number(text) => text,
        Node::String(text) => text.as_ref(),
        _ => "",
    };
    match Money::parse(text, reader.currency) {
        Ok(money) => Some(money.minor),
        Err(MoneyError::TooManyDecimals { currency }) => {
            let most = currency.exponent();
            reader.fault(
                "max_decimal_places",
                format!("Ensure that there are no more than {most} decimal places."),
            )
        }
        Err(MoneyError::OutOfRange) => reader.fault("max_value", "This amount is too large."),
        Err(_) => reader.fault("invalid", "A valid number is required, such as 1299.99."),
    }
}

fn amount_schema() -> Value {
    json!({"type": ["string", "number"], "description": "Exact: written as text or as a number.", "examples": ["1299.99"]})
}

impl Field for Key {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        let key = match node {
            Node::Number(_) => integer(node).map(Key::Id),
            Node::String(text) => Key::parse(text),
            _ => None,
        };
        key.or_else(|| reader.fault("invalid", "An id or a name is required."))
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": ["integer", "string"]})
    }
}

impl<T: Word> Field for T {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        let word = text(node, reader)?;
        T::parse(word).or_else(|| {
            let all: Vec<_> = T::all().map(Word::as_str).collect();
            reader.fault(
                "invalid_choice",
                format!("Not a valid choice. Use one of: {}.", all.join(", ")),
            )
        })
    }

    fn schema(_: &mut Schemas) -> Value {
        let all: Vec<_> = T::all().map(Word::as_str).collect();
        json!({"type": "string", "enum": all})
    }
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

macro_rules! id_fields {
    ($($name:ident)*) => {$(
        impl Field for crate::ids::$name {
            fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
                match integer(node) {
                    Some(id) if id > 0 => Some(crate::ids::$name(id)),
                    _ => reader.fault("invalid", "A valid id is required."),
                }
            }

            fn schema(_: &mut Schemas) -> Value {
                json!({"type": "integer", "format": "int64", "minimum": 1})
            }
        }
    )*};
}
crate::each_id!(id_fields);
