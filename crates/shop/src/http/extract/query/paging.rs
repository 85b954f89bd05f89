//! `page`, `page_size` and `cursor`, and the address of a list without them.

use serde_json::{Value, json};

use super::{Param, Params, QueryInput};
use crate::http::extract::json::Node;
use crate::http::extract::reader::{Field, Reader};
use crate::http::schema::Schemas;
use crate::paging::Paging;

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

/// A list without filters: `Query<Paging>`.
impl QueryInput for Paging {
    fn read(params: &mut Params, reader: &mut Reader) -> Option<Self> {
        <Paging as Param>::take(params, "", reader)
    }

    fn describe(schemas: &mut Schemas) -> Vec<Value> {
        <Paging as Param>::describe("", "", schemas)
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
