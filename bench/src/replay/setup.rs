//! Before the replay: the products with their known stock, and an account for each customer.

use anyhow::{Context, Result, anyhow};
use money::Currency;
use serde_json::json;

use super::Options;
use crate::invoices::Book;
use crate::output::bar;
use crate::parallel::{Jobs, in_parallel};
use crate::shop::{Ask, Caller, Server, first_customer};

pub(crate) struct Shop {
    pub(crate) currency: Currency,
    /// What the server says about how much it lets one caller do.
    pub(crate) limits: String,
}

impl Shop {
    pub(crate) async fn look(server: Server) -> Result<Self> {
        let answer = server
            .caller(0)
            .ask(Ask::get("cart/"))
            .await
            .with_context(|| format!("asking {}", server.0))?;
        let cart = answer.json();
        let code = cart["currency"]
            .as_str()
            .ok_or_else(|| anyhow!("GET cart/ names no currency: {}", answer.text()))?;
        let limits = match answer.header("ratelimit-policy") {
            Some(policy) => format!("the server announces RateLimit-Policy: {policy}"),
            None => "the server announces no rate limit".to_owned(),
        };
        Ok(Self {
            currency: Currency::parse(code)?,
            limits,
        })
    }
}

/// Ids in the order of the book's goods.
pub(crate) async fn products(admin: &Caller, book: &Book, options: &Options) -> Result<Vec<i64>> {
    let bar = bar("Making products", book.goods.len());
    let parts = in_parallel(8, book.goods.len(), async |worker, jobs: &Jobs| {
        let mut caller = admin.again(worker);
        let mut made = Vec::new();
        while let Some(at) = jobs.next() {
            let goods = &book.goods[at];
            let sku = format!("{}#{}", goods.sku, options.run);
            let body = json!({"name": goods.name, "sku": sku, "price": goods.price.format(), "stock": options.stock});
            let product = caller.expect(Ask::post("products/", &body)).await.with_context(|| format!("making product {sku}"))?;
            made.push((at, product["id"].as_i64().ok_or_else(|| anyhow!("product {sku} has no id"))?));
            bar.inc(1);
        }
        Ok(made)
    })
    .await?;
    bar.finish_and_clear();
    let mut ids = vec![0; book.goods.len()];
    parts
        .into_iter()
        .flatten()
        .for_each(|(at, id)| ids[at] = id);
    Ok(ids)
}

/// Signed-in callers in the order of the book's customers, each with a source address of its own.
pub(crate) async fn customers(
    server: Server,
    book: &Book,
    options: &Options,
) -> Result<Vec<Caller>> {
    let bar = bar("Making accounts", book.customers.len());
    let first = first_customer(&options.run);
    let parts = in_parallel(8, book.customers.len(), async |_, jobs: &Jobs| {
        let mut made = Vec::new();
        while let Some(at) = jobs.next() {
            let email = format!(
                "customer-{}-{}@replay.example",
                book.customers[at], options.run
            );
            let mut caller = server.customer(first + at, &email).await?;
            caller.leave();
            made.push((at, caller));
            bar.inc(1);
        }
        Ok(made)
    })
    .await?;
    bar.finish_and_clear();
    let mut callers: Vec<_> = parts.into_iter().flatten().collect();
    callers.sort_by_key(|(at, _)| *at);
    Ok(callers.into_iter().map(|(_, caller)| caller).collect())
}
