//! A bank that speaks as Razorpay does: orders, payments, captures, refunds, and events that it sends until they are
//! taken.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;

use crate::http::Client;
use crate::shop::{Server, source};

const KEY_SECRET: &str = "bench-key-secret";
const WEBHOOK_SECRET: &str = "bench-webhook-secret";

pub(crate) struct Bank {
    url: String,
    server: Server,
    book: Arc<Mutex<Book>>,
}

/// By whom an event is signed.
#[derive(Clone, Copy)]
pub(crate) enum Secret {
    Ours,
    Forged,
}

#[derive(Default)]
struct Book {
    made: u64,
    cut_next: bool,
    orders: HashMap<String, Value>,
    payments: HashMap<String, Value>,
    refunds: HashMap<String, Value>,
}

/// Money that the bank took for an order.
pub(crate) struct Money {
    pub(crate) id: String,
    pub(crate) amount: i64,
    pub(crate) refunded: i64,
    /// It is what was asked for.
    pub(crate) fits: bool,
}

impl Bank {
    pub(crate) async fn open(server: Server) -> Result<Bank> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let book = Arc::<Mutex<Book>>::default();
        let served = book.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let book = served.clone();
                tokio::spawn(async move {
                    let service =
                        hyper::service::service_fn(move |request| serve(book.clone(), request));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Ok(Bank { url, server, book })
    }

    /// The shop that it works for.
    pub(crate) fn server(&self) -> Server {
        self.server
    }

    /// With which the server finds it.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("RAZORPAY_BASE_URL", self.url.clone()),
            ("RAZORPAY_KEY_ID", "rzp_bench".to_owned()),
            ("RAZORPAY_KEY_SECRET", KEY_SECRET.to_owned()),
            ("RAZORPAY_WEBHOOK_SECRET", WEBHOOK_SECRET.to_owned()),
        ]
    }

    /// The next order is made, and the line cut before its answer.
    pub(crate) fn cut_next(&self) {
        self.book().cut_next = true;
    }

    /// A buyer pays, `less` than asked for; the payment's id.
    pub(crate) fn pays(&self, order: &str, status: &str, less: i64) -> String {
        let mut book = self.book();
        let id = book.next("pay_");
        let (amount, currency) = (
            book.orders[order]["amount"].as_i64().unwrap_or_default(),
            book.orders[order]["currency"].clone(),
        );
        let payment = json!({
            "id": id, "entity": "payment", "amount": amount - less, "currency": currency, "status": status, "order_id": order,
            "method": "card", "amount_refunded": 0, "error_code": null,
        });
        book.payments.insert(id.clone(), payment);
        id
    }

    /// Sends the event about a payment so often, each until it is taken.
    pub(crate) fn tells(&self, payment: &str, times: usize) {
        let request = self.event(payment);
        for _ in 0..times {
            let (request, server) = (request.clone(), self.server);
            tokio::spawn(async move {
                let mut client = Client::new(server.0, source(0));
                while !matches!(client.exchange(request.as_bytes()).await, Ok(answer) if answer.status == 200)
                {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
            });
        }
    }

    /// The request that tells of a payment.
    pub(crate) fn event(&self, payment: &str) -> String {
        let payment = self.book().payments[payment].clone();
        let kind = format!("payment.{}", payment["status"].as_str().unwrap_or_default());
        let name = format!("evt_{}_{kind}", payment["id"].as_str().unwrap_or_default());
        let body =
            json!({"event": kind, "entity": "event", "payload": {"payment": {"entity": payment}}})
                .to_string();
        let signature = signed(WEBHOOK_SECRET, body.as_bytes());
        event_request(self.server, &name, &body, &signature)
    }

    /// The request that tells of a payment nobody knows, signed rightly or by somebody else.
    pub(crate) fn strange_event(&self, number: usize, secret: Secret) -> String {
        let body = json!({"event": "payment.captured", "entity": "event", "payload": {"payment": {"entity": {
            "id": format!("pay_strange{number}"), "entity": "payment", "amount": 1999, "currency": "USD",
            "status": "captured", "order_id": "order_strange", "method": "card"}}}})
        .to_string();
        let secret = match secret {
            Secret::Ours => WEBHOOK_SECRET,
            Secret::Forged => "forged",
        };
        let signature = signed(secret, body.as_bytes());
        event_request(
            self.server,
            &format!("evt_strange{number}"),
            &body,
            &signature,
        )
    }

    /// What the browser of who paid brings back.
    pub(crate) fn signature(&self, order: &str, payment: &str) -> String {
        signed(KEY_SECRET, format!("{order}|{payment}").as_bytes())
    }

    /// All money that was taken for an order of the shop.
    pub(crate) fn money_of(&self, order_number: &str) -> Vec<Money> {
        let book = self.book();
        let ours = |order: &Value| order["notes"]["order_number"] == order_number;
        let taken = book
            .payments
            .values()
            .filter(|payment| payment["status"] == "captured");
        taken
            .filter_map(|payment| {
                let order = book
                    .orders
                    .get(payment["order_id"].as_str()?)
                    .filter(|order| ours(order))?;
                Some(Money {
                    id: payment["id"].as_str()?.to_owned(),
                    amount: payment["amount"].as_i64()?,
                    refunded: payment["amount_refunded"].as_i64()?,
                    fits: payment["amount"] == order["amount"],
                })
            })
            .collect()
    }

    pub(crate) fn payments(&self) -> usize {
        self.book().payments.len()
    }

    pub(crate) fn refunds(&self) -> usize {
        self.book().refunds.len()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn next(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}{:014}", self.made)
    }
}

async fn serve(
    book: Arc<Mutex<Book>>,
    request: Request<Incoming>,
) -> std::io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map_err(std::io::Error::other)?
        .to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let once = head
        .headers
        .get("x-refund-idempotency")
        .and_then(|key| key.to_str().ok())
        .unwrap_or_default();
    let path = head.uri.path().to_owned();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
    let (status, said) = answer(&mut book, &parts, &body, once);
    if parts == ["v1", "orders"] && std::mem::take(&mut book.cut_next) {
        return Err(std::io::Error::other("cut"));
    }
    Response::builder()
        .status(status)
        .body(Full::from(said.to_string()))
        .map_err(std::io::Error::other)
}

fn answer(book: &mut Book, parts: &[&str], body: &Value, once: &str) -> (u16, Value) {
    let refused = || (400, json!({"error": {"code": "BAD_REQUEST_ERROR"}}));
    match parts {
        ["v1", "orders"] => {
            let id = book.next("order_");
            let order = json!({"id": id, "entity": "order", "amount": body["amount"], "currency": body["currency"],
                "receipt": body["receipt"], "notes": body["notes"], "status": "created"});
            book.orders.insert(id, order.clone());
            (200, order)
        }
        ["v1", "orders", order, "payments"] => {
            let items: Vec<_> = book
                .payments
                .values()
                .filter(|payment| payment["order_id"] == *order)
                .cloned()
                .collect();
            (
                200,
                json!({"entity": "collection", "count": items.len(), "items": items}),
            )
        }
        ["v1", "payments", id] => book
            .payments
            .get(*id)
            .map_or_else(refused, |payment| (200, payment.clone())),
        ["v1", "payments", id, "capture"] => match book.payments.get_mut(*id) {
            Some(payment)
                if payment["status"] == "authorized" && payment["amount"] == body["amount"] =>
            {
                payment["status"] = json!("captured");
                (200, payment.clone())
            }
            _ => refused(),
        },
        ["v1", "payments", id, "refund"] => {
            if let Some(before) = book.refunds.get(once) {
                return (200, before.clone());
            }
            let refund = book.next("rfnd_");
            let Some(payment) = book.payments.get_mut(*id) else {
                return refused();
            };
            let number = |value: &Value| value.as_i64().unwrap_or_default();
            let back = number(&payment["amount_refunded"]) + number(&body["amount"]);
            if payment["status"] != "captured" || back > number(&payment["amount"]) {
                return refused();
            }
            payment["amount_refunded"] = json!(back);
            let made = json!({"id": refund, "entity": "refund", "amount": body["amount"], "currency": payment["currency"],
                "payment_id": id, "receipt": body["receipt"], "status": "processed"});
            book.refunds.insert(once.to_owned(), made.clone());
            (200, made)
        }
        _ => refused(),
    }
}

fn event_request(server: Server, name: &str, body: &str, signature: &str) -> String {
    format!(
        "POST /api/v1/payments/webhook/ HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
         x-razorpay-signature: {signature}\r\nx-razorpay-event-id: {name}\r\ncontent-length: {}\r\n\r\n{body}",
        server.0,
        body.len(),
    )
}

fn signed(secret: &str, message: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(message);
    mac.finalize()
        .into_bytes()
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
