//! What can be read from, whatever is behind it.

use std::sync::Arc;
use std::time::Instant;

use crate::error::{DbError, Result};
use crate::stats::Stats;
use crate::value::{FromRow, Value};
use crate::{Engine, postgres, sqlite};

/// Something to read from.
pub struct Conn {
    pub(crate) link: Link,
    pub(crate) stats: Arc<Stats>,
}

#[expect(
    clippy::large_enum_variant,
    reason = "one a request: a box would cost more than it saves"
)]
pub(crate) enum Link {
    Readers(Arc<sqlite::Readers>),
    Snapshot(sqlite::Snapshot),
    Writer(sqlite::Lease),
    Postgres(postgres::Lease),
}

impl Conn {
    pub(crate) fn new(link: Link, stats: Arc<Stats>) -> Self {
        Conn { link, stats }
    }

    pub fn engine(&self) -> Engine {
        match &self.link {
            Link::Readers(_) | Link::Snapshot(_) | Link::Writer(_) => Engine::Sqlite,
            Link::Postgres(_) => Engine::Postgres,
        }
    }

    /// All rows.
    ///
    /// # Errors
    /// What the database says, in the words of [`DbError`].
    pub async fn all<T: FromRow>(&self, sql: &str, args: &[Value]) -> Result<Vec<T>> {
        let begun = Instant::now();
        let rows = match &self.link {
            Link::Readers(r) => r.all(sql, args).await,
            Link::Snapshot(s) => s.all(sql, args).await,
            Link::Writer(w) => w.all(sql, args),
            Link::Postgres(p) => p.all(sql, args).await,
        };
        let stats = &self.stats;
        stats.statement(&stats.queries, sql, begun, rows.is_ok());
        rows
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// As [`Conn::all`].
    pub async fn optional<T: FromRow>(&self, sql: &str, args: &[Value]) -> Result<Option<T>> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }

    /// The first row.
    ///
    /// # Errors
    /// [`DbError::NoRow`] when there is none; else as [`Conn::all`].
    pub async fn one<T: FromRow>(&self, sql: &str, args: &[Value]) -> Result<T> {
        self.optional(sql, args).await?.ok_or(DbError::NoRow)
    }
}
