//! SQL that finds and holds accounts, and what a sign-in needs; who somebody is and their sessions are beside it.

mod people;
mod sessions;

use db::{Conn, Tx, args};

pub(super) use people::*;
pub(super) use sessions::*;

use super::account::{self, Account};
use crate::clock::Time;
use crate::error::{Code, Result};
use crate::ids::UserId;

/// All statements.
pub fn statements() -> Vec<&'static str> {
    let own: &[&str] = &[
        ACCOUNT,
        HOLD,
        HOLD_USER,
        HOLD_WITH_PASSWORD,
        CREDENTIALS,
        CREDENTIALS_BY_EMAIL,
        CREDENTIALS_BY_USERNAME,
        NOTE_LOGIN,
        SET_PASSWORD,
    ];
    [own, people::STATEMENTS, sessions::STATEMENTS].concat()
}

const ACCOUNT: &str = "\
    SELECT id, email, username, first_name, last_name, phone, address, role, email_verified_at, created_at \
    FROM users WHERE id = $1";

pub(super) async fn account(conn: &Conn, user: UserId) -> Result<Account> {
    Ok(conn.one(ACCOUNT, args![user]).await?)
}

pub(super) async fn find_account(conn: &Conn, user: UserId) -> Result<Option<Account>> {
    Ok(conn.optional(ACCOUNT, args![user]).await?)
}

const HOLD: &str = "UPDATE users SET updated_at = updated_at WHERE id = $1 AND is_active = TRUE";

/// Whoever else wants to hold this account waits until the transaction ends.
///
/// # Errors
/// `token_revoked` when it was closed a moment ago.
pub async fn hold(tx: &Tx, user: UserId) -> Result<()> {
    match tx.execute(HOLD, args![user]).await? {
        1 => Ok(()),
        _ => Err(Code::TokenRevoked.with("This account was closed.")),
    }
}

const HOLD_USER: &str = "UPDATE users SET updated_at = updated_at WHERE id = $1";

/// Holds the account as it is until the transaction ends.
pub(super) async fn hold_user(tx: &Tx, user: UserId) -> Result<()> {
    tx.execute(HOLD_USER, args![user]).await?;
    Ok(())
}

const HOLD_WITH_PASSWORD: &str = "\
    UPDATE users SET updated_at = updated_at WHERE id = $1 AND password_hash = $2 AND is_active = TRUE";

/// As [`hold`]; `false` when the password that was checked is another one by now.
pub(super) async fn hold_with_password(tx: &Tx, user: UserId, hash: &str) -> Result<bool> {
    Ok(tx.execute(HOLD_WITH_PASSWORD, args![user, hash]).await? == 1)
}

db::record! {
    /// What a sign-in is decided by.
    pub struct Credentials {
        pub id: UserId,
        pub password_hash: String,
        pub is_active: bool,
        pub email_verified_at: Option<Time>,
    }
}

const CREDENTIALS: &str =
    "SELECT id, password_hash, is_active, email_verified_at FROM users WHERE id = $1";
const CREDENTIALS_BY_EMAIL: &str =
    "SELECT id, password_hash, is_active, email_verified_at FROM users WHERE email_key = $1";
const CREDENTIALS_BY_USERNAME: &str =
    "SELECT id, password_hash, is_active, email_verified_at FROM users WHERE username_key = $1";

pub(super) async fn credentials(conn: &Conn, user: UserId) -> Result<Credentials> {
    Ok(conn.one(CREDENTIALS, args![user]).await?)
}

/// Whoever signs in as `name`. What has an `@` is an e-mail address.
pub(super) async fn find_credentials(conn: &Conn, name: &str) -> Result<Option<Credentials>> {
    let sql = if name.contains('@') {
        CREDENTIALS_BY_EMAIL
    } else {
        CREDENTIALS_BY_USERNAME
    };
    Ok(conn.optional(sql, args![account::key(name)]).await?)
}

const NOTE_LOGIN: &str =
    "UPDATE users SET last_login_at = $1 WHERE id = $2 AND is_active = TRUE AND password_hash = $3";

/// Notes a sign-in; nothing happens when the password was changed or the account closed since it was checked.
pub(super) async fn note_login(tx: &Tx, user: &Credentials, now: Time) -> Result<bool> {
    Ok(tx
        .execute(NOTE_LOGIN, args![now, user.id, &user.password_hash])
        .await?
        == 1)
}

const SET_PASSWORD: &str =
    "UPDATE users SET password_hash = $1, updated_at = $2 WHERE id = $3 AND password_hash = $4";

/// Sets a password, unless another one was set since the old one was checked.
pub(super) async fn set_password(
    tx: &Tx,
    old: &Credentials,
    hash: &str,
    now: Time,
) -> Result<bool> {
    Ok(tx
        .execute(SET_PASSWORD, args![hash, now, old.id, &old.password_hash])
        .await?
        == 1)
}
