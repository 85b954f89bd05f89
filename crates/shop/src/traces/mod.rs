//! Traces: what a request took and each step of it in the database, for an OpenTelemetry collector (`OTLP_ENDPOINT`).
//!
//! Nobody who is traced waits: what is finished goes into a queue, from which a task of its own tells the collector.
//! What finds the queue full, and what the collector does not take, is dropped and counted. `otlp.rs` has the format,
//! `export.rs` the task.

mod export;
mod otlp;

use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use db::{Engine, Step};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::{mpsc, oneshot};

use crate::clock::Time;
use crate::config::Config;
use crate::metrics::known;
use otlp::{Attribute, Finished, Kind};

/// Finished traces that wait for the collector.
const QUEUE: usize = 512;

/// What takes traces, if anything does.
pub struct Traces(Option<Recorder>);

struct Recorder {
    queue: mpsc::Sender<Message>,
    /// Of those that bring no trace of their own, 0 to 1.
    share: f64,
    engine: Engine,
    dropped: Counter,
}

enum Message {
    Finished(Finished),
    /// To be told when all before it was sent, or given up.
    Flush(oneshot::Sender<()>),
}

/// Something that is under way and will be told of.
#[derive(Debug)]
pub struct Trace {
    id: [u8; 16],
    span: [u8; 8],
    /// The span of the caller's that it belongs to.
    parent: Option<[u8; 8]>,
    at: Time,
    begun: Instant,
    engine: Engine,
}

/// What is told of a request.
pub struct Told<'a> {
    pub method: &'a str,
    /// The template below the base, where one was reached.
    pub route: Option<&'static str>,
    /// As it may be shown to others.
    pub path: String,
    pub status: u16,
    pub request_id: &'a str,
}

impl Traces {
    /// Starts the task that tells the collector, where the settings name one.
    ///
    /// # Errors
    /// `PROVIDERS_CA_FILE` cannot be read.
    pub fn start(config: &Config, engine: Engine, dropped: Counter) -> anyhow::Result<Traces> {
        let Some(endpoint) = &config.otlp_endpoint else {
            return Ok(Traces(None));
        };
        let (queue, waiting) = mpsc::channel(QUEUE);
        let collector = export::Collector::new(config, endpoint, dropped.clone())?;
        tokio::spawn(export::run(waiting, collector));
        Ok(Traces(Some(Recorder {
            queue,
            share: config.otlp_sample,
            engine,
            dropped,
        })))
    }

    /// Is there anybody to tell?
    pub fn are_told(&self) -> bool {
        self.0.is_some()
    }

    /// A trace, if this request is to have one: the caller's, when its `traceparent` says that it is recorded, else one
    /// of our own for the share of requests that is traced.
    pub fn begin(&self, traceparent: Option<&str>, now: Time) -> Option<Trace> {
        let recorder = self.0.as_ref()?;
        let caller = traceparent.and_then(Parent::parse);
        if caller.as_ref().is_some_and(|caller| !caller.recorded) {
            return None;
        }
        let (mut id, mut span) = ([0; 16], [0; 8]);
        getrandom::fill(&mut id).ok()?;
        getrandom::fill(&mut span).ok()?;
        if caller.is_none() && !falls_into(recorder.share, id) {
            return None;
        }
        Some(Trace {
            id: caller.as_ref().map_or(id, |caller| caller.trace),
            span,
            parent: caller.map(|caller| caller.span),
            at: now,
            begun: Instant::now(),
            engine: recorder.engine,
        })
    }

    /// A request has been answered, after these steps.
    pub fn answered(&self, trace: Trace, told: &Told<'_>, steps: Vec<Step>) {
        let method = known(told.method);
        let name = match (told.route, method) {
            (Some(route), _) => format!("{method} {route}"),
            (None, "other") => "HTTP".to_owned(),
            (None, _) => method.to_owned(),
        };
        let method = match method {
            "other" => "_OTHER",
            known => known,
        };
        let mut attributes = vec![
            ("http.request.method", Attribute::from(method)),
            ("url.path", told.path.as_str().into()),
            ("http.response.status_code", i64::from(told.status).into()),
            ("cartwright.request_id", told.request_id.into()),
        ];
        if let Some(route) = told.route {
            attributes.push(("http.route", route.into()));
        }
        if told.status >= 500 {
            attributes.push(("error.type", told.status.to_string().as_str().into()));
        }
        self.send(Finished {
            took: trace.begun.elapsed(),
            trace,
            name,
            kind: Kind::Server,
            attributes,
            failed: told.status >= 500,
            steps,
        });
    }

    /// A job has ended, well or not, just now.
    pub fn job_ended(&self, kind: &str, went_well: bool, took: Duration, now: Time) {
        let Some(mut trace) = self.begin(None, now) else {
            return;
        };
        trace.at = now - took;
        self.send(Finished {
            trace,
            took,
            name: format!("job {kind}"),
            kind: Kind::Internal,
            attributes: vec![("cartwright.job.kind", kind.into())],
            failed: !went_well,
            steps: Vec::new(),
        });
    }

    /// Waits until what is finished was told, but no longer than this.
    pub async fn flush(&self, patience: Duration) {
        let Some(recorder) = &self.0 else { return };
        let told = async {
            let (tell, told) = oneshot::channel();
            if recorder.queue.send(Message::Flush(tell)).await.is_ok() {
                let _ = told.await;
            }
        };
        let _ = tokio::time::timeout(patience, told).await;
    }

    fn send(&self, finished: Finished) {
        let Some(recorder) = &self.0 else { return };
        if recorder
            .queue
            .try_send(Message::Finished(finished))
            .is_err()
        {
            recorder.dropped.inc();
        }
    }
}

/// The same for all spans of a trace, on whatever machine.
fn falls_into(share: f64, id: [u8; 16]) -> bool {
    let [.., a, b, c, d] = id;
    f64::from(u32::from_be_bytes([a, b, c, d])) < share * 2_f64.powi(32)
}

/// A `traceparent`: version, trace, span and flags (W3C Trace Context).
struct Parent {
    trace: [u8; 16],
    span: [u8; 8],
    recorded: bool,
}

impl Parent {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let [version, trace, span, flags] = [(); 4].map(|()| parts.next());
        let version: [u8; 1] = bytes(version?)?;
        // Later versions may say more behind it, this one not.
        let more = parts.next().is_some();
        if version == [0xff] || version == [0] && more {
            return None;
        }
        let (trace, span) = (bytes(trace?)?, bytes(span?)?);
        let [flags]: [u8; 1] = bytes(flags?)?;
        (trace != [0; 16] && span != [0; 8]).then_some(Parent {
            trace,
            span,
            recorded: flags & 1 == 1,
        })
    }
}

fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    HEXLOWER.decode(hex.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_taken_only_as_the_standard_writes_it() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parent = Parent::parse(good).unwrap();
        assert!(parent.recorded);
        assert_eq!(HEXLOWER.encode(&parent.span), "00f067aa0ba902b7");
        assert!(!Parent::parse(&good.replace("-01", "-00")).unwrap().recorded);
        assert!(Parent::parse(&good.replace("00-4", "01-4")).is_some());
        for bad in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-é-00f067aa0ba902b7-01",
        ] {
            assert!(Parent::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_share_of_all_is_traced() {
        let id = |n: u32| {
            let mut id = [0; 16];
            id[12..].copy_from_slice(&n.to_be_bytes());
            id
        };
        assert!(falls_into(1.0, id(u32::MAX)));
        assert!(!falls_into(0.0, id(0)));
        assert!(falls_into(0.5, id(1 << 30)) && !falls_into(0.5, id(3 << 30)));
    }
}
