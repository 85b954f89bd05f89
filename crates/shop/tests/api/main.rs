//! Tests through the door: requests in, answers out, on real databases, each test on SQLite and on PostgreSQL.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]
#![allow(unreachable_pub, reason = "nothing of a test binary is reachable")]
#![allow(dead_code, reason = "support has what tests of features will need")]

#[macro_use]
mod support;

mod access;
mod accounts;
mod addresses;
mod admin_users;
mod analytics;
mod architecture;
mod bulk;
mod cart;
mod catalog;
mod demo;
mod document;
mod ground;
mod images;
mod import_orders;
mod import_products;
mod import_users;
mod inventory;
mod limits;
mod login_attempts;
mod mail;
mod mail_links;
mod memory;
mod metrics;
mod mix;
mod model;
mod orders;
mod payments;
mod policy;
mod preconditions;
mod printed_requests;
mod privacy;
mod races;
mod search;
mod search_copy;
mod second_factor;
mod sessions;
mod shopping;
mod statements;
mod system_000;
mod system_001;
mod system_002;
mod system_003;
mod traces;
