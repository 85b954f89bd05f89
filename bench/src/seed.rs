//! `bench seed`: the measured data set into a running server, or into files for `cartwright import`.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};

use crate::dataset;
use crate::output::{Output, bar};
use crate::shop::{Ask, Caller, Server};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write categories.json and products.csv into this folder for `cartwright import`; only users go to the server
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
    /// With --files: so many products, by the same rule
    #[arg(long, value_name = "N", default_value_t = dataset::PRODUCTS, requires = "files")]
    products: u32,
    /// Write the products' ids here for `bench load --ids`; not needed where the shop was empty
    #[arg(long, value_name = "FILE")]
    ids: Option<PathBuf>,
    /// Make the users only
    #[arg(long)]
    users_only: bool,
}

pub(crate) async fn seed(
    options: Options,
    server: Server,
    admin: (&str, &str),
    output: Output,
) -> Result<bool> {
    let mut in_order = true;
    if options.files.is_none() || options.users_only {
        server.is_up().await?;
    }
    if let Some(folder) = &options.files {
        dataset::write_files(folder, options.products)?;
    } else if !options.users_only {
        let mut admin = server.signed_in(admin.0, admin.1).await?;
        let ids = post_all(&mut admin).await?;
        in_order = ids.iter().copied().eq(1..=i64::from(dataset::PRODUCTS));
        if let Some(path) = &options.ids {
            let list: Vec<Value> = ids
                .iter()
                .map(|id| json!({"pid": id.to_string()}))
                .collect();
            std::fs::write(path, serde_json::to_vec(&list)?)
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
    }
    if options.files.is_none() || options.users_only {
        server.register_users(dataset::USERS).await?;
    }
    let summary = json!({"products": options.products, "categories": dataset::CATEGORIES, "users": dataset::USERS, "ids_are_numbers": in_order});
    output.print(&summary, || {
        say!("{} products in {} categories, {} users", options.products, dataset::CATEGORIES, dataset::USERS);
        if !in_order && options.ids.is_none() {
            say!("The shop was not empty, so product n does not have id n: run again on an empty shop, or with --ids FILE.");
        }
    });
    Ok(in_order || options.ids.is_some())
}

/// One after the other, so that in an empty shop product n gets id n.
async fn post_all(admin: &mut Caller) -> Result<Vec<i64>> {
    for c in dataset::categories() {
        let body = json!({"name": c.name, "slug": c.slug, "description": c.description});
        let answer = admin.ask(Ask::post("categories/", &body)).await?;
        // A category of an earlier run is as good.
        if !answer.is_ok() && answer.status != 400 && answer.status != 409 {
            anyhow::bail!(
                "making {} was answered {}: {}",
                c.slug,
                answer.reason(),
                answer.text()
            );
        }
    }
    let bar = bar("Making products", dataset::PRODUCTS as usize);
    let mut ids = Vec::new();
    for n in 1..=dataset::PRODUCTS {
        let p = dataset::product(n);
        let body = json!({"name": p.name, "sku": p.sku, "description": p.description, "price": p.price, "stock": p.stock, "category": p.category});
        let product = admin
            .expect(Ask::post("products/", &body))
            .await
            .with_context(|| format!("making {}", p.sku))?;
        ids.push(
            product["id"]
                .as_i64()
                .ok_or_else(|| anyhow!("{} has no id", p.sku))?,
        );
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(ids)
}
