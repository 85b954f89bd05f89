//! What is JSON, and what is none.

use proptest::prelude::*;

use super::parser::MAX_DEPTH;
use super::*;

fn why(text: &str) -> &'static str {
    parse(text.as_bytes()).expect_err(text).why
}

#[test]
fn spellings_of_one_value_are_one_text() {
    let text = |json: &str| parse(json.as_bytes()).unwrap().canonical();
    assert_eq!(
        text(r#"{"b": [1, "\u00e9"], "a": null}"#),
        text("{\"a\":null,\"b\":[1,\"é\"]}")
    );
    assert_ne!(text("[1,2]"), text("[2,1]"));
    assert_ne!(text(r#""1""#), text("1"));
    assert_ne!(text(r#"["a,b"]"#), text(r#"["a","b"]"#));
}

#[test]
fn numbers_keep_their_text() {
    let node = parse(b"[129900.00, -0.10, 1e3, 12345678901234567890]").unwrap();
    let texts = ["129900.00", "-0.10", "1e3", "12345678901234567890"];
    assert_eq!(
        node,
        Node::Array(texts.into_iter().map(Node::Number).collect())
    );
}

#[test]
fn texts_are_unescaped() {
    let node = parse(br#""a\n\u00e9\ud83d\uDE00\/""#).unwrap();
    assert_eq!(node, Node::String("a\né😀/".into()));
}

#[test]
fn what_is_not_json_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "nul",
        "NaN",
        "01",
        "1.",
        ".5",
        "+1",
        "'a'",
        "\"\t\"",
        "\"a",
        "[1 2]",
        "{1:2}",
        "\u{feff}{}",
        "\"\\x\"",
        "\"\\u12\"",
        "-",
        "1e",
        "{}{}",
        "[] x",
    ] {
        assert!(parse(text.as_bytes()).is_err(), "{text}");
    }
    assert_eq!(
        why(r#"{"a":1,"a":2}"#),
        "this name stands twice in one object"
    );
    assert_eq!(
        why(r#"{"a":1,"\u0061":2}"#),
        "this name stands twice in one object"
    );
    assert_eq!(why(r#""\u0000""#), "NUL is not accepted");
    assert_eq!(why("\"\0\""), "a control character must be escaped");
    assert_eq!(why(r#""\ud800""#), "half of a surrogate pair");
    assert_eq!(why(r#""\udc00""#), "half of a surrogate pair");
    assert_eq!(why("1e400"), "this number is too large");
    assert!(parse(b"\"\xff\"").is_err());
}

#[test]
fn duplicates_are_found_in_large_objects_too() {
    let mut members: Vec<String> = (0..1000).map(|n| format!("\"k{n}\":1")).collect();
    assert!(parse(format!("{{{}}}", members.join(",")).as_bytes()).is_ok());
    members.push("\"k3\":1".into());
    assert_eq!(
        why(&format!("{{{}}}", members.join(","))),
        "this name stands twice in one object"
    );
}

#[test]
fn depth_is_limited_without_using_the_stack() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert_eq!(
        why(&nested(MAX_DEPTH + 1)),
        "it is nested more than 64 levels deep"
    );
    assert_eq!(
        why(&"[".repeat(1_000_000)),
        "it is nested more than 64 levels deep"
    );
}

#[test]
fn the_position_counts_characters_from_one() {
    let fault = parse("{\n  \"é\": x}".as_bytes()).unwrap_err();
    assert_eq!((fault.line, fault.column), (2, 8));
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
    }

    /// Texts made of JSON's own pieces: what we take, serde_json takes, with the same value; what we refuse
    /// and it takes is refused for a rule of ours.
    #[test]
    fn agrees_with_serde_json(pieces in proptest::collection::vec(proptest::sample::select(vec![
        "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\\n\"", "\"\\ud83d\\ude00\"", "\"\\ud83d\"", "1", "-0.5", "1e9", "1E400", "0", "true", "false", "null", " ", "\n", "\"", "\\", "e", ".", "-", "tru",
    ]), 0..14)) {
        let text = pieces.concat();
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        match (parse(text.as_bytes()), theirs) {
            (Ok(node), Ok(value)) => prop_assert_eq!(node.to_value(), value),
            (Ok(_), Err(error)) => prop_assert!(false, "{} is taken, but {}", text, error),
            (Err(fault), Ok(_)) => prop_assert_eq!(fault.why, "this name stands twice in one object"),
            (Err(_), Err(_)) => {}
        }
    }

    #[test]
    fn whatever_serde_json_writes_is_read_back(value in any_json()) {
        let text = serde_json::to_string(&value).unwrap();
        prop_assert_eq!(parse(text.as_bytes()).unwrap().to_value(), value);
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "[^\u{0}]*".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::btree_map("[a-z]{0,4}", inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}
