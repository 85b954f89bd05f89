//! Holds every answer against the API document: its status must be declared, and its body must fit its schema.

use std::sync::LazyLock;

use axum::http::Method;
use serde_json::Value;
use shop::http::aliases;

use super::Answer;

pub static OPENAPI: LazyLock<Value> = LazyLock::new(shop::http::openapi::document);

pub fn check(method: &Method, path: &str, answer: &Answer) {
    let Some(operation) = operation(method, path) else {
        return;
    };
    let status = answer.status.as_u16().to_string();
    let declared = &operation["responses"][&status];
    assert!(
        declared.is_object(),
        "{} answered {status}, which the API document does not declare for {}: {}",
        answer.asked,
        operation["operationId"],
        answer.text()
    );
    let kind = answer
        .header("content-type")
        .split(';')
        .next()
        .unwrap_or_default();
    let content = &declared["content"];
    if !answer.header("content-encoding").is_empty() {
        return; // what is in it was checked when it was asked for plain
    }
    if content.is_null() || answer.body.is_empty() {
        assert!(
            answer.body.is_empty() || *method == Method::HEAD,
            "{} answered a body that is not declared",
            answer.asked
        );
        return;
    }
    let schema = &content[kind]["schema"];
    assert!(
        schema.is_object(),
        "{} answered {kind}, which is not declared",
        answer.asked
    );
    if kind.ends_with("json")
        && answer.header("content-encoding").is_empty()
        && let Err(fault) = fits(&answer.json(), schema, "")
    {
        panic!(
            "{} answered what does not fit its schema: {fault}\n{}",
            answer.asked,
            answer.text()
        );
    }
}

/// The operation that a request is for, by whatever of its paths.
fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap_or_default();
    let target = aliases::resolve(method, path);
    let method = target
        .method
        .unwrap_or_else(|| method.clone())
        .as_str()
        .to_lowercase();
    let method = if method == "head" { "get" } else { &method };
    let path = target.path.as_deref().unwrap_or(path);
    let paths = OPENAPI["paths"].as_object()?;
    // A path without braces goes before one with them.
    let item = paths.get(path).or_else(|| {
        paths
            .iter()
            .find(|(template, item)| item.get(method).is_some() && matches(template, path))
            .map(|(_, item)| item)
    })?;
    item.get(method)
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template
            .iter()
            .zip(&path)
            .all(|(part, given)| part == given || part.starts_with('{') && !given.is_empty())
}

/// As much of JSON schema as our schemas use.
fn fits(value: &Value, schema: &Value, at: &str) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        let known = &OPENAPI["components"]["schemas"][name];
        return if known.is_object() {
            fits(value, known, at)
        } else {
            Err(format!("{at}: no schema {name}"))
        };
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(schemas) = schema[choice].as_array() {
            let faults: Vec<_> = schemas
                .iter()
                .filter_map(|schema| fits(value, schema, at).err())
                .collect();
            if faults.len() == schemas.len() {
                return Err(faults.join(" / "));
            }
        }
    }
    for schema in schema["allOf"].as_array().into_iter().flatten() {
        fits(value, schema, at)?;
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is_a(value, kind)) {
        return Err(format!("{at}: {value} is not {}", kinds.join(" or ")));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Err(format!("{at}: {value} is not one of {words:?}"));
    }
    if let Value::Object(members) = value {
        for name in schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            if !members.contains_key(name) {
                return Err(format!("{at}: {name} is missing"));
            }
        }
        let declared = schema["properties"].as_object();
        for (name, value) in members {
            match declared.and_then(|declared| declared.get(name)) {
                Some(schema) => fits(value, schema, &format!("{at}/{name}"))?,
                // Errors carry their fields beside their members.
                None if declared.is_some()
                    && schema["additionalProperties"] != true
                    && !declared.is_some_and(|all| {
                        all.contains_key("request_id") || all.contains_key("errors")
                    }) =>
                {
                    return Err(format!("{at}/{name} is not declared"));
                }
                None => {}
            }
        }
    }
    if let (Value::Array(items), Some(schema)) = (value, schema.get("items")) {
        for (n, item) in items.iter().enumerate() {
            fits(item, schema, &format!("{at}/{n}"))?;
        }
    }
    Ok(())
}

fn is_a(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        _ => false,
    }
}
