//! Stripe: payment intents, checkout sessions, refunds. Its answers are the objects that Stripe publishes for tests.

use serde_json::{Value, json};

use super::{Asked, Said, StandIn, State, not_found, said, sample};

pub const SECRET: &str = "sk_test_1";
pub const DESCRIPTIONS: &[&str] = &[include_str!("descriptions/stripe.json")];
const SAMPLES: &str = include_str!("descriptions/stripe-objects.json");
pub const WEBHOOK_SECRET: &str = "whsec_test";

pub fn answer(state: &State, asked: &Asked) -> Said {
    if asked.header("authorization") != format!("Bearer {SECRET}") {
        return said(401, &json!({"error": {"type": "invalid_request_error"}}));
    }
    let key = asked.header("idempotency-key").to_owned();
    if asked.method == "POST"
        && let Some(before) = state.book.lock().unwrap().once.get(&key)
    {
        return said(200, before);
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
        ("GET", ["v1", "refunds", id]) => find(&state.book.lock().unwrap().refunds, id),
        ("GET", ["v1", "refunds"]) => {
            let book = state.book.lock().unwrap();
            let wanted = asked.query("payment_intent");
            let data: Vec<_> = book
                .refunds
                .values()
                .filter(|refund| refund["payment_intent"] == wanted)
                .collect();
            said(
                200,
                &json!({"object": "list", "url": "/v1/refunds", "has_more": false, "data": data}),
            )
        }
        _ => not_found(),
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

fn create_intent(state: &State, asked: &Asked) -> Said {
    let form = asked.form();
    let amount: i64 = form["amount"].parse().unwrap();
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
    let members = json!({
        "id": id, "amount": amount, "client_secret": format!("{id}_secret_Dm43"), "currency": currency,
        "last_payment_error": null, "metadata": metadata,
    });
    sample(SAMPLES, "payment_intent", &members)
}

fn create_session(state: &State, asked: &Asked) -> Said {
    let form = asked.form();
    let amount: i64 = form["line_items[0][price_data][unit_amount]"]
        .parse()
        .unwrap();
    let currency = &form["line_items[0][price_data][currency]"];
    let mut book = state.book.lock().unwrap();
    let (id, intent_id) = (book.next("cs_test_"), book.next("pi_"));
    let metadata =
        json!({"payment": form.get("payment_intent_data[metadata][payment]"), "flow": "checkout"});
    let made = intent(&intent_id, amount, currency, &metadata);
    book.payments.insert(intent_id.clone(), made);
    let members = json!({
        "id": id, "amount_total": amount, "currency": currency, "payment_intent": intent_id,
        "client_reference_id": form.get("client_reference_id"), "success_url": form.get("success_url"),
        "url": format!("https://checkout.stripe.com/c/pay/{id}"),
    });
    let session = sample(SAMPLES, "checkout.session", &members);
    book.wanted.insert(id, session.clone());
    said(200, &session)
}

fn refund(state: &State, asked: &Asked) -> Said {
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
    let members = json!({
        "id": id, "amount": amount, "currency": intent["currency"], "payment_intent": intent["id"],
        "metadata": {"refund": form.get("metadata[refund]")},
    });
    let made = sample(SAMPLES, "refund", &members);
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
    let members =
        json!({"id": id, "type": kind, "created": 1_772_366_400, "data": {"object": object}});
    sample(SAMPLES, "event", &members).to_string()
}
