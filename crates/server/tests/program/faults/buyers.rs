//! Buyers who order whatever happens to the shop, and a book of what they were answered.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::Duration;

use client::http::Answer;
use client::parallel::{Jobs, at_once, in_parallel};
use client::shop::{Ask, Caller, Server};
use serde_json::{Value, json};

use crate::support::{Folder, PASSWORD, run, text};

const BOSS: &str = "boss@shop.example";
const STOCK: i64 = 100_000;

/// Settings with which a fault is seen soon, and nobody is refused for asking often.
pub(super) fn settings(database: &str) -> Vec<(&'static str, String)> {
    [
        ("DATABASE_URL", database),
        ("DATABASE_CONNECTIONS", "8"),
        ("RATE_LIMIT", "off"),
        ("EMAIL_URL", "log:"),
        ("LOG_FORMAT", "json"),
        ("LOG_LEVEL", "warn"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

pub(super) fn borrowed<'a>(env: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    env.iter().map(|(name, value)| (*name, &**value)).collect()
}

pub(super) fn make_boss(folder: &Folder, env: &[(&str, &str)]) {
    let account = ["--email", BOSS, "--password", PASSWORD];
    let made = run(
        folder,
        &[&["createsuperuser", "--no-input"], &account[..]].concat(),
        env,
    );
    assert!(made.status.success(), "{}", text(&made.stderr));
}

/// `cartwright check` finds nothing.
pub(super) fn check_is_silent(folder: &Folder, env: &[(&str, &str)]) {
    let check = run(folder, &["check"], env);
    let said = text(&check.stdout) + &text(&check.stderr);
    assert_eq!(check.status.code(), Some(0), "{said}");
}

/// What became of an order, as far as its buyer knows.
#[derive(Debug)]
enum Word {
    /// Answered 201 with this id.
    Confirmed(i64),
    /// Answered 503, and not asked for again.
    Unknown,
}

pub(super) struct Buyers {
    people: RefCell<Vec<Caller>>,
    boss: Caller,
    product: i64,
    /// By order, which has its key as its note.
    book: RefCell<Vec<(String, Word)>>,
    pub(super) counts: RefCell<Counts>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// In all, and of these the 503.
    pub(super) answers: usize,
    pub(super) refused: usize,
    /// Orders, and of these those that an earlier try had placed.
    pub(super) confirmed: usize,
    pub(super) replayed: usize,
}

impl Buyers {
    /// Puts one thing on sale in a shop with a boss, and signs so many people up.
    pub(super) async fn at(shop: SocketAddr, people: usize) -> Self {
        let SocketAddr::V4(address) = shop else {
            panic!("{shop}")
        };
        let server = Server(address);
        let mut boss = server.signed_in(BOSS, PASSWORD).await.unwrap();
        let thing = json!({"name": "Thing", "price": "5.00", "stock": STOCK});
        let thing = boss.expect(Ask::post("products/", &thing)).await.unwrap();
        let people = at_once(people, async |number| {
            let email = format!("buyer{number}@shop.example");
            server.customer(number, &email).await
        });
        Self {
            people: people.await.unwrap().into(),
            boss,
            product: thing["id"].as_i64().unwrap(),
            book: RefCell::default(),
            counts: RefCell::default(),
        }
    }

    /// Everybody at once, until so many orders were tried. Every fourth is not asked for again when it is refused.
    pub(super) async fn order(&self, name: &str, orders: usize) {
        let workers = self.people.borrow().len();
        let bought = in_parallel(workers, orders, async |_, jobs: &Jobs| {
            let mut buyer = self.people.borrow_mut().pop().unwrap();
            while let Some(at) = jobs.next() {
                let pieces = 1 + i64::try_from(at % 3)?;
                self.fills_cart(&mut buyer, pieces).await;
                let key = format!("{name} {at}");
                self.orders(&mut buyer, &key, at % 4 < 3).await;
            }
            self.people.borrow_mut().push(buyer);
            Ok(())
        });
        bought.await.unwrap();
    }

    /// Into the cart of the one who asks next.
    pub(super) async fn puts_into_cart(&self, pieces: i64) {
        let mut buyer = self.people.borrow_mut().pop().unwrap();
        self.fills_cart(&mut buyer, pieces).await;
        self.people.borrow_mut().push(buyer);
    }

    /// Orders what is in that cart, once.
    pub(super) async fn asks_once(&self, key: &str) -> Answer {
        let mut buyer = self.people.borrow_mut().pop().unwrap();
        let answer = self.asks(&mut buyer, key).await;
        self.people.borrow_mut().push(buyer);
        answer
    }

    async fn fills_cart(&self, buyer: &mut Caller, pieces: i64) {
        let line = json!({"product_id": self.product, "quantity": pieces});
        // From an empty cart: an addition whose answer was lost would be added twice.
        loop {
            let emptied = buyer.ask(Ask::delete("cart/clear/")).await.unwrap();
            if self.is_done(&emptied) {
                let added = buyer.ask(Ask::post("cart/items/", &line)).await.unwrap();
                if self.is_done(&added) {
                    return;
                }
            }
            pause().await;
        }
    }

    async fn orders(&self, buyer: &mut Caller, key: &str, insists: bool) {
        while self.asks(buyer, key).await.status == 503 {
            if !insists {
                self.book.borrow_mut().push((key.to_owned(), Word::Unknown));
                return;
            }
            pause().await;
        }
    }

    async fn asks(&self, buyer: &mut Caller, key: &str) -> Answer {
        let body = json!({"note": key});
        let ask = Ask::post("orders/", &body).keyed(key);
        let answer = buyer.ask(ask).await.unwrap();
        if self.is_done(&answer) {
            let word = Word::Confirmed(answer.json()["id"].as_i64().unwrap());
            self.book.borrow_mut().push((key.to_owned(), word));
            let mut counts = self.counts.borrow_mut();
            counts.confirmed += 1;
            counts.replayed += usize::from(answer.header("idempotency-replayed").is_some());
        }
        answer
    }

    /// 2xx; else a 503 that says when to come again: nothing else is an answer to a request that is right.
    #[track_caller]
    fn is_done(&self, answer: &Answer) -> bool {
        let mut counts = self.counts.borrow_mut();
        counts.answers += 1;
        if answer.status == 503 {
            assert!(answer.header("retry-after").is_some(), "{}", answer.text());
            counts.refused += 1;
            return false;
        }
        assert!(answer.is_ok(), "{} {}", answer.reason(), answer.text());
        true
    }

    /// Every order that was confirmed is there once, as it was answered, each other one at most once, and stock is
    /// right to the piece.
    pub(super) async fn audit(&self) {
        let mut boss = self.boss.again(0);
        let mut there = all_orders(&mut boss).await;
        for (key, word) in self.book.borrow().iter() {
            let ids: Vec<i64> = there
                .iter()
                .filter(|order| order["note"] == **key)
                .map(|order| order["id"].as_i64().unwrap())
                .collect();
            match word {
                Word::Confirmed(id) => assert_eq!(ids, [*id], "{key}"),
                Word::Unknown => assert!(ids.len() <= 1, "{key}: {ids:?}"),
            }
        }
        let pieces = |order: &Value| order["items_count"].as_i64().unwrap();
        let sold: i64 = there.iter().map(pieces).sum();
        let path = format!("products/{}/", self.product);
        let left = boss.expect(Ask::get(&path)).await.unwrap();
        assert_eq!(left["stock"], STOCK - sold);
        let known = |order: &Value| self.book.borrow().iter().any(|(k, _)| order["note"] == **k);
        there.retain(|order| !known(order));
        assert_eq!(there, Vec::<Value>::new(), "nobody ordered these");
    }

    /// How many orders have this key as their note.
    pub(super) async fn placed(&self, key: &str) -> usize {
        let orders = all_orders(&mut self.boss.again(0)).await;
        orders.iter().filter(|order| order["note"] == *key).count()
    }
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

async fn all_orders(boss: &mut Caller) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("orders/?page_size=100&cursor={cursor}");
        let page = boss.expect(Ask::get(&path)).await.unwrap();
        all.extend(page["results"].as_array().unwrap().iter().cloned());
        let next = page["next"]
            .as_str()
            .and_then(|next| next.split("cursor=").nth(1));
        match next {
            Some(next) => next.split('&').next().unwrap().clone_into(&mut cursor),
            None => return all,
        }
    }
}
