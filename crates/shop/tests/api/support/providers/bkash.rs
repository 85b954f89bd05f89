//! bKash, tokenized checkout v1.2.0-beta, and Amazon's SNS beside it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Asked, Said, StandIn, State, not_found, paypal, said};

pub const APP_KEY: &str = "bkash_app";
pub const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:bkash";
pub const SHORT_CODE: &str = "01700000000";
pub const DESCRIPTIONS: &[&str] = &[include_str!("descriptions/bkash.json")];
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
    let body = asked.json();
    if path == ["token", "grant"] {
        state.must(
            asked.header("username") == "merchant" && asked.header("password") == "bkash_password",
            asked,
            "login",
        );
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
        ["create"] => create(state, &body),
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
        ["payment", "refund"] => refund(state, &body),
        _ => not_found(),
    }
}

fn create(state: &State, body: &Value) -> Said {
    let invoice = body["merchantInvoiceNumber"].as_str().unwrap();
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

fn refund(state: &State, body: &Value) -> Said {
    let mut book = state.book.lock().unwrap();
    let id = body["paymentID"].as_str().unwrap_or_default().to_owned();
    let made = book.refunds.get(&id);
    let standing = made.filter(|made| made["transactionStatus"] != "Failed");
    let known = if body["amount"].is_null() {
        made
    } else {
        standing
    };
    match (known, &body["amount"]) {
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
            // One that failed keeps its number when it is tried again.
            let before = made.map(|made| made["refundTrxID"].as_str().unwrap().to_owned());
            let trx = before.unwrap_or_else(|| book.next("RF"));
            let status = if book.refusals > 0 {
                "Failed"
            } else {
                "Completed"
            };
            book.refusals = book.refusals.saturating_sub(1);
            let made = json!({"statusCode": "0000", "originalTrxID": body["trxID"], "refundTrxID": trx,
                "transactionStatus": status, "amount": amount, "currency": "BDT"});
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

/// A notification of attempt 1 that is signed in Amazon's first way, by the same key: `openssl dgst -sha1 -sign
/// signer.der -keyform DER` over what Amazon signs.
pub fn first_way(url: &str) -> Value {
    let message = r#"{"creditShortCode":"01700000000","transactionStatus":"Completed","merchantInvoiceNumber":"ANY-1"}"#;
    json!({
        "Type": "Notification", "MessageId": "first-way", "TopicArn": TOPIC, "Message": message,
        "Timestamp": "2026-03-01T12:00:00.000Z", "SignatureVersion": "1", "SigningCertURL": format!("{url}/sns/good.pem"),
        "Signature": include_str!("certs/sns-sha1.txt").trim(),
    })
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
