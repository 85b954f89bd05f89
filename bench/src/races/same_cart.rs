//! The same cart submitted several times at once: one order. Without a key the others are refused, with one key all
//! get the same order.

use anyhow::Result;
use serde_json::json;

use super::{Race, add};
use crate::output::Output;
use crate::parallel::at_once;
use crate::shop::{Ask, Caller};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Submits at once
    #[arg(long, default_value_t = 5)]
    submits: usize,
    /// Carts without a key, and as many again with one
    #[arg(long, default_value_t = 20)]
    rounds: usize,
}

pub(crate) async fn same_cart(options: Options, mut race: Race, output: Output) -> Result<bool> {
    let initial = 1_000_000;
    let product = race.product("SAME-CART", initial).await?;
    let mut customer = race.customers(1).await?.remove(0);
    for round in 0..options.rounds * 2 {
        add(&mut customer, product, 2).await?;
        let key = (round % 2 == 1).then(|| format!("same-cart-{}-{round}", race.run));
        let answers = submit(&customer, options.submits, key.as_deref()).await?;
        let mut orders: Vec<_> = answers
            .iter()
            .filter(|(reason, _)| reason == "201")
            .map(|(_, id)| *id)
            .collect();
        let placed = orders.len();
        orders.sort_unstable();
        orders.dedup();
        let expected = if key.is_some() { options.submits } else { 1 };
        let way = if key.is_some() {
            "with one key"
        } else {
            "without a key"
        };
        race.expect(orders.len() == 1, || {
            format!("{} orders from one cart {way}", orders.len())
        });
        race.expect(placed == expected, || {
            format!(
                "{placed} of {} submits {way} were answered 201, not {expected}",
                options.submits
            )
        });
        answers
            .into_iter()
            .for_each(|(reason, _)| race.answers.add(format!("{reason} {way}")));
    }
    let ordered = initial - race.stock(product).await?;
    let expected = i64::try_from(options.rounds * 4)?;
    race.expect(ordered == expected, || {
        format!("{ordered} pieces are gone instead of {expected}")
    });
    let figures =
        json!({"carts": options.rounds * 2, "submits": options.submits, "pieces_ordered": ordered});
    Ok(race.end("same-cart", &figures, output))
}

/// Reason and order id of each answer.
async fn submit(
    customer: &Caller,
    submits: usize,
    key: Option<&str>,
) -> Result<Vec<(String, i64)>> {
    at_once(submits, async |number| {
        let mut caller = customer.again(number);
        let body = json!({});
        let ask = Ask {
            key,
            ..Ask::post("orders/", &body)
        };
        let answer = caller.ask(ask).await?;
        Ok((answer.reason(), answer.json()["id"].as_i64().unwrap_or(0)))
    })
    .await
}
