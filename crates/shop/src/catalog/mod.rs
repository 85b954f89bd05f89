//! What is for sale: products with their variants, and the categories they stand in.
//!
//! A *product* is what a page of the shop shows; a *variant* is what is bought: it has the SKU, the price and the
//! stock. Every product has at least one. A *plain* product has exactly one and shows its price, stock and SKU as its
//! own. `plan.rs` has the rules of variants; `products.price_minor` is the lowest price, kept by those who write them.
//!
//! Slugs are names for URLs: made from the name once, unique, never all digits, never a word of the route table.
//! Every write takes the generation row first and so tells all nodes that what they remember is old ([`Memory`]).
//! The words that the search knows are written with the product, folded by [`search`].

pub mod bulk;
pub mod categories;
pub mod images;
mod memory;
pub mod products;
pub(crate) mod search;
pub(crate) mod search_copy;
mod slug;
mod spelling;
mod stock;
mod store;

use db::Value;

use crate::app::App;
use crate::error::Code;
use crate::http::Routes;
use crate::values::Key;

pub use memory::{Memory, RestsOn};
pub use products::api::ProductOut;
pub use products::{Product, Variant};

const SLUG_RULE: &str = "Use lowercase letters, digits and single dashes; not digits alone, and not a word that is part of a path.";

/// The paths of public reads answer below `admin/` too, there for admins only.
const FOR_ADMINS: &[Code] = &[
    Code::NotAuthenticated,
    Code::TokenInvalid,
    Code::TokenExpired,
    Code::TokenRevoked,
    Code::PermissionDenied,
    Code::SecondFactorRequired,
];

pub fn routes() -> Vec<Routes> {
    vec![
        categories::api::routes(),
        products::api::routes(),
        images::api::routes(),
        bulk::api::routes(),
        stock::api::routes(),
    ]
}

/// Opens what searches need, so that the first one does not wait for it. Who cannot is told by the first search.
pub async fn prepare_search(app: App) {
    if memory::current(&app).await.is_ok() {
        search_copy::in_step(&app).await;
    }
}

pub fn statements() -> Vec<&'static str> {
    [
        store::STATEMENTS,
        categories::store::STATEMENTS,
        &products::store::statements(),
        images::store::STATEMENTS,
        bulk::store::STATEMENTS,
        spelling::store::STATEMENTS,
        stock::store::STATEMENTS,
    ]
    .concat()
}

/// Statements that one engine only understands, and the list with all its filters.
pub fn statements_of(engine: db::Engine) -> Vec<String> {
    let mut all = products::store::statements_of(engine);
    if engine == db::Engine::Postgres {
        all.extend(search_copy::STATEMENTS.iter().map(ToString::to_string));
    }
    all
}

/// The arguments of a statement that looks for `id = $1 OR slug = $2`.
fn key_args(key: &Key) -> [Value; 2] {
    match key {
        Key::Id(id) => [(*id).into(), Value::Null],
        Key::Name(slug) => [Value::Null, slug.into()],
    }
}

/// `no-cache` lets clients keep answers but ask whether they still hold; with `CATALOG_MAX_AGE` they need not ask.
fn cache_control(app: &App) -> String {
    match app.config.catalog_max_age.as_secs() {
        0 => "no-cache".to_owned(),
        seconds => format!("public, max-age={seconds}"),
    }
}
