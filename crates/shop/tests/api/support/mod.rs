//! What tests are made of: a shop of their own ([`TestShop`]), requests to it, and the things it sells.
//!
//! `both! { async fn a_guest_can_look_around(shop: TestShop) { … } }` runs on both engines. PostgreSQL is named by
//! `CARTWRIGHT_TEST_POSTGRES`; `./test` starts one.

mod builders;
mod client;
mod crash;
mod databases;
mod document;
mod outbox;
pub mod providers;
pub mod schema;
mod shop;
mod smtp;
mod trips;
mod watch_log;

use std::path::{Path, PathBuf};

#[allow(unused_imports, reason = "for the tests to come")]
pub use builders::{PASSWORD, Person, Product, fresh_address};
#[allow(unused_imports, reason = "for the tests to come")]
pub use client::{Answer, Ask};
pub use crash::CrashPoint;
pub use databases::scratch;
pub use document::OPENAPI;
#[allow(unused_imports, reason = "for the tests to come")]
pub use outbox::Mail;
pub use shop::{SECRET_KEY, TestShop};
pub use smtp::{Delivered, MailServer, Manners, Mood};
pub use trips::Trips;

/// A file of real data from the folder that `CARTWRIGHT_TEST_DATA` names. Where there is no such folder the test says
/// that it was skipped; a folder without the file is a failure.
pub fn real_file(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("CARTWRIGHT_TEST_DATA").unwrap_or_default();
    let folder = Path::new(&folder);
    if folder.is_dir() {
        let file = folder.join(name);
        assert!(file.is_file(), "{name} is not in {}", folder.display());
        return Some(file);
    }
    eprintln!("\n*** SKIPPED: {name} is not in CARTWRIGHT_TEST_DATA ***\n");
    None
}

/// Makes each test run on SQLite and on PostgreSQL, with a shop of its own.
#[macro_export]
macro_rules! both {
    ($($(#[doc = $doc:literal])* async fn $name:ident($shop:ident : $type:ty) $body:block)*) => {$(
        $(#[doc = $doc])*
        mod $name {
            #[allow(unused_imports, reason = "not every test needs all of its file's names")]
            use super::*;

            async fn run($shop: $type) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                run(<$type>::on(db::Engine::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                run(<$type>::on(db::Engine::Postgres).await).await;
            }
        }
    )*};
}
