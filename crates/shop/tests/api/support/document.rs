//! Holds every answer against the API document: its status must be declared, and its body must fit its schema.

use std::sync::LazyLock;

use axum::http::Method;
use serde_json::Value;
use shop::http::aliases;

use super::Answer;
use super::schema::fits;

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
        && let Err(fault) = fits(&OPENAPI, &answer.json(), schema)
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
        let path: Vec<_> = path.split('/').collect();
        TEMPLATES
            .iter()
            .find(|(template, item)| matches(template, &path) && item.get(method).is_some())
            .map(|(_, item)| *item)
    })?;
    item.get(method)
}

/// The parts of each path, and what is there.
static TEMPLATES: LazyLock<Vec<(Vec<&str>, &Value)>> = LazyLock::new(|| {
    let paths = OPENAPI["paths"].as_object().into_iter().flatten();
    paths
        .map(|(template, item)| (template.split('/').collect(), item))
        .collect()
});

fn matches(template: &[&str], path: &[&str]) -> bool {
    template.len() == path.len()
        && template
            .iter()
            .zip(path)
            .all(|(part, given)| part == given || part.starts_with('{') && !given.is_empty())
}
