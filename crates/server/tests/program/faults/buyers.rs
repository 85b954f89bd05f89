//! Buyers who order whatever happens to the shop, and a book of what they were answered.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use client::http::Answer;
use client::parallel::{Jobs, in_parallel};
use client::shop::{Ask, Caller, Server};
use serde_json::{Value, json};

use crate::support::{PASSWORD, PATIENCE};

pub(super) const BOSS: &str = "boss@shop.example";
const STOCK: i64 = 100_000;
/// How long the shop may refuse one thing, whatever is done to it.
const LONGEST: Duration = Duration::from_secs(10 * PATIENCE.as_secs());

pub(super) struct Buyers {
    people: RefCell<Vec<Caller>>,
    boss: Caller,
    product: i64,
    /// By key, which is the order's note too: the id with which it was answered 201.
    book: RefCell<BTreeMap<String, Option<i64>>>,
    counts: RefCell<Counts>,
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
        let mut boss = at_last(async || server.signed_in(BOSS, PASSWORD).await).await;
        let thing = json!({"name": "Thing", "price": "5.00", "stock": STOCK});
        let thing = boss.insist(Ask::post("products/", &thing)).await.unwrap();
        // No more at once than a shop under test may have in flight.
        let signed_up = RefCell::<Vec<Caller>>::default();
        let all = in_parallel(2, people, async |_, jobs: &Jobs| {
            while let Some(at) = jobs.next() {
                let email = format!("buyer{at}@shop.example");
                let buyer = at_last(async || server.customer(1 + at, &email).await).await;
                signed_up.borrow_mut().push(buyer);
            }
            Ok(())
        });
        all.await.unwrap();
        Self {
            people: signed_up,
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
        let bought = tokio::time::timeout(2 * LONGEST, bought).await;
        bought.unwrap().unwrap();
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

    /// The same, until it is answered.
    pub(super) async fn insists_on(&self, key: &str) -> Answer {
        let since = Instant::now();
        loop {
            let answer = self.asks_once(key).await;
            if answer.is_ok() {
                return answer;
            }
            pause_since(since, key).await;
        }
    }

    async fn fills_cart(&self, buyer: &mut Caller, pieces: i64) {
        let line = json!({"product_id": self.product, "quantity": pieces});
        // From an empty cart: an addition whose answer was lost would be added twice.
        let since = Instant::now();
        loop {
            let emptied = buyer.ask(Ask::delete("cart/clear/")).await.unwrap();
            if self.is_done(&emptied) {
                let added = buyer.ask(Ask::post("cart/items/", &line)).await.unwrap();
                if self.is_done(&added) {
                    return;
                }
            }
            pause_since(since, "a cart that is filled").await;
        }
    }

    async fn orders(&self, buyer: &mut Caller, key: &str, insists: bool) {
        let since = Instant::now();
        while self.asks(buyer, key).await.status == 503 {
            if !insists {
                return;
            }
            pause_since(since, key).await;
        }
    }

    async fn asks(&self, buyer: &mut Caller, key: &str) -> Answer {
        let body = json!({"note": key});
        let ask = Ask::post("orders/", &body).keyed(key);
        // Written down before: the answer may never come.
        self.book.borrow_mut().entry(key.to_owned()).or_default();
        let answer = buyer.ask(ask).await.unwrap();
        if self.is_done(&answer) {
            let id = answer.json()["id"].as_i64();
            self.book.borrow_mut().insert(key.to_owned(), id);
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
        // Whoever left may have had a request on the way: looked at when nothing moves any more.
        let mut left = self.left(&mut boss).await;
        let mut there = loop {
            let there = all_orders(&mut boss).await;
            let before = std::mem::replace(&mut left, self.left(&mut boss).await);
            if before == left {
                break there;
            }
        };
        let book = self.book.borrow().clone();
        for (key, confirmed) in &book {
            let ids: Vec<i64> = there
                .iter()
                .filter(|order| order["note"] == **key)
                .map(|order| order["id"].as_i64().unwrap())
                .collect();
            match confirmed {
                Some(id) => assert_eq!(ids, [*id], "{key}"),
                None => assert!(ids.len() <= 1, "{key}: {ids:?}"),
            }
        }
        let pieces = |order: &Value| order["items_count"].as_i64().unwrap();
        let sold: i64 = there.iter().map(pieces).sum();
        assert_eq!(left, STOCK - sold, "pieces left");
        there.retain(|order| !book.contains_key(order["note"].as_str().unwrap()));
        assert_eq!(there, Vec::<Value>::new(), "nobody ordered these");
    }

    async fn left(&self, boss: &mut Caller) -> i64 {
        let path = format!("products/{}/", self.product);
        let shown = boss.insist(Ask::get(&path)).await.unwrap();
        shown["stock"].as_i64().unwrap()
    }

    /// Waits until so much was asked and answered.
    pub(super) async fn until(&self, is_so: impl Fn(&Counts) -> bool) {
        let since = Instant::now();
        while !is_so(&self.counts()) {
            let counts = self.counts();
            assert!(since.elapsed() < LONGEST, "never: {counts:?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub(super) fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    /// How many orders have this key as their note.
    pub(super) async fn placed(&self, key: &str) -> usize {
        let orders = all_orders(&mut self.boss.again(0)).await;
        orders.iter().filter(|order| order["note"] == *key).count()
    }
}

/// On a busy machine a shop with short time limits may be late with hashing passwords.
async fn at_last<T>(mut work: impl AsyncFnMut() -> anyhow::Result<T>) -> T {
    let since = Instant::now();
    loop {
        match work().await {
            Ok(done) => return done,
            Err(error) if since.elapsed() > 4 * PATIENCE => panic!("{error:#}"),
            Err(_) => pause().await,
        }
    }
}

/// Waits a moment before the same is tried again; not for ever.
async fn pause_since(since: Instant, what: &str) {
    assert!(since.elapsed() < LONGEST, "{what}: not in {LONGEST:?}");
    pause().await;
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

async fn all_orders(boss: &mut Caller) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("orders/?page_size=100&cursor={cursor}");
        let page = boss.insist(Ask::get(&path)).await.unwrap();
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
