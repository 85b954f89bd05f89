//! All SQL of login attempts.

use db::{Conn, Tx, args};

use super::{NewAttempt, Outcome};
use crate::clock::Time;
use crate::error::Result;
use crate::ids::{LoginAttemptId, UserId};

pub const STATEMENTS: &[&str] = &[
    HOLD_BUCKET,
    COUNTED_BY_ACCOUNT,
    COUNTED_BY_ADDRESS,
    ADD_ATTEMPT,
    DECIDE,
    FORGIVE_USER,
    FORGIVE_ACCOUNT_BUCKET,
    FORGIVE_ADDRESS_BUCKET,
    SWEEP_ATTEMPTS,
    SWEEP_BUCKETS,
];

const HOLD_BUCKET: &str = "\
    INSERT INTO login_buckets (bucket, touched_at) VALUES ($1, $2) \
    ON CONFLICT (bucket) DO UPDATE SET touched_at = excluded.touched_at";

/// Whoever else wants the bucket waits until this transaction ends.
pub(super) async fn hold_bucket(tx: &Tx, bucket: &str, now: Time) -> Result<()> {
    tx.execute(HOLD_BUCKET, args![bucket, now]).await?;
    Ok(())
}

// More than the limits: some may be pending.
const COUNTED_BY_ACCOUNT: &str = "\
    SELECT at, outcome FROM login_attempts WHERE account_bucket = $1 AND at > $2 \
    ORDER BY at DESC LIMIT 20";
const COUNTED_BY_ADDRESS: &str = "\
    SELECT at, outcome FROM login_attempts WHERE address_bucket = $1 AND at > $2 \
    ORDER BY at DESC LIMIT 20";

/// What counts against an account since then: moment and outcome, the newest first.
pub(super) async fn counted_by_account(
    conn: &Conn,
    bucket: &str,
    since: Time,
) -> Result<Vec<(Time, Outcome)>> {
    Ok(conn.all(COUNTED_BY_ACCOUNT, args![bucket, since]).await?)
}

pub(super) async fn counted_by_address(
    conn: &Conn,
    bucket: &str,
    since: Time,
) -> Result<Vec<(Time, Outcome)>> {
    Ok(conn.all(COUNTED_BY_ADDRESS, args![bucket, since]).await?)
}

const ADD_ATTEMPT: &str = "\
    INSERT INTO login_attempts (at, user_id, email_key, ip, user_agent, outcome, reason, account_bucket, address_bucket) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id";

pub(super) async fn add_attempt(
    tx: &Tx,
    attempt: &NewAttempt<'_>,
    (outcome, reason): (Outcome, Option<&str>),
    account_bucket: Option<&str>,
    address_bucket: Option<&str>,
    now: Time,
) -> Result<LoginAttemptId> {
    let args = args![
        now,
        attempt.user,
        &attempt.email_key,
        attempt.client.ip.to_string(),
        &attempt.client.user_agent,
        outcome,
        reason,
        account_bucket,
        address_bucket,
    ];
    Ok(tx.one(ADD_ATTEMPT, args).await?)
}

const DECIDE: &str = "\
    UPDATE login_attempts SET outcome = $2, reason = $3, \
    account_bucket = CASE WHEN CAST($4 AS BOOLEAN) THEN account_bucket END, \
    address_bucket = CASE WHEN CAST($4 AS BOOLEAN) THEN address_bucket END \
    WHERE id = $1 AND outcome = 'pending'";

/// Says what became of an attempt; `counts`: whether it keeps its places.
pub(super) async fn decide(
    tx: &Tx,
    attempt: LoginAttemptId,
    outcome: Outcome,
    reason: Option<&str>,
    counts: bool,
) -> Result<()> {
    tx.execute(DECIDE, args![attempt, outcome, reason, counts])
        .await?;
    Ok(())
}

const FORGIVE_USER: &str = "\
    UPDATE login_attempts SET account_bucket = NULL \
    WHERE user_id = $1 AND account_bucket IS NOT NULL";
const FORGIVE_ACCOUNT_BUCKET: &str = "\
    UPDATE login_attempts SET account_bucket = NULL WHERE account_bucket = $1";
const FORGIVE_ADDRESS_BUCKET: &str = "\
    UPDATE login_attempts SET address_bucket = NULL WHERE address_bucket = $1";

pub(super) async fn forgive_user(tx: &Tx, user: UserId) -> Result<()> {
    tx.execute(FORGIVE_USER, args![user]).await?;
    Ok(())
}

pub(super) async fn forgive_account_bucket(tx: &Tx, bucket: &str) -> Result<()> {
    tx.execute(FORGIVE_ACCOUNT_BUCKET, args![bucket]).await?;
    Ok(())
}

pub(super) async fn forgive_address_bucket(tx: &Tx, bucket: &str) -> Result<()> {
    tx.execute(FORGIVE_ADDRESS_BUCKET, args![bucket]).await?;
    Ok(())
}

const SWEEP_ATTEMPTS: &str = "\
    DELETE FROM login_attempts WHERE id IN (SELECT id FROM login_attempts WHERE at < $1 ORDER BY at LIMIT $2)";
const SWEEP_BUCKETS: &str = "\
    DELETE FROM login_buckets WHERE bucket IN \
    (SELECT bucket FROM login_buckets WHERE touched_at < $1 ORDER BY touched_at LIMIT $2)";

/// Deletes up to so many attempts that are older.
pub(super) async fn sweep_attempts(tx: &Tx, before: Time, most: i64) -> Result<u64> {
    Ok(tx.execute(SWEEP_ATTEMPTS, args![before, most]).await?)
}

pub(super) async fn sweep_buckets(tx: &Tx, before: Time, most: i64) -> Result<u64> {
    Ok(tx.execute(SWEEP_BUCKETS, args![before, most]).await?)
}
