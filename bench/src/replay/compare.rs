//! After the replay: the server's orders and stock against the file's own sums.

use anyhow::Result;
use money::Money;

use super::Replay;
use super::play::Played;
use crate::parallel::{Jobs, in_parallel};
use crate::shop::{Ask, Caller};
use crate::verify;

pub(crate) struct Compared {
    /// Sum of the orders as the server has them, without the cancelled ones.
    pub(crate) server: Money,
    /// Sum of the same invoices in the file.
    pub(crate) file: Money,
    pub(crate) stock_differences: usize,
    pub(crate) problems: Vec<String>,
}

pub(crate) async fn compare(replay: &Replay, admin: &Caller, played: &Played) -> Result<Compared> {
    let mut ordered = vec![0; replay.book.goods.len()];
    let currency = replay.book.invoices[0].total.currency;
    let mut file = Money::zero(currency);
    for (at, _) in played.orders.iter().filter(|(_, order)| !order.cancelled) {
        let invoice = &replay.book.invoices[*at];
        file = file.checked_add(invoice.total)?;
        invoice
            .lines
            .iter()
            .for_each(|(goods, quantity)| ordered[*goods] += quantity);
    }

    let orders: Vec<_> = played
        .orders
        .iter()
        .map(|(_, order)| order.clone())
        .collect();
    let found = verify::find(admin, &orders).await?;
    let mut problems = found.problems;
    let mut server = Money::zero(currency);
    for total in &found.totals {
        server = server.checked_add(Money::parse(total, currency)?)?;
    }
    if server != file {
        problems.push(format!(
            "revenue is {} on the server and {} in the file",
            server.format(),
            file.format()
        ));
    }

    let differences = stock(replay, admin, &ordered).await?;
    let stock_differences = differences.len();
    problems.extend(differences);
    Ok(Compared {
        server,
        file,
        stock_differences,
        problems,
    })
}

/// Products of which the server does not have what it had less what was ordered.
async fn stock(replay: &Replay, admin: &Caller, ordered: &[i64]) -> Result<Vec<String>> {
    let parts = in_parallel(8, ordered.len(), async |worker, jobs: &Jobs| {
        let mut caller = admin.again(worker);
        let mut differences = Vec::new();
        while let Some(at) = jobs.next() {
            let product = caller
                .expect(Ask::get(&format!("products/{}/", replay.products[at])))
                .await?;
            let expected = replay.options.stock - ordered[at];
            if product["stock"] != expected {
                differences.push(format!(
                    "of {} there are {} instead of {expected}",
                    replay.book.goods[at].sku, product["stock"]
                ));
            }
        }
        Ok(differences)
    })
    .await?;
    Ok(parts.into_iter().flatten().collect())
}
