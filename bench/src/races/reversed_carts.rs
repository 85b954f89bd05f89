//! Pairs of carts with the same products in opposite order, all ordered at once: nobody fails, nothing is lost.

use std::cell::RefCell;

use anyhow::Result;
use serde_json::json;

use super::{Race, add};
use crate::output::Output;
use crate::parallel::{Jobs, at_once, in_parallel};
use crate::shop::Ask;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Pairs of carts, ordered all at once
    #[arg(long, default_value_t = 100)]
    pairs: usize,
    /// Products in each cart
    #[arg(long, default_value_t = 8)]
    products: usize,
}

#[expect(
    clippy::await_holding_refcell_ref,
    reason = "each customer has a cell of its own and is taken once"
)]
pub(crate) async fn reversed_carts(
    options: Options,
    mut race: Race,
    output: Output,
) -> Result<bool> {
    let initial = 1_000_000;
    let mut products = Vec::new();
    for number in 0..options.products {
        products.push(race.product(&format!("REVERSED-{number}"), initial).await?);
    }
    let customers: Vec<_> = race
        .customers(options.pairs * 2)
        .await?
        .into_iter()
        .map(RefCell::new)
        .collect();
    in_parallel(8, customers.len(), async |_, jobs: &Jobs| {
        while let Some(at) = jobs.next() {
            let mut customer = customers[at].borrow_mut();
            for place in 0..products.len() {
                let product = if at % 2 == 0 {
                    products[place]
                } else {
                    products[products.len() - 1 - place]
                };
                add(&mut customer, product, 1).await?;
            }
        }
        Ok(())
    })
    .await?;
    let answers = at_once(customers.len(), async |number| {
        let answer = customers[number - 1]
            .borrow_mut()
            .ask(Ask::post("orders/", &json!({})))
            .await?;
        Ok(answer.reason())
    })
    .await?;
    let placed = answers.iter().filter(|reason| *reason == "201").count();
    answers
        .into_iter()
        .for_each(|reason| race.answers.add(reason));
    race.expect(placed == customers.len(), || {
        format!("{placed} of {} carts became orders", customers.len())
    });
    let expected = initial - i64::try_from(placed)?;
    for product in products {
        let left = race.stock(product).await?;
        race.expect(left == expected, || {
            format!("{left} left of product {product} instead of {expected}")
        });
    }
    let figures =
        json!({"carts": customers.len(), "products_in_each": options.products, "orders": placed});
    Ok(race.end("reversed-carts", &figures, output))
}
