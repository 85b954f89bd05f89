//! What the bank has written down, and what it answers from it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use serde_json::{Value, json};

#[derive(Default)]
pub(super) struct Book {
    made: u64,
    pub(super) cut_next: bool,
    pub(super) orders: HashMap<String, Value>,
    pub(super) payments: HashMap<String, Value>,
    pub(super) refunds: HashMap<String, Value>,
}

impl Book {
    pub(super) fn next(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}{:014}", self.made)
    }
}

pub(super) async fn serve(
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
