//! Razorpay: orders, payments, captures, refunds, with the members that its own library tests with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Asked, Said, StandIn, State, members, not_found, said};

pub const KEY: &str = "rzp_test_key";
pub const SECRET: &str = "test_key_secret";
pub const WEBHOOK_SECRET: &str = "test_webhook_secret";

pub fn answer(state: &State, asked: &Asked) -> Said {
    let login = format!("Basic {}", STANDARD.encode(format!("{KEY}:{SECRET}")));
    if asked.header("authorization") != login {
        return said(
            401,
            &json!({"error": {"code": "BAD_REQUEST_ERROR", "description": "Authentication failed"}}),
        );
    }
    if asked.method == "POST" {
        state.must(
            asked.header("content-type") == "application/json",
            asked,
            "the body must be JSON",
        );
    }
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("POST", ["v1", "orders"]) => create(state, asked),
        ("GET", ["v1", "orders", order, "payments"]) => {
            let book = state.book.lock().unwrap();
            let items: Vec<_> = book
                .payments
                .values()
                .filter(|payment| payment["order_id"] == *order)
                .cloned()
                .collect();
            said(
                200,
                &json!({"entity": "collection", "count": items.len(), "items": items}),
            )
        }
        ("GET", ["v1", "payments", id]) => match state.book.lock().unwrap().payments.get(*id) {
            Some(payment) => said(200, payment),
            None => not_found(),
        },
        ("POST", ["v1", "payments", id, "capture"]) => capture(state, asked, id),
        ("POST", ["v1", "payments", id, "refund"]) => refund(state, asked, id),
        _ => {
            state.must(false, asked, "no such path");
            not_found()
        }
    }
}

fn create(state: &State, asked: &Asked) -> Said {
    let body = asked.json();
    members(
        state,
        asked,
        &body,
        &["amount", "currency"],
        &["receipt", "notes", "partial_payment"],
    );
    state.must(
        body["amount"].as_i64().is_some_and(|amount| amount > 0),
        asked,
        "amount must be an integer",
    );
    state.must(
        body["currency"]
            .as_str()
            .is_some_and(|text| text.len() == 3),
        asked,
        "currency",
    );
    state.must(
        body["receipt"].as_str().is_none_or(|text| text.len() <= 40),
        asked,
        "receipt has at most 40 characters",
    );
    let mut book = state.book.lock().unwrap();
    let id = book.next("order_");
    let order = json!({
        "id": id, "entity": "order", "amount": body["amount"], "amount_paid": 0, "currency": body["currency"], "attempts": 0,
        "status": "created", "notes": [], "created_at": 1_772_366_400, "receipt": body["receipt"],
    });
    book.wanted.insert(id, order.clone());
    said(200, &order)
}

fn capture(state: &State, asked: &Asked, id: &str) -> Said {
    let body = asked.json();
    members(state, asked, &body, &["amount", "currency"], &[]);
    let mut book = state.book.lock().unwrap();
    let Some(payment) = book.payments.get_mut(id) else {
        return not_found();
    };
    if payment["status"] != "authorized" || payment["amount"] != body["amount"] {
        return said(
            400,
            &json!({"error": {"code": "BAD_REQUEST_ERROR", "description": "This payment has already been captured"}}),
        );
    }
    payment["status"] = json!("captured");
    payment["captured"] = json!(true);
    said(200, payment)
}

fn refund(state: &State, asked: &Asked, id: &str) -> Said {
    let body = asked.json();
    members(
        state,
        asked,
        &body,
        &["amount"],
        &["receipt", "notes", "speed"],
    );
    let key = asked.header("x-refund-idempotency").to_owned();
    state.must(
        key.len() >= 10,
        asked,
        "X-Refund-Idempotency has at least ten characters",
    );
    let mut book = state.book.lock().unwrap();
    if let Some(before) = book.once.get(&key) {
        return said(200, before);
    }
    let refund_id = book.next("rfnd_");
    let Some(payment) = book.payments.get_mut(id) else {
        return not_found();
    };
    let (amount, back) = (
        body["amount"].as_i64().unwrap(),
        payment["amount_refunded"].as_i64().unwrap(),
    );
    if back + amount > payment["amount"].as_i64().unwrap() {
        return said(
            400,
            &json!({"error": {"code": "BAD_REQUEST_ERROR", "description": "The refund amount is too large"}}),
        );
    }
    payment["amount_refunded"] = json!(back + amount);
    let refund = json!({
        "id": refund_id, "entity": "refund", "amount": amount, "currency": payment["currency"], "payment_id": id,
        "notes": body["notes"], "receipt": body["receipt"], "status": "processed", "speed_processed": "normal",
        "created_at": 1_772_366_400,
    });
    book.once.insert(key, refund.clone());
    book.refunds.insert(refund_id, refund.clone());
    said(200, &refund)
}

impl StandIn {
    /// The buyer pays an order of Razorpay's; the payment's id.
    pub fn razorpay_pays(&self, order: &str, status: &str) -> String {
        let mut book = self.state.book.lock().unwrap();
        let id = book.next("pay_");
        let wanted = &book.wanted[order];
        let payment = json!({
            "id": id, "entity": "payment", "amount": wanted["amount"], "currency": wanted["currency"], "status": status,
            "order_id": order, "international": false, "method": "card", "amount_refunded": 0, "refund_status": null,
            "captured": status == "captured", "description": "random description", "card_id": "card_6koWNAT6LASUqy",
            "error_code": if status == "failed" { json!("BAD_REQUEST_ERROR") } else { Value::Null }, "created_at": 1_772_366_400,
        });
        book.payments.insert(id.clone(), payment);
        id
    }
}

/// The body of an event about a payment.
pub fn event(kind: &str, payment: &Value) -> String {
    json!({
        "event": kind, "entity": "event", "contains": ["payment"], "payload": {"payment": {"entity": payment}},
        "created_at": 1_772_366_400,
    })
    .to_string()
}
