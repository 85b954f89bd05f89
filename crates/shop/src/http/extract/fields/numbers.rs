//! Numbers, amounts of money, ids, and what is true or false.

use money::{Money, MoneyError};
use serde_json::{Value, json};

use crate::http::extract::json::Node;
use crate::http::extract::reader::{Field, Reader};
use crate::http::schema::Schemas;
use crate::values::{Decimal, Key, Price, Quantity, QuantityOrZero};

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
