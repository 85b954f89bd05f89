//! The task that tells the collector: some traces at a time, in its own time.

use std::time::Duration;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Message;
use super::otlp::{self, Finished};
use crate::config::{self, Config};
use crate::outward::{self, Connections, innermost};

/// Traces of one request to the collector, and how long the first of them waits for the others.
const BATCH: usize = 128;
const GATHER: Duration = Duration::from_secs(1);
/// A request to the collector as a whole.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A collector that failed is left alone for so long.
const PAUSE: Duration = Duration::from_secs(5);
/// The most that is read of its answer.
const LARGEST: usize = 64 * 1024;

pub(super) struct Collector {
    url: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    connections: Connections,
    /// Of this process.
    instance: String,
    dropped: Counter,
    /// Since when it fails: told to the log once, not each time.
    failing: bool,
    rest_until: Option<Instant>,
}

impl Collector {
    pub(super) fn new(config: &Config, endpoint: &str, dropped: Counter) -> anyhow::Result<Self> {
        let mut instance = [0; 8];
        getrandom::fill(&mut instance)?;
        Ok(Collector {
            url: format!("{endpoint}/v1/traces"),
            headers: config::otlp_headers(config),
            connections: outward::connections(config)?,
            instance: HEXLOWER.encode(&instance),
            dropped,
            failing: false,
            rest_until: None,
        })
    }

    /// Once; what it does not take is dropped.
    async fn tell(&mut self, batch: Vec<Finished>) {
        let now = Instant::now();
        if batch.is_empty() {
            return;
        }
        if self.rest_until.is_some_and(|until| now < until) {
            self.dropped.inc_by(batch.len() as u64);
            return;
        }
        let sent = tokio::time::timeout(TIMEOUT, self.send(&batch)).await;
        let why = match sent {
            Ok(Ok(())) => None,
            Ok(Err(why)) => Some(why),
            Err(_) => Some("it took too long".to_owned()),
        };
        match (&why, self.failing) {
            (Some(why), false) => tracing::warn!(
                why,
                "traces are dropped, the collector does not take them: {why}"
            ),
            (None, true) => tracing::info!("the collector takes traces again"),
            _ => {}
        }
        self.failing = why.is_some();
        self.rest_until = why.as_ref().map(|_| Instant::now() + PAUSE);
        if why.is_some() {
            self.dropped.inc_by(batch.len() as u64);
        }
    }

    async fn send(&self, batch: &[Finished]) -> Result<(), String> {
        let body = otlp::request(batch, &self.instance).to_string();
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .header(
                USER_AGENT,
                concat!("cartwright/", env!("CARGO_PKG_VERSION")),
            );
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request
            .body(Full::<Bytes>::from(body))
            .map_err(|error| error.to_string())?;
        let answer = self.connections.request(request).await;
        let answer = answer.map_err(|error| innermost(&error))?;
        let status = answer.status();
        // Read to its end, so that the connection can be used again.
        let _ = Limited::new(answer.into_body(), LARGEST).collect().await;
        match status.is_success() {
            true => Ok(()),
            false => Err(format!("it answered {}", status.as_u16())),
        }
    }
}

/// Until the shop is gone.
pub(super) async fn run(mut queue: mpsc::Receiver<Message>, mut collector: Collector) {
    while let Some(first) = queue.recv().await {
        let until = Instant::now() + GATHER;
        let mut batch = Vec::new();
        let mut next = Some(first);
        let flushed = loop {
            match next {
                Some(Message::Finished(finished)) => batch.push(finished),
                Some(Message::Flush(tell)) => break Some(tell),
                None => break None,
            }
            if batch.len() >= BATCH {
                break None;
            }
            next = match tokio::time::timeout_at(until, queue.recv()).await {
                Ok(next) => next,
                Err(_) => break None,
            };
        };
        collector.tell(batch).await;
        if let Some(tell) = flushed {
            let _ = tell.send(());
        }
    }
}
