//! What an operation may answer: its own answers, and the errors that follow from what it is.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::error::Code;
use crate::http::card_data;
use crate::http::routes::{Op, Operation, Who};
use crate::http::schema::Schemas;

pub(super) fn responses(operation: &Operation, schemas: &mut Schemas) -> Value {
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

pub(super) fn add_problems(schemas: &mut Schemas) {
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
