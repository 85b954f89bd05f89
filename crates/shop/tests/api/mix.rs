//! Everything at once on a few products that sell best: orders, cancellations, restocking, edits, and looks at the books.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::shopping::{Buyer, Goods, add, books_are_right, sell};
use crate::support::{Ask, Person, TestShop};

/// How much is done: so many operations, or for so many seconds (`CARTWRIGHT_TEST_MIX_SECONDS`).
#[derive(Clone)]
struct Budget {
    left: Arc<AtomicU64>,
    until: Option<Instant>,
}

impl Budget {
    const OPERATIONS: u64 = 240;

    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "no setting of the shop")]
        let seconds = std::env::var("CARTWRIGHT_TEST_MIX_SECONDS").ok();
        let seconds = seconds.map(|text| Duration::from_secs(text.parse().unwrap()));
        Budget {
            left: Arc::new(AtomicU64::new(Self::OPERATIONS)),
            until: seconds.map(|seconds| Instant::now() + seconds),
        }
    }

    fn next(&self) -> Option<u64> {
        let at = self.left.fetch_sub(1, Ordering::SeqCst);
        let goes_on = match self.until {
            Some(until) => Instant::now() < until,
            None => (1..=Self::OPERATIONS).contains(&at),
        };
        goes_on.then_some(at)
    }
}

/// Numbers that look like chance and are the same in each run.
pub struct Dice(pub u64);

impl Dice {
    /// From 0 to `most`.
    pub fn up_to(&mut self, most: i64) -> i64 {
        i64::try_from(self.roll(u64::try_from(most).unwrap() + 1)).unwrap()
    }

    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

struct Hall {
    shop: TestShop,
    hot: Vec<Goods>,
    admin: Person,
}

/// One of those in the hall; whatever it does ends well or with 409.
async fn worker(hall: Arc<Hall>, budget: Budget, seed: u64) {
    let mut dice = Dice(seed);
    let mut placed: Vec<(Value, String)> = Vec::new();
    while budget.next().is_some() {
        let goods = hall.hot[usize::try_from(dice.roll(5)).unwrap()];
        let shop = &hall.shop;
        let product = format!("/api/v1/products/{}/", goods.product);
        match dice.roll(10) {
            0..=4 => {
                let added = add(shop, goods, 1 + i64::try_from(dice.roll(3)).unwrap())
                    .send()
                    .await;
                if fine(&added) {
                    let guest = Buyer::Guest(added.header("x-cart-token").to_owned());
                    let more = hall.hot[usize::try_from(dice.roll(5)).unwrap()];
                    fine(&guest.adds(shop, more, 1).send().await);
                    let order = guest.orders(shop).send().await;
                    if fine(&order) {
                        let order = order.json();
                        let token = order["order_token"].as_str().unwrap().to_owned();
                        placed.push((order["id"].clone(), token));
                    }
                }
            }
            5 | 6 => {
                if let Some((order, token)) = placed.pop() {
                    let path = format!("/api/v1/orders/{order}/cancel/");
                    fine(&shop.post(&path).header("x-order-token", token).send().await);
                }
            }
            7 => {
                if let Some((order, _)) = placed.pop() {
                    for word in ["paid", "shipped"] {
                        let path = format!("/api/v1/orders/{order}/update_status/");
                        fine(
                            &by_admin(&hall, shop.patch(&path))
                                .json(json!({"status": word}))
                                .send()
                                .await,
                        );
                    }
                }
            }
            8 => {
                let stock = dice.roll(30);
                fine(
                    &by_admin(&hall, shop.patch(&product))
                        .json(json!({"stock": stock}))
                        .send()
                        .await,
                );
            }
            _ => {
                let price = format!("{}.{:02}", 1 + dice.roll(90), dice.roll(100));
                fine(
                    &by_admin(&hall, shop.patch(&product))
                        .json(json!({"price": price}))
                        .send()
                        .await,
                );
            }
        }
    }
}

fn by_admin(hall: &Hall, ask: Ask) -> Ask {
    ask.by(&hall.admin)
}

/// 2xx is true, 409 is false, and all else is a failure.
fn fine(answer: &crate::support::Answer) -> bool {
    let status = answer.status.as_u16();
    assert!(
        answer.status.is_success() || status == 409,
        "{}: {status} {}",
        answer.asked,
        answer.text()
    );
    answer.status.is_success()
}

both! {
    /// ST-02
    async fn everything_at_once_leaves_the_books_right_at_every_moment(shop: TestShop) {
        // A minute of this is more than one address may ask, and the clock stands still.
        let shop = TestShop::with(shop.app.db.engine(), &[("RATE_LIMIT", "off")]).await;
        let admin = shop.admin().await;
        let mut hot = Vec::new();
        for name in ["One", "Two", "Three", "Four", "Five"] {
            hot.push(sell(&shop, name, 999, 20).await);
        }
        let hall = Arc::new(Hall { shop, hot, admin });
        let budget = Budget::new();
        let mut workers: Vec<_> = (1..=8).map(|seed| tokio::spawn(worker(hall.clone(), budget.clone(), seed))).collect();
        let mut samples = 0;
        while let Some(working) = workers.pop() {
            while !working.is_finished() {
                books_are_right(&hall.shop).await;
                samples += 1;
            }
            working.await.unwrap();
        }
        assert!(samples > 2, "the books were looked at meanwhile");
        books_are_right(&hall.shop).await;
    }
}
