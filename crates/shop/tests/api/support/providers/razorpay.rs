//! Razorpay: orders, payments, captures, refunds. Its answers are the objects that its own library tests with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Asked, Said, StandIn, State, not_found, said, sample};

pub const KEY: &str = "rzp_test_key";
pub const SECRET: &str = "test_key_secret";
pub const DESCRIPTIONS: &[&str] = &[include_str!("descriptions/razorpay.json")];
const SAMPLES: &str = include_str!("descriptions/razorpay-objects.json");
pub const WEBHOOK_SECRET: &str = "test_webhook_secret";

pub fn answer(state: &State, asked: &Asked) -> Said {
    let login = format!("Basic {}", STANDARD.encode(format!("{KEY}:{SECRET}")));
    if asked.header("authorization") != login {
        return said(
            401,
            &json!({"error": {"code": "BAD_REQUEST_ERROR", "description": "Authentication failed"}}),
        );
    }
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("POST", ["v1", "orders"]) => create(state, asked),
        ("GET", ["v1", "orders", order, "payments"]) => {
            let book = state.book.lock().unwrap();
            let mut items: Vec<_> = book
                .payments
                .values()
                .filter(|payment| payment["order_id"] == *order)
                .cloned()
                .collect();
            // The newest first.
            items.sort_by_key(|payment| std::cmp::Reverse(payment["id"].to_string()));
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
        ("GET", ["v1", "refunds", id]) => match state.book.lock().unwrap().refunds.get(*id) {
            Some(refund) => said(200, refund),
            None => not_found(),
        },
        ("GET", ["v1", "payments", id, "refunds"]) => {
            let book = state.book.lock().unwrap();
            let items: Vec<_> = book
                .refunds
                .values()
                .filter(|refund| refund["payment_id"] == *id)
                .collect();
            said(
                200,
                &json!({"entity": "collection", "count": items.len(), "items": items}),
            )
        }
        _ => not_found(),
    }
}

fn create(state: &State, asked: &Asked) -> Said {
    let body = asked.json();
    let mut book = state.book.lock().unwrap();
    let id = book.next("order_");
    let order = sample(
        SAMPLES,
        "order",
        &json!({"id": id, "amount": body["amount"], "currency": body["currency"], "receipt": body["receipt"],
            "attempts": 0, "amount_paid": 0, "status": "created"}),
    );
    book.wanted.insert(id, order.clone());
    said(200, &order)
}

fn capture(state: &State, asked: &Asked, id: &str) -> Said {
    let body = asked.json();
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
    let key = asked.header("x-refund-idempotency").to_owned();
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
    let refund = sample(
        SAMPLES,
        "refund",
        &json!({"id": refund_id, "amount": amount, "currency": payment["currency"], "payment_id": id,
            "notes": body["notes"], "receipt": body["receipt"]}),
    );
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
        let failed = status == "failed";
        let payment = sample(
            SAMPLES,
            "payment",
            &json!({"id": id, "amount": wanted["amount"], "currency": wanted["currency"], "status": status,
                "order_id": order, "captured": status == "captured",
                "error_code": failed.then_some("BAD_REQUEST_ERROR")}),
        );
        book.payments.insert(id.clone(), payment);
        id
    }
}

/// The body of an event about a payment.
pub fn event(kind: &str, payment: &Value) -> String {
    let told = json!({"event": kind, "payload": {"payment": {"entity": payment}}});
    sample(SAMPLES, "event", &told).to_string()
}
