//! The SQL of the queue.

use db::{Db, DbError, Engine, Tx, Value, args, transact};

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
/// What is due at $1 and nobody's.
const DUE: &str =
    "failed_at IS NULL AND run_at <= $1 AND (leased_until IS NULL OR leased_until < $1)";
/// What PostgreSQL, which has several claimants at once, adds to a claim; SQLite has one writer.
const PASS_OVER: &str = " FOR UPDATE SKIP LOCKED";
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

/// Which jobs are looked for.
#[derive(Clone, Copy)]
pub(crate) enum Kinds<'k> {
    All,
    Only(&'k [&'static str]),
    AllBut(&'k [&'static str]),
}

impl Kinds<'_> {
    /// A further condition, whose values begin with this number, and those values.
    fn condition(self, first: usize) -> (String, Vec<Value>) {
        let (word, kinds) = match self {
            Kinds::Only(kinds) if !kinds.is_empty() => ("IN", kinds),
            Kinds::AllBut(kinds) if !kinds.is_empty() => ("NOT IN", kinds),
            Kinds::Only(_) => return (" AND 1 = 0".to_owned(), Vec::new()),
            Kinds::All | Kinds::AllBut(_) => return (String::new(), Vec::new()),
        };
        let numbers: Vec<String> = (first..)
            .take(kinds.len())
            .map(|n| format!("${n}"))
            .collect();
        let values = kinds.iter().map(|kind| Value::from(*kind)).collect();
        (format!(" AND kind {word} ({})", numbers.join(", ")), values)
    }
}

pub(crate) async fn is_due(db: &Db, kinds: Kinds<'_>, now: i64) -> Result<bool, DbError> {
    let (condition, values) = kinds.condition(2);
    let sql = format!("SELECT id FROM jobs WHERE {DUE}{condition} LIMIT 1");
    let args = [vec![now.into()], values].concat();
    let conn = db.read().await?;
    Ok(conn.optional::<i64>(&sql, &args).await?.is_some())
}

pub(crate) async fn claim(
    db: &Db,
    kinds: Kinds<'_>,
    now: i64,
    leased_until: i64,
) -> Result<Option<Job>, DbError> {
    let (condition, values) = kinds.condition(3);
    let pass_over = match db.engine() {
        Engine::Sqlite => "",
        Engine::Postgres => PASS_OVER,
    };
    let sql = format!(
        "UPDATE jobs SET leased_until = $2, attempts = attempts + 1 WHERE id = (SELECT id FROM jobs
        WHERE {DUE}{condition} ORDER BY run_at, id LIMIT 1{pass_over}) RETURNING id, kind, payload, attempts"
    );
    let args = [vec![now.into(), leased_until.into()], values].concat();
    transact!(DbError, db, tx => { tx.optional(&sql, &args).await })
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
