//! From text to nodes: one function a production of RFC 8259.

use std::borrow::Cow;

use super::Node;

pub(super) const MAX_DEPTH: usize = 64;

type Step<T> = Result<T, &'static str>;

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn document(&mut self) -> Step<Node<'a>> {
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
