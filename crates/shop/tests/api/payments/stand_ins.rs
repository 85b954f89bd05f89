//! The stand-ins look: a request that does not fit the provider's description is refused, and complained of.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::support::providers::{Asked, Said, State, bkash, paypal, razorpay, stripe};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

fn post(path: &str, kind: &str, body: &str, headers: &[(&str, &str)]) -> Asked {
    let all = [("content-type", kind)];
    let headers = all.iter().chain(headers);
    Asked {
        method: "POST".to_owned(),
        path: path.to_owned(),
        headers: headers
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<HashMap<_, _>>(),
        body: body.as_bytes().to_vec(),
    }
}

fn with_body(asked: &Asked, body: &Value) -> Asked {
    Asked {
        body: body.to_string().into_bytes(),
        ..asked.clone()
    }
}

fn without(asked: &Asked, header: &str) -> Asked {
    let mut asked = asked.clone();
    asked.headers.remove(header).unwrap();
    asked
}

fn at(asked: &Asked, path: &str) -> Asked {
    Asked {
        path: path.to_owned(),
        ..asked.clone()
    }
}

/// The right one is taken, and each of the wrong ones refused with a complaint.
fn looks(
    answer: fn(&State, &Asked) -> Said,
    documents: &[&str],
    right: &Asked,
    wrong: &[(&str, Asked)],
) {
    let state = State::new(answer, documents);
    let said = state.said_to(right);
    assert!(said.status < 300, "{}", said.body);
    assert_eq!(state.complaints(), Vec::<String>::new());
    for (n, (what, asked)) in wrong.iter().enumerate() {
        assert_eq!(state.said_to(asked).status, 400, "{what}");
        assert!(state.complaints().len() > n, "{what}");
    }
}

#[test]
fn razorpays_refuses_what_razorpay_does_not_describe() {
    let login = "Basic cnpwX3Rlc3Rfa2V5OnRlc3Rfa2V5X3NlY3JldA==";
    let right = json!({"amount": 1250, "currency": "INR", "receipt": "A-1", "notes": {"order_number": "A"}});
    let order = post(
        "/v1/orders",
        JSON,
        &right.to_string(),
        &[("authorization", login)],
    );
    let wrong = |name: &str, value: Value| {
        let mut body = right.clone();
        body[name] = value;
        with_body(&order, &body)
    };
    looks(
        razorpay::answer,
        razorpay::DESCRIPTIONS,
        &order,
        &[
            ("another path", at(&order, "/v1/order")),
            ("nobody", without(&order, "authorization")),
            ("no amount", with_body(&order, &json!({"currency": "INR"}))),
            ("an amount as text", wrong("amount", json!("1250"))),
            ("nothing", wrong("amount", json!(0))),
            ("a small currency", wrong("currency", json!("inr"))),
            ("a long receipt", wrong("receipt", json!("x".repeat(41)))),
            ("a note that is a number", wrong("notes", json!({"n": 1}))),
            ("an unknown member", wrong("capture", json!(true))),
            (
                "a form",
                post(
                    "/v1/orders",
                    FORM,
                    "amount=1250&currency=INR",
                    &[("authorization", login)],
                ),
            ),
            (
                "a refund without its key",
                at(
                    &with_body(&order, &json!({"amount": 1})),
                    "/v1/payments/pay_1/refund",
                ),
            ),
        ],
    );
}

#[test]
fn stripes_refuses_what_stripe_does_not_describe() {
    let headers = &[
        ("authorization", "Bearer sk_test_1"),
        ("idempotency-key", "A-1-create"),
    ];
    let intent = |form: &str| post("/v1/payment_intents", FORM, form, headers);
    let right = intent(
        "amount=1250&currency=usd&automatic_payment_methods%5Benabled%5D=true&metadata%5Bpayment%5D=1",
    );
    looks(
        stripe::answer,
        stripe::DESCRIPTIONS,
        &right,
        &[
            ("another path", at(&right, "/v1/payment_intent")),
            ("nobody", without(&right, "authorization")),
            ("without a key", without(&right, "idempotency-key")),
            ("no amount", intent("currency=usd")),
            ("a fraction", intent("amount=12.50&currency=usd")),
            ("a great currency", intent("amount=1250&currency=USD")),
            (
                "neither true nor false",
                intent("amount=1&currency=usd&automatic_payment_methods%5Benabled%5D=yes"),
            ),
            (
                "an unknown parameter",
                intent("amount=1250&currency=usd&ammount=1"),
            ),
            (
                "an unknown parameter within",
                intent("amount=1&currency=usd&automatic_payment_methods%5Bon%5D=true"),
            ),
            (
                "JSON",
                post(
                    "/v1/payment_intents",
                    JSON,
                    "{\"amount\":1250,\"currency\":\"usd\"}",
                    headers,
                ),
            ),
        ],
    );
}

#[test]
fn paypals_refuses_what_paypal_does_not_describe() {
    let headers = &[
        ("authorization", "Bearer A21AAtoken"),
        ("paypal-request-id", "A-1"),
        ("prefer", "return=representation"),
    ];
    let right = json!({"intent": "CAPTURE", "purchase_units": [
        {"custom_id": "1", "amount": {"currency_code": "USD", "value": "12.50"}}]});
    let order = post("/v2/checkout/orders", JSON, &right.to_string(), headers);
    let unit = |name: &str, value: Value| {
        let mut body = right.clone();
        body["purchase_units"][0][name] = value;
        with_body(&order, &body)
    };
    let mut long = order.clone();
    long.headers
        .insert("paypal-request-id".to_owned(), "x".repeat(109));
    looks(
        paypal::answer,
        paypal::DESCRIPTIONS,
        &order,
        &[
            ("another path", at(&order, "/v2/checkout/order")),
            ("nobody", without(&order, "authorization")),
            ("a long key", long),
            (
                "no intent",
                with_body(&order, &json!({"purchase_units": right["purchase_units"]})),
            ),
            (
                "another intent",
                with_body(
                    &order,
                    &json!({"intent": "SALE", "purchase_units": right["purchase_units"]}),
                ),
            ),
            (
                "nothing bought",
                with_body(&order, &json!({"intent": "CAPTURE", "purchase_units": []})),
            ),
            (
                "an amount as number",
                unit("amount", json!({"currency_code": "USD", "value": 12.5})),
            ),
            (
                "an amount with a comma",
                unit("amount", json!({"currency_code": "USD", "value": "12,50"})),
            ),
            ("a long name", unit("custom_id", json!("x".repeat(128)))),
            ("an unknown member", unit("order_number", json!("A"))),
            (
                "a page that is no address",
                with_body(
                    &order,
                    &json!({"intent": "CAPTURE", "purchase_units": right["purchase_units"],
            "payment_source": {"paypal": {"experience_context": {"return_url": 1}}}}),
                ),
            ),
            (
                "an id in small letters",
                at(
                    &with_body(&order, &json!({})),
                    "/v2/checkout/orders/abc/capture",
                ),
            ),
        ],
    );
}

#[test]
fn bkashs_refuses_what_bkash_does_not_describe() {
    let headers = &[
        ("authorization", "bkash_id_token"),
        ("x-app-key", bkash::APP_KEY),
    ];
    let path = |name: &str| format!("/v1.2.0-beta/tokenized/checkout/{name}");
    let right = json!({"mode": "0011", "payerReference": "A", "callbackURL": "https://shop.test/", "amount": "12.50",
        "currency": "BDT", "intent": "sale", "merchantInvoiceNumber": "A-1"});
    let create = post(&path("create"), JSON, &right.to_string(), headers);
    let wrong = |name: &str, value: Value| {
        let mut body = right.clone();
        body[name] = value;
        with_body(&create, &body)
    };
    looks(
        bkash::answer,
        bkash::DESCRIPTIONS,
        &create,
        &[
            ("another path", at(&create, &path("creates"))),
            ("without the app", without(&create, "x-app-key")),
            ("nobody", without(&create, "authorization")),
            ("an amount as number", wrong("amount", json!(12.5))),
            ("three decimals", wrong("amount", json!("12.505"))),
            ("another currency", wrong("currency", json!("USD"))),
            (
                "a number with <",
                wrong("merchantInvoiceNumber", json!("A<1")),
            ),
            ("no address", wrong("callbackURL", json!("/back"))),
            ("an unknown member", wrong("agreementID", json!("1"))),
            (
                "nothing to execute",
                at(&with_body(&create, &json!({})), &path("execute")),
            ),
            (
                "a login without its name",
                post(
                    &path("token/grant"),
                    JSON,
                    "{\"app_key\":\"a\",\"app_secret\":\"b\"}",
                    &[],
                ),
            ),
        ],
    );
}
