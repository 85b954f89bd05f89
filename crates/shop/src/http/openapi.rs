//! The API document, OpenAPI 3.1, made of the routes. It lists `/api/v1` only.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::aliases::BASE;
use super::card_data;
use super::routes::{Op, Operation, Routes, Who};
use super::schema::{Schemas, put_text};
use crate::error::Code;

/// The document of all routes of the shop.
pub fn document() -> Value {
    of(&crate::routes())
}

/// The same as YAML 1.2: strings are quoted as in JSON, which it includes.
pub fn yaml(document: &Value) -> String {
    let mut out = String::new();
    write_yaml(&mut out, document, 0);
    out
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

fn add_problems(schemas: &mut Schemas) {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let members = json!({
        "type": {"type": "string", "examples": ["/problems/validation_error"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": codes, "description": "What to decide by."},
        "detail": {"type": "string", "description": "For people."},
        "request_id": {"type": "string"},
    });
    schemas.insert(
        "Problem",
        json!({
            "type": "object", "properties": members,
            "required": ["type", "title", "status", "code", "detail", "request_id"],
        }),
    );
    schemas.insert(
        "ValidationProblem",
        json!({
            "allOf": [{"$ref": "#/components/schemas/Problem"}, {
                "type": "object",
                "description": "Beside these members stands each faulty field by its name, with its list of messages.",
                "properties": {
                    "non_field_errors": {"type": "array", "items": {"type": "string"}},
                    "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}},
                },
                "additionalProperties": true,
            }],
        }),
    );
    schemas.insert(
        "Fault",
        json!({
            "type": "object",
            "properties": {
                "attr": {"type": "string", "examples": ["email"]},
                "code": {"type": "string", "examples": ["unique"]},
                "detail": {"type": "string"},
                "pointer": {"type": "string", "description": "JSON pointer into the body.", "examples": ["/email"]},
                "parameter": {"type": "string", "description": "The parameter or header, when it is not in the body."},
            },
            "required": ["attr", "code", "detail"],
        }),
    );
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

fn responses(operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut responses = Map::new();
    for answer in &operation.op.answers {
        // One status may come in several media types.
        let status = answer.status.to_string();
        let mut response = responses
            .remove(&status)
            .unwrap_or(json!({"description": answer.description}));
        if let Some(schema) = answer.schema {
            let mut schema = schema(schemas);
            if answer.is_list {
                schema = page_of(&schema);
                if let Some((name, beside)) = answer.beside {
                    schema["properties"][name] = beside(schemas);
                }
            }
            response["content"][answer.media_type] = json!({"schema": schema});
        } else if !answer.media_type.is_empty() {
            response["content"][answer.media_type] = json!({"schema": {"type": "string"}});
        }
        if operation.op.tagged && answer.schema.is_some() {
            response["headers"] = json!({"ETag": {"schema": {"type": "string"}}});
        }
        responses.insert(status, response);
    }
    for (status, codes) in errors(operation) {
        let schema = if status == 400 {
            "ValidationProblem"
        } else {
            "Problem"
        };
        let schema = json!({"$ref": format!("#/components/schemas/{schema}")});
        let codes: Vec<String> = codes
            .iter()
            .map(|code| format!("`{}`", code.as_str()))
            .collect();
        let status = status.to_string();
        let mut response = responses.remove(&status).unwrap_or(json!({}));
        response["description"] = codes.join(", ").into();
        for media_type in ["application/json", "application/problem+json"] {
            response["content"][media_type] = json!({"schema": schema});
        }
        responses.insert(status, response);
    }
    Value::Object(responses)
}

fn page_of(item: &Value) -> Value {
    json!({
        "type": "object",
        "properties": {
            "count": {"type": "integer", "format": "int64", "description": "Absent in lists by cursor."},
            "next": {"type": ["string", "null"], "format": "uri"},
            "previous": {"type": ["string", "null"], "format": "uri"},
            "results": {"type": "array", "items": item},
        },
        "required": ["next", "previous", "results"],
    })
}

/// The errors of an operation by status: its own, and those that everything of its kind has.
fn errors(operation: &Operation) -> BTreeMap<u16, Vec<Code>> {
    let op: &Op = &operation.op;
    let mut codes = op.errors.clone();
    codes.extend([Code::HostNotAllowed, Code::UriTooLong, Code::RateLimited]);
    codes.extend([
        Code::InternalError,
        Code::Overloaded,
        Code::DependencyUnavailable,
        Code::Timeout,
    ]);
    if op.conditional {
        codes.push(Code::PreconditionFailed);
    }
    // What a row names may be erased while it is written.
    if operation.method != "get" && op.who != Who::Public {
        codes.push(Code::Conflict);
    }
    if op.query.is_some() || op.body.is_some() || op.upload.is_some() || op.conditional {
        codes.push(Code::ValidationError);
    }
    if op.upload.is_some() {
        codes.push(Code::InvalidImage);
    }
    if op.body.is_some() || op.upload.is_some() {
        codes.extend([
            Code::MalformedJson,
            Code::BodyTimeout,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
        ]);
    }
    if op.body.is_some() && card_data::is_guarded(operation.path) {
        codes.push(Code::CardDataNotAccepted);
    }
    if op.keyed {
        codes.extend([Code::IdempotencyKeyReused, Code::IdempotencyInProgress]);
    }
    if op.who != Who::Public {
        codes.extend([Code::TokenInvalid, Code::TokenExpired, Code::TokenRevoked]);
    }
    match op.who {
        Who::Public => {}
        Who::Shopper if operation.method != "get" => codes.push(Code::CsrfFailed),
        Who::Shopper => {}
        Who::User => codes.push(Code::NotAuthenticated),
        Who::Admin => codes.extend([
            Code::NotAuthenticated,
            Code::PermissionDenied,
            Code::SecondFactorRequired,
        ]),
    }
    if operation.path.contains('{') || op.query.is_some() {
        codes.push(Code::NotFound);
    }
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in Code::ALL.iter().filter(|code| codes.contains(code)) {
        by_status.entry(code.status()).or_default().push(*code);
    }
    by_status
}

fn write_yaml(out: &mut String, value: &Value, depth: usize) {
    let indent = |out: &mut String| out.push_str(&"  ".repeat(depth));
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                indent(out);
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_nested(out, value, depth);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                indent(out);
                out.push('-');
                write_nested(out, item, depth);
            }
        }
        leaf => {
            out.push_str(&leaf.to_string());
            out.push('\n');
        }
    }
}

fn write_nested(out: &mut String, value: &Value, depth: usize) {
    let nested = value.as_object().is_some_and(|o| !o.is_empty())
        || value.as_array().is_some_and(|a| !a.is_empty());
    out.push(if nested { '\n' } else { ' ' });
    write_yaml(out, value, depth + 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_is_indented_json() {
        let text = yaml(&json!({"a": {"b": [1, {"c": "x: y"}], "d": []}, "e": null}));
        assert_eq!(
            text,
            "\"a\":\n  \"b\":\n    - 1\n    -\n      \"c\": \"x: y\"\n  \"d\": []\n\"e\": null\n"
        );
    }
}
