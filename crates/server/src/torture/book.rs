//! Our own book of what the server has acknowledged. It is in this process, so it survives every kill.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use client::shop::{Ask, Caller};
use serde_json::{Value, json};

/// Sold in many orders at once.
const THINGS: usize = 8;

#[derive(Default)]
pub(super) struct Book {
    /// The last one has few pieces, and everybody wants it.
    pub(super) things: Vec<Thing>,
    pub(super) entries: Vec<Entry>,
    pub(super) counts: Counts,
    /// By the promise that is broken.
    pub(super) problems: BTreeMap<&'static str, Vec<String>>,
    /// Orders that were tried, also those that ended sold out.
    pub(super) done: usize,
}

pub(super) struct Thing {
    pub(super) id: i64,
    pub(super) cents: i64,
    pub(super) stock: i64,
}

/// An order that was acknowledged.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) id: i64,
    pub(super) cents: i64,
    /// Thing and pieces.
    pub(super) lines: Vec<(usize, i64)>,
    pub(super) cancelled: bool,
    /// The bank was asked for its money.
    pub(super) at_the_bank: bool,
}

/// What was done, for the report.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(super) submitted_twice: usize,
    pub(super) cancelled: usize,
    pub(super) cancelled_twice: usize,
    pub(super) events_twice: usize,
    pub(super) refunded_twice: usize,
    pub(super) reversed: usize,
    pub(super) sold_out: usize,
    /// Requests whose answer a kill took, and which were asked again.
    pub(super) answers_lost: usize,
}

impl Book {
    /// Puts things on sale in the scratch shop.
    pub(super) async fn open(boss: &mut Caller, orders: usize) -> Result<Book> {
        let mut book = Book::default();
        for number in 0..=THINGS {
            let is_hot = number == THINGS;
            let stock = match is_hot {
                true => 1 + orders / 40,
                false => orders * 8,
            };
            let (cents, stock) = (199 + 350 * i64::try_from(number)?, i64::try_from(stock)?);
            let price = format!("{}.{:02}", cents / 100, cents % 100);
            let body = json!({"name": format!("Thing {number}"), "price": price, "stock": stock});
            let made = boss.expect(Ask::post("products/", &body)).await?;
            let id = made["id"].as_i64().context("a product without id")?;
            book.things.push(Thing { id, cents, stock });
        }
        Ok(book)
    }

    pub(super) fn hot(&self) -> usize {
        self.things.len() - 1
    }

    pub(super) fn worth(&self, lines: &[(usize, i64)]) -> i64 {
        let price = |thing: usize| self.things.get(thing).map_or(0, |thing| thing.cents);
        lines.iter().map(|(thing, n)| price(*thing) * n).sum()
    }

    /// Writes an acknowledged order down, when it is what was asked for.
    pub(super) fn placed(&mut self, order: &Value, lines: Vec<(usize, i64)>) -> Result<usize> {
        let id = order["id"].as_i64().context("an order without id")?;
        let cents = client::cents(&order["total_amount"]);
        if cents != self.worth(&lines) {
            let meant = self.worth(&lines);
            self.problem(
                "totals",
                format!("order {id} costs {cents} cents, not {meant}"),
            );
        }
        if self.entries.iter().any(|entry| entry.id == id) {
            self.problem("twice", format!("order {id} was given for two carts"));
        }
        self.entries.push(Entry {
            id,
            cents,
            lines,
            cancelled: false,
            at_the_bank: false,
        });
        Ok(self.entries.len() - 1)
    }

    pub(super) fn problem(&mut self, promise: &'static str, what: impl Into<String>) {
        self.problems.entry(promise).or_default().push(what.into());
    }
}
