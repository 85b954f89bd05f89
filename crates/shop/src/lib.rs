//! The shop: features in a line, of which each may use those before it, on a common ground.
//!
//! `ARCHITECTURE.md` has the shape; `http/` turns requests into calls and results into answers.

// The ground.
pub mod address;
pub mod app;
mod bulk;
pub mod caller;
pub mod clock;
pub mod config;
pub mod error;
pub mod http;
pub mod ids;
pub mod limits;
pub mod metrics;
pub mod migrations;
mod outward;
pub mod paging;
pub mod precondition;
#[cfg(any(test, feature = "properties"))]
pub mod properties;
pub mod shares;
pub mod traces;
pub mod values;
pub mod words;

// The features; `tests/api/architecture.rs` has their order.
pub mod accounts;
pub mod addresses;
pub mod analytics;
pub mod audit;
pub mod cart;
pub mod catalog;
pub mod check;
pub mod demo;
pub mod events;
pub mod health;
pub mod housekeeping;
pub mod idempotency;
pub mod import;
pub mod inventory;
pub mod mail;
pub mod media;
pub mod orders;
pub mod payments;
pub mod privacy;
pub mod settings;

use http::Routes;

/// The version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the shop is called, until it can be named.
pub const SHOP_NAME: &str = "Cartwright";

/// The routes of all features.
pub fn routes() -> Vec<Routes> {
    let mut all = vec![
        accounts::routes(),
        accounts::links::routes(),
        accounts::sessions::routes(),
        accounts::admin::routes(),
        accounts::second_factor::routes(),
        addresses::routes(),
        audit::routes(),
        media::routes(),
        cart::routes(),
        orders::routes(),
        analytics::routes(),
        privacy::routes(),
    ];
    all.extend(payments::routes());
    all.push(health::routes());
    all.extend(catalog::routes());
    all
}

/// What later features do when somebody signs in, inside that transaction.
pub const ON_SIGN_IN: &[accounts::SignInHook] = &[cart::merge_at_sign_in, orders::adopt_at_sign_in];

/// What later features do when somebody has shown that the address of the account is theirs, inside that transaction.
pub const ON_VERIFY: &[accounts::AccountHook] = &[orders::adopt_guest_orders];

/// What later features do when an account is taken back from a stranger, inside that transaction.
pub const ON_RECLAIM: &[accounts::AccountHook] = &[cart::forget_cart, addresses::forget_addresses];

/// What happens to the books when staff has the money of an order in hand.
pub const ON_PAID_BY_HAND: orders::PaidHook = payments::take_by_hand;

/// What happens to the money of an order that is cancelled or expires.
pub const ON_ORDER_END: orders::EndHook = payments::at_order_end;

/// How buyers may pay: the names of the providers that take orders.
pub fn payment_methods() -> impl Iterator<Item = &'static str> {
    payments::methods()
}

/// An order of this method is paid before it is sent, or never: it does not wait for ever.
pub fn is_paid_online(method: &str) -> bool {
    payments::is_online(method)
}

/// The settings that providers of payments have.
pub fn provider_settings() -> impl Iterator<Item = config::Setting> {
    payments::settings()
}

/// What is done in the background while the shop is open.
pub fn jobs(app: &app::App) -> jobs::Runner {
    let (clock, swept) = (app.clock.clone(), app.clone());
    let hour = std::time::Duration::from_secs(3600);
    let runner = jobs::Runner::new(app.db.clone(), std::sync::Arc::new(move || clock.now().0));
    let told = app.clone();
    let runner = runner.telling(std::sync::Arc::new(move |kind, went_well, took| {
        told.metrics.job_ended(kind, went_well, took);
        told.traces
            .job_ended(kind, went_well, took, told.clock.now());
    }));
    let runner = runner.every(hour, "sweep", move || {
        let app = swept.clone();
        async move { Ok(housekeeping::sweep(&app).await.map(drop)?) }
    });
    let counting = app.clone();
    let minute = std::time::Duration::from_secs(60);
    let runner = runner.every(minute, "count_orders", move || {
        let app = counting.clone();
        async move { Ok(analytics::count_orders(&app).await.map(drop)?) }
    });
    let expiring = app.clone();
    let runner = runner.every(minute, "expire_orders", move || {
        let app = expiring.clone();
        async move { Ok(orders::expire_orders(&app).await.map(drop)?) }
    });
    let runner = mail::jobs(app, runner);
    let runner = payments::jobs(app, runner);
    accounts::links::jobs(app, runner)
}

/// Every statement that the features run, for the test that prepares them on both engines.
pub fn statements() -> Vec<String> {
    let fixed = [
        settings::store::STATEMENTS,
        idempotency::store::STATEMENTS,
        events::store::STATEMENTS,
        &accounts::statements(),
        accounts::attempts::STATEMENTS,
        accounts::links::STATEMENTS,
        accounts::personal_data::store::STATEMENTS,
        accounts::second_factor::store::STATEMENTS,
        media::STATEMENTS,
        &catalog::statements(),
        cart::STATEMENTS,
    ];
    let fixed = fixed.concat().into_iter().map(String::from);
    fixed
        .chain(inventory::statements())
        .chain(audit::store::statements())
        .chain(accounts::sessions::store::statements())
        .chain(accounts::admin::store::statements())
        .chain(addresses::store::statements())
        .chain(orders::statements())
        .chain(payments::statements())
        .chain(analytics::statements())
        .chain(check::statements())
        .chain(import::orders::statements())
        .chain(demo::statements())
        .collect()
}

/// Statements that one engine only understands.
pub fn statements_of(engine: db::Engine) -> Vec<String> {
    let mut all = catalog::statements_of(engine);
    if engine == db::Engine::Postgres {
        let more = [
            inventory::ON_POSTGRES,
            cart::ON_POSTGRES,
            orders::ON_POSTGRES,
        ]
        .concat();
        all.extend(more.into_iter().map(String::from));
    }
    all
}

/// Runs a block in a transaction: `transact!(app.db, tx => { … Ok(value) })` is a `Result<_, Error>`.
/// See [`db::transact!`].
#[macro_export]
macro_rules! transact {
    ($db:expr, $tx:ident => $body:block) => {
        ::db::transact!($crate::error::Error, $db, $tx => $body)
    };
}
