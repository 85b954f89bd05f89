//! What came of it, in words for whoever runs a shop.

use std::collections::BTreeMap;
use std::time::Duration;

use db::Engine;
use serde_json::{Value, json};

use super::book::Counts;

pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) engine: Engine,
    pub(crate) buyers: usize,
    pub(crate) kills: usize,
    pub(crate) took: Duration,
    pub(crate) slowest_restart: Duration,
    pub(crate) orders: usize,
    pub(crate) payments: usize,
    pub(crate) refunds: usize,
    pub(crate) counts: Counts,
    pub(crate) problems: BTreeMap<&'static str, Vec<String>>,
    /// What is left of the run.
    pub(crate) kept: Vec<String>,
}

/// The promises, by the names that problems have.
const PROMISES: [(&str, &str); 8] = [
    ("lost", "No order that was confirmed to a buyer is lost"),
    ("twice", "No cart became two orders"),
    ("totals", "Every order costs what its lines say"),
    ("oversold", "Nothing was sold that was not there"),
    (
        "stock",
        "Stock is right to the piece; cancelled orders gave theirs back once",
    ),
    (
        "money",
        "Every payment at the bank is in the books once, every refund too",
    ),
    (
        "check",
        "The shop's own audit (cartwright check) finds nothing, after each kill and at the end",
    ),
    ("errors", "The server met no error of its own"),
];
/// Problems shown of each promise.
const SHOWN: usize = 5;

impl Report {
    pub(crate) fn lines(&self) -> Vec<String> {
        let (n, seconds) = (&self.counts, self.took.as_secs_f64());
        let mut lines = vec![
            format!("Torture on {}, seed {}", self.engine, self.seed),
            String::new(),
            format!(
                "  {} orders by {} buyers at once in {seconds:.0} s; {} tries met an empty shelf",
                self.orders, self.buyers, n.sold_out
            ),
            format!(
                "  {} orders were submitted twice at once, {} carts filled in the opposite order",
                n.submitted_twice, n.reversed
            ),
            format!(
                "  {} orders were cancelled, {} of them twice at once",
                n.cancelled, n.cancelled_twice
            ),
            format!(
                "  {} payments and {} refunds at the bank; {} events came twice, {} refunds were asked for twice at once",
                self.payments, self.refunds, n.events_twice, n.refunded_twice
            ),
        ];
        if self.kills > 0 {
            lines.push(format!(
                "  The server was killed {} times and was back within {:.1} s; {} answers were lost and asked for again",
                self.kills,
                self.slowest_restart.as_secs_f64(),
                n.answers_lost
            ));
        }
        lines.push(String::new());
        for (name, promise) in PROMISES {
            let broken = self.problems.get(name);
            let word = if broken.is_some() { "BROKEN" } else { "held" };
            lines.push(format!("  {word:7} {promise}"));
            let broken = broken.map(Vec::as_slice).unwrap_or_default();
            lines.extend(
                broken
                    .iter()
                    .take(SHOWN)
                    .map(|what| format!("            {what}")),
            );
            if broken.len() > SHOWN {
                lines.push(format!("            … and {} more", broken.len() - SHOWN));
            }
        }
        lines.push(String::new());
        if self.problems.is_empty() {
            lines.push("Every promise held. Your shop's own data was not touched.".to_owned());
        } else {
            lines.push(format!(
                "A promise was BROKEN. Do it again with: cartwright torture --seed {}",
                self.seed
            ));
        }
        lines.extend(self.kept.iter().map(|what| format!("Kept: {what}")));
        lines
    }

    pub(crate) fn as_json(&self) -> Value {
        let n = &self.counts;
        json!({
            "ok": self.problems.is_empty(), "seed": self.seed, "engine": self.engine.to_string(), "buyers": self.buyers,
            "orders": self.orders, "seconds": self.took.as_secs_f64(), "kills": self.kills,
            "slowest_restart_seconds": self.slowest_restart.as_secs_f64(), "answers_lost": n.answers_lost,
            "submitted_twice": n.submitted_twice, "reversed_carts": n.reversed, "sold_out": n.sold_out,
            "cancelled": n.cancelled, "cancelled_twice": n.cancelled_twice, "payments": self.payments,
            "refunds": self.refunds, "events_twice": n.events_twice, "refunded_twice": n.refunded_twice,
            "problems": self.problems, "kept": self.kept,
        })
    }
}
