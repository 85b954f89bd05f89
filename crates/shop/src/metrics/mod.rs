//! What the shop counts about itself, for Prometheus and whoever reads its format: `docs/observability.md` lists it.
//!
//! A number is taken where the thing happens, without allocating; a scrape reads them all. The database counts for
//! itself ([`db::Stats`]), the process is asked when somebody wants to know.

mod database;
mod process;

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::error::Code;

/// The media type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Seconds: what is kept in memory takes microseconds, a report takes seconds.
const REQUEST_TIMES: [f64; 14] = [
    0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];
const JOB_TIMES: [f64; 8] = [0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0];

pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Histogram, fn() -> Histogram>,
    errors: Family<ErrorCode, Counter>,
    in_flight: Gauge,
    search_copy: Gauge,
    pub connections: Gauge,
    pub refused_connections: Counter,
    pub dropped_traces: Counter,
    orders: Family<Via, Counter>,
    jobs: Family<Job, Histogram, fn() -> Histogram>,
    logins: Family<Login, Counter>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    method: &'static str,
    route: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ErrorCode {
    code: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Via {
    buyer: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Job {
    kind: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Login {
    outcome: &'static str,
}

/// How an attempt to sign in ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginOutcome {
    Succeeded,
    /// A wrong password, name or code.
    Failed,
    /// Too many failed before.
    Locked,
    /// For any other reason: unverified, overloaded, a code is asked for.
    Refused,
}

impl Metrics {
    /// Of a shop on this database, with its version.
    pub fn new(db: &db::Db, version: &'static str) -> Self {
        let mut registry = Registry::with_prefix("cartwright");
        let metrics = Metrics {
            requests: Family::new_with_constructor(|| Histogram::new(REQUEST_TIMES)),
            errors: Family::default(),
            in_flight: Gauge::default(),
            search_copy: Gauge::default(),
            connections: Gauge::default(),
            refused_connections: Counter::default(),
            dropped_traces: Counter::default(),
            orders: Family::default(),
            jobs: Family::new_with_constructor(|| Histogram::new(JOB_TIMES)),
            logins: Family::default(),
            registry: Registry::default(),
        };
        registry.register_with_unit(
            "http_request_duration",
            "Requests by method, route template and class of status, and how long they took",
            Unit::Seconds,
            metrics.requests.clone(),
        );
        registry.register(
            "http_errors",
            "Answers with an error body, by its code",
            metrics.errors.clone(),
        );
        let gauge = "Requests that are being answered";
        registry.register("http_requests_in_flight", gauge, metrics.in_flight.clone());
        let copy = "Whether the search runs in the copy of this node, as of the last one";
        registry.register("search_copy", copy, metrics.search_copy.clone());
        let open = "Connections of clients that are open";
        registry.register("http_connections", open, metrics.connections.clone());
        registry.register(
            "http_connections_refused",
            "Connections beyond MAX_CONNECTIONS or MAX_CONNECTIONS_PER_IP",
            metrics.refused_connections.clone(),
        );
        registry.register(
            "traces_dropped",
            "Traces that the collector did not take, or that it was too slow for",
            metrics.dropped_traces.clone(),
        );
        let orders = "Orders placed since the start, by guests and by accounts";
        registry.register("orders_placed", orders, metrics.orders.clone());
        registry.register(
            "login_attempts",
            "Attempts to sign in, by outcome",
            metrics.logins.clone(),
        );
        registry.register_with_unit(
            "job_duration",
            "Jobs by kind and outcome, and how long they took",
            Unit::Seconds,
            metrics.jobs.clone(),
        );
        registry.register_collector(Box::new(database::Collected(db.clone())));
        registry.register_collector(Box::new(process::Collected { version }));
        Metrics {
            registry,
            ..metrics
        }
    }

    /// All of it, as [`CONTENT_TYPE`] has it.
    ///
    /// # Errors
    /// None that is known: writing to a text does not fail.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::with_capacity(16 * 1024);
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// A request has been answered: `route` is the template below `/api/v1`, or `none` where no route was reached.
    pub fn answered(&self, method: &str, route: &'static str, status: u16, took: Duration) {
        let request = Request {
            method: known(method),
            route,
            status: class(status),
        };
        let histogram = self.requests.get_or_create(&request);
        histogram.observe(took.as_secs_f64());
    }

    /// A request is being answered for as long as this lives.
    pub fn in_flight(&self) -> InFlight<'_> {
        self.in_flight.inc();
        InFlight(&self.in_flight)
    }

    /// It is searched in the node's copy, or not.
    pub fn search_copy(&self, is_used: bool) {
        self.search_copy.set(i64::from(is_used));
    }

    pub fn failed(&self, code: Code) {
        let label = ErrorCode {
            code: code.as_str(),
        };
        self.errors.get_or_create(&label).inc();
    }

    pub fn order_placed(&self, by_guest: bool) {
        let buyer = if by_guest { "guest" } else { "account" };
        self.orders.get_or_create(&Via { buyer }).inc();
    }

    pub fn job_ended(&self, kind: &str, went_well: bool, took: Duration) {
        let job = Job {
            kind: kind.to_owned(),
            outcome: if went_well { "done" } else { "failed" },
        };
        self.jobs.get_or_create(&job).observe(took.as_secs_f64());
    }

    pub fn login(&self, outcome: LoginOutcome) {
        let outcome = match outcome {
            LoginOutcome::Succeeded => "succeeded",
            LoginOutcome::Failed => "failed",
            LoginOutcome::Locked => "locked",
            LoginOutcome::Refused => "refused",
        };
        self.logins.get_or_create(&Login { outcome }).inc();
    }
}

/// One more in flight.
pub struct InFlight<'a>(&'a Gauge);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Clients may invent methods; each would be a line for ever.
pub(crate) fn known(method: &str) -> &'static str {
    match method {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

fn class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}
