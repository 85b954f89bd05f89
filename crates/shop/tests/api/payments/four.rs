//! A shop with all four real providers, each a stand-in that looks at what it is asked.

use std::ops::Deref;

use db::args;
use serde_json::{Value, json};

use super::Paying;
use crate::support::providers::{StandIn, bkash, paypal, razorpay, stripe};
use crate::support::{Ask, TestShop};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum P {
    Razorpay,
    Stripe,
    Paypal,
    Bkash,
}

pub const ALL: [P; 4] = [P::Razorpay, P::Stripe, P::Paypal, P::Bkash];

impl P {
    pub fn name(self) -> &'static str {
        match self {
            P::Razorpay => "razorpay",
            P::Stripe => "stripe",
            P::Paypal => "paypal",
            P::Bkash => "bkash",
        }
    }
}

pub struct Four {
    pub paying: Paying,
    pub razorpay: StandIn,
    pub stripe: StandIn,
    pub paypal: StandIn,
    pub bkash: StandIn,
}

impl Deref for Four {
    type Target = Paying;
    fn deref(&self) -> &Paying {
        &self.paying
    }
}

/// An event as it is sent: headers and body.
pub type Event = (Vec<(&'static str, String)>, String);

impl Four {
    pub async fn on(engine: db::Engine) -> Self {
        Self::in_shop(async |settings| TestShop::with(engine, settings).await).await
    }

    /// In a shop that `open` makes with the settings that all four need.
    pub async fn in_shop(open: impl AsyncFnOnce(&[(&str, &str)]) -> TestShop) -> Self {
        let razorpay = StandIn::start(razorpay::answer, razorpay::DESCRIPTIONS).await;
        let stripe = StandIn::start(stripe::answer, stripe::DESCRIPTIONS).await;
        let paypal = StandIn::start(paypal::answer, paypal::DESCRIPTIONS).await;
        let bkash = StandIn::start(bkash::answer, bkash::DESCRIPTIONS).await;
        let settings = [
            ("CURRENCY", "BDT"),
            ("PROVIDER_TIMEOUT", "1s"),
            (
                "PROVIDERS_CA_FILE",
                concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/tests/api/support/providers/certs/ca.pem"
                ),
            ),
            ("RAZORPAY_BASE_URL", &razorpay.url),
            ("RAZORPAY_KEY_ID", razorpay::KEY),
            ("RAZORPAY_KEY_SECRET", razorpay::SECRET),
            ("RAZORPAY_WEBHOOK_SECRET", razorpay::WEBHOOK_SECRET),
            ("STRIPE_BASE_URL", &stripe.url),
            ("STRIPE_PUBLISHABLE_KEY", "pk_test_1"),
            ("STRIPE_SECRET_KEY", stripe::SECRET),
            ("STRIPE_WEBHOOK_SECRET", stripe::WEBHOOK_SECRET),
            ("PAYPAL_BASE_URL", &paypal.url),
            ("PAYPAL_CLIENT_ID", paypal::CLIENT),
            ("PAYPAL_CLIENT_SECRET", paypal::SECRET),
            ("PAYPAL_WEBHOOK_ID", paypal::WEBHOOK),
            ("PAYPAL_MERCHANT_ID", paypal::MERCHANT),
            ("BKASH_BASE_URL", &bkash.url),
            ("BKASH_APP_KEY", bkash::APP_KEY),
            ("BKASH_APP_SECRET", "bkash_secret"),
            ("BKASH_USERNAME", "merchant"),
            ("BKASH_PASSWORD", "bkash_password"),
            ("BKASH_SNS_TOPIC_ARN", bkash::TOPIC),
            ("BKASH_SHORT_CODE", bkash::SHORT_CODE),
            ("ACCESS_TOKEN_TTL", "20d"),
        ];
        let paying = Paying::in_shop(open(&settings).await).await;
        Four {
            paying,
            razorpay,
            stripe,
            paypal,
            bkash,
        }
    }

    pub fn stand_in(&self, p: P) -> &StandIn {
        match p {
            P::Razorpay => &self.razorpay,
            P::Stripe => &self.stripe,
            P::Paypal => &self.paypal,
            P::Bkash => &self.bkash,
        }
    }

    /// An order for which a payment was begun, and the provider's name of it.
    pub async fn begun(&self, p: P) -> (Value, String) {
        let order = self.order().await;
        self.initiate(&order, p.name()).expect(200).await;
        let reference = self.reference(&order).await;
        (order, reference)
    }

    pub async fn reference(&self, order: &Value) -> String {
        let sql = "SELECT reference FROM payments WHERE order_id = $1 ORDER BY id DESC LIMIT 1";
        let reference: Option<String> = self
            .shop
            .app
            .db
            .read()
            .await
            .unwrap()
            .one(sql, args![order["id"].as_i64().unwrap()])
            .await
            .unwrap();
        reference.unwrap_or_default()
    }

    pub async fn payment_id(&self, order: &Value) -> Value {
        let sql = "SELECT id FROM payments WHERE order_id = $1 ORDER BY id DESC LIMIT 1";
        let id: i64 = self
            .shop
            .app
            .db
            .read()
            .await
            .unwrap()
            .one(sql, args![order["id"].as_i64().unwrap()])
            .await
            .unwrap();
        json!(id)
    }

    /// The buyer does what a buyer has to do.
    pub fn buyer_pays(&self, p: P, reference: &str) {
        match p {
            P::Razorpay => drop(self.razorpay.razorpay_pays(reference, "captured")),
            P::Stripe => drop(self.stripe.stripe_pays(reference, "succeeded")),
            P::Paypal => self.paypal.paypal_approves(reference),
            P::Bkash => self.bkash.bkash_agrees(reference),
        }
    }

    /// What the provider sends about it, under this name.
    pub fn event(&self, p: P, reference: &str, id: &str) -> Event {
        let book = self.stand_in(p).state.book.lock().unwrap();
        match p {
            P::Razorpay => {
                let payment = book
                    .payments
                    .values()
                    .find(|payment| payment["order_id"] == reference)
                    .unwrap();
                let kind = format!("payment.{}", payment["status"].as_str().unwrap());
                razorpay_event(&razorpay::event(&kind, payment), id)
            }
            P::Stripe => stripe_event(&stripe::event(
                id,
                "payment_intent.succeeded",
                &book.payments[reference],
            )),
            P::Paypal => self.paypal_event(&paypal::event(
                id,
                "CHECKOUT.ORDER.APPROVED",
                &book.wanted[reference],
            )),
            P::Bkash => {
                let payment = &book.wanted[reference];
                let message = json!({
                    "dateTime": "20260301120000", "creditShortCode": bkash::SHORT_CODE, "trxID": "6H7",
                    "transactionStatus": "Completed", "transactionType": "10003436", "amount": payment["amount"],
                    "currency": "BDT", "merchantInvoiceNumber": payment["merchantInvoiceNumber"],
                });
                bkash_event(&bkash::notification(&self.bkash.url, id, &message))
            }
        }
    }

    pub fn paypal_event(&self, body: &str) -> Event {
        (
            paypal::signed(
                &self.paypal.url,
                "CERT-good",
                paypal::WEBHOOK,
                body.as_bytes(),
            ),
            body.to_owned(),
        )
    }

    /// Sends an event, without a token of anybody's.
    pub fn send(&self, p: P, (headers, body): &Event) -> Ask {
        let ask = self
            .shop
            .post(&format!("/api/v1/payments/webhook/{}/", p.name()))
            .text(body.clone());
        headers
            .iter()
            .fold(ask, |ask, (name, value)| ask.header(name, value.clone()))
    }

    /// What the buyer's browser brings to `verify`.
    pub fn proof(&self, p: P, order: &Value, reference: &str) -> Value {
        match p {
            P::Razorpay => {
                let book = self.razorpay.state.book.lock().unwrap();
                let payment = book
                    .payments
                    .values()
                    .find(|payment| payment["order_id"] == reference)
                    .unwrap();
                razorpay_proof(order, reference, payment["id"].as_str().unwrap())
            }
            _ => json!({"order_id": order["id"], "payment_id": reference}),
        }
    }

    /// The audit finds nothing, and no stand-in had anything to complain of.
    pub async fn all_is_well(&self) {
        for p in ALL {
            assert_eq!(self.stand_in(p).complaints(), Vec::<String>::new(), "{p:?}");
        }
        self.books().await;
    }
}

pub fn razorpay_proof(order: &Value, reference: &str, payment: &str) -> Value {
    json!({
        "order_id": order["id"], "razorpay_order_id": reference, "razorpay_payment_id": payment,
        "razorpay_signature": hmac(razorpay::SECRET, format!("{reference}|{payment}").as_bytes()),
    })
}

pub fn razorpay_event(body: &str, id: &str) -> Event {
    let signed = hmac(razorpay::WEBHOOK_SECRET, body.as_bytes());
    (
        vec![
            ("x-razorpay-signature", signed),
            ("x-razorpay-event-id", id.to_owned()),
        ],
        body.to_owned(),
    )
}

pub fn stripe_event(body: &str) -> Event {
    // The clock of a test shop stands at this second.
    (
        vec![(
            "stripe-signature",
            stripe_signature(stripe::WEBHOOK_SECRET, 1_772_366_400, body),
        )],
        body.to_owned(),
    )
}

pub fn stripe_signature(secret: &str, at: i64, body: &str) -> String {
    format!(
        "t={at},v1={}",
        hmac(secret, format!("{at}.{body}").as_bytes())
    )
}

pub fn bkash_event(envelope: &Value) -> Event {
    let kind = envelope["Type"].as_str().unwrap().to_owned();
    (vec![("x-amz-sns-message-type", kind)], envelope.to_string())
}

pub fn hmac(secret: &str, message: &[u8]) -> String {
    use ring::hmac::{HMAC_SHA256, Key, sign};
    let tag = sign(&Key::new(HMAC_SHA256, secret.as_bytes()), message);
    tag.as_ref()
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
