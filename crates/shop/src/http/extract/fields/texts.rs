//! Texts, and words that are written as texts.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::http::extract::json::Node;
use crate::http::extract::reader::{Field, Reader};
use crate::http::schema::Schemas;
use crate::values::{Country, Email, Line, Text};
use crate::words::Word;

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
