//! The API document: a snapshot in the repository, and what every operation must say of itself.

use std::collections::HashSet;

use serde_json::Value;
use shop::error::Code;

use crate::support::{OPENAPI, TestShop};

const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi.json");

fn operations() -> Vec<(String, &'static Value)> {
    let paths = OPENAPI["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        item.as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    all.collect()
}

#[test]
fn the_openapi_snapshot_is_up_to_date() {
    let text = serde_json::to_string_pretty(&*OPENAPI).unwrap() + "\n";
    if std::env::vars().any(|(name, _)| name == "UPDATE_OPENAPI") {
        std::fs::write(SNAPSHOT, &text).unwrap();
    }
    let kept = std::fs::read_to_string(SNAPSHOT).unwrap_or_default();
    assert!(
        kept == text,
        "openapi.json has changed: look at the difference, then run UPDATE_OPENAPI=1 cargo test -p shop openapi"
    );
}

#[test]
fn every_error_code_stands_in_the_documentation() {
    let page = include_str!("../../../../docs/errors.md");
    let listed: Vec<&str> = page.lines().filter(|line| line.contains("| `")).collect();
    let rows: Vec<String> = Code::ALL
        .iter()
        .map(|code| {
            format!(
                "| {} | `{}` | {} |",
                code.status(),
                code.as_str(),
                code.title()
            )
        })
        .collect();
    assert_eq!(
        listed, rows,
        "docs/errors.md and the table of error.rs differ"
    );
}

#[test]
fn every_operation_has_an_id_a_summary_and_error_answers() {
    let mut ids = HashSet::new();
    for (name, operation) in operations() {
        let id = operation["operationId"].as_str().unwrap_or_default();
        assert!(
            !id.is_empty() && ids.insert(id),
            "{name}: operation id {id:?}"
        );
        assert!(
            operation["summary"]
                .as_str()
                .is_some_and(|summary| summary.len() > 3),
            "{name}: summary"
        );
        let answers = operation["responses"].as_object().unwrap();
        for status in ["400", "429", "500", "503"] {
            assert!(answers.contains_key(status), "{name}: {status}");
        }
        assert!(
            answers.keys().any(|status| status < &"400".to_owned()),
            "{name}: no good answer"
        );
        if operation["security"] == serde_json::json!([{"bearer": []}]) {
            assert!(answers.contains_key("401"), "{name}: 401");
        }
        if operation.get("requestBody").is_some() {
            assert!(
                ["408", "413", "415"]
                    .iter()
                    .all(|status| answers.contains_key(*status)),
                "{name}: 408, 413, 415"
            );
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn look(value: &Value) {
        if let Some(reference) = value["$ref"].as_str() {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(
                OPENAPI.pointer(pointer).is_some_and(Value::is_object),
                "{reference}"
            );
        }
        match value {
            Value::Object(members) => members.values().for_each(look),
            Value::Array(items) => items.iter().for_each(look),
            _ => {}
        }
    }
    look(&OPENAPI);
}

#[test]
fn every_path_ends_with_a_slash_below_the_base() {
    for path in OPENAPI["paths"].as_object().unwrap().keys() {
        assert!(
            path.starts_with("/api/v1/") && path.ends_with('/'),
            "{path}"
        );
    }
}

both! {
    async fn the_type_of_an_error_leads_to_what_it_is(shop: TestShop) {
        let refused = shop.get("/api/v1/orders/").expect(401).await.json();
        let told = shop.get(refused["type"].as_str().unwrap()).expect(200).await.json();
        for member in ["type", "title", "status", "code"] {
            assert_eq!(told[member], refused[member]);
        }
        for code in Code::ALL {
            shop.get(&format!("/problems/{}", code.as_str())).expect(200).await;
        }
        shop.get("/problems/no_such_code").expect(404).await;
    }

    async fn the_document_is_served_as_json_and_as_yaml(shop: TestShop) {
        let json = shop.get("/api/schema/").expect(200).await;
        assert_eq!(json.json(), *OPENAPI);
        let yaml = shop.get("/api/v1/schema/?format=yaml").expect(200).await;
        assert_eq!(yaml.header("content-type"), "application/yaml");
        assert!(yaml.text().starts_with("\"openapi\": \"3.1.0\"\n"));
        assert_eq!(shop.get("/api/schema/?format=xml").expect(400).await.faulty(), ["format"]);
    }

    async fn the_pages_ask_no_other_host(shop: TestShop) {
        for (page, files) in [
            ("docs", vec!["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png", "start.js"]),
            ("redoc", vec!["redoc.standalone.js", "start.js"]),
        ] {
            let answer = shop.get(&format!("/api/{page}/")).expect(200).await;
            assert!(!answer.text().contains("http"), "{page}");
            let policy = answer.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("http"), "{policy}");
            for file in files {
                let answer = shop.get(&format!("/api/{page}/{file}")).expect(200).await;
                assert!(!answer.text().contains("cdn.redoc"), "{file}");
            }
            shop.get(&format!("/api/{page}/nothing.js")).expect(404).await;
            shop.get(&format!("/api/{page}/%2e%2e%2fCargo.toml")).expect(404).await;
        }
    }
}
