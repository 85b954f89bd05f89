//! Many clients buy one piece after the other of one product until they are refused.

use anyhow::Result;
use serde_json::json;

use super::Race;
use crate::output::Output;
use crate::parallel::at_once;
use crate::shop::{Ask, Caller};
use crate::stats::Counts;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Sell this product out instead of a new one
    #[arg(long, value_name = "ID")]
    product: Option<i64>,
    /// Pieces of the new product
    #[arg(long, default_value_t = 500)]
    stock: i64,
    /// Clients at once, each with an account and an address of its own
    #[arg(long, default_value_t = 64)]
    clients: usize,
}

pub(crate) async fn hot(options: Options, mut race: Race, output: Output) -> Result<bool> {
    let product = match options.product {
        Some(product) => product,
        None => race.product("HOT", options.stock).await?,
    };
    let stock = race.stock(product).await?;
    let customers = race.customers(options.clients).await?;
    let customers: Vec<_> = customers.into_iter().map(std::cell::RefCell::new).collect();
    #[expect(
        clippy::await_holding_refcell_ref,
        reason = "each client has a cell of its own"
    )]
    let parts = at_once(customers.len(), async |number| {
        buy_until_refused(&mut customers[number - 1].borrow_mut(), product).await
    })
    .await?;
    parts.into_iter().for_each(|part| race.answers.merge(part));

    let sold = race.answers.of("201 ordered");
    let refused = race.answers.of("409 out_of_stock");
    let left = race.stock(product).await?;
    let other = race.answers.total() - sold - refused;
    race.expect(i64::try_from(sold) == Ok(stock), || {
        format!("{sold} orders of one piece, but {stock} were there")
    });
    race.expect(left == 0, || format!("{left} left"));
    race.expect(other == 0, || {
        format!("{other} answers were neither an order nor 409 out_of_stock")
    });
    let figures = json!({"clients": options.clients, "stock": stock, "orders": sold, "refused": refused, "left": left});
    Ok(race.end("hot", &figures, output))
}

async fn buy_until_refused(client: &mut Caller, product: i64) -> Result<Counts> {
    let mut answers = Counts::default();
    let (item, order) = (
        json!({"product_id": product, "quantity": 1}),
        json!({"shipping_address": "1 Main Street, Springfield"}),
    );
    let mut surprises = 0;
    while surprises < 20 {
        let added = client.ask(Ask::post("cart/items/", &item)).await?;
        let answer = match added.is_ok() {
            true => client.ask(Ask::post("orders/", &order)).await?,
            false => added,
        };
        match answer.reason() {
            placed if placed == "201" => answers.add("201 ordered"),
            refused if refused == "409 out_of_stock" => {
                answers.add(refused);
                break;
            }
            other => {
                answers.add(other);
                surprises += 1;
            }
        }
    }
    Ok(answers)
}
