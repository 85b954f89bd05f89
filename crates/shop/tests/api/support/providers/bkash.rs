//! bKash, tokenized checkout v1.2.0-beta, and Amazon's SNS beside it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Asked, Said, StandIn, State, members, not_found, paypal, said};

pub const APP_KEY: &str = "bkash_app";
pub const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:bkash";
pub const SHORT_CODE: &str = "01700000000";
const TOKEN: &str = "bkash_id_token";

pub fn answer(state: &State, asked: &Asked) -> Said {
    let parts = asked.parts();
    if parts == ["sns", "good.pem"] {
        return Said {
            status: 200,
            body: include_str!("certs/sns.pem").to_owned(),
        };
    }
    if parts == ["sns", "confirm"] {
        return Said {
            status: 200,
            body: "<ConfirmSubscriptionResponse/>".to_owned(),
        };
    }
    let ["v1.2.0-beta", "tokenized", "checkout", path @ ..] = parts.as_slice() else {
        return not_found();
    };
    state.must(
        asked.method == "POST" && asked.header("content-type") == "application/json",
        asked,
        "POST of JSON",
    );
    let body = asked.json();
    if path == ["token", "grant"] {
        state.must(
            asked.header("username") == "merchant" && asked.header("password") == "bkash_password",
            asked,
            "login",
        );
        members(state, asked, &body, &["app_key", "app_secret"], &[]);
        return said(
            200,
            &json!({"statusCode": "0000", "statusMessage": "Successful", "id_token": TOKEN, "token_type": "Bearer",
            "expires_in": 3600, "refresh_token": "bkash_refresh"}),
        );
    }
    if asked.header("authorization") != TOKEN || asked.header("x-app-key") != APP_KEY {
        return said(401, &json!({"message": "The incoming token has expired"}));
    }
    match path {
        ["create"] => create(state, asked, &body),
        ["execute"] => execute(state, &body),
        ["payment", "status"] => match state
            .book
            .lock()
            .unwrap()
            .wanted
            .get(body["paymentID"].as_str().unwrap_or_default())
        {
            Some(payment) => said(200, payment),
            None => said(
                200,
                &json!({"statusCode": "2051", "statusMessage": "Invalid Payment ID"}),
            ),
        },
        ["payment", "refund"] => refund(state, asked, &body),
        _ => {
            state.must(false, asked, "no such path");
            not_found()
        }
    }
}

fn create(state: &State, asked: &Asked, body: &Value) -> Said {
    members(
        state,
        asked,
        body,
        &[
            "mode",
            "payerReference",
            "callbackURL",
            "amount",
            "currency",
            "intent",
            "merchantInvoiceNumber",
        ],
        &[],
    );
    state.must(
        body["mode"] == "0011" && body["intent"] == "sale" && body["currency"] == "BDT",
        asked,
        "mode, intent or currency",
    );
    state.must(body["amount"].is_string(), asked, "amount is a text");
    let invoice = body["merchantInvoiceNumber"].as_str().unwrap_or_default();
    state.must(
        !invoice.is_empty() && invoice.len() <= 255 && !invoice.contains(['<', '>', '&']),
        asked,
        "merchantInvoiceNumber",
    );
    let mut book = state.book.lock().unwrap();
    if book
        .wanted
        .values()
        .any(|payment| payment["merchantInvoiceNumber"] == invoice)
    {
        return said(
            200,
            &json!({"statusCode": "2029", "statusMessage": "Duplicate for All Transactions"}),
        );
    }
    let id = book.next("TR0011");
    let payment = json!({
        "statusCode": "0000", "statusMessage": "Successful", "paymentID": id, "amount": body["amount"], "currency": "BDT",
        "intent": "sale", "merchantInvoiceNumber": invoice, "transactionStatus": "Initiated",
    });
    book.wanted.insert(id.clone(), payment.clone());
    let mut created = payment;
    created["bkashURL"] = json!(format!("https://payment.bkash.com/?paymentId={id}"));
    said(200, &created)
}

fn execute(state: &State, body: &Value) -> Said {
    let mut book = state.book.lock().unwrap();
    let trx = book.next("6H7");
    let id = body["paymentID"].as_str().unwrap_or_default();
    let Some(payment) = book.wanted.get_mut(id) else {
        return said(
            200,
            &json!({"statusCode": "2051", "statusMessage": "Invalid Payment ID"}),
        );
    };
    if payment["trxID"].is_string() {
        return said(
            200,
            &json!({"statusCode": "2062", "statusMessage": "The payment has already been completed"}),
        );
    }
    if payment["agreed"] != json!(true) {
        return said(
            200,
            &json!({"statusCode": "2056", "statusMessage": "Invalid Payment State"}),
        );
    }
    payment["transactionStatus"] = json!("Completed");
    payment["trxID"] = json!(trx);
    said(200, payment)
}

fn refund(state: &State, asked: &Asked, body: &Value) -> Said {
    members(
        state,
        asked,
        body,
        &["paymentID", "trxID"],
        &["amount", "sku", "reason"],
    );
    let mut book = state.book.lock().unwrap();
    let id = body["paymentID"].as_str().unwrap_or_default().to_owned();
    match (book.refunds.get(&id), &body["amount"]) {
        // Without an amount it asks what became of one.
        (Some(made), Value::Null) => said(200, made),
        (None, Value::Null) => said(
            200,
            &json!({"statusCode": "2071", "statusMessage": "Refund not found"}),
        ),
        (Some(_), _) => said(
            200,
            &json!({"statusCode": "2077", "statusMessage": "Already refunded"}),
        ),
        (None, amount) => {
            let made = json!({"statusCode": "0000", "originalTrxID": body["trxID"], "refundTrxID": book.next("RF"),
                "transactionStatus": "Completed", "amount": amount, "currency": "BDT"});
            book.refunds.insert(id, made.clone());
            said(200, &made)
        }
    }
}

impl StandIn {
    /// The buyer agrees to a payment, which counts when we execute it.
    pub fn bkash_agrees(&self, payment: &str) {
        self.state
            .book
            .lock()
            .unwrap()
            .wanted
            .get_mut(payment)
            .unwrap()["agreed"] = json!(true);
    }
}

/// A notification as Amazon sends it.
pub fn notification(url: &str, id: &str, message: &Value) -> Value {
    let mut envelope = json!({
        "Type": "Notification", "MessageId": id, "TopicArn": TOPIC, "Message": message.to_string(),
        "Timestamp": "2026-03-01T12:00:00.000Z", "SignatureVersion": "2", "SigningCertURL": format!("{url}/sns/good.pem"),
    });
    sign(&mut envelope);
    envelope
}

pub fn sign(envelope: &mut Value) {
    let keys: &[&str] = match envelope["Type"].as_str() {
        Some("Notification") => &["Message", "MessageId", "Timestamp", "TopicArn", "Type"],
        _ => &[
            "Message",
            "MessageId",
            "SubscribeURL",
            "Timestamp",
            "Token",
            "TopicArn",
            "Type",
        ],
    };
    let message: String = keys
        .iter()
        .map(|key| format!("{key}\n{}\n", envelope[*key].as_str().unwrap()))
        .collect();
    envelope["Signature"] = json!(STANDARD.encode(paypal::sign(message.as_bytes())));
}
