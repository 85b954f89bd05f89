//! Holds requests against a provider's description: OpenAPI documents in `descriptions/`. Those of PayPal are its own,
//! cut down to what is called; the others publish none for programs, or none that could be taken over, so theirs say
//! what their references say.
//!
//! Looked at: method, path and its parameters, headers, how the caller signs in, the body's kind and schema; and of the
//! stand-in's own answers the schema, where there is one.

use serde_json::{Map, Value};

use super::{Asked, Said};
use crate::support::schema::{fits, resolve};

/// What of a request does not fit; no operation at all is a fault too.
pub fn faults(documents: &[Value], asked: &Asked) -> Vec<String> {
    let Some((root, operation)) = operation(documents, asked) else {
        return vec!["no such operation".to_owned()];
    };
    let mut faults = Vec::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let parameter = resolve(root, parameter).unwrap_or(&Value::Null);
        let name = parameter["name"].as_str().unwrap_or_default();
        let given = match parameter["in"].as_str() {
            Some("header") => asked.headers.get(&name.to_lowercase()).cloned(),
            Some("path") => path_parameter(documents, asked, name),
            _ => None,
        };
        match given {
            Some(given) => {
                let fault = fits(root, &Value::String(given), &parameter["schema"]).err();
                faults.extend(fault.map(|fault| format!("{name}{fault}")));
            }
            None if parameter["required"] == true => faults.push(format!("{name} is missing")),
            None => {}
        }
    }
    let security = operation.get("security").unwrap_or(&root["security"]);
    let ways = security.as_array().cloned().unwrap_or_default();
    if !ways.is_empty() && !ways.iter().any(|way| signs_in(root, asked, way)) {
        faults.push(format!("it signs in by none of {security}"));
    }
    faults.extend(body_fault(root, operation, asked));
    faults
}

/// What of an answer does not fit, where the description says what an answer is.
pub fn answer_fault(documents: &[Value], asked: &Asked, said: &Said) -> Option<String> {
    let (root, operation) = operation(documents, asked)?;
    let declared = &operation["responses"][said.status.to_string()];
    let schema = declared["content"]["application/json"].get("schema")?;
    let answer = serde_json::from_str(&said.body).unwrap_or(Value::Null);
    fits(root, &answer, schema).err()
}

fn operation<'d>(documents: &'d [Value], asked: &Asked) -> Option<(&'d Value, &'d Value)> {
    let method = asked.method.to_lowercase();
    documents.iter().find_map(|root| {
        let mut paths = root["paths"].as_object()?.iter();
        let (_, item) = paths.find(|(template, item)| {
            item.get(&method).is_some() && matches(template, &asked.parts()).is_some()
        })?;
        Some((root, &item[&method]))
    })
}

/// The values of a template's parameters.
fn matches<'t>(template: &'t str, parts: &[&str]) -> Option<Vec<(&'t str, String)>> {
    let template: Vec<_> = template
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    if template.len() != parts.len() {
        return None;
    }
    let mut values = Vec::new();
    for (part, given) in template.iter().zip(parts) {
        match part
            .strip_prefix('{')
            .and_then(|part| part.strip_suffix('}'))
        {
            Some(name) => values.push((name, (*given).to_owned())),
            None if part == given => {}
            None => return None,
        }
    }
    Some(values)
}

fn path_parameter(documents: &[Value], asked: &Asked, name: &str) -> Option<String> {
    let paths = documents
        .iter()
        .filter_map(|root| root["paths"].as_object())
        .flatten();
    let method = asked.method.to_lowercase();
    let mut fitting = paths
        .filter(|(_, item)| item.get(&method).is_some())
        .filter_map(|(template, _)| matches(template, &asked.parts()));
    let found = fitting.next()?;
    found
        .into_iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

/// All schemes of one way are there; whether they are the right ones is the stand-in's to say.
fn signs_in(root: &Value, asked: &Asked, way: &Value) -> bool {
    let schemes = &root["components"]["securitySchemes"];
    way.as_object().is_some_and(|way| {
        way.keys().all(|name| {
            let scheme = &schemes[name];
            let given = asked.header("authorization");
            match (scheme["type"].as_str(), scheme["scheme"].as_str()) {
                (Some("http"), Some("basic")) => given.starts_with("Basic "),
                (Some("http"), Some("bearer")) | (Some("oauth2"), _) => {
                    given.starts_with("Bearer ")
                }
                (Some("apiKey"), _) => {
                    let header = scheme["name"].as_str().unwrap_or_default();
                    !asked.header(&header.to_lowercase()).is_empty()
                }
                _ => false,
            }
        })
    })
}

fn body_fault(root: &Value, operation: &Value, asked: &Asked) -> Option<String> {
    let body = &operation["requestBody"];
    let kinds = body["content"].as_object();
    if asked.body.is_empty() {
        return (body["required"] == true).then(|| "the body is missing".to_owned());
    }
    let kind = asked.header("content-type");
    let Some(content) = kinds.and_then(|kinds| kinds.get(kind)) else {
        return Some(format!("a body of {kind:?} is not declared"));
    };
    let value = match kind {
        "application/x-www-form-urlencoded" => nested(asked),
        _ => asked.json(),
    };
    fits(root, &value, &content["schema"]).err()
}

/// A form whose names nest, `a[b][0]=x`, as JSON.
fn nested(asked: &Asked) -> Value {
    let mut root = Value::Object(Map::new());
    let mut fields: Vec<_> = asked.form().into_iter().collect();
    fields.sort();
    for (name, value) in fields {
        let mut at = &mut root;
        for key in name.split(['[', ']']).filter(|key| !key.is_empty()) {
            at = match key.parse::<usize>() {
                Ok(n) => {
                    if !at.is_array() {
                        *at = Value::Array(Vec::new());
                    }
                    let items = at.as_array_mut().unwrap();
                    while items.len() <= n {
                        items.push(Value::Null);
                    }
                    &mut items[n]
                }
                Err(_) => {
                    if !at.is_object() {
                        *at = Value::Object(Map::new());
                    }
                    at.as_object_mut()
                        .unwrap()
                        .entry(key)
                        .or_insert(Value::Null)
                }
            };
        }
        *at = Value::String(value);
    }
    root
}
