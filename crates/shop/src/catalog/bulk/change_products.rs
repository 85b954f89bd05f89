//! Changes prices and stock of many variants in one transaction.

use std::collections::HashSet;

use db::Conn;
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::change::{Change, Selection, StockChange};
use super::store::{self, Listed};
use crate::app::App;
use crate::audit::{self, Action};
use crate::caller::Admin;
use crate::catalog::products::filter::Filter;
use crate::catalog::search::{self, Matching};
use crate::catalog::{self, memory};
use crate::error::{Error, Result};
use crate::idempotency::{self, Claim, IdempotencyKey};
use crate::ids::{ProductId, VariantId};
use crate::{inventory, transact};

/// How many variants are changed at once: a few seconds of a busy database at most.
const MAX_VARIANTS: usize = 10_000;
/// How many of those that cannot be changed are named.
const NAMED: usize = 20;

/// A variant as it was and as it is.
#[derive(Clone, Debug)]
pub struct Changed {
    pub before: Listed,
    pub price_minor: i64,
    pub stock: i64,
}

/// A request that may come twice, and how its answer is written down for the second time.
#[derive(Clone, Copy)]
pub struct Repeat<'a> {
    pub key: &'a IdempotencyKey,
    pub answer: &'a (dyn Fn(&[Changed]) -> Result<String> + Sync),
}

pub enum Done {
    Now(Vec<Changed>),
    /// It was done before; this was answered.
    Before {
        answer: String,
    },
}

const OPERATION: &str = "change_products";

/// All or nothing. Every product that changes has its entry in the audit log.
///
/// # Errors
/// Something that was named is not there, the selection is too large, or a price or stock would be none.
pub async fn change_products(
    app: &App,
    by: &Admin,
    selection: &Selection,
    change: Change,
    repeat: Option<Repeat<'_>>,
) -> Result<Done> {
    let filter = filter(app, selection).await?;
    let (now, scope) = (app.clock.now(), format!("user:{}", by.user.id));
    transact!(app.db, tx => {
        if let Some(Repeat { key, .. }) = repeat
            && let Claim::Replay { answer, .. } = idempotency::claim(tx, &scope, OPERATION, key, now).await?
        {
            return Ok(Done::Before { answer });
        }
        catalog::store::bump_generation(tx).await?;
        let all = plan(app, tx, selection, &filter, change).await?;
        let moved = |changed: &&Changed| !changed.stays();
        let mut products: Vec<ProductId> = all.iter().filter(moved).map(|changed| changed.before.product_id).collect();
        products.dedup();
        let prices: Vec<(VariantId, i64)> =
            all.iter().filter(moved).map(|changed| (changed.before.id, changed.price_minor)).collect();
        if change.price.is_some() {
            store::set_prices(tx, &prices, now).await?;
        }
        let (actor, reason) = (Some(by.user.id), "changed in bulk");
        match change.stock {
            None => {}
            Some(StockChange::Set(stock)) => {
                let figures: Vec<_> = all.iter().map(|changed| (changed.before.id, stock)).collect();
                inventory::adjust_to(tx, &figures, actor, reason, now).await?;
            }
            // What is sold since it was read stays sold.
            Some(StockChange::Delta(delta)) => {
                let deltas: Vec<_> = all.iter().map(|changed| (changed.before.id, delta)).collect();
                inventory::adjust_by(tx, &deltas, actor, reason, now).await?;
            }
        }
        store::touch(tx, &products, now).await?;
        let entries = all.chunk_by(|a, b| a.before.product_id == b.before.product_id).map(async |variants| {
            let product = variants[0].before.product_id;
            let was = variants.iter().map(|v| audited(v.before.id, v.before.price_minor, v.before.stock)).collect();
            let is = variants.iter().map(|v| audited(v.before.id, v.price_minor, v.stock)).collect();
            let change = (json!({"variants": Value::Array(was)}), json!({"variants": Value::Array(is)}));
            audit::record(tx, by, Action::ProductUpdated, product, change, now).await
        });
        try_join_all(entries).await?;
        if let Some(Repeat { key, answer }) = repeat {
            idempotency::keep(tx, &scope, OPERATION, key, 200, &answer(&all)?).await?;
        }
        Ok(Done::Now(all))
    })
}

/// What [`change_products`] would do now.
pub async fn preview_products(
    app: &App,
    selection: &Selection,
    change: Change,
) -> Result<Vec<Changed>> {
    let filter = filter(app, selection).await?;
    plan(app, &app.db.read().await?, selection, &filter, change).await
}

impl Changed {
    pub(super) fn stays(&self) -> bool {
        self.price_minor == self.before.price_minor && self.stock == self.before.stock
    }
}

async fn plan(
    app: &App,
    conn: &Conn,
    selection: &Selection,
    filter: &Filter,
    change: Change,
) -> Result<Vec<Changed>> {
    let limit = i64::try_from(MAX_VARIANTS).unwrap_or(i64::MAX);
    let listed = store::list(conn, app.db.engine(), selection, filter, limit).await?;
    if listed.len() > MAX_VARIANTS {
        let detail = format!("That is more than {MAX_VARIANTS} variants: take fewer at once.");
        return Err(Error::field(attr(selection), "max_length", detail));
    }
    all_there(selection, &listed)?;
    let (mut all, mut priceless, mut stockless) =
        (Vec::with_capacity(listed.len()), Vec::new(), Vec::new());
    for before in listed {
        let price = change.price.map_or(Some(before.price_minor), |change| {
            change.of(before.price_minor)
        });
        let stock = change
            .stock
            .map_or(Some(before.stock), |change| change.of(before.stock));
        if price.is_none() {
            priceless.push(name(&before));
        }
        if stock.is_none() {
            stockless.push(name(&before));
        }
        if let (Some(price_minor), Some(stock)) = (price, stock) {
            all.push(Changed {
                before,
                price_minor,
                stock,
            });
        }
    }
    let faults = [
        ("price", priceless, "It would be negative or too high"),
        ("stock", stockless, "It would be negative or too much"),
    ];
    let mut error = None;
    for (attr, names, what) in faults.into_iter().filter(|(_, names, _)| !names.is_empty()) {
        let more = if names.len() > NAMED {
            format!(" and {} more", names.len() - NAMED)
        } else {
            String::new()
        };
        let detail = format!(
            "{what} for {}{more}.",
            names[..names.len().min(NAMED)].join(", ")
        );
        error = Some(match error {
            None => Error::field(attr, "out_of_range", detail),
            Some(error) => Error::and(error, attr, "out_of_range", detail),
        });
    }
    error.map_or(Ok(all), Err)
}

/// What was named one by one must be there.
fn all_there(selection: &Selection, listed: &[Listed]) -> Result<()> {
    let missing: Vec<usize> = match selection {
        Selection::Filter(_) => return Ok(()),
        Selection::Products(ids) => {
            let there: HashSet<_> = listed.iter().map(|found| found.product_id).collect();
            places(ids, |id| there.contains(id))
        }
        Selection::Variants(ids) => {
            let there: HashSet<_> = listed.iter().map(|found| found.id).collect();
            places(ids, |id| there.contains(id))
        }
        Selection::Skus(skus) => {
            let there: HashSet<_> = listed
                .iter()
                .filter_map(|found| found.sku.as_ref())
                .collect();
            places(skus, |sku| there.contains(sku))
        }
    };
    let mut error: Option<Error> = None;
    for at in missing.into_iter().take(NAMED) {
        let (attr, detail) = (
            format!("{}.{at}", attr(selection)),
            "There is no such product.",
        );
        error = Some(match error {
            None => Error::field(attr, "does_not_exist", detail),
            Some(error) => error.and(attr, "does_not_exist", detail),
        });
    }
    error.map_or(Ok(()), Err)
}

fn places<T>(named: &[T], is_there: impl Fn(&T) -> bool) -> Vec<usize> {
    (0..named.len())
        .filter(|&at| !is_there(&named[at]))
        .collect()
}

fn attr(selection: &Selection) -> &'static str {
    match selection {
        Selection::Products(_) => "ids",
        Selection::Variants(_) => "variant_ids",
        Selection::Skus(_) => "skus",
        Selection::Filter(_) => "filter",
    }
}

fn name(variant: &Listed) -> String {
    match (&variant.sku, variant.title.as_str()) {
        (Some(sku), _) => format!("{} ({sku})", variant.name),
        (None, "") => variant.name.clone(),
        (None, title) => format!("{}, {title}", variant.name),
    }
}

fn audited(id: VariantId, price_minor: i64, stock: i64) -> Value {
    json!({"id": id, "price_minor": price_minor, "stock": stock})
}

async fn filter(app: &App, selection: &Selection) -> Result<Filter> {
    let Selection::Filter(wanted) = selection else {
        return Ok(Filter::default());
    };
    let categories = match &wanted.category {
        Some(key) => Some(memory::current(app).await?.tree.subtree(key)),
        None => None,
    };
    Ok(Filter {
        categories,
        // Only what was typed: nobody wants to change what is merely similar.
        search: wanted
            .search
            .as_deref()
            .map(|text| Matching::anywhere(app.db.engine(), &search::words_of_query(text))),
        min_price: wanted.min_price,
        max_price: wanted.max_price,
        in_stock: wanted.in_stock,
        is_active: wanted.is_active,
        is_featured: wanted.is_featured,
        ..Filter::default()
    })
}
