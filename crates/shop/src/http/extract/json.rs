//! A strict JSON reader (RFC 8259) that keeps numbers as they were written.
//!
//! Refused, with line and column: duplicate members, NUL, lone surrogates, trailing text, numbers beyond what a
//! double can hold, and anything deeper than 64 levels. Never panics, never recurses deeper than that.

use std::borrow::Cow;

pub(super) const MAX_DEPTH: usize = 64;

/// A JSON value that borrows from the body.
#[derive(Clone, Debug, PartialEq)]
pub enum Node<'a> {
    Null,
    Bool(bool),
    /// The text of the number, unchanged.
    Number(&'a str),
    String(Cow<'a, str>),
    Array(Vec<Node<'a>>),
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

/// Why a text is not JSON, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(super) why: &'static str,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Reads a whole text.
pub(crate) fn parse(text: &[u8]) -> Result<Node<'_>, Malformed> {
    let text = match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => return Err(malformed(text, error.valid_up_to(), "it is not UTF-8")),
    };
    if text.starts_with('\u{feff}') {
        return Err(malformed(
            text.as_bytes(),
            0,
            "it begins with a byte order mark",
        ));
    }
    let mut parser = Parser { text, at: 0 };
    parser
        .document()
        .map_err(|why| malformed(text.as_bytes(), parser.at, why))
}

impl Node<'_> {
    /// The same value for those who take any JSON. Numbers keep every digit that `serde_json` can hold.
    pub fn to_value(&self) -> serde_json::Value {
        match self {
            Node::Null => serde_json::Value::Null,
            Node::Bool(value) => (*value).into(),
            Node::Number(text) => serde_json::from_str(text).unwrap_or_default(),
            Node::String(text) => text.as_ref().into(),
            Node::Array(items) => items.iter().map(Node::to_value).collect(),
            Node::Object(members) => members
                .iter()
                .map(|(name, node)| (name.to_string(), node.to_value()))
                .collect(),
        }
    }
}

impl Node<'_> {
    /// One text for all spellings of the same value: without space, members in order. Numbers stay as written.
    pub(super) fn canonical(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match self {
            Node::Null => out.push_str("null"),
            Node::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Node::Number(text) => out.push_str(text),
            Node::String(text) => write_text(out, text),
            Node::Array(items) => {
                out.push('[');
                for item in items {
                    item.write(out);
                    out.push(',');
                }
                out.push(']');
            }
            Node::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
                out.push('{');
                for (name, value) in sorted {
                    write_text(out, name);
                    out.push(':');
                    value.write(out);
                    out.push(',');
                }
                out.push('}');
            }
        }
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

type Step<T> = Result<T, &'static str>;

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn document(&mut self) -> Step<Node<'a>> {
        let node = self.value(0)?;
        self.space();
        if self.peek().is_some() {
            Err("more text follows the value")
        } else {
            Ok(node)
        }
    }

    fn value(&mut self, depth: usize) -> Step<Node<'a>> {
        self.space();
        match self.peek() {
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => self.string().map(Node::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Node::Bool(true)),
            Some(b'f') => self.word("false", Node::Bool(false)),
            Some(b'n') => self.word("null", Node::Null),
            Some(_) => Err("a value was expected here"),
            None => Err("it ends too early"),
        }
    }

    fn object(&mut self, depth: usize) -> Step<Node<'a>> {
        self.open(depth)?;
        let mut members: Vec<(Cow<'a, str>, Node<'a>)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        if self.close(b'}') {
            return Ok(Node::Object(members));
        }
        loop {
            self.space();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(if self.peek().is_none() {
                    "it ends too early"
                } else {
                    "a name in quotes was expected"
                });
            }
            let name = self.string()?;
            let known = if members.len() < 16 {
                members.iter().any(|(other, _)| *other == name)
            } else {
                if seen.is_empty() {
                    seen.extend(members.iter().map(|(other, _)| other.clone()));
                }
                !seen.insert(name.clone())
            };
            if known {
                self.at = start;
                return Err("this name stands twice in one object");
            }
            self.space();
            self.expect(b':', "a colon was expected")?;
            let node = self.value(depth)?;
            members.push((name, node));
            if self.next_or_end(b'}', "a comma or } was expected")? {
                return Ok(Node::Object(members));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Step<Node<'a>> {
        self.open(depth)?;
        let mut items = Vec::new();
        if self.close(b']') {
            return Ok(Node::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            if self.next_or_end(b']', "a comma or ] was expected")? {
                return Ok(Node::Array(items));
            }
        }
    }

    fn open(&mut self, depth: usize) -> Step<()> {
        if depth > MAX_DEPTH {
            return Err("it is nested more than 64 levels deep");
        }
        self.at += 1;
        Ok(())
    }

    fn close(&mut self, end: u8) -> bool {
        self.space();
        let closed = self.peek() == Some(end);
        self.at += usize::from(closed);
        closed
    }

    fn next_or_end(&mut self, end: u8, why: &'static str) -> Step<bool> {
        if self.close(end) {
            return Ok(true);
        }
        self.expect(b',', why)?;
        Ok(false)
    }

    fn expect(&mut self, byte: u8, why: &'static str) -> Step<()> {
        match self.peek() {
            Some(found) if found == byte => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(why),
            None => Err("it ends too early"),
        }
    }

    fn word(&mut self, word: &str, node: Node<'a>) -> Step<Node<'a>> {
        if !self.rest().starts_with(word) {
            return Err("a value was expected here");
        }
        self.at += word.len();
        Ok(node)
    }

    fn number(&mut self) -> Step<Node<'a>> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        let text = &self.text[start..self.at];
        if text.parse::<f64>().is_ok_and(f64::is_finite) {
            Ok(Node::Number(text))
        } else {
            self.at = start;
            Err("this number is too large")
        }
    }

    fn digits(&mut self) -> Step<()> {
        let count = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        self.at += count;
        if count == 0 {
            Err("a digit was expected")
        } else {
            Ok(())
        }
    }

    fn string(&mut self) -> Step<Cow<'a, str>> {
        self.at += 1;
        let plain = self.plain_run();
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut out = plain.to_owned();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(out));
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => return Err("a control character must be escaped"),
                None => return Err("the text has no closing quote"),
            }
            let run = self.plain_run();
            out.push_str(run);
        }
    }

    /// All up to the next quote, backslash or control character.
    fn plain_run(&mut self) -> &'a str {
        let start = self.at;
        self.at += self
            .rest()
            .bytes()
            .take_while(|b| !matches!(b, b'"' | b'\\' | 0..=0x1f))
            .count();
        &self.text[start..self.at]
    }

    fn escape(&mut self) -> Step<char> {
        let start = self.at;
        self.at += 1;
        let escaped = match self.peek() {
            Some(b'u') => return self.unicode().inspect_err(|_| self.at = start),
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(_) => return Err("this escape does not exist"),
            None => return Err("the text has no closing quote"),
        };
        self.at += 1;
        Ok(escaped)
    }

    fn unicode(&mut self) -> Step<char> {
        let unit = self.hex4()?;
        let code = match unit {
            0 => return Err("NUL is not accepted"),
            0xd800..=0xdbff => {
                if !self.rest().starts_with("\\u") {
                    return Err("half of a surrogate pair");
                }
                self.at += 1;
                match self.hex4()? {
                    low @ 0xdc00..=0xdfff => 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00),
                    _ => return Err("half of a surrogate pair"),
                }
            }
            other => other,
        };
        char::from_u32(code).ok_or("half of a surrogate pair")
    }

    /// `uXXXX`, with `at` on the u.
    fn hex4(&mut self) -> Step<u32> {
        let digits = self
            .text
            .as_bytes()
            .get(self.at + 1..self.at + 5)
            .ok_or("four hex digits were expected")?;
        let mut unit = 0;
        for digit in digits {
            let value = char::from(*digit)
                .to_digit(16)
                .ok_or("four hex digits were expected")?;
            unit = unit * 16 + value;
        }
        self.at += 5;
        Ok(unit)
    }

    fn space(&mut self) {
        self.at += self
            .rest()
            .bytes()
            .take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
            .count();
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        // Only whole characters are stepped over, so `at` is always on a boundary.
        self.text.get(self.at..).unwrap_or("")
    }
}

fn malformed(text: &[u8], at: usize, why: &'static str) -> Malformed {
    let before = &text[..at.min(text.len())];
    let line_start = before
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    Malformed {
        why,
        line: before.iter().filter(|b| **b == b'\n').count() + 1,
        column: String::from_utf8_lossy(&before[line_start..])
            .chars()
            .count()
            + 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
}
