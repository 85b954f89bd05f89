//! Holds the server's books against ours and the bank's, when all is over.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use client::bank::Bank;
use client::shop::{Ask, Caller};
use serde_json::Value;

use super::book::Book;
use crate::output::Progress;

/// Work that a kill interrupted is taken up again when its lease is over.
const PATIENCE: Duration = Duration::from_secs(300);

pub(super) async fn audit(
    book: &mut Book,
    bank: &Bank,
    boss: &mut Caller,
    progress: &mut Progress,
) -> Result<()> {
    with_the_bank(book, bank, boss, progress).await?;
    progress.end();
    orders(book, boss).await?;
    stock(book, boss).await
}

/// Waits until every order agrees with the bank.
async fn with_the_bank(
    book: &mut Book,
    bank: &Bank,
    boss: &mut Caller,
    progress: &mut Progress,
) -> Result<()> {
    let since = Instant::now();
    let paid = book.entries.iter().filter(|entry| entry.at_the_bank);
    let mut open: Vec<i64> = paid.map(|entry| entry.id).collect();
    let all = open.len();
    loop {
        let mut left = Vec::new();
        for id in open {
            if let Some(problem) = bank.compare(boss, id).await? {
                left.push((id, problem));
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        if since.elapsed() > PATIENCE {
            for (id, problem) in left {
                book.problem("money", format!("order {id}: {problem}"));
            }
            return Ok(());
        }
        progress.at((all - left.len()) as u64, all as u64);
        open = left.into_iter().map(|(id, _)| id).collect();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Each acknowledged order is there once, as it was acknowledged, and no other is.
async fn orders(book: &mut Book, boss: &mut Caller) -> Result<()> {
    let mut seen: HashMap<i64, Value> = HashMap::new();
    let mut cursor = String::new();
    loop {
        let path = format!("orders/?page_size=100&cursor={cursor}");
        let page = boss.expect(Ask::get(&path)).await?;
        for order in page["results"].as_array().into_iter().flatten() {
            seen.insert(order["id"].as_i64().unwrap_or_default(), order.clone());
        }
        match page["next"]
            .as_str()
            .and_then(|next| next.split("cursor=").nth(1))
        {
            Some(next) => cursor = next.split('&').next().unwrap_or_default().to_owned(),
            None => break,
        }
    }
    for entry in book.entries.clone() {
        let Some(order) = seen.remove(&entry.id) else {
            book.problem("lost", format!("order {} is gone", entry.id));
            continue;
        };
        let cents = client::cents(&order["total_amount"]);
        if cents != entry.cents {
            let what = format!(
                "order {}: {cents} cents, {} acknowledged",
                entry.id, entry.cents
            );
            book.problem("totals", what);
        }
        if (order["status"] == "cancelled") != entry.cancelled {
            let what = format!("order {} is {}", entry.id, order["status"]);
            book.problem("lost", what);
        }
    }
    for id in seen.keys() {
        book.problem("twice", format!("nobody knows of order {id}"));
    }
    Ok(())
}

/// What is left of each thing is what was there, less what is in orders that stand.
async fn stock(book: &mut Book, boss: &mut Caller) -> Result<()> {
    for number in 0..book.things.len() {
        let Some(thing) = book.things.get(number) else {
            break;
        };
        let standing = book.entries.iter().filter(|entry| !entry.cancelled);
        let lines = standing.flat_map(|entry| &entry.lines);
        let sold: i64 = lines
            .filter(|(n, _)| *n == number)
            .map(|(_, pieces)| pieces)
            .sum();
        let (meant, id) = (thing.stock - sold, thing.id);
        let shown = boss.expect(Ask::get(&format!("products/{id}/"))).await?;
        if shown["stock"].as_i64() != Some(meant) {
            let what = format!("thing {number}: {} left, {meant} meant", shown["stock"]);
            book.problem("stock", what);
        }
        if meant < 0 {
            book.problem(
                "oversold",
                format!("thing {number}: {} pieces too many", -meant),
            );
        }
    }
    Ok(())
}
