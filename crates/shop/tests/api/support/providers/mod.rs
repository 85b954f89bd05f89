//! Stand-ins for payment providers: real HTTP servers, each with a book of its own, that look at every request as the
//! provider's description has it, and can fail in all the ways that a network can.

pub mod bkash;
mod description;
pub mod paypal;
pub mod razorpay;
pub mod stripe;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use shop::clock::Clock;
use tokio::net::TcpListener;

/// What goes wrong with a call.
#[derive(Clone, Debug)]
pub enum Fault {
    /// No answer, ever; nothing is done.
    Hang,
    /// It is done, and answered so much later.
    DoAndWait(Duration),
    /// It is done, and the line is cut.
    DoAndCut,
    /// It is done, and the answer is an error.
    DoAndFail,
    /// An answer of this status with this body instead; nothing is done.
    Say(u16, String),
    /// Elsewhere, please.
    Redirect(String),
    /// An answer without end.
    Flood,
}

/// A request as it came.
#[derive(Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

pub struct Said {
    pub status: u16,
    pub body: String,
}

/// What a stand-in keeps.
#[derive(Default)]
pub struct Book {
    /// Orders, intents, sessions, by their ids.
    pub wanted: HashMap<String, Value>,
    pub payments: HashMap<String, Value>,
    pub refunds: HashMap<String, Value>,
    /// Answers by idempotency key.
    pub once: HashMap<String, Value>,
    pub made: u64,
    /// How many refunds fail from now on.
    pub refusals: u64,
}

impl Book {
    pub fn next(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}{:014}", self.made)
    }
}

pub struct State {
    pub book: Mutex<Book>,
    faults: Mutex<Vec<(String, Fault)>>,
    /// How long each answer takes by this clock.
    takes: Mutex<Option<(Clock, Duration)>>,
    /// `METHOD path` of each request.
    seen: Mutex<Vec<String>>,
    /// What did not fit the description.
    complaints: Mutex<Vec<String>>,
    /// As the provider describes it.
    descriptions: Vec<Value>,
    answer: fn(&State, &Asked) -> Said,
}

impl State {
    /// `descriptions`: OpenAPI documents.
    pub fn new(answer: fn(&State, &Asked) -> Said, descriptions: &[&str]) -> State {
        let read = |text: &&str| serde_json::from_str(text).unwrap();
        State {
            book: Mutex::default(),
            faults: Mutex::default(),
            takes: Mutex::default(),
            seen: Mutex::default(),
            complaints: Mutex::default(),
            descriptions: descriptions.iter().map(read).collect(),
            answer,
        }
    }

    /// The answer, or what a provider says to a request that does not fit its description.
    pub fn said_to(&self, asked: &Asked) -> Said {
        let faults = description::faults(&self.descriptions, asked);
        for fault in &faults {
            self.must(false, asked, fault);
        }
        if !faults.is_empty() {
            return said(
                400,
                &json!({"error": {"code": "BAD_REQUEST_ERROR", "description": faults}}),
            );
        }
        let said = (self.answer)(self, asked);
        if let Some(fault) = description::answer_fault(&self.descriptions, asked, &said) {
            self.complain(format!("the stand-in's own answer: {fault}: {}", said.body));
        }
        said
    }

    pub fn complaints(&self) -> Vec<String> {
        self.complaints.lock().unwrap().clone()
    }

    pub fn complain(&self, what: impl Into<String>) {
        self.complaints.lock().unwrap().push(what.into());
    }

    /// Complains unless it holds.
    pub fn must(&self, holds: bool, asked: &Asked, what: &str) {
        if !holds {
            self.complain(format!(
                "{} {}: {what}: {}",
                asked.method,
                asked.path,
                String::from_utf8_lossy(&asked.body)
            ));
        }
    }
}

/// A running stand-in.
pub struct StandIn {
    pub url: String,
    pub state: Arc<State>,
}

impl StandIn {
    /// What was answered under keys is forgotten.
    pub fn forgets_keys(&self) {
        self.state.book.lock().unwrap().once.clear();
    }

    /// Its refunds stand so from now on, and under their keys.
    pub fn refunds_stand(&self, status: &str) {
        let book = &mut *self.state.book.lock().unwrap();
        for refund in book.refunds.values_mut() {
            refund["status"] = json!(status);
        }
        for answer in book.once.values_mut() {
            if book
                .refunds
                .contains_key(answer["id"].as_str().unwrap_or_default())
            {
                answer["status"] = json!(status);
            }
        }
    }

    pub async fn start(answer: fn(&State, &Asked) -> Said, descriptions: &[&str]) -> StandIn {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State::new(answer, descriptions));
        let served = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = served.clone();
                tokio::spawn(async move {
                    let service =
                        hyper::service::service_fn(move |request| serve(state.clone(), request));
                    // A cut line is an error here, and meant so.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        StandIn { url, state }
    }

    /// The next request whose path has this part goes wrong.
    pub fn fails(&self, part: &str, fault: Fault) {
        self.state
            .faults
            .lock()
            .unwrap()
            .push((part.to_owned(), fault));
    }

    /// From now on each answer takes so long by the clock of the shop.
    pub fn takes(&self, clock: &Clock, time: Duration) {
        *self.state.takes.lock().unwrap() = Some((clock.clone(), time));
    }

    /// How many requests had this in `METHOD path`.
    pub fn count(&self, part: &str) -> usize {
        self.state
            .seen
            .lock()
            .unwrap()
            .iter()
            .filter(|seen| seen.contains(part))
            .count()
    }

    pub fn complaints(&self) -> Vec<String> {
        self.state.complaints()
    }
}

async fn serve(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map_err(std::io::Error::other)?
        .to_bytes()
        .to_vec();
    let headers = head.headers.iter().map(|(name, value)| {
        (
            name.as_str().to_owned(),
            value.to_str().unwrap_or("").to_owned(),
        )
    });
    let asked = Asked {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        headers: headers.collect(),
        body,
    };
    state
        .seen
        .lock()
        .unwrap()
        .push(format!("{} {}", asked.method, asked.path));
    if let Some((clock, time)) = &*state.takes.lock().unwrap() {
        clock.advance(*time);
    }
    let fault = {
        let mut faults = state.faults.lock().unwrap();
        let at = faults
            .iter()
            .position(|(part, _)| asked.path.contains(part.as_str()));
        at.map(|at| faults.remove(at).1)
    };
    let plain = |status: u16, body: String| {
        Response::builder()
            .status(status)
            .body(Full::from(body))
            .unwrap()
    };
    Ok(match fault {
        None => {
            let said = state.said_to(&asked);
            plain(said.status, said.body)
        }
        Some(Fault::Hang) => std::future::pending::<Result<_, Infallible>>()
            .await
            .unwrap(),
        Some(Fault::DoAndWait(time)) => {
            let said = state.said_to(&asked);
            tokio::time::sleep(time).await;
            plain(said.status, said.body)
        }
        Some(Fault::DoAndCut) => {
            state.said_to(&asked);
            return Err(std::io::Error::other("cut"));
        }
        Some(Fault::DoAndFail) => {
            state.said_to(&asked);
            plain(500, "{}".to_owned())
        }
        Some(Fault::Say(status, body)) => plain(status, body),
        Some(Fault::Redirect(to)) => Response::builder()
            .status(302)
            .header("location", to)
            .body(Full::default())
            .unwrap(),
        Some(Fault::Flood) => plain(
            200,
            format!("{{\"x\":\"{}\"}}", "x".repeat(10 * 1024 * 1024)),
        ),
    })
}

impl Asked {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// A form, names and values decoded.
    pub fn form(&self) -> HashMap<String, String> {
        let text = String::from_utf8_lossy(&self.body).into_owned();
        let decode = |part: &str| {
            let mut bytes = Vec::new();
            let mut rest = part.bytes();
            while let Some(byte) = rest.next() {
                bytes.push(match byte {
                    b'%' => u8::from_str_radix(
                        &format!(
                            "{}{}",
                            rest.next().unwrap() as char,
                            rest.next().unwrap() as char
                        ),
                        16,
                    )
                    .unwrap(),
                    b'+' => b' ',
                    other => other,
                });
            }
            String::from_utf8(bytes).unwrap()
        };
        text.split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (decode(name), decode(value)))
            .collect()
    }

    /// A value of the query, as it is sent.
    pub fn query(&self, name: &str) -> &str {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(known, _)| *known == name)
            .map_or("", |(_, value)| value)
    }

    /// The parts of the path.
    pub fn parts(&self) -> Vec<&str> {
        self.path
            .split('?')
            .next()
            .unwrap()
            .split('/')
            .filter(|part| !part.is_empty())
            .collect()
    }
}

pub fn said(status: u16, body: &Value) -> Said {
    Said {
        status,
        body: body.to_string(),
    }
}

pub fn not_found() -> Said {
    said(404, &json!({"error": {"code": "NOT_FOUND"}}))
}

/// A provider's sample object with other members than it came with.
pub fn sample(samples: &str, name: &str, members: &Value) -> Value {
    let mut sample = serde_json::from_str::<Value>(samples).unwrap()[name].take();
    for (name, value) in members.as_object().unwrap() {
        sample[name] = value.clone();
    }
    sample
}
