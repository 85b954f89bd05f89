//! The API document, OpenAPI 3.1, made of the routes. It lists `/api/v1` only.

mod answers;
mod yaml;

use serde_json::{Map, Value, json};

use answers::{add_problems, responses};
pub use yaml::yaml;

use super::aliases::BASE;
use super::routes::{Op, Operation, Routes, Who};
use super::schema::{Schemas, put_text};

/// The document of all routes of the shop.
pub fn document() -> Value {
    of(&crate::routes())
}

pub(super) fn of(routes: &[Routes]) -> Value {
    let mut schemas = Schemas::default();
    add_problems(&mut schemas);
    let mut paths: Map<String, Value> = Map::new();
    for operation in routes.iter().flat_map(|routes| &routes.operations) {
        let path = paths
            .entry(format!("{BASE}{}", operation.path))
            .or_insert_with(|| json!({}));
        path[operation.method] = describe(operation, &mut schemas);
    }
    let tags: Vec<Value> = routes
        .iter()
        .map(|routes| json!({"name": routes.tag}))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Cartwright",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": tags,
        "paths": paths,
        "components": {"schemas": schemas.into_map(), "securitySchemes": security_schemes()},
    })
}

const ABOUT: &str = "A shop backend.

Every path answers with and without its final slash, and below `/api` as well as below `/api/v1`. Money is exact: \
a decimal text in major units (`\"1299.99\"`) with `currency` beside it. Times are RFC 3339 in UTC. Lists have `count`, \
`next`, `previous` and `results`, by `page` or by `cursor`. Unknown parameters are refused, but `utm_*`.

Errors have one body (`Problem`); `code` is the stable part. With `Accept: application/problem+json` they are sent as \
RFC 9457 has it.";

fn security_schemes() -> Value {
    json!({
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "The access token of a sign-in."},
        "cart_token": {"type": "apiKey", "in": "header", "name": "X-Cart-Token", "description": "The cart of a guest. Stands in the answer that made the cart."},
        "cart_cookie": {"type": "apiKey", "in": "cookie", "name": "cart_session", "description": "The same for browsers."},
    })
}

fn describe(operation: &Operation, schemas: &mut Schemas) -> Value {
    let op = &operation.op;
    let mut described =
        json!({"tags": [operation.tag], "operationId": op.id, "summary": op.summary});
    put_text(&mut described, op.description);
    let mut parameters = path_parameters(operation.path);
    parameters.extend(op.query.map(|query| query(schemas)).unwrap_or_default());
    if op.keyed {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Sent again with the same body within 24 hours, the first answer is given again with `Idempotency-Replayed: true`.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        }));
    }
    if op.conditional {
        parameters.push(json!({
            "name": "If-Match", "in": "header", "required": false,
            "description": "The `ETag` of what you read, or `*`: refused with 412 when it has changed since.",
            "schema": {"type": "string"},
        }));
    }
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if let Some(body) = request_body(op, schemas) {
        described["requestBody"] = body;
    }
    described["security"] = security(op.who);
    described["responses"] = responses(operation, schemas);
    described
}

fn request_body(op: &Op, schemas: &mut Schemas) -> Option<Value> {
    let json = op.body.map(|body| body(schemas));
    let form = op.upload.map(|name| {
        let file = json!({"type": "string", "format": "binary", "description": "JPEG, PNG, WebP or GIF, at most 5 MiB and 25 megapixels."});
        match &json {
            Some(body) => json!({"allOf": [body, {"type": "object", "properties": {name: file}}]}),
            None => json!({"type": "object", "properties": {name: file}, "required": [name]}),
        }
    });
    let required = json
        .as_ref()
        .map_or(form.is_some(), |schema| schemas.has_required(schema));
    let mut content = Map::new();
    for (kind, schema) in [("application/json", json), ("multipart/form-data", form)] {
        content.extend(schema.map(|schema| (kind.to_owned(), json!({"schema": schema}))));
    }
    (!content.is_empty()).then(|| json!({"required": required, "content": content}))
}

fn path_parameters(path: &str) -> Vec<Value> {
    let names = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names
        .map(|name| {
            let is_id = name == "id" || name.ends_with("_id");
            let schema = if is_id {
                json!({"type": "integer", "format": "int64", "minimum": 1})
            } else {
                json!({"type": "string"})
            };
            json!({"name": name, "in": "path", "required": true, "schema": schema})
        })
        .collect()
}

fn security(who: Who) -> Value {
    match who {
        Who::Public => json!([]),
        Who::Shopper => json!([{"bearer": []}, {"cart_token": []}, {"cart_cookie": []}, {}]),
        Who::User | Who::Admin => json!([{"bearer": []}]),
    }
}
