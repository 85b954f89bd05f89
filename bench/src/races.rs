//! Proofs that races end well. Each makes its own product and accounts, lets many callers at the same thing at once,
//! and then asks the server for what is left.

mod cancels;
mod hot;
mod reversed_carts;
mod same_cart;

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};

use crate::output::Output;
use crate::parallel::{Jobs, in_parallel};
use crate::shop::{Ask, Caller, Server, first_customer, run_name};
use crate::stats::Counts;

pub(crate) use cancels::{Options as CancelsOptions, cancels};
pub(crate) use hot::{Options as HotOptions, hot};
pub(crate) use reversed_carts::{Options as ReversedCartsOptions, reversed_carts};
pub(crate) use same_cart::{Options as SameCartOptions, same_cart};

/// One race on one server.
pub(crate) struct Race {
    server: Server,
    admin: Caller,
    run: String,
    answers: Counts,
    broken: Vec<String>,
}

impl Race {
    pub(crate) async fn new(server: Server, admin: (&str, &str)) -> Result<Self> {
        let admin = server.signed_in(admin.0, admin.1).await?;
        Ok(Self {
            server,
            admin,
            run: run_name(),
            answers: Counts::default(),
            broken: Vec::new(),
        })
    }

    async fn product(&mut self, name: &str, stock: i64) -> Result<i64> {
        let sku = format!("{name}#{}", self.run);
        let body =
            json!({"name": format!("Race {sku}"), "sku": sku, "price": "2.50", "stock": stock});
        let product = self
            .admin
            .expect(Ask::post("products/", &body))
            .await
            .context("making a product")?;
        product["id"]
            .as_i64()
            .ok_or_else(|| anyhow!("a product without id: {product}"))
    }

    async fn stock(&mut self, product: i64) -> Result<i64> {
        let found = self
            .admin
            .expect(Ask::get(&format!("products/{product}/")))
            .await?;
        found["stock"]
            .as_i64()
            .ok_or_else(|| anyhow!("a product without stock: {found}"))
    }

    async fn customers(&self, count: usize) -> Result<Vec<Caller>> {
        let first = first_customer(&self.run);
        let parts = in_parallel(8, count, async |_, jobs: &Jobs| {
            let mut made = Vec::new();
            while let Some(at) = jobs.next() {
                made.push(
                    self.server
                        .customer(first + at, &format!("racer-{at}-{}@race.example", self.run))
                        .await?,
                );
            }
            Ok(made)
        });
        Ok(parts.await?.into_iter().flatten().collect())
    }

    fn expect(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(otherwise());
        }
    }

    /// Prints what happened; true when it is what was expected.
    fn end(mut self, name: &str, figures: &Value, output: Output) -> bool {
        let errors = self.answers.server_errors();
        self.expect(errors == 0, || format!("{errors} answers of 5xx"));
        let summary = json!({"race": name, "figures": figures, "answers": self.answers.json(), "broken": self.broken});
        output.print(&summary, || {
            say!(
                "{name}: {}",
                figures.as_object().map_or_else(String::new, |f| f
                    .iter()
                    .map(|(k, v)| format!("{k} {v}"))
                    .collect::<Vec<_>>()
                    .join(", "))
            );
            say!("  answers: {}", self.answers.line());
            self.broken
                .iter()
                .for_each(|broken| say!("  BROKEN: {broken}"));
            say!(
                "  {}",
                if self.broken.is_empty() {
                    "as expected"
                } else {
                    "NOT as expected"
                }
            );
        });
        self.broken.is_empty()
    }
}

async fn add(caller: &mut Caller, product: i64, quantity: i64) -> Result<Value> {
    caller
        .expect(Ask::post(
            "cart/items/",
            &json!({"product_id": product, "quantity": quantity}),
        ))
        .await
}
