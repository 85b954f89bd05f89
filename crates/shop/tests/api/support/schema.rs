//! As much of JSON schema as the API document and the providers' descriptions use.
//!
//! A member that is not declared is a fault, unless the schema lets any member through.

use std::collections::BTreeSet;

use serde_json::Value;

/// Holds a value against a schema; `root` is where `$ref` leads.
pub fn fits(root: &Value, value: &Value, schema: &Value) -> Result<(), String> {
    part(root, value, schema, "", true)
}

/// What a `$ref` names, or the schema itself.
pub fn resolve<'v>(root: &'v Value, schema: &'v Value) -> Option<&'v Value> {
    match schema["$ref"].as_str() {
        Some(reference) => root.pointer(reference.strip_prefix('#')?),
        None => Some(schema),
    }
}

/// `closed`: members beside those declared here are a fault. Within `allOf` the whole of it decides.
fn part(root: &Value, value: &Value, schema: &Value, at: &str, closed: bool) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let known = resolve(root, schema).filter(|known| known.is_object());
        return match known {
            Some(known) => part(root, value, known, at, closed),
            None => Err(format!("{at}: no schema {reference}")),
        };
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(schemas) = schema[choice].as_array() {
            let faults: Vec<_> = schemas
                .iter()
                .filter_map(|schema| part(root, value, schema, at, closed).err())
                .collect();
            if faults.len() == schemas.len() {
                return Err(faults.join(" / "));
            }
        }
    }
    for schema in schema["allOf"].as_array().into_iter().flatten() {
        part(root, value, schema, at, false)?;
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
    match value {
        Value::String(text) => text_fits(text, schema, at),
        Value::Number(number) => {
            let low = number.as_f64() < schema["minimum"].as_f64();
            refused(low, at, || format!("{number} is too small"))
        }
        Value::Array(items) => {
            sized(items.len(), schema, ["minItems", "maxItems"], at)?;
            let each = schema.get("items");
            let mut items = items.iter().enumerate();
            items.try_for_each(|(n, item)| match each {
                Some(each) => part(root, item, each, &format!("{at}/{n}"), true),
                None => Ok(()),
            })
        }
        Value::Object(members) => {
            sized(
                members.len(),
                schema,
                ["minProperties", "maxProperties"],
                at,
            )?;
            members_fit(root, members, schema, at, closed)
        }
        _ => Ok(()),
    }
}

fn text_fits(text: &str, schema: &Value, at: &str) -> Result<(), String> {
    sized(text.chars().count(), schema, ["minLength", "maxLength"], at)?;
    let Some(pattern) = schema["pattern"].as_str() else {
        return Ok(());
    };
    let known = regex::Regex::new(pattern).map_err(|error| format!("{at}: {error}"))?;
    refused(!known.is_match(text), at, || {
        format!("{text:?} is not {pattern}")
    })
}

fn members_fit(
    root: &Value,
    members: &serde_json::Map<String, Value>,
    schema: &Value,
    at: &str,
    closed: bool,
) -> Result<(), String> {
    let required = schema["required"].as_array().into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        refused(!members.contains_key(name), at, || {
            format!("{name} is missing")
        })?;
    }
    let (own, all, any) = (
        &schema["properties"],
        declared(root, schema),
        &schema["additionalProperties"],
    );
    for (name, value) in members {
        let below = format!("{at}/{name}");
        if let Some(schema) = own.get(name) {
            part(root, value, schema, &below, true)?;
        } else if any.is_object() {
            part(root, value, any, &below, true)?;
        } else if closed && *any != true && !all.is_empty() && !all.contains(name.as_str()) {
            // Errors carry their fields beside their members.
            let is_error = all.contains("request_id") || all.contains("errors");
            refused(!is_error, &below, || "is not declared".to_owned())?;
        }
    }
    Ok(())
}

/// The members that a schema declares, by all of its parts; none when it has no say.
fn declared<'v>(root: &'v Value, schema: &'v Value) -> BTreeSet<&'v str> {
    let Some(schema) = resolve(root, schema) else {
        return BTreeSet::new();
    };
    let own = schema["properties"].as_object().into_iter().flatten();
    let own = own.map(|(name, _)| name.as_str());
    let parts = schema["allOf"].as_array().into_iter().flatten();
    own.chain(parts.flat_map(|part| declared(root, part)))
        .collect()
}

fn sized(size: usize, schema: &Value, [least, most]: [&str; 2], at: &str) -> Result<(), String> {
    let bound = |name: &str| schema[name].as_u64().and_then(|n| usize::try_from(n).ok());
    let fits = bound(least).is_none_or(|n| size >= n) && bound(most).is_none_or(|n| size <= n);
    refused(!fits, at, || format!("{least} to {most} do not fit {size}"))
}

fn refused(wrong: bool, at: &str, why: impl FnOnce() -> String) -> Result<(), String> {
    match wrong {
        true => Err(format!("{at}: {}", why())),
        false => Ok(()),
    }
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
