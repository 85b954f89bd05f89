//! One surface over SQLite and PostgreSQL: one SQL text, plain values, transactions that only `commit` keeps.
//!
//! What belongs here: drivers, pools, transactions, the migrator, and how a driver's error is called in this
//! project. What does not: any table of the shop. `sqlite.rs` and `postgres.rs` are the only files that know a
//! driver; a statement is written once, with `$1` placeholders, in the dialect that both understand.

mod connection;
mod database;
mod error;
mod marks;
pub mod migrate;
mod postgres;
mod scratch;
mod select;
mod sqlite;
mod stats;
mod transaction;
mod value;

use std::time::Duration;

pub use connection::Conn;
pub use database::Db;
pub use error::{DbError, Result, Retryable};
pub use marks::{Marks, Since};
pub use migrate::{MigrateError, Migration};
pub use scratch::Scratch;
pub use select::{Select, placeholders};
pub use stats::{Histogram, PoolState, Spent, Stats, Step, What, recorded, watched};
pub use transaction::{RETRIES, Tx, back_off};
pub use value::{Cell, Column, FromRow, Row, Value};

/// Which of the two databases this is; for the few places where they truly differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Engine::Sqlite => "SQLite",
            Engine::Postgres => "PostgreSQL",
        })
    }
}

/// How to reach a database.
#[derive(Clone, Debug)]
pub struct Options {
    /// `sqlite://PATH` or `postgres://user:password@host:port/name?sslmode=…` (as libpq reads it, with
    /// `sslrootcert=FILE`; `verify-ca` and `verify-full` both check the name).
    pub url: String,
    /// A replica of PostgreSQL for catalog and reports.
    pub read_url: Option<String>,
    /// Connections (PostgreSQL) or reading threads (SQLite).
    pub pool_size: usize,
    /// Named prepared statements. Off for PgBouncer in transaction mode.
    pub prepared_statements: bool,
    /// A statement that runs longer is ended and answers [`DbError::Unavailable`].
    pub statement_timeout: Duration,
    /// How long a statement waits for a lock.
    pub lock_timeout: Duration,
    /// How long to wait for a free connection, or for SQLite's writer.
    pub acquire_timeout: Duration,
    /// A statement that takes at least so long is told to the log; zero: none is.
    pub slow_statement: Duration,
}

impl Options {
    pub fn new(url: impl Into<String>) -> Self {
        Options {
            url: url.into(),
            read_url: None,
            pool_size: 16,
            prepared_statements: true,
            statement_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(2),
            acquire_timeout: Duration::from_secs(5),
            slow_statement: Duration::ZERO,
        }
    }
}
