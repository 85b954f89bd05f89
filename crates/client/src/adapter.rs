//! What differs between servers: a JSON file of operations, each a list of requests with `${variables}`.
//!
//! `{"name", "headers": {..}, "vars": {..}, "ops": {"list": [STEP..], "search", "detail", "login", "begin", "add", "order"}}`
//! STEP: `method`, `path`, `headers`, `body` (text or JSON), `ok` (200, 201), `fail_if` (texts that mean failure),
//! `items` (JSON pointer of the list in the answer), `sold_out_if` (texts of a failure that mean "no stock"), `capture` (`{"token": "json:/access"}`, `header:`, `cookie:`).

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use serde_json::Value;

use crate::http::{Answer, Client};
use crate::stats::Counts;

/// The adapter of this project's own server.
pub const CARTWRIGHT: &str = include_str!("cartwright.json");

#[derive(Deserialize)]
pub struct Adapter {
    pub name: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    pub vars: Vars,
    ops: BTreeMap<String, Vec<Step>>,
}

#[derive(Deserialize)]
struct Step {
    #[serde(default = "get")]
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    #[serde(default = "ok")]
    ok: Vec<u16>,
    #[serde(default)]
    fail_if: Vec<String>,
    #[serde(default)]
    sold_out_if: Vec<String>,
    #[serde(default)]
    capture: BTreeMap<String, String>,
    items: Option<String>,
    /// Request line and headers as a template, made once by `parse`.
    #[serde(skip)]
    head: String,
}

fn get() -> String {
    "GET".to_owned()
}

fn ok() -> Vec<u16> {
    vec![200, 201]
}

pub type Vars = HashMap<String, String>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Done,
    SoldOut,
    Failed,
}

impl Adapter {
    pub fn parse(text: &str, host: &str) -> Result<Self> {
        let mut adapter: Self =
            serde_json::from_str(text).context("the adapter is not understood")?;
        for step in adapter.ops.values_mut().flatten() {
            let mut headers = adapter.headers.clone();
            headers.extend(step.headers.clone());
            if step.body.is_some()
                && !headers
                    .keys()
                    .any(|name| name.eq_ignore_ascii_case("content-type"))
            {
                headers.insert("content-type".to_owned(), "application/json".to_owned());
            }
            step.head = format!("{} {} HTTP/1.1\r\nhost: {host}\r\n", step.method, step.path);
            headers
                .iter()
                .for_each(|(name, value)| step.head.push_str(&format!("{name}: {value}\r\n")));
            if let Some(body) = step.body.take() {
                step.body = Some(Value::String(
                    body.as_str()
                        .map_or_else(|| body.to_string(), str::to_owned),
                ));
            }
        }
        Ok(adapter)
    }

    pub fn has(&self, op: &str) -> bool {
        self.ops.contains_key(op)
    }

    pub fn require(&self, op: &str) -> Result<()> {
        self.has(op)
            .then_some(())
            .ok_or_else(|| anyhow!("The adapter {} has no operation {op}.", self.name))
    }

    /// Runs the requests of an operation; what they capture goes into `vars`.
    pub async fn run(
        &self,
        op: &str,
        client: &mut Client,
        vars: &mut Vars,
        answers: &mut Counts,
    ) -> Result<Outcome> {
        let Some(steps) = self.ops.get(op) else {
            bail!("no operation {op}")
        };
        for step in steps {
            let answer = match client.exchange(&step.request(vars)).await {
                Ok(answer) => answer,
                Err(e) => {
                    answers.add(format!("{op}: {e}"));
                    return Ok(Outcome::Failed);
                }
            };
            let says = |texts: &[String]| {
                texts
                    .iter()
                    .any(|text| memchr(&answer.body, text.as_bytes()))
            };
            if !step.ok.contains(&answer.status) || says(&step.fail_if) {
                let sold_out = says(&step.sold_out_if);
                answers.add(format!("{} ({op})", answer.reason()));
                return Ok(if sold_out {
                    Outcome::SoldOut
                } else {
                    Outcome::Failed
                });
            }
            step.keep(&answer, vars);
        }
        Ok(Outcome::Done)
    }

    /// Asks once what an operation of one request is answered.
    ///
    /// # Errors
    /// The server is away, or there is no such operation.
    pub async fn look(&self, op: &str, client: &mut Client, vars: &Vars) -> Result<Look> {
        self.require(op)?;
        let Some(step) = self.ops.get(op).and_then(|steps| steps.last()) else {
            bail!("{op} has no requests")
        };
        let answer = client.exchange(&step.request(vars)).await?;
        let body = answer.json();
        let list = step
            .items
            .as_deref()
            .and_then(|at| body.pointer(at)?.as_array());
        Ok(Look {
            status: answer.status,
            bytes: answer.body.len(),
            items: list.map(Vec::len),
        })
    }
}

/// What the answer to an operation's last request is like.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub status: u16,
    /// Of the body as it was sent.
    pub bytes: usize,
    /// Of the list in it, where the adapter says which.
    pub items: Option<usize>,
}

impl Step {
    fn request(&self, vars: &Vars) -> Vec<u8> {
        let mut request = fill(&self.head, vars);
        let body = self
            .body
            .as_ref()
            .and_then(Value::as_str)
            .map(|body| fill(body, vars));
        if let Some(body) = &body {
            request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        } else if self.method == "GET" {
            request.push_str("\r\n");
        } else {
            request.push_str("content-length: 0\r\n\r\n");
        }
        request.into_bytes()
    }

    fn keep(&self, answer: &Answer, vars: &mut Vars) {
        for (name, source) in &self.capture {
            let value = match source.split_once(':') {
                Some(("json", pointer)) => answer
                    .json()
                    .pointer(pointer)
                    .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)),
                Some(("header", header)) => answer.header(header).map(str::to_owned),
                Some(("cookie", cookie)) => answer
                    .headers
                    .iter()
                    .filter(|(n, _)| n.eq_ignore_ascii_case("set-cookie"))
                    .find_map(|(_, v)| {
                        v.split(';')
                            .next()?
                            .strip_prefix(cookie)?
                            .strip_prefix('=')
                            .map(str::to_owned)
                    }),
                _ => None,
            };
            if let Some(value) = value {
                vars.insert(name.clone(), value);
            }
        }
    }
}

fn fill(template: &str, vars: &Vars) -> String {
    let mut filled = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${") {
        filled.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            filled.push_str("${");
            rest = after;
            continue;
        };
        filled.push_str(vars.get(name).map_or("", String::as_str));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

fn memchr(body: &[u8], text: &[u8]) -> bool {
    !text.is_empty() && body.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_and_bodies_measured() {
        let adapter = Adapter::parse(CARTWRIGHT, "127.0.0.1:8000").unwrap();
        let vars = Vars::from([
            ("pid".to_owned(), "17".to_owned()),
            ("token".to_owned(), "T".to_owned()),
        ]);
        let request = String::from_utf8(adapter.ops["add"][0].request(&vars)).unwrap();
        assert!(
            request.starts_with("POST /api/v1/cart/items/ HTTP/1.1\r\nhost: 127.0.0.1:8000\r\n"),
            "{request}"
        );
        assert!(request.contains("authorization: Bearer T\r\n"));
        assert!(
            request.ends_with("content-length: 30\r\n\r\n{\"product_id\":17,\"quantity\":1}"),
            "{request}"
        );
        for op in ["list", "search", "detail", "login", "order"] {
            assert!(adapter.has(op), "{op}");
        }
    }
}
