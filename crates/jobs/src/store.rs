//! The SQL of the queue.

use db::{Db, DbError, Engine, Tx, args, transact};

db::record! {
    pub(crate) struct Job {
        pub(crate) id: i64,
        pub(crate) kind: String,
        pub(crate) payload: String,
        pub(crate) attempts: i64,
    }
}

const INSERT: &str =
    "INSERT INTO jobs (kind, payload, unique_key, run_at, created_at) VALUES ($1, $2, $3, $4, $4)
    ON CONFLICT (unique_key) DO NOTHING";
const EXISTS: &str = "SELECT id FROM jobs WHERE unique_key = $1";
const IS_DUE: &str = "SELECT id FROM jobs
    WHERE failed_at IS NULL AND run_at <= $1 AND (leased_until IS NULL OR leased_until < $1) LIMIT 1";
/// The one place where the engines differ: PostgreSQL has several claimants at once, SQLite one writer.
const CLAIM: [&str; 2] = [
    "UPDATE jobs SET leased_until = $2, attempts = attempts + 1 WHERE id = (SELECT id FROM jobs
        WHERE failed_at IS NULL AND run_at <= $1 AND (leased_until IS NULL OR leased_until < $1)
        ORDER BY run_at, id LIMIT 1) RETURNING id, kind, payload, attempts",
    "UPDATE jobs SET leased_until = $2, attempts = attempts + 1 WHERE id = (SELECT id FROM jobs
        WHERE failed_at IS NULL AND run_at <= $1 AND (leased_until IS NULL OR leased_until < $1)
        ORDER BY run_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id, kind, payload, attempts",
];
// A job that took longer than its lease may be another node's by now: `attempts` tells.
const DELETE: &str = "DELETE FROM jobs WHERE id = $1 AND attempts = $2";
const POSTPONE: &str =
    "UPDATE jobs SET run_at = $2, attempts = $3, last_error = $4, leased_until = NULL
    WHERE id = $1 AND attempts = $5";
const SET_ASIDE: &str = "UPDATE jobs SET failed_at = $2, last_error = $3, leased_until = NULL
    WHERE id = $1 AND attempts = $4";

const SWEEP: &str =
    "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE failed_at < $1 ORDER BY id LIMIT $2)";

pub(crate) async fn sweep(tx: &Tx, before: i64, most: i64) -> Result<u64, DbError> {
    tx.execute(SWEEP, args![before, most]).await
}

const FORGET: &str = "DELETE FROM jobs WHERE kind = $1 AND payload LIKE $2 ESCAPE '!'";

pub(crate) async fn forget(tx: &Tx, kind: &str, text: &str) -> Result<(), DbError> {
    let text = text
        .replace('!', "!!")
        .replace('%', "!%")
        .replace('_', "!_");
    let anywhere = format!("%{text}%");
    tx.execute(FORGET, args![kind, anywhere]).await.map(drop)
}

pub(crate) async fn insert(
    tx: &Tx,
    kind: &str,
    payload: &str,
    unique_key: Option<&str>,
    run_at: i64,
) -> Result<(), DbError> {
    tx.execute(INSERT, args![kind, payload, unique_key, run_at])
        .await
        .map(drop)
}

/// The row of periodic work, made when it is absent.
pub(crate) async fn ensure(db: &Db, kind: &str, now: i64) -> Result<(), DbError> {
    if db
        .read()
        .await?
        .optional::<i64>(EXISTS, args![kind])
        .await?
        .is_none()
    {
        transact!(DbError, db, tx => { insert(tx, kind, "null", Some(kind), now).await })?;
    }
    Ok(())
}

pub(crate) async fn is_due(db: &Db, now: i64) -> Result<bool, DbError> {
    Ok(db
        .read()
        .await?
        .optional::<i64>(IS_DUE, args![now])
        .await?
        .is_some())
}

pub(crate) async fn claim(db: &Db, now: i64, leased_until: i64) -> Result<Option<Job>, DbError> {
    let sql = match db.engine() {
        Engine::Sqlite => CLAIM[0],
        Engine::Postgres => CLAIM[1],
    };
    transact!(DbError, db, tx => { tx.optional(sql, args![now, leased_until]).await })
}

pub(crate) async fn delete(tx: &Tx, job: &Job) -> Result<(), DbError> {
    tx.execute(DELETE, args![job.id, job.attempts])
        .await
        .map(drop)
}

/// Sets `attempts` too, which a success of periodic work begins anew.
pub(crate) async fn postpone(
    tx: &Tx,
    job: &Job,
    run_at: i64,
    attempts: i64,
    error: Option<&str>,
) -> Result<(), DbError> {
    tx.execute(
        POSTPONE,
        args![job.id, run_at, attempts, error, job.attempts],
    )
    .await
    .map(drop)
}

pub(crate) async fn set_aside(tx: &Tx, job: &Job, now: i64, error: &str) -> Result<(), DbError> {
    tx.execute(SET_ASIDE, args![job.id, now, error, job.attempts])
        .await
        .map(drop)
}
