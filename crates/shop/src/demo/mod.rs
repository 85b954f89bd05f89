//! `cartwright demo`: a shop that looks as if it had been open for months.
//!
//! The same seed makes the same shop on the same day: goods with pictures that are drawn here, people, and orders with
//! the rhythm of the week and of the year. It is written in bulk but by the rules of the shop, so that `cartwright
//! check` finds nothing: what lies on the shelf is what the movements say, and each order has its history.
//! Nobody can sign in as one of the people; their addresses end in example.com, where no mail arrives.

mod chance;
mod goods;
mod orders;
mod people;
mod pictures;
mod store;

use anyhow::{Result, bail};

use crate::app::App;
use crate::catalog::products::{ReadyProduct, add_products};
use crate::import::Progress;
use chance::Chance;

pub use store::statements;

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub struct Demo {
    pub products: u32,
    pub orders: u32,
    /// For how long the shop has been open, up to yesterday.
    pub days: u32,
    pub seed: u64,
}

/// What was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    pub categories: u64,
    pub products: u64,
    pub customers: u64,
    pub orders: u64,
}

/// How many products are written in one transaction.
const BATCH: usize = 250;

/// # Errors
/// The shop is not empty, or the database or the storage of pictures is away.
pub async fn fill(app: &App, demo: &Demo, progress: Progress<'_>) -> Result<Made> {
    if let Some(what) = store::what_is_there(&app.db.read().await?).await? {
        bail!(
            "This shop has {what} already.\nDemo data goes only into an empty shop, and is not to be mixed with real data.\nName another place: cartwright demo --data-dir ./demo"
        );
    }
    let mut chance = Chance::new(demo.seed);
    let opening = orders::Calendar::new(app, demo.days)?;
    let total = u64::from(demo.products) + u64::from(demo.orders);
    let mut made = Made::default();
    let categories = goods::add_categories(app).await?;
    made.categories = categories.len() as u64;
    let pictures = pictures::keep_all(app, demo.products).await?;
    let goods: Vec<ReadyProduct> = (0..demo.products)
        .map(|at| goods::product(app, at, &categories, &pictures, &mut chance))
        .collect();
    for batch in goods.chunks(BATCH) {
        add_products(app, batch, opening.before(made.products, demo.products)).await?;
        made.products += batch.len() as u64;
        progress(made.products, total);
    }
    if demo.orders > 0 && demo.products > 0 {
        let people = people::add(app, demo.orders, &opening, &mut chance).await?;
        made.customers = people.len() as u64;
        let mut told = |done| progress(made.products + done, total);
        made.orders =
            orders::add(app, demo.orders, &opening, &people, &mut chance, &mut told).await?;
    }
    Ok(made)
}
