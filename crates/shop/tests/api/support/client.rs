//! Requests to the shop in this process, through all its layers, and their answers.

use std::net::{Ipv4Addr, SocketAddr};

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;
use shop::http::Front;

use super::document;
use super::shop::TestShop;
use super::watch_log::secrets_in;

/// A request in the making: `shop.post("/api/v1/cart/items/").json(json!({…})).send().await`.
#[must_use]
pub struct Ask {
    front: Front,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    peer: SocketAddr,
    body: Body,
}

impl Ask {
    pub fn new(front: &Front, method: &str, path: &str) -> Self {
        Ask {
            front: front.clone(),
            method: method.parse().unwrap(),
            path: path.to_owned(),
            headers: vec![("host".into(), "localhost".into())],
            peer: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 4711),
            body: Body::empty(),
        }
    }

    /// Another process of the shop is asked.
    pub fn at(mut self, node: &TestShop) -> Self {
        self.front = node.front.clone();
        self
    }

    /// Comes from this address.
    pub fn from(mut self, peer: SocketAddr) -> Self {
        self.peer = peer;
        self
    }

    /// Sets a header, in place of one that is there.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a header beside those of its name.
    pub fn and_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    #[expect(clippy::needless_pass_by_value, reason = "`json!` makes values")]
    pub fn json(self, body: Value) -> Self {
        self.text(body.to_string())
    }

    /// A JSON body as it is written.
    pub fn text(mut self, body: impl Into<String>) -> Self {
        self.body = Body::from(body.into());
        self.header("content-type", "application/json")
    }

    /// A body of any kind.
    pub fn body(mut self, content_type: &str, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    /// Sends it; the answer must be one that the API document declares.
    pub async fn send(self) -> Answer {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(self.body).expect("a request");
        let response = self.front.answer(request, self.peer).await;
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX)
            .await
            .unwrap()
            .to_vec();
        let asked = format!("{} {}", self.method, self.path);
        let answer = Answer {
            asked,
            status: parts.status,
            headers: parts.headers,
            body,
        };
        document::check(&self.method, &self.path, &answer);
        secrets_in(answer.header("x-cart-token"));
        if self.path.contains("/auth/") || self.path.contains("token") {
            secrets_in(&answer.text());
        }
        answer
    }

    /// Sends it and expects a status.
    #[track_caller]
    pub fn expect(self, status: u16) -> impl Future<Output = Answer> {
        let caller = std::panic::Location::caller();
        async move {
            let answer = self.send().await;
            assert!(
                answer.status.as_u16() == status,
                "{caller}: {} answered {} instead of {status}: {}",
                answer.asked,
                answer.status,
                answer.text()
            );
            answer
        }
    }
}

pub struct Answer {
    /// Method and path, for messages.
    pub asked: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{} answered no JSON: {}", self.asked, self.text()))
    }

    /// The header as text; empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The `code` of an error.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The names of the faulty fields of an error, in their order.
    pub fn faulty(&self) -> Vec<String> {
        let body = self.json();
        let faults = body["errors"].as_array().cloned().unwrap_or_default();
        faults
            .iter()
            .map(|fault| fault["attr"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}
