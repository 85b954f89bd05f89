//! A strict JSON reader (RFC 8259) that keeps numbers as they were written.
//!
//! Refused, with line and column: duplicate members, NUL, lone surrogates, trailing text, numbers beyond what a
//! double can hold, and anything deeper than 64 levels. Never panics, never recurses deeper than that.

mod parser;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use parser::Parser;

/// A JSON value that borrows from the body.
#[derive(Clone, Debug, PartialEq)]
pub enum Node<'a> {
    Null,
    Bool(bool),
    /// The text of the number, unchanged.
    Number(&'a str),
    String(Cow<'a, str>),
    Array(Vec<Node<'a>>),
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

/// Why a text is not JSON, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(super) why: &'static str,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Reads a whole text.
pub(crate) fn parse(text: &[u8]) -> Result<Node<'_>, Malformed> {
    let text = match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => return Err(malformed(text, error.valid_up_to(), "it is not UTF-8")),
    };
    if text.starts_with('\u{feff}') {
        return Err(malformed(
            text.as_bytes(),
            0,
            "it begins with a byte order mark",
        ));
    }
    let mut parser = Parser { text, at: 0 };
    parser
        .document()
        .map_err(|why| malformed(text.as_bytes(), parser.at, why))
}

impl Node<'_> {
    /// The same value for those who take any JSON. Numbers keep every digit that `serde_json` can hold.
    pub fn to_value(&self) -> serde_json::Value {
        match self {
            Node::Null => serde_json::Value::Null,
            Node::Bool(value) => (*value).into(),
            Node::Number(text) => serde_json::from_str(text).unwrap_or_default(),
            Node::String(text) => text.as_ref().into(),
            Node::Array(items) => items.iter().map(Node::to_value).collect(),
            Node::Object(members) => members
                .iter()
                .map(|(name, node)| (name.to_string(), node.to_value()))
                .collect(),
        }
    }
}

impl Node<'_> {
    /// One text for all spellings of the same value: without space, members in order. Numbers stay as written.
    pub(super) fn canonical(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match self {
            Node::Null => out.push_str("null"),
            Node::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Node::Number(text) => out.push_str(text),
            Node::String(text) => write_text(out, text),
            Node::Array(items) => {
                out.push('[');
                for item in items {
                    item.write(out);
                    out.push(',');
                }
                out.push(']');
            }
            Node::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
                out.push('{');
                for (name, value) in sorted {
                    write_text(out, name);
                    out.push(':');
                    value.write(out);
                    out.push(',');
                }
                out.push('}');
            }
        }
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

fn malformed(text: &[u8], at: usize, why: &'static str) -> Malformed {
    let before = &text[..at.min(text.len())];
    let line_start = before
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    Malformed {
        why,
        line: before.iter().filter(|b| **b == b'\n').count() + 1,
        column: String::from_utf8_lossy(&before[line_start..])
            .chars()
            .count()
            + 1,
    }
}
