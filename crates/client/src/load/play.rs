//! What one user does, turn by turn, and what came of it.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use super::{Target, User, Workload};
use crate::adapter::Outcome;
use crate::dataset;
use crate::stats::{Counts, Times, per_second};

/// Lines that a cart of workload `add` has.
const CART_LINES: usize = 5;

pub(super) struct Run<'a> {
    pub(super) target: &'a Target,
    pub(super) workload: Workload,
    pub(super) from: Instant,
    pub(super) to: Instant,
}

impl Run<'_> {
    pub(super) async fn play(&self, user: &mut User) -> Result<Measured> {
        let mut measured = Measured::default();
        loop {
            let since = Instant::now();
            if since >= self.to {
                return Ok(measured);
            }
            let outcome = self.turn(user, &mut measured).await?;
            let end = Instant::now();
            let counts = end >= self.from && end < self.to;
            match outcome {
                Outcome::Done => {
                    measured.all += 1;
                    measured.last = Some(end);
                    if counts {
                        measured.done.add(end - since);
                    }
                }
                Outcome::SoldOut => {
                    measured.sold_out += 1;
                    return Ok(measured);
                }
                Outcome::Failed => {
                    measured.failed += u64::from(counts);
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
        }
    }

    async fn turn(&self, user: &mut User, measured: &mut Measured) -> Result<Outcome> {
        let turn = user.turn;
        user.turn += 1;
        let many = self.target.own_products();
        let own = user.index * many + 1;
        match self.workload {
            Workload::List => self.run("list", user, measured).await,
            Workload::Search => self.run("search", user, measured).await,
            Workload::Login => self.run("login", user, measured).await,
            Workload::Featured => self.run("featured", user, measured).await,
            Workload::Filter => {
                let category = user.draw() % u64::from(dataset::CATEGORIES) + 1;
                user.vars.insert("c".to_owned(), format!("{category:02}"));
                self.run("filter", user, measured).await
            }
            Workload::Facets | Workload::Unheard => {
                let term = dataset::term(user.draw());
                user.vars.insert("term".to_owned(), term);
                let cents = user.draw() % dataset::LOWEST_PRICE;
                let limit = format!("{}.{:02}", cents / 100, cents % 100);
                user.vars.insert("limit".to_owned(), limit);
                self.run(&self.workload.name(), user, measured).await
            }
            Workload::Detail => {
                let n = user.draw() % u64::from(self.target.products) + 1;
                self.target.product(user, usize::try_from(n)?);
                self.run("detail", user, measured).await
            }
            Workload::Add => {
                self.target.product(user, own + turn % CART_LINES);
                self.run("add", user, measured).await
            }
            Workload::Journey => {
                let lines = self.target.lines;
                for line in 0..lines {
                    self.target
                        .product(user, own + (lines * turn + line) % many);
                    match self.run("add", user, measured).await? {
                        Outcome::Done => {}
                        other => return Ok(other),
                    }
                }
                self.run("order", user, measured).await
            }
            Workload::Hot => {
                self.target.product(user, dataset::PRODUCTS as usize);
                // After a failed order the piece is still in the cart.
                if !user.in_cart {
                    match self.run("add", user, measured).await? {
                        Outcome::Done => user.in_cart = true,
                        other => return Ok(other),
                    }
                }
                let outcome = self.run("order", user, measured).await?;
                user.in_cart = outcome != Outcome::Done;
                Ok(outcome)
            }
        }
    }

    async fn run(&self, op: &str, user: &mut User, measured: &mut Measured) -> Result<Outcome> {
        let since = Instant::now();
        let outcome = self
            .target
            .adapter
            .run(op, &mut user.client, &mut user.vars, &mut measured.answers)
            .await?;
        if outcome == Outcome::Done && since >= self.from {
            match op {
                "add" => measured.adds.add(since.elapsed()),
                "order" => measured.orders.add(since.elapsed()),
                _ => {}
            }
        }
        Ok(outcome)
    }
}

/// What came of a workload.
#[derive(Default)]
pub struct Measured {
    /// Done within the measured window; of `journey` and `hot` the whole way of an order.
    pub done: Times,
    pub adds: Times,
    pub orders: Times,
    /// Done, with the time of warm-up.
    pub all: u64,
    pub failed: u64,
    pub sold_out: u64,
    pub answers: Counts,
    /// The measured window; of `hot` the time until it was sold out.
    pub time: Duration,
    pub(super) last: Option<Instant>,
}

impl Measured {
    /// How many of the workload's operations a second.
    pub fn per_second(&self) -> f64 {
        per_second(self.done.len() as u64, self.time)
    }

    pub fn json(&mut self) -> Value {
        json!({
            "seconds": self.time.as_secs_f64(), "done": self.done.len(), "per_second": self.per_second(), "failed": self.failed,
            "sold_out": self.sold_out, "done_with_warmup": self.all, "time": self.done.json(), "add": self.adds.json(),
            "order": self.orders.json(), "troubles": self.answers.json(),
        })
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.done.merge(other.done);
        self.adds.merge(other.adds);
        self.orders.merge(other.orders);
        self.all += other.all;
        self.failed += other.failed;
        self.sold_out += other.sold_out;
        self.answers.merge(other.answers);
        self.last = self.last.max(other.last);
    }
}

impl User {
    fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}
