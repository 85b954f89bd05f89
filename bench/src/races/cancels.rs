//! Several cancels of one order at once: one succeeds, and the stock comes back once.

use anyhow::Result;
use serde_json::json;

use super::{Race, add};
use crate::output::Output;
use crate::parallel::at_once;
use crate::shop::Ask;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Cancels at once
    #[arg(long, default_value_t = 4)]
    cancels: usize,
    /// Orders, one after the other
    #[arg(long, default_value_t = 20)]
    rounds: usize,
}

pub(crate) async fn cancels(options: Options, mut race: Race, output: Output) -> Result<bool> {
    let initial = 100;
    let product = race.product("CANCELS", initial).await?;
    let mut customer = race.customers(1).await?.remove(0);
    for _ in 0..options.rounds {
        add(&mut customer, product, 3).await?;
        let body = json!({});
        let order = customer.expect(Ask::post("orders/", &body)).await?;
        let reserved = race.stock(product).await?;
        race.expect(reserved == initial - 3, || {
            format!("{reserved} can be sold after an order of 3 of {initial}")
        });
        let path = format!("orders/{}/cancel/", order["id"]);
        let answers = at_once(options.cancels, async |number| {
            let mut caller = customer.again(number);
            Ok(caller.ask(Ask::post(&path, &body)).await?.reason())
        })
        .await?;
        let done = answers.iter().filter(|reason| *reason == "200").count();
        race.expect(done == 1, || {
            format!("{done} of {} cancels succeeded", options.cancels)
        });
        answers
            .into_iter()
            .for_each(|reason| race.answers.add(reason));
        let left = race.stock(product).await?;
        race.expect(left == initial, || {
            format!("{left} can be sold after the cancel, {initial} before the order")
        });
    }
    let figures = json!({"orders": options.rounds, "cancels_at_once": options.cancels});
    Ok(race.end("cancels", &figures, output))
}
