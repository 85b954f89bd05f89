//! One surface over SQLite and PostgreSQL: one SQL text, plain values, transactions that only `commit` keeps.
//!
//! What belongs here: drivers, pools, transactions, the migrator, and how a driver's error is called in this
//! project. What does not: any table of the shop. `sqlite.rs` and `postgres.rs` are the only files that know a
//! driver; a statement is written once, with `$1` placeholders, in the dialect that both understand.

mod error;
mod marks;
pub mod migrate;
mod postgres;
mod scratch;
mod select;
mod sqlite;
mod stats;
mod value;

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use error::{DbError, Result, Retryable};
pub use marks::{Marks, Since};
pub use migrate::{MigrateError, Migration};
pub use scratch::Scratch;
pub use select::{Select, placeholders};
pub use stats::{Histogram, PoolState, Spent, Stats, Step, What, recorded, watched};
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

/// A database, cheap to clone.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    driver: Driver,
    marks: Arc<Marks>,
    stats: Arc<Stats>,
}

enum Driver {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

impl Db {
    /// Opens the database; creates the file of SQLite when it is absent.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when it cannot be reached, [`DbError::Other`] when the URL makes no sense or the
    /// SQLite library is older than 3.53.
    pub async fn connect(options: &Options) -> Result<Db> {
        let stats = Arc::new(Stats::new(options.slow_statement));
        let driver = if let Some(path) = options.url.strip_prefix("sqlite://") {
            Driver::Sqlite(sqlite::Sqlite::open(path.as_ref(), options, &stats)?)
        } else {
            Driver::Postgres(postgres::Postgres::connect(options).await?)
        };
        let marks = Arc::default();
        Ok(Db(Arc::new(Inner {
            driver,
            marks,
            stats,
        })))
    }

    pub fn engine(&self) -> Engine {
        match self.0.driver {
            Driver::Sqlite(_) => Engine::Sqlite,
            Driver::Postgres(_) => Engine::Postgres,
        }
    }

    /// A connection for reading: each statement sees all that is committed when it starts.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when none is free in time.
    pub async fn read(&self) -> Result<Conn> {
        let link = match &self.0.driver {
            Driver::Sqlite(s) => Link::Readers(s.readers()),
            Driver::Postgres(p) => {
                let begun = Instant::now();
                let lease = p.lease(false).await;
                self.waited(begun);
                Link::Postgres(lease?)
            }
        };
        Ok(self.conn(link))
    }

    /// A connection that may lag behind: for catalog and reports, never for cart, order or account.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub async fn replica(&self) -> Result<Conn> {
        match &self.0.driver {
            Driver::Sqlite(_) => self.read().await,
            Driver::Postgres(p) => {
                let begun = Instant::now();
                let lease = p.replica_lease().await;
                self.waited(begun);
                Ok(self.conn(Link::Postgres(lease?)))
            }
        }
    }

    /// A connection whose statements all see one state, without a time limit: for audits and exports.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub async fn snapshot(&self) -> Result<Conn> {
        let link = match &self.0.driver {
            Driver::Sqlite(s) => Link::Snapshot(s.snapshot()?),
            Driver::Postgres(p) => Link::Postgres(p.snapshot().await?),
        };
        Ok(self.conn(link))
    }

    /// Begins a transaction. Prefer [`transact!`], which ends it properly and repeats what may be repeated.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub async fn begin(&self) -> Result<Tx> {
        let begun = Instant::now();
        let link = match &self.0.driver {
            Driver::Sqlite(s) => s.begin().await.map(Link::Writer),
            Driver::Postgres(p) => p.lease(true).await.map(Link::Postgres),
        };
        self.waited(begun);
        let link = link?;
        Ok(Tx {
            conn: self.conn(link),
            marks: Arc::clone(&self.0.marks),
            changes: Mutex::default(),
        })
    }

    fn conn(&self, link: Link) -> Conn {
        Conn {
            link,
            stats: Arc::clone(&self.0.stats),
        }
    }

    fn waited(&self, since: Instant) {
        let took = since.elapsed();
        self.0.stats.waits.observe_time(took);
        stats::recorded_step(|| Step {
            what: What::Wait,
            begun: since,
            took,
            went_well: true,
        });
    }

    /// What this database was asked so far.
    pub fn stats(&self) -> &Stats {
        &self.0.stats
    }

    /// How much of each pool is in use now.
    pub fn pools(&self) -> Vec<PoolState> {
        match &self.0.driver {
            Driver::Sqlite(s) => s.pools(),
            Driver::Postgres(p) => p.pools(),
        }
    }

    /// What this process has changed, and when.
    pub fn marks(&self) -> &Marks {
        &self.0.marks
    }

    /// The version that the database names itself, such as `3.53.0` or `15.18`.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub async fn version(&self) -> Result<String> {
        let sql = match self.engine() {
            Engine::Sqlite => "SELECT sqlite_version()",
            Engine::Postgres => "SELECT current_setting('server_version')",
        };
        self.read().await?.one(sql, &[]).await
    }

    /// Checks that the engine accepts a statement, without running it.
    ///
    /// # Errors
    /// What the engine says of it.
    pub async fn prepare(&self, sql: &str) -> Result<()> {
        match &self.0.driver {
            Driver::Sqlite(s) => s.prepare(sql),
            Driver::Postgres(p) => p.prepare(sql).await,
        }
    }

    /// Applies what is pending of `migrations` and returns their names.
    ///
    /// # Errors
    /// A newer database, a changed migration, or a statement that fails: see [`migrate`].
    pub async fn migrate(
        &self,
        migrations: &[Migration],
        by: &migrate::Run<'_>,
    ) -> Result<Vec<String>, MigrateError> {
        match &self.0.driver {
            Driver::Sqlite(s) => s.migrate(migrations, by),
            Driver::Postgres(p) => p.migrate(migrations, by).await,
        }
    }

    /// The names of the migrations that [`Db::migrate`] would apply.
    ///
    /// # Errors
    /// As [`Db::migrate`].
    pub async fn pending(
        &self,
        migrations: &[Migration],
        by: &migrate::Run<'_>,
    ) -> Result<Vec<String>, MigrateError> {
        match &self.0.driver {
            Driver::Sqlite(s) => s.pending(migrations, by),
            Driver::Postgres(p) => p.pending(migrations, by).await,
        }
    }
}

/// Something to read from.
pub struct Conn {
    link: Link,
    stats: Arc<Stats>,
}

#[expect(
    clippy::large_enum_variant,
    reason = "one a request: a box would cost more than it saves"
)]
enum Link {
    Readers(Arc<sqlite::Readers>),
    Snapshot(sqlite::Snapshot),
    Writer(sqlite::Lease),
    Postgres(postgres::Lease),
}

impl Conn {
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

/// A transaction. Dropped without [`Tx::commit`] it leaves nothing behind.
///
/// Inside it nothing is awaited but its own statements: SQLite has one writer, and PostgreSQL's locks are held.
pub struct Tx {
    conn: Conn,
    marks: Arc<Marks>,
    changes: Mutex<marks::Changes>,
}

impl Deref for Tx {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl Tx {
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

    fn changes(&self) -> std::sync::MutexGuard<'_, marks::Changes> {
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
