//! A bank that speaks as Razorpay does: orders, payments, captures, refunds, and events that it sends until they are
//! taken.

mod book;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use hmac::{Hmac, KeyInit, Mac};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;

use book::{Book, serve};

use crate::http::Client;
use crate::shop::{Ask, Caller, Server, source};

const KEY_SECRET: &str = "bench-key-secret";
const WEBHOOK_SECRET: &str = "bench-webhook-secret";

pub struct Bank {
    url: String,
    server: Server,
    book: Arc<Mutex<Book>>,
}

/// By whom an event is signed.
#[derive(Clone, Copy)]
pub enum Secret {
    Ours,
    Forged,
}

/// Money that the bank took for an order.
pub struct Money {
    pub id: String,
    pub amount: i64,
    pub refunded: i64,
    /// It is what was asked for.
    pub fits: bool,
}

impl Bank {
    pub async fn open(server: Server) -> Result<Bank> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let book = Arc::<Mutex<Book>>::default();
        let served = book.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let book = served.clone();
                tokio::spawn(async move {
                    let service =
                        hyper::service::service_fn(move |request| serve(book.clone(), request));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Ok(Bank { url, server, book })
    }

    /// The shop that it works for.
    pub fn server(&self) -> Server {
        self.server
    }

    /// With which the server finds it.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("RAZORPAY_BASE_URL", self.url.clone()),
            ("RAZORPAY_KEY_ID", "rzp_bench".to_owned()),
            ("RAZORPAY_KEY_SECRET", KEY_SECRET.to_owned()),
            ("RAZORPAY_WEBHOOK_SECRET", WEBHOOK_SECRET.to_owned()),
        ]
    }

    /// The next order is made, and the line cut before its answer.
    pub fn cut_next(&self) {
        self.book().cut_next = true;
    }

    /// A buyer pays, `less` than asked for; the payment's id.
    pub fn pays(&self, order: &str, status: &str, less: i64) -> String {
        let mut book = self.book();
        let id = book.next("pay_");
        let (amount, currency) = (
            book.orders[order]["amount"].as_i64().unwrap_or_default(),
            book.orders[order]["currency"].clone(),
        );
        let payment = json!({
            "id": id, "entity": "payment", "amount": amount - less, "currency": currency, "status": status, "order_id": order,
            "method": "card", "amount_refunded": 0, "error_code": null,
        });
        book.payments.insert(id.clone(), payment);
        id
    }

    /// Sends the event about a payment so often, each until it is taken.
    pub fn tells(&self, payment: &str, times: usize) {
        let request = self.event(payment);
        for _ in 0..times {
            let (request, server) = (request.clone(), self.server);
            tokio::spawn(async move {
                let mut client = Client::new(server.0, source(0));
                while !matches!(client.exchange(request.as_bytes()).await, Ok(answer) if answer.status == 200)
                {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
            });
        }
    }

    /// The request that tells of a payment.
    pub fn event(&self, payment: &str) -> String {
        let payment = self.book().payments[payment].clone();
        let kind = format!("payment.{}", payment["status"].as_str().unwrap_or_default());
        let name = format!("evt_{}_{kind}", payment["id"].as_str().unwrap_or_default());
        let body =
            json!({"event": kind, "entity": "event", "payload": {"payment": {"entity": payment}}})
                .to_string();
        let signature = signed(WEBHOOK_SECRET, body.as_bytes());
        event_request(self.server, &name, &body, &signature)
    }

    /// The request that tells of a payment nobody knows, signed rightly or by somebody else.
    pub fn strange_event(&self, number: usize, secret: Secret) -> String {
        let body = json!({"event": "payment.captured", "entity": "event", "payload": {"payment": {"entity": {
            "id": format!("pay_strange{number}"), "entity": "payment", "amount": 1999, "currency": "USD",
            "status": "captured", "order_id": "order_strange", "method": "card"}}}})
        .to_string();
        let secret = match secret {
            Secret::Ours => WEBHOOK_SECRET,
            Secret::Forged => "forged",
        };
        let signature = signed(secret, body.as_bytes());
        event_request(
            self.server,
            &format!("evt_strange{number}"),
            &body,
            &signature,
        )
    }

    /// What the browser of who paid brings back.
    pub fn signature(&self, order: &str, payment: &str) -> String {
        signed(KEY_SECRET, format!("{order}|{payment}").as_bytes())
    }

    /// All money that was taken for an order of the shop.
    pub fn money_of(&self, order_number: &str) -> Vec<Money> {
        let book = self.book();
        let ours = |order: &Value| order["notes"]["order_number"] == order_number;
        let taken = book
            .payments
            .values()
            .filter(|payment| payment["status"] == "captured");
        taken
            .filter_map(|payment| {
                let order = book
                    .orders
                    .get(payment["order_id"].as_str()?)
                    .filter(|order| ours(order))?;
                Some(Money {
                    id: payment["id"].as_str()?.to_owned(),
                    amount: payment["amount"].as_i64()?,
                    refunded: payment["amount_refunded"].as_i64()?,
                    fits: payment["amount"] == order["amount"],
                })
            })
            .collect()
    }

    pub fn payments(&self) -> usize {
        self.book().payments.len()
    }

    pub fn refunds(&self) -> usize {
        self.book().refunds.len()
    }

    /// What does not agree between this book and the shop's about an order, if anything. `boss` is an admin.
    pub async fn compare(&self, boss: &mut Caller, id: i64) -> Result<Option<String>> {
        let order = boss.expect(Ask::get(&format!("orders/{id}/"))).await?;
        let page = boss
            .expect(Ask::get(&format!("payments/?order={id}")))
            .await?;
        let ours = page["results"].as_array().cloned().unwrap_or_default();
        let theirs = self.money_of(order["order_number"].as_str().unwrap_or_default());
        let (mut kept, mut counted) = (0, 0);
        for money in &theirs {
            let found: Vec<_> = ours
                .iter()
                .filter(|one| one["transaction_id"] == money.id.as_str())
                .collect();
            let [one] = found.as_slice() else {
                return Ok(Some(format!(
                    "the bank's {} is here {} times",
                    money.id,
                    found.len()
                )));
            };
            let refunded = crate::cents(&one["refunded"]);
            if refunded != money.refunded {
                return Ok(Some(format!(
                    "{}: {refunded} refunded here, {} there",
                    money.id, money.refunded
                )));
            }
            counted += i64::from(
                ["succeeded", "partially_refunded", "refunded"]
                    .contains(&one["status"].as_str().unwrap_or_default()),
            );
            kept += i64::from(money.fits && money.refunded < money.amount);
        }
        let paid = order["payment_status"] == "paid";
        let over = order["status"] == "cancelled";
        Ok(match (paid, kept) {
            (true, 1) if !over => None,
            (false, 0) => None,
            _ if counted > 2 => Some(format!("{counted} payments count")),
            _ => Some(format!(
                "{} and {}, the bank keeps {kept} payments",
                order["status"], order["payment_status"]
            )),
        })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn event_request(server: Server, name: &str, body: &str, signature: &str) -> String {
    format!(
        "POST /api/v1/payments/webhook/ HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
         x-razorpay-signature: {signature}\r\nx-razorpay-event-id: {name}\r\ncontent-length: {}\r\n\r\n{body}",
        server.0,
        body.len(),
    )
}

fn signed(secret: &str, message: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(message);
    mac.finalize()
        .into_bytes()
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
