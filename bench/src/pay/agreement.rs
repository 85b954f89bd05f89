//! Whether each order agrees with the book of who was paid.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use super::bank::Bank;
use super::{PATIENCE, Place, Placed, sandbox};
use crate::shop::{Ask, Caller};

/// Waits until every order agrees with the bank, and says what does not in the end.
pub(super) async fn settled(
    at: Place,
    bank: &Bank,
    boss: &mut Caller,
    placed: &[Placed],
) -> Result<Vec<String>> {
    let since = Instant::now();
    let mut open = placed.to_vec();
    loop {
        let mut problems = Vec::new();
        let mut left = Vec::new();
        for order in open {
            let problem = match at {
                Place::Bank => compare(bank, boss, order.id).await?,
                Place::Sandbox => sandbox::compare(boss, &order).await?,
            };
            if let Some(problem) = problem {
                problems.push(format!("order {} ({}): {problem}", order.id, order.outcome));
                left.push(order);
            }
        }
        if problems.is_empty() || since.elapsed() > PATIENCE {
            return Ok(problems);
        }
        open = left;
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

async fn compare(bank: &Bank, boss: &mut Caller, id: i64) -> Result<Option<String>> {
    let order = boss.expect(Ask::get(&format!("orders/{id}/"))).await?;
    let page = boss
        .expect(Ask::get(&format!("payments/?order={id}")))
        .await?;
    let ours = page["results"].as_array().cloned().unwrap_or_default();
    let theirs = bank.money_of(order["order_number"].as_str().unwrap_or_default());
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
        let refunded = cents(&one["refunded"]);
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

fn cents(amount: &Value) -> i64 {
    amount
        .as_str()
        .unwrap_or_default()
        .replace('.', "")
        .parse()
        .unwrap_or(-1)
}
