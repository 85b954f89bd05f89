//! Migrations of SQLite: all of a start in one transaction.

use std::time::Duration;

use rusqlite::Connection;

use super::values::{numbered, rows};
use super::{Sqlite, open};
use crate::migrate::{self, MigrateError, Migration};
use crate::{DbError, Engine};

impl Sqlite {
    pub(crate) fn pending(
        &self,
        migrations: &[Migration],
        run: &migrate::Run<'_>,
    ) -> Result<Vec<String>, MigrateError> {
        let conn = open(&self.path)?;
        let pending = migrate::pending(migrations, &applied(&conn)?, run)?;
        Ok(pending.iter().map(|m| m.name.to_owned()).collect())
    }

    /// One transaction for all: a failing migration leaves nothing behind, and two processes take turns.
    pub(crate) fn migrate(
        &self,
        migrations: &[Migration],
        run: &migrate::Run<'_>,
    ) -> Result<Vec<String>, MigrateError> {
        // Most starts have nothing to apply, and a running shop must not wait for those.
        if self.pending(migrations, run)?.is_empty() {
            return Ok(Vec::new());
        }
        let mut conn = open(&self.path)?;
        conn.busy_timeout(Duration::from_secs(60))
            .map_err(DbError::from)?;
        conn.pragma_update(None, "foreign_keys", false)
            .map_err(DbError::from)?;
        let tx = conn
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(DbError::from)?;
        tx.execute_batch(&migrate::expand(Engine::Sqlite, migrate::TABLE))
            .map_err(DbError::from)?;
        let mut names = Vec::new();
        for migration in migrate::pending(migrations, &applied(&tx)?, run)? {
            let sql = migration.sql(Engine::Sqlite);
            tx.execute_batch(&migrate::expand(Engine::Sqlite, sql))
                .map_err(|e| migration.failed(e.into()))?;
            let record = migration.record(run);
            tx.execute(
                &numbered(migrate::RECORD),
                rusqlite::params_from_iter(&record),
            )
            .map_err(DbError::from)?;
            names.push(migration.name.to_owned());
        }
        // Another process was first: what it applied, it has checked.
        if names.is_empty() {
            return Ok(names);
        }
        let broken: i64 = tx
            .query_row("SELECT COUNT(*) FROM pragma_foreign_key_check", [], |row| {
                row.get(0)
            })
            .map_err(DbError::from)?;
        if broken > 0 {
            return Err(DbError::other(format!(
                "{broken} rows would point to nothing after the migration"
            ))
            .into());
        }
        tx.commit().map_err(DbError::from)?;
        Ok(names)
    }
}

fn applied(conn: &Connection) -> Result<Vec<migrate::Applied>, MigrateError> {
    let exists: bool = conn
        .query_row(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'schema_migrations')",
            [],
            |row| row.get(0),
        )
        .map_err(DbError::from)?;
    if !exists {
        return Ok(Vec::new());
    }
    Ok(rows(conn, migrate::APPLIED, &[])?)
}
