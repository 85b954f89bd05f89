//! PostgreSQL: a pool of connections, prepared statements, pipelining.
//!
//! A transaction sends its BEGIN together with its first statement, so an empty one costs nothing. Statements that
//! are awaited together (`try_join!`) share a round trip.

mod connect;
mod lease;
mod values;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use deadpool_postgres::{Object, Pool};

use self::connect::{limits, pool_of};
pub(crate) use self::lease::Lease;
pub(crate) use self::values::cell;
use self::values::typed;
use crate::migrate::{self, MigrateError, Migration};
use crate::{DbError, FromRow, Options, PoolState, Result, Row};

/// Any number will do, as long as all processes of this program take the same.
const MIGRATION_LOCK: i64 = 0x6361_7274;

pub(crate) struct Postgres {
    pool: Pool,
    replica: Option<Pool>,
    mode: Mode,
}

/// How statements are sent.
#[derive(Clone)]
struct Mode {
    /// With names, once a connection; else parsed each time, for PgBouncer.
    prepared: bool,
    /// What opens a transaction.
    begin: Arc<str>,
}

impl Postgres {
    pub(crate) async fn connect(options: &Options) -> Result<Self> {
        let pool = pool_of(&options.url, options)?;
        let replica = options
            .read_url
            .as_deref()
            .map(|url| pool_of(url, options))
            .transpose()?;
        let begin = if options.prepared_statements {
            "BEGIN".to_owned()
        } else {
            format!("BEGIN; {}", limits("SET LOCAL", options))
        };
        let mode = Mode {
            prepared: options.prepared_statements,
            begin: begin.into(),
        };
        let postgres = Postgres {
            pool,
            replica,
            mode,
        };
        postgres.lease(false).await?.client()?;
        Ok(postgres)
    }

    pub(crate) fn pools(&self) -> Vec<PoolState> {
        let state = |name, pool: &Pool| {
            let status = pool.status();
            PoolState {
                name,
                size: status.max_size,
                in_use: status.size.saturating_sub(status.available),
                waiting: status.waiting,
            }
        };
        let replica = self.replica.iter().map(|pool| state("replica", pool));
        std::iter::once(state("connections", &self.pool))
            .chain(replica)
            .collect()
    }

    /// Are connections ours, with the limits that were set on them? Behind PgBouncer only a transaction has limits.
    pub(crate) fn has_sessions(&self) -> bool {
        self.mode.prepared
    }

    pub(crate) async fn lease(&self, transaction: bool) -> Result<Lease> {
        let client = self.pool.get().await?;
        Ok(Lease::new(client, self.mode.clone(), transaction))
    }

    pub(crate) async fn replica_lease(&self) -> Result<Lease> {
        let client = self.replica.as_ref().unwrap_or(&self.pool).get().await?;
        Ok(Lease::new(client, self.mode.clone(), false))
    }

    pub(crate) async fn snapshot(&self) -> Result<Lease> {
        let lease = self.lease(true).await?;
        lease.begun.store(true, Ordering::Relaxed);
        // Whoever reads an export may be slow between two statements.
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL statement_timeout = 0; \
             SET LOCAL idle_in_transaction_session_timeout = 0";
        lease.client()?.batch_execute(begin).await?;
        Ok(lease)
    }

    /// Runs what no transaction may hold, without a time limit.
    pub(crate) async fn by_itself(&self, sql: &str) -> Result<()> {
        let lease = self.lease(false).await?;
        // Without its time limit, and whatever comes of this, it must not go back to the pool.
        lease.begun.store(true, Ordering::Relaxed);
        let client = lease.client()?;
        // Behind PgBouncer a session is not ours to set, and has no limit of ours.
        if self.mode.prepared {
            client.batch_execute("SET statement_timeout = 0").await?;
        }
        Ok(client.batch_execute(sql).await?)
    }

    /// The name of the database that was reached, whatever the URL says.
    pub(crate) async fn database(&self) -> Result<String> {
        let lease = self.lease(false).await?;
        let mut names: Vec<String> = lease.all("SELECT current_database()::text", &[]).await?;
        names.pop().ok_or_else(|| DbError::other("no database"))
    }

    pub(crate) async fn prepare(&self, sql: &str) -> Result<()> {
        let lease = self.lease(false).await?;
        lease.client()?.prepare(sql).await?;
        Ok(())
    }

    pub(crate) async fn pending(
        &self,
        known: &[Migration],
        run: &migrate::Run<'_>,
    ) -> Result<Vec<String>, MigrateError> {
        let lease = self.lease(false).await?;
        let pending = migrate::pending(known, &applied(lease.client()?).await?, run)?;
        Ok(pending.iter().map(|m| m.name.to_owned()).collect())
    }

    /// Each migration in a transaction of its own, one process at a time. The lock is the transaction's, so that none is
    /// left on a connection that PgBouncer gives to others; what is pending is looked at behind it.
    pub(crate) async fn migrate(
        &self,
        known: &[Migration],
        run: &migrate::Run<'_>,
    ) -> Result<Vec<String>, MigrateError> {
        let lease = self.lease(false).await?;
        let mut names = Vec::new();
        // What breaks off, also by being dropped, must not go back to the pool in the middle of a transaction.
        lease.begun.store(true, Ordering::Relaxed);
        while let Some(name) = apply_next(lease.client()?, known, run).await? {
            names.push(name);
        }
        lease.begun.store(false, Ordering::Relaxed);
        Ok(names)
    }
}

/// Applies the first pending migration and names it; `None` when there is none.
async fn apply_next(
    client: &Object,
    known: &[Migration],
    run: &migrate::Run<'_>,
) -> Result<Option<String>, MigrateError> {
    let begin = format!(
        "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL client_min_messages = warning;
         SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"
    );
    client.batch_execute(&begin).await.map_err(DbError::from)?;
    let pending = migrate::pending(known, &applied(client).await?, run)?;
    if let Some(migration) = pending.first() {
        apply(client, migration, run)
            .await
            .map_err(|e| migration.failed(e.into()))?;
    }
    client
        .batch_execute("COMMIT")
        .await
        .map_err(|e| match pending.first() {
            Some(migration) => migration.failed(e.into()),
            None => MigrateError::Db(e.into()),
        })?;
    Ok(pending.first().map(|migration| migration.name.to_owned()))
}

async fn apply(
    client: &Object,
    migration: &Migration,
    run: &migrate::Run<'_>,
) -> Result<(), tokio_postgres::Error> {
    let sql = migrate::expand(
        crate::Engine::Postgres,
        migration.sql(crate::Engine::Postgres),
    );
    client.batch_execute(migrate::TABLE).await?;
    client.batch_execute(&sql).await?;
    let record = migration.record(run);
    client
        .execute_typed(migrate::RECORD, &typed(&record))
        .await
        .map(drop)
}

/// Statements without names, which PgBouncer may give to another connection each.
async fn applied(client: &Object) -> Result<Vec<migrate::Applied>, MigrateError> {
    let exists = client
        .query_typed("SELECT to_regclass('schema_migrations') IS NOT NULL", &[])
        .await
        .map_err(DbError::from)?;
    if !exists.iter().all(|row| row.get::<_, bool>(0)) {
        return Ok(Vec::new());
    }
    let rows = client
        .query_typed(migrate::APPLIED, &[])
        .await
        .map_err(DbError::from)?;
    Ok(rows
        .iter()
        .map(|row| migrate::Applied::from_row(&Row::Postgres(row)))
        .collect::<Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_that_lost_its_time_limit_is_not_used_again() -> Result<()> {
        let server = std::env::vars().find(|(key, _)| key == "CARTWRIGHT_TEST_POSTGRES");
        let (_, server) = server.ok_or_else(|| DbError::other("no server: run ./test"))?;
        let mut options = Options::new(server);
        options.pool_size = 1;
        let postgres = Postgres::connect(&options).await?;

        assert!(postgres.by_itself("nonsense").await.is_err());

        let show = "SELECT current_setting('statement_timeout')";
        let limit = postgres
            .lease(false)
            .await?
            .all::<String>(show, &[])
            .await?;
        assert_ne!(limit, ["0"]);
        Ok(())
    }
}
