//! Finished traces as OTLP 1.x writes them in JSON: ids in hex, 64-bit numbers as text, names from the semantic
//! conventions of HTTP and of databases.

use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use db::{Engine, Step, What};
use serde_json::{Value, json};

use super::Trace;

pub(super) struct Finished {
    pub(super) trace: Trace,
    pub(super) took: Duration,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) attributes: Vec<(&'static str, Attribute)>,
    pub(super) failed: bool,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Internal = 1,
    Server = 2,
    Client = 3,
}

pub(super) enum Attribute {
    Text(String),
    Number(i64),
}

/// The body of a request to a collector. `instance` tells this process from others.
pub(super) fn request(batch: &[Finished], instance: &str) -> Value {
    let resource = [
        ("service.name", Attribute::from("cartwright")),
        ("service.version", crate::VERSION.into()),
        ("service.instance.id", instance.into()),
    ];
    let spans: Vec<Value> = batch.iter().flat_map(Finished::spans).collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": attributes(&resource)},
        "scopeSpans": [{"scope": {"name": "cartwright", "version": crate::VERSION}, "spans": spans}],
    }]})
}

impl Finished {
    /// It first, then its steps.
    fn spans(&self) -> Vec<Value> {
        let trace = &self.trace;
        let mut own = self.span(trace.span, trace.begun, self.took, &self.name, self.kind);
        own["attributes"] = attributes(&self.attributes);
        own["status"] = status(self.failed);
        if let Some(parent) = trace.parent {
            own["parentSpanId"] = HEXLOWER.encode(&parent).into();
        }
        let mut spans = vec![own];
        let mut id = u64::from_be_bytes(trace.span);
        for step in &self.steps {
            // Any that is not its own will do; zero is none.
            id = id.wrapping_add(1).max(1);
            spans.push(self.step(step, id.to_be_bytes()));
        }
        spans
    }

    fn step(&self, step: &Step, id: [u8; 8]) -> Value {
        let system = match self.trace.engine {
            Engine::Sqlite => "sqlite",
            Engine::Postgres => "postgresql",
        };
        let mut about = vec![("db.system.name", Attribute::from(system))];
        let name = match &step.what {
            What::Statement(text) => {
                let operation = text.split(' ').next().unwrap_or_default();
                about.push(("db.operation.name", operation.into()));
                about.push(("db.query.text", text.as_str().into()));
                operation
            }
            What::Commit => {
                about.push(("db.operation.name", "COMMIT".into()));
                "COMMIT"
            }
            What::Wait => "wait for a connection",
        };
        let mut span = self.span(id, step.begun, step.took, name, Kind::Client);
        span["parentSpanId"] = HEXLOWER.encode(&self.trace.span).into();
        span["attributes"] = attributes(&about);
        span["status"] = status(!step.went_well);
        span
    }

    fn span(&self, id: [u8; 8], begun: Instant, took: Duration, name: &str, kind: Kind) -> Value {
        let from = begun.saturating_duration_since(self.trace.begun);
        let at = u128::try_from(self.trace.at.0).unwrap_or(0) * 1000 + from.as_nanos();
        json!({
            "traceId": HEXLOWER.encode(&self.trace.id), "spanId": HEXLOWER.encode(&id), "name": name, "kind": kind as i32,
            "startTimeUnixNano": at.to_string(), "endTimeUnixNano": (at + took.as_nanos()).to_string(),
        })
    }
}

/// Unset, or an error.
fn status(failed: bool) -> Value {
    match failed {
        true => json!({"code": 2}),
        false => json!({}),
    }
}

fn attributes(all: &[(&'static str, Attribute)]) -> Value {
    let each = all.iter().map(|(key, value)| {
        let value = match value {
            Attribute::Text(text) => json!({"stringValue": text}),
            Attribute::Number(number) => json!({"intValue": number.to_string()}),
        };
        json!({"key": key, "value": value})
    });
    each.collect()
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Attribute::Text(text.to_owned())
    }
}

impl From<i64> for Attribute {
    fn from(number: i64) -> Self {
        Attribute::Number(number)
    }
}
