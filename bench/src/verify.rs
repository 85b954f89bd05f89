//! The log of acknowledged orders, and asking a server whether each of them is there.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::output::Output;
use crate::parallel::{Jobs, in_parallel};
use crate::shop::{Ask, Caller, Server};

/// An order whose 2xx answer arrived. A later line about the same order replaces an earlier one.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    pub(crate) order_number: String,
    pub(crate) id: i64,
    pub(crate) total: String,
    pub(crate) cancelled: bool,
}

/// One JSON line an order, written through before the customer goes on.
pub(crate) struct Log(Option<File>);

impl Log {
    pub(crate) fn create(path: Option<&Path>) -> Result<Self> {
        let create = |path: &Path| {
            File::create(path).with_context(|| format!("{} cannot be written", path.display()))
        };
        Ok(Self(path.map(create).transpose()?))
    }

    pub(crate) fn write(&mut self, order: &Acknowledged) -> Result<()> {
        let Some(file) = &mut self.0 else {
            return Ok(());
        };
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        file.write_all(&line)?;
        Ok(file.flush()?)
    }
}

/// `bench verify`: reads the log and compares. False when an order is missing or different.
pub(crate) async fn verify(
    server: Server,
    admin: (&str, &str),
    log: &Path,
    output: Output,
) -> Result<bool> {
    let orders = read(log)?;
    let admin = server.signed_in(admin.0, admin.1).await?;
    let list: Vec<_> = orders.values().cloned().collect();
    let found = find(&admin, &list).await?;
    let summary = json!({"orders": orders.len(), "cancelled": orders.values().filter(|o| o.cancelled).count(), "problems": found.problems});
    output.print(&summary, || {
        say!(
            "{} acknowledged orders asked for, {} of them cancelled",
            summary["orders"],
            summary["cancelled"]
        );
        found
            .problems
            .iter()
            .for_each(|problem| say!("  {problem}"));
        say!(
            "{}",
            if found.problems.is_empty() {
                "all there with their totals"
            } else {
                "NOT as acknowledged"
            }
        );
    });
    Ok(found.problems.is_empty())
}

pub(crate) fn read(log: &Path) -> Result<BTreeMap<i64, Acknowledged>> {
    let text = std::fs::read_to_string(log)
        .with_context(|| format!("{} cannot be read", log.display()))?;
    let mut orders = BTreeMap::new();
    // What follows the last line break was not written whole, so it was not acknowledged either.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    for (at, line) in whole.lines().enumerate() {
        let order: Acknowledged =
            serde_json::from_str(line).with_context(|| format!("{}:{}", log.display(), at + 1))?;
        orders.insert(order.id, order);
    }
    Ok(orders)
}

/// What the server says about acknowledged orders.
pub(crate) struct Found {
    pub(crate) problems: Vec<String>,
    /// Totals of the orders that are not cancelled, as decimal text.
    pub(crate) totals: Vec<String>,
}

/// Asks for every order over a few connections.
pub(crate) async fn find(admin: &Caller, orders: &[Acknowledged]) -> Result<Found> {
    let found = in_parallel(8, orders.len(), async |worker, jobs: &Jobs| {
        let mut caller = admin.again(worker);
        let mut found = Found {
            problems: Vec::new(),
            totals: Vec::new(),
        };
        while let Some(at) = jobs.next() {
            ask(&mut caller, &orders[at], &mut found).await?;
        }
        Ok(found)
    })
    .await?;
    Ok(found.into_iter().fold(
        Found {
            problems: Vec::new(),
            totals: Vec::new(),
        },
        |mut all, part| {
            all.problems.extend(part.problems);
            all.totals.extend(part.totals);
            all
        },
    ))
}

async fn ask(caller: &mut Caller, order: &Acknowledged, found: &mut Found) -> Result<()> {
    let Acknowledged {
        order_number,
        id,
        total,
        cancelled,
    } = order;
    let answer = caller.ask(Ask::get(&format!("orders/{id}/"))).await?;
    let there = answer.json();
    if !answer.is_ok() {
        found.problems.push(format!(
            "order {order_number} ({id}) is answered {}",
            answer.reason()
        ));
        return Ok(());
    }
    let status = there["status"].as_str().unwrap_or_default();
    if there["order_number"] != order_number.as_str() {
        found.problems.push(format!(
            "order {id} has number {} instead of {order_number}",
            there["order_number"]
        ));
    }
    if there["total_amount"] != total.as_str() {
        found.problems.push(format!(
            "order {order_number} has total {} instead of {total}",
            there["total_amount"]
        ));
    }
    if (status == "cancelled") != *cancelled {
        found.problems.push(format!(
            "order {order_number} is {status}, acknowledged as {}",
            if *cancelled { "cancelled" } else { "placed" }
        ));
    }
    if status != "cancelled" {
        found.totals.push(
            there["total_amount"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_about_an_order_counts_and_a_torn_line_does_not() {
        let path = std::env::temp_dir().join(format!("cartwright-log-{}", crate::shop::run_name()));
        let mut log = Log::create(Some(&path)).unwrap();
        let placed = Acknowledged {
            order_number: "A".into(),
            id: 1,
            total: "2.55".into(),
            cancelled: false,
        };
        let cancelled = Acknowledged {
            cancelled: true,
            ..placed.clone()
        };
        log.write(&placed).unwrap();
        log.write(&cancelled).unwrap();
        log.0
            .as_mut()
            .unwrap()
            .write_all(b"{\"order_number\": \"B\"")
            .unwrap();
        let read = read(&path);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read.unwrap(), BTreeMap::from([(1, cancelled)]));
    }
}
