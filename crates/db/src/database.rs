//! A database: which engine it is, its connections and transactions, its migrations.

use std::sync::Arc;
use std::time::Instant;

use crate::connection::{Conn, Link};
use crate::error::Result;
use crate::marks::Marks;
use crate::migrate::{self, MigrateError, Migration};
use crate::stats::{self, PoolState, Stats, Step, What};
use crate::transaction::Tx;
use crate::value::{FromRow, Value};
use crate::{Engine, Options, postgres, sqlite};

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
        Ok(Tx::new(self.conn(link), Arc::clone(&self.0.marks)))
    }

    /// Runs one statement that writes, as a transaction of its own, and returns its rows; on PostgreSQL in a single
    /// round trip. It is not run again when it lost against another.
    ///
    /// # Errors
    /// As [`Conn::all`] and [`Tx::commit`].
    pub async fn at_once<T: FromRow>(&self, sql: &str, args: &[Value]) -> Result<Vec<T>> {
        if matches!(&self.0.driver, Driver::Postgres(p) if p.has_sessions()) {
            return self.read().await?.all(sql, args).await;
        }
        let tx = self.begin().await?;
        let rows = tx.all(sql, args).await;
        tx.finish(rows).await
    }

    fn conn(&self, link: Link) -> Conn {
        Conn::new(link, Arc::clone(&self.0.stats))
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
