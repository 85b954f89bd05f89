//! Stripe: payment intents, checkout sessions, refunds, as its published objects have them.

use serde_json::{Value, json};

use super::{Asked, Said, StandIn, State, not_found, said};

pub const SECRET: &str = "sk_test_1";
pub const WEBHOOK_SECRET: &str = "whsec_test";

pub fn answer(state: &State, asked: &Asked) -> Said {
    if asked.header("authorization") != format!("Bearer {SECRET}") {
        return said(401, &json!({"error": {"type": "invalid_request_error"}}));
    }
    let key = asked.header("idempotency-key").to_owned();
    if asked.method == "POST" {
        state.must(
            asked.header("content-type") == "application/x-www-form-urlencoded",
            asked,
            "the body must be a form",
        );
        state.must((1..=255).contains(&key.len()), asked, "Idempotency-Key");
        if let Some(before) = state.book.lock().unwrap().once.get(&key) {
            return said(200, before);
        }
    }
    let said = match (asked.method.as_str(), asked.parts().as_slice()) {
        ("POST", ["v1", "payment_intents"]) => create_intent(state, asked),
        ("POST", ["v1", "checkout", "sessions"]) => create_session(state, asked),
        ("GET", ["v1", "payment_intents", id]) => find(&state.book.lock().unwrap().payments, id),
        ("GET", ["v1", "checkout", "sessions", id]) => find(&state.book.lock().unwrap().wanted, id),
        ("POST", ["v1", "payment_intents", id, "capture"]) => {
            let mut book = state.book.lock().unwrap();
            let Some(intent) = book.payments.get_mut(*id) else {
                return not_found();
            };
            intent["status"] = json!("succeeded");
            intent["amount_received"] = intent["amount"].clone();
            said(200, intent)
        }
        ("POST", ["v1", "refunds"]) => refund(state, asked),
        _ => {
            state.must(false, asked, "no such path");
            not_found()
        }
    };
    if asked.method == "POST" && said.status == 200 {
        let made = serde_json::from_str(&said.body).unwrap();
        state.book.lock().unwrap().once.insert(key, made);
    }
    said
}

fn find(from: &std::collections::HashMap<String, Value>, id: &str) -> Said {
    from.get(id)
        .map_or_else(not_found, |found| said(200, found))
}

fn known(state: &State, asked: &Asked, names: &[&str]) {
    for name in asked.form().keys() {
        let known = names
            .iter()
            .any(|known| name == known || known.ends_with('[') && name.starts_with(known));
        state.must(known, asked, &format!("parameter_unknown {name}"));
    }
}

fn create_intent(state: &State, asked: &Asked) -> Said {
    known(
        state,
        asked,
        &[
            "amount",
            "currency",
            "automatic_payment_methods[enabled]",
            "metadata[",
            "description",
            "receipt_email",
        ],
    );
    let form = asked.form();
    let amount: i64 = form["amount"].parse().unwrap_or_default();
    state.must(amount > 0, asked, "amount is a positive integer");
    state.must(
        form["currency"].chars().all(|c| c.is_ascii_lowercase()),
        asked,
        "currency in small letters",
    );
    let mut book = state.book.lock().unwrap();
    let id = book.next("pi_");
    let made = intent(
        &id,
        amount,
        &form["currency"],
        &json!({
            "payment": form.get("metadata[payment]"), "order_number": form.get("metadata[order_number]"),
        }),
    );
    book.payments.insert(id, made.clone());
    said(200, &made)
}

fn intent(id: &str, amount: i64, currency: &str, metadata: &Value) -> Value {
    json!({
        "id": id, "object": "payment_intent", "amount": amount, "amount_capturable": 0, "amount_received": 0,
        "capture_method": "automatic", "client_secret": format!("{id}_secret_Dm43"), "confirmation_method": "automatic",
        "created": 1_772_366_400, "currency": currency, "last_payment_error": null, "latest_charge": null,
        "livemode": false, "metadata": metadata, "payment_method_types": ["card"], "status": "requires_payment_method",
    })
}

fn create_session(state: &State, asked: &Asked) -> Said {
    known(
        state,
        asked,
        &[
            "mode",
            "client_reference_id",
            "success_url",
            "cancel_url",
            "customer_email",
            "line_items[0][quantity]",
            "line_items[0][price_data][",
            "payment_intent_data[metadata][",
        ],
    );
    let form = asked.form();
    state.must(form["mode"] == "payment", asked, "mode");
    let amount: i64 = form["line_items[0][price_data][unit_amount]"]
        .parse()
        .unwrap_or_default();
    let currency = &form["line_items[0][price_data][currency]"];
    let mut book = state.book.lock().unwrap();
    let (id, intent_id) = (book.next("cs_test_"), book.next("pi_"));
    let metadata =
        json!({"payment": form.get("payment_intent_data[metadata][payment]"), "flow": "checkout"});
    let made = intent(&intent_id, amount, currency, &metadata);
    book.payments.insert(intent_id.clone(), made);
    let session = json!({
        "id": id, "object": "checkout.session", "amount_total": amount, "currency": currency, "livemode": false,
        "mode": "payment", "payment_intent": intent_id, "payment_status": "unpaid", "status": "open",
        "url": format!("https://checkout.stripe.com/c/pay/{id}"),
    });
    book.wanted.insert(id, session.clone());
    said(200, &session)
}

fn refund(state: &State, asked: &Asked) -> Said {
    known(
        state,
        asked,
        &["payment_intent", "amount", "metadata[", "reason"],
    );
    let form = asked.form();
    let amount: i64 = form["amount"].parse().unwrap();
    let mut book = state.book.lock().unwrap();
    let id = book.next("re_");
    let intent = &book.payments[&form["payment_intent"]];
    let back: i64 = book
        .refunds
        .values()
        .filter(|one| one["payment_intent"] == intent["id"])
        .map(|one| one["amount"].as_i64().unwrap())
        .sum();
    if back + amount > intent["amount_received"].as_i64().unwrap() {
        return said(
            400,
            &json!({"error": {"type": "invalid_request_error", "code": "charge_already_refunded"}}),
        );
    }
    let made = json!({
        "id": id, "object": "refund", "amount": amount, "currency": intent["currency"], "payment_intent": intent["id"],
        "metadata": {"refund": form.get("metadata[refund]")}, "status": "succeeded", "created": 1_772_366_400,
    });
    book.refunds.insert(id, made.clone());
    said(200, &made)
}

impl StandIn {
    /// The buyer pays an intent, or the one of a session; the id of the intent.
    pub fn stripe_pays(&self, reference: &str, status: &str) -> String {
        let mut book = self.state.book.lock().unwrap();
        let mut id = reference.to_owned();
        if let Some(session) = book.wanted.get_mut(reference) {
            session["status"] = json!("complete");
            session["payment_status"] = json!("paid");
            id = session["payment_intent"].as_str().unwrap().to_owned();
        }
        let intent = book.payments.get_mut(&id).unwrap();
        intent["status"] = json!(status);
        match status {
            "succeeded" => intent["amount_received"] = intent["amount"].clone(),
            "requires_capture" => intent["amount_capturable"] = intent["amount"].clone(),
            _ => {
                intent["last_payment_error"] =
                    json!({"type": "card_error", "code": "card_declined"})
            }
        }
        id
    }
}

pub fn event(id: &str, kind: &str, object: &Value) -> String {
    json!({
        "id": id, "object": "event", "type": kind, "api_version": null, "created": 1_772_366_400, "livemode": false,
        "data": {"object": object}, "pending_webhooks": 1, "request": {"id": null, "idempotency_key": null},
    })
    .to_string()
}
