//! JSON as YAML.

use serde_json::Value;

/// `document` as YAML 1.2: strings are quoted as in JSON, which it includes.
pub fn yaml(document: &Value) -> String {
    let mut out = String::new();
    write_yaml(&mut out, document, 0);
    out
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
    use serde_json::json;

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
