//! Whether each order agrees with the book of who was paid.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::bank::Bank;
use super::{PATIENCE, Place, Placed, sandbox};
use crate::shop::Caller;

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
                Place::Bank => bank.compare(boss, order.id).await?,
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
