//! PayPal: orders, captures, refunds. Requests and answers are held against its published Orders v2 and Payments v2.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Asked, Said, StandIn, State, not_found, said};

pub const CLIENT: &str = "paypal_client";
pub const SECRET: &str = "paypal_secret";
pub const WEBHOOK: &str = "WH-OURS-1";
pub const MERCHANT: &str = "7Q2B5XYKP4C3N";
pub const DESCRIPTIONS: &[&str] = &[
    include_str!("descriptions/paypal-orders-v2.json"),
    include_str!("descriptions/paypal-payments-v2.json"),
    include_str!("descriptions/paypal-besides.json"),
];
const TOKEN: &str = "A21AAtoken";

pub fn answer(state: &State, asked: &Asked) -> Said {
    let parts = asked.parts();
    if let ["v1", "notifications", "certs", name] = parts.as_slice() {
        return certificate(name);
    }
    if parts == ["v1", "oauth2", "token"] {
        let login = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{SECRET}")));
        state.must(
            asked.header("authorization") == login,
            asked,
            "basic authentication",
        );
        return said(
            200,
            &json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 32400}),
        );
    }
    if asked.header("authorization") != format!("Bearer {TOKEN}") {
        return said(401, &json!({"name": "AUTHENTICATION_FAILURE"}));
    }
    let key = asked.header("paypal-request-id").to_owned();
    if asked.method == "POST" {
        // Optional for PayPal, not for us: without it a second try pays twice.
        state.must(!key.is_empty(), asked, "PayPal-Request-Id");
        if let Some(before) = state.book.lock().unwrap().once.get(&key) {
            return said(200, before);
        }
    }
    let said = match (asked.method.as_str(), parts.as_slice()) {
        ("POST", ["v2", "checkout", "orders"]) => create(state, asked),
        ("GET", ["v2", "checkout", "orders", id]) => {
            match state.book.lock().unwrap().wanted.get(*id) {
                Some(order) => said(200, order),
                None => not_found(),
            }
        }
        ("POST", ["v2", "checkout", "orders", id, "capture"]) => capture(state, id),
        ("POST", ["v2", "payments", "captures", id, "refund"]) => refund(state, asked, id),
        ("GET", ["v2", "payments", "refunds", id]) => {
            match state.book.lock().unwrap().refunds.get(*id) {
                Some(refund) => said(200, refund),
                None => not_found(),
            }
        }
        _ => not_found(),
    };
    if asked.method == "POST" && said.status < 300 {
        let made = serde_json::from_str(&said.body).unwrap();
        state.book.lock().unwrap().once.insert(key, made);
    }
    said
}

fn certificate(name: &str) -> Said {
    let body = match name {
        "CERT-good" => include_str!("certs/good.pem"),
        "CERT-expired" => include_str!("certs/expired.pem"),
        "CERT-other-name" => include_str!("certs/other-name.pem"),
        "CERT-self-signed" => include_str!("certs/self-signed.pem"),
        _ => return not_found(),
    };
    Said {
        status: 200,
        body: body.to_owned(),
    }
}

fn create(state: &State, asked: &Asked) -> Said {
    let body = asked.json();
    let unit = &body["purchase_units"][0];
    let mut book = state.book.lock().unwrap();
    let id = book.next("5O190127TN");
    let mut unit = unit.clone();
    unit["payee"] = json!({"merchant_id": MERCHANT});
    let order = json!({
        "id": id, "intent": "CAPTURE", "status": "PAYER_ACTION_REQUIRED", "purchase_units": [unit],
        "links": [
            {"href": format!("https://api-m.paypal.com/v2/checkout/orders/{id}"), "rel": "self", "method": "GET"},
            {"href": format!("https://www.paypal.com/checkoutnow?token={id}"), "rel": "payer-action", "method": "GET"},
        ],
    });
    book.wanted.insert(id, order.clone());
    said(200, &order)
}

fn capture(state: &State, id: &str) -> Said {
    let mut book = state.book.lock().unwrap();
    let capture_id = book.next("3C679366HH");
    let Some(order) = book.wanted.get_mut(id) else {
        return not_found();
    };
    if order["status"] != "APPROVED" {
        let issue = if order["status"] == "COMPLETED" {
            "ORDER_ALREADY_CAPTURED"
        } else {
            "ORDER_NOT_APPROVED"
        };
        return said(
            422,
            &json!({"name": "UNPROCESSABLE_ENTITY", "details": [{"issue": issue}]}),
        );
    }
    if order["declines"] == json!(true) {
        return said(
            422,
            &json!({"name": "UNPROCESSABLE_ENTITY", "details": [{"issue": "INSTRUMENT_DECLINED"}]}),
        );
    }
    order["status"] = json!("COMPLETED");
    let unit = &mut order["purchase_units"][0];
    let capture = json!({
        "id": capture_id, "status": "COMPLETED", "amount": unit["amount"], "final_capture": true,
        "custom_id": unit["custom_id"], "invoice_id": unit["invoice_id"],
    });
    unit["payments"] = json!({"captures": [capture]});
    let order = order.clone();
    book.payments.insert(capture_id, json!({"order": id}));
    said(201, &order)
}

fn refund(state: &State, asked: &Asked, capture: &str) -> Said {
    let body = asked.json();
    let mut book = state.book.lock().unwrap();
    let id = book.next("1JU08902FT");
    let Some(payment) = book.payments.get(capture) else {
        return not_found();
    };
    let order = payment["order"].as_str().unwrap().to_owned();
    let made = json!({
        "id": id, "status": "COMPLETED", "amount": body["amount"], "custom_id": body["custom_id"],
        "links": [
            {"href": format!("https://api-m.paypal.com/v2/payments/refunds/{id}"), "rel": "self", "method": "GET"},
            {"href": format!("https://api-m.paypal.com/v2/payments/captures/{capture}"), "rel": "up", "method": "GET"},
        ],
    });
    book.refunds.insert(id, made.clone());
    let payments = &mut book.wanted.get_mut(&order).unwrap()["purchase_units"][0]["payments"];
    let mut all = payments["refunds"].as_array().cloned().unwrap_or_default();
    all.push(made.clone());
    payments["refunds"] = json!(all);
    said(201, &made)
}

impl StandIn {
    /// The buyer approves an order, which is captured when we ask for it.
    pub fn paypal_approves(&self, order: &str) {
        self.state
            .book
            .lock()
            .unwrap()
            .wanted
            .get_mut(order)
            .unwrap()["status"] = json!("APPROVED");
    }
}

/// The headers of an event, signed by the certificate of that name.
pub fn signed(
    url: &str,
    certificate: &str,
    webhook: &str,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    let (id, time) = (
        "69cd13f0-d67a-11e5-baa3-778b53f4ae55",
        "2026-03-01T12:00:00Z",
    );
    let message = format!("{id}|{time}|{webhook}|{}", crc32fast::hash(body));
    vec![
        ("paypal-transmission-id", id.to_owned()),
        ("paypal-transmission-time", time.to_owned()),
        ("paypal-auth-algo", "SHA256withRSA".to_owned()),
        (
            "paypal-cert-url",
            format!("{url}/v1/notifications/certs/{certificate}"),
        ),
        (
            "paypal-transmission-sig",
            STANDARD.encode(sign(message.as_bytes())),
        ),
    ]
}

/// RSA with SHA-256 by the key of all test certificates.
pub fn sign(message: &[u8]) -> Vec<u8> {
    let key = ring::signature::RsaKeyPair::from_pkcs8(include_bytes!("certs/signer.der")).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &ring::signature::RSA_PKCS1_SHA256,
        &ring::rand::SystemRandom::new(),
        message,
        &mut signature,
    )
    .unwrap();
    signature
}

pub fn event(id: &str, kind: &str, resource: &Value) -> String {
    json!({
        "id": id, "event_version": "1.0", "create_time": "2026-03-01T12:00:00Z", "resource_type": "checkout-order",
        "event_type": kind, "resource": resource,
    })
    .to_string()
}
