//! All SQL of repeated requests.

use db::{Tx, args, args_vec};
use futures_util::try_join;

use crate::clock::Time;
use crate::error::Result;

const FORGET_OLD: &str = "DELETE FROM idempotency_keys WHERE scope = $1 AND operation = $2 AND key = $3 AND created_at < $4";
const CLAIM: &str = "INSERT INTO idempotency_keys (scope, operation, key, request_hash, status, answer, created_at) \
    VALUES ($1, $2, $3, $4, 0, '', $5) ON CONFLICT (scope, operation, key) DO NOTHING";
const FIND: &str = "SELECT request_hash, status, answer FROM idempotency_keys WHERE scope = $1 AND operation = $2 AND key = $3";
const KEEP: &str = "UPDATE idempotency_keys SET status = $4, answer = $5 WHERE scope = $1 AND operation = $2 AND key = $3";
const FORGET_ALL_OLD: &str = "DELETE FROM idempotency_keys WHERE id IN (
    SELECT id FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2)";

const FORGET_SCOPE: &str = "DELETE FROM idempotency_keys WHERE scope = $1";
const DROP_ABANDONED: &str = "DELETE FROM idempotency_keys
    WHERE scope = $1 AND operation = $2 AND key = $3 AND status = 0 AND created_at < $4";
const GIVE_UP: &str =
    "DELETE FROM idempotency_keys WHERE scope = $1 AND operation = $2 AND key = $3 AND status = 0";

pub const STATEMENTS: &[&str] = &[
    FORGET_OLD,
    CLAIM,
    FIND,
    KEEP,
    FORGET_SCOPE,
    FORGET_ALL_OLD,
    DROP_ABANDONED,
    GIVE_UP,
];

/// A key within its scope: who asks, for what.
pub(super) struct Name<'a> {
    pub scope: &'a str,
    pub operation: &'a str,
    pub key: &'a str,
}

/// Makes the key ours. False when it is taken; on PostgreSQL this waits for a twin that is still running.
pub(super) async fn claim(
    tx: &Tx,
    name: &Name<'_>,
    hash: &[u8],
    now: Time,
    oldest: Time,
) -> Result<bool> {
    let forgotten = args_vec![name.scope, name.operation, name.key, oldest];
    let claimed = args_vec![name.scope, name.operation, name.key, hash, now];
    let (_, rows) = try_join!(
        tx.execute(FORGET_OLD, &forgotten),
        tx.execute(CLAIM, &claimed)
    )?;
    Ok(rows == 1)
}

/// (hash of the request, status, answer)
pub(super) async fn find(tx: &Tx, name: &Name<'_>) -> Result<Option<(Vec<u8>, i64, String)>> {
    Ok(tx
        .optional(FIND, args![name.scope, name.operation, name.key])
        .await?)
}

pub(super) async fn keep(tx: &Tx, name: &Name<'_>, status: u16, answer: &str) -> Result<()> {
    tx.execute(
        KEEP,
        args![name.scope, name.operation, name.key, status, answer],
    )
    .await?;
    Ok(())
}

pub(super) async fn forget_scope(tx: &Tx, scope: &str) -> Result<()> {
    tx.execute(FORGET_SCOPE, args![scope]).await?;
    Ok(())
}

/// Frees a key whose claim was committed before `oldest` and never answered.
pub(super) async fn drop_abandoned(tx: &Tx, name: &Name<'_>, oldest: Time) -> Result<()> {
    let row = args_vec![name.scope, name.operation, name.key, oldest];
    tx.execute(DROP_ABANDONED, &row).await?;
    Ok(())
}

/// Frees a key whose work failed.
pub(super) async fn give_up(tx: &Tx, name: &Name<'_>) -> Result<()> {
    tx.execute(GIVE_UP, args![name.scope, name.operation, name.key])
        .await?;
    Ok(())
}

pub(super) async fn forget_all_old(tx: &Tx, oldest: Time, limit: i64) -> Result<u64> {
    Ok(tx.execute(FORGET_ALL_OLD, args![oldest, limit]).await?)
}
