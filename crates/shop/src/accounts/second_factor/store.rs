//! SQL of second factors.

use db::{Conn, Tx, args, args_vec};

use super::recovery_code;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::UserId;

pub const STATEMENTS: &[&str] = &[
    FIND_FACTOR,
    PUT_SECRET,
    CONFIRM,
    USE_STEP,
    RESEAL,
    ADD_RECOVERY_CODE,
    USE_RECOVERY_CODE,
    CODES_LEFT,
    REMOVE_CODES,
    REMOVE,
];

db::record! {
    pub struct Factor {
        /// Sealed.
        pub secret: Vec<u8>,
        pub confirmed_at: Option<Time>,
    }
}

const FIND_FACTOR: &str = "SELECT secret, confirmed_at FROM second_factors WHERE user_id = $1";

pub(super) async fn find_factor(conn: &Conn, user: UserId) -> Result<Option<Factor>> {
    Ok(conn.optional(FIND_FACTOR, args![user]).await?)
}

const PUT_SECRET: &str = "\
    INSERT INTO second_factors (user_id, secret, created_at) VALUES ($1, $2, $3) \
    ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, created_at = excluded.created_at \
    WHERE second_factors.confirmed_at IS NULL";

/// `false` when there is a confirmed one.
pub(super) async fn put_secret(tx: &Tx, user: UserId, sealed: &[u8], now: Time) -> Result<bool> {
    Ok(tx.execute(PUT_SECRET, args![user, sealed, now]).await? == 1)
}

const CONFIRM: &str = "\
    UPDATE second_factors SET confirmed_at = $3, last_step = $4 \
    WHERE user_id = $1 AND secret = $2 AND confirmed_at IS NULL";

/// `false` when it was confirmed or replaced in the meantime.
pub(super) async fn confirm(
    tx: &Tx,
    user: UserId,
    sealed: &[u8],
    step: i64,
    now: Time,
) -> Result<bool> {
    Ok(tx.execute(CONFIRM, args![user, sealed, now, step]).await? == 1)
}

const USE_STEP: &str =
    "UPDATE second_factors SET last_step = $2 WHERE user_id = $1 AND last_step < $2";

/// Uses up the codes of this half minute and before; `false` when they were.
pub(super) async fn use_step(tx: &Tx, user: UserId, step: i64) -> Result<bool> {
    Ok(tx.execute(USE_STEP, args![user, step]).await? == 1)
}

const RESEAL: &str = "UPDATE second_factors SET secret = $2 WHERE user_id = $1";

/// Stores the same secret under another key.
pub(super) async fn reseal(tx: &Tx, user: UserId, sealed: &[u8]) -> Result<()> {
    tx.execute(RESEAL, args![user, sealed]).await?;
    Ok(())
}

const ADD_RECOVERY_CODE: &str = "INSERT INTO recovery_codes (user_id, code_hash) VALUES ($1, $2)";

pub(super) async fn add_recovery_codes(tx: &Tx, user: UserId, codes: &[String]) -> Result<()> {
    let row = |code: &String| args_vec![user, recovery_code::hash(code)];
    let rows: Vec<_> = codes.iter().map(row).collect();
    tx.execute_each(ADD_RECOVERY_CODE, &rows).await?;
    Ok(())
}

const USE_RECOVERY_CODE: &str = "\
    UPDATE recovery_codes SET used_at = $3 WHERE user_id = $1 AND code_hash = $2 AND used_at IS NULL";

/// `false` when there is no such code, or it was used.
pub(super) async fn use_recovery_code(
    tx: &Tx,
    user: UserId,
    hash: &[u8; 32],
    now: Time,
) -> Result<bool> {
    Ok(tx
        .execute(USE_RECOVERY_CODE, args![user, *hash, now])
        .await?
        == 1)
}

const CODES_LEFT: &str =
    "SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1 AND used_at IS NULL";

pub(super) async fn codes_left(conn: &Conn, user: UserId) -> Result<i64> {
    Ok(conn.one(CODES_LEFT, args![user]).await?)
}

const REMOVE_CODES: &str = "DELETE FROM recovery_codes WHERE user_id = $1";
const REMOVE: &str = "DELETE FROM second_factors WHERE user_id = $1";

/// `false` when there is none.
pub(super) async fn remove(tx: &Tx, user: UserId) -> Result<bool> {
    tx.execute(REMOVE_CODES, args![user]).await?;
    Ok(tx.execute(REMOVE, args![user]).await? == 1)
}

/// The same for somebody who is erased.
pub(in crate::accounts) async fn forget(tx: &Tx, user: UserId) -> Result<()> {
    remove(tx, user).await.map(drop)
}
