//! A transaction, and the loop that runs one again when it lost against another.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::connection::{Conn, Link};
use crate::error::{DbError, Result};
use crate::marks::{Changes, Marks};
use crate::stats::{self, Step, What};
use crate::value::Value;

/// A transaction. Dropped without [`Tx::commit`] it leaves nothing behind.
///
/// Inside it nothing is awaited but its own statements: SQLite has one writer, and PostgreSQL's locks are held.
pub struct Tx {
    conn: Conn,
    marks: Arc<Marks>,
    changes: Mutex<Changes>,
}

impl Deref for Tx {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl Tx {
    pub(crate) fn new(conn: Conn, marks: Arc<Marks>) -> Self {
        let changes = Mutex::default();
        Tx {
            conn,
            marks,
            changes,
        }
    }

    /// Runs a statement and returns the number of rows that it changed.
    ///
    /// # Errors
    /// As [`Conn::all`]. After an error the transaction can only be rolled back, on both engines.
    pub async fn execute(&self, sql: &str, args: &[Value]) -> Result<u64> {
        let begun = Instant::now();
        let written = match &self.conn.link {
            Link::Writer(w) => w.execute(sql, args),
            Link::Postgres(p) => p.execute(sql, args).await,
            Link::Readers(_) | Link::Snapshot(_) => {
                Err(DbError::other("a reading connection cannot write"))
            }
        };
        let stats = &self.conn.stats;
        stats.statement(&stats.writes, sql, begun, written.is_ok());
        written
    }

    /// Runs one statement for many rows, in their order (so that locks are taken in it), and returns the changed
    /// rows of each. Pipelined on PostgreSQL.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    pub async fn execute_each(&self, sql: &str, rows: &[Vec<Value>]) -> Result<Vec<u64>> {
        let begun = Instant::now();
        let written = match &self.conn.link {
            Link::Writer(w) => rows.iter().map(|args| w.execute(sql, args)).collect(),
            Link::Postgres(p) => p.execute_each(sql, rows).await,
            Link::Readers(_) | Link::Snapshot(_) => {
                Err(DbError::other("a reading connection cannot write"))
            }
        };
        let stats = &self.conn.stats;
        stats.statement(&stats.writes, sql, begun, written.is_ok());
        written
    }

    /// The id of a row that is about to be inserted into `table`, whose `id` is an identity. Known beforehand, what
    /// hangs on the row can be sent together with it.
    ///
    /// # Errors
    /// As [`Conn::all`].
    pub async fn draw_id(&self, table: &'static str) -> Result<i64> {
        let sql = match &self.conn.link {
            Link::Postgres(_) => format!("SELECT nextval('{table}_id_seq')"),
            // Nobody else writes before this transaction ends.
            _ => format!(
                "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = '{table}'), 0) + 1"
            ),
        };
        self.one(&sql, &[]).await
    }

    /// Keeps what was done; returns when it is durable.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when the database could not say that it is durable. Nothing of it is then seen by
    /// others, but a crash right after may still bring it back (the bytes were written, only not confirmed), and so
    /// may a connection that broke during PostgreSQL's COMMIT: who needs to know asks again under the same key.
    pub async fn commit(self) -> Result<()> {
        let begun = Instant::now();
        let result = match self.conn.link {
            Link::Writer(w) => w.finish(true).await,
            Link::Postgres(p) => {
                let committed = p.commit().await;
                self.conn.stats.commits.observe_time(begun.elapsed());
                committed
            }
            Link::Readers(_) | Link::Snapshot(_) => Ok(()),
        };
        stats::recorded_step(|| Step {
            what: What::Commit,
            begun,
            took: begun.elapsed(),
            went_well: result.is_ok(),
        });
        // Also when it failed: it may have been kept all the same.
        let changes = self.changes.into_inner();
        self.marks
            .apply(&changes.unwrap_or_else(PoisonError::into_inner));
        result
    }

    /// This transaction changes what `key` stands for: see [`Marks`].
    pub fn mark(&self, key: i64) {
        self.changes().keys.push(key);
    }

    /// This transaction changes so much that nothing that was read before should be believed.
    pub fn mark_all(&self) {
        self.changes().all = true;
    }

    fn changes(&self) -> std::sync::MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Undoes what was done; returns when all that it may have seen of others is durable.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when what it saw of others was lost.
    pub async fn rollback(self) -> Result<()> {
        match self.conn.link {
            Link::Writer(w) => w.finish(false).await,
            Link::Postgres(p) => {
                p.rollback().await;
                Ok(())
            }
            Link::Readers(_) | Link::Snapshot(_) => Ok(()),
        }
    }

    /// Commits when `result` is `Ok`, rolls back when not, and waits for what its answer rests on.
    ///
    /// # Errors
    /// The error of `result`, or that of the commit.
    pub async fn finish<T, E: From<DbError>>(
        self,
        result: std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        match result {
            Ok(value) => {
                self.commit().await?;
                Ok(value)
            }
            Err(error) => {
                self.rollback().await?;
                Err(error)
            }
        }
    }
}

/// How often a transaction that lost against another one is tried again.
pub const RETRIES: u32 = 3;

/// Waits a little before a transaction is tried again: 5 to 15 ms, doubled each time.
pub async fn back_off(attempt: u32) {
    let mut byte = [0u8; 1];
    let _ = getrandom::fill(&mut byte);
    let base = 5u64 << attempt.min(6);
    tokio::time::sleep(Duration::from_micros(
        base * 1000 + base * 2000 * u64::from(byte[0]) / 255,
    ))
    .await;
}

/// Runs a block in a transaction: `transact!(Error, db, tx => { … Ok(value) })`.
///
/// The block is an `async` block: `?` and `return` end the transaction, `Ok` commits, `Err` rolls back. When the
/// database asks for it (serialization failure, deadlock) the block runs again, up to [`RETRIES`] times, so it must
/// not move out of what it captures.
#[macro_export]
macro_rules! transact {
    ($error:ty, $db:expr, $tx:ident => $body:block) => {{
        let db: &$crate::Db = &$db;
        let mut attempt = 0;
        loop {
            let result: ::core::result::Result<_, $error> = match db.begin().await {
                Ok(tx) => {
                    let result: ::core::result::Result<_, $error> = {
                        let $tx = &tx;
                        async { $body }.await
                    };
                    tx.finish(result).await
                }
                Err(error) => Err(<$error>::from(error)),
            };
            match result {
                Err(error)
                    if attempt < $crate::RETRIES && $crate::Retryable::is_retryable(&error) =>
                {
                    attempt += 1;
                    $crate::back_off(attempt).await;
                }
                other => break other,
            }
        }
    }};
}
