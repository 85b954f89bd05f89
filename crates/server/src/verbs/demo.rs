//! `cartwright demo`: fills an empty shop with data that looks real.

use std::process::ExitCode;

use serde_json::json;
use shop::{
    config::Config,
    demo::{self, Demo},
};

use crate::{
    cli,
    output::{self, Progress},
    shop_at,
};

pub(super) async fn run(config: Config, given: cli::Demo, json: bool) -> anyhow::Result<ExitCode> {
    let app = shop_at::open(config).await?;
    let demo = Demo {
        products: given.products,
        orders: given.orders,
        days: given.days,
        seed: given.seed,
    };
    let mut progress = Progress::new("demo data");
    let outcome = demo::fill(&app, &demo, &mut |done, total| progress.at(done, total)).await;
    progress.end();
    let made = outcome?;
    if json {
        output::json(&json!({
            "categories": made.categories, "products": made.products, "customers": made.customers, "orders": made.orders,
            "days": demo.days, "seed": demo.seed,
        }));
    } else {
        output::line(format!(
            "{} products in {} categories, {} customers, {} orders over {} days.",
            made.products, made.categories, made.customers, made.orders, demo.days
        ));
        output::line(
            "Nobody can sign in as a demo customer. Make yourself an admin: cartwright createsuperuser",
        );
    }
    Ok(ExitCode::SUCCESS)
}
