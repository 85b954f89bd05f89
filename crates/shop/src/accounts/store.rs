//! All SQL of accounts: users, sessions, refresh tokens.

use db::{Conn, DbError, Tx, args};

use super::ImportedUser;
use super::account::{self, Account};
use super::tokens::RefreshToken;
use crate::caller::{Client, Role};
use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::ids::{RefreshTokenId, SessionId, UserId};

pub const STATEMENTS: &[&str] = &[
    ACCOUNT,
    HOLD,
    CREDENTIALS,
    CREDENTIALS_BY_EMAIL,
    CREDENTIALS_BY_USERNAME,
    NAMES_TAKEN,
    ADD_USER,
    IMPORT_USER,
    NOTE_LOGIN,
    SET_PASSWORD,
    HOLD_USER,
    UPDATE_PROFILE,
    SPELL_EMAIL,
    HOLD_WITH_PASSWORD,
    SESSION_STATE,
    ADD_SESSION,
    TOUCH_SESSION,
    NOTE_USE,
    END_SESSION,
    END_OTHER_SESSIONS,
    END_ALL_SESSIONS,
    REFRESH_TOKEN,
    ADD_REFRESH_TOKEN,
    USE_REFRESH_TOKEN,
];

// ---- users

const ACCOUNT: &str = "\
    SELECT id, email, username, first_name, last_name, phone, address, role, email_verified_at, created_at \
    FROM users WHERE id = $1";

pub(super) async fn account(conn: &Conn, user: UserId) -> Result<Account> {
    Ok(conn.one(ACCOUNT, args![user]).await?)
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

pub(super) async fn find_account(conn: &Conn, user: UserId) -> Result<Option<Account>> {
    Ok(conn.optional(ACCOUNT, args![user]).await?)
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

const NAMES_TAKEN: &str = "\
    SELECT EXISTS (SELECT 1 FROM users WHERE email_key = $1), \
    EXISTS (SELECT 1 FROM users WHERE username_key = CAST($2 AS TEXT))";

/// Are the address and the username in use? Saves the work; the unique keys decide.
pub(super) async fn names_taken(
    conn: &Conn,
    email: &str,
    username: Option<&str>,
) -> Result<(bool, bool)> {
    Ok(conn
        .one(
            NAMES_TAKEN,
            args![account::key(email), username.map(account::key)],
        )
        .await?)
}

/// A row of `users` to be.
pub(super) struct NewUser<'a> {
    pub email: &'a str,
    pub username: Option<&'a str>,
    pub password_hash: &'a str,
    pub first_name: &'a str,
    pub last_name: &'a str,
    pub phone: &'a str,
    pub address: &'a str,
    pub role: Role,
    pub email_verified_at: Option<Time>,
}

const ADD_USER: &str = "\
    INSERT INTO users (email, email_key, username, username_key, password_hash, first_name, last_name, phone, address, \
    role, email_verified_at, created_at, updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) RETURNING id";

const IMPORT_USER: &str = "\
    INSERT INTO users (email, email_key, username, username_key, password_hash, first_name, last_name, phone, address, \
    role, is_active, email_verified_at, created_at, updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (email_key) DO NOTHING";

/// `false` when somebody has the address.
pub(super) async fn import_user(
    tx: &Tx,
    user: &ImportedUser,
    username: Option<&str>,
    now: Time,
) -> Result<bool> {
    let joined = user.joined.unwrap_or(now);
    let args = args![
        &*user.email,
        account::key(&user.email),
        username,
        username.map(account::key),
        &user.password_hash,
        &user.first_name,
        &user.last_name,
        &user.phone,
        &user.address,
        user.role,
        user.is_active,
        user.email_verified.then_some(now),
        joined,
        now,
    ];
    Ok(tx.execute(IMPORT_USER, args).await? == 1)
}

/// # Errors
/// Names the field when the address or the username is taken.
pub(super) async fn add_user(tx: &Tx, user: &NewUser<'_>, now: Time) -> Result<UserId> {
    tx.one(
        ADD_USER,
        args![
            user.email,
            account::key(user.email),
            user.username,
            user.username.map(account::key),
            user.password_hash,
            user.first_name,
            user.last_name,
            user.phone,
            user.address,
            user.role,
            user.email_verified_at,
            now,
        ],
    )
    .await
    .map_err(taken)
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

/// What to change in a profile; what is absent stays.
#[derive(Debug, Default)]
pub(super) struct ProfileChange {
    /// Empty: takes the username away.
    pub username: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub phone: Option<String>,
    pub address: Option<String>,
}

const HOLD_USER: &str = "UPDATE users SET updated_at = updated_at WHERE id = $1";

/// Holds the account as it is until the transaction ends.
pub(super) async fn hold_user(tx: &Tx, user: UserId) -> Result<()> {
    tx.execute(HOLD_USER, args![user]).await?;
    Ok(())
}

const UPDATE_PROFILE: &str = "\
    UPDATE users SET \
    username = CASE WHEN CAST($2 AS BOOLEAN) THEN CAST($3 AS TEXT) ELSE username END, \
    username_key = CASE WHEN CAST($2 AS BOOLEAN) THEN CAST($4 AS TEXT) ELSE username_key END, \
    first_name = COALESCE(CAST($5 AS TEXT), first_name), last_name = COALESCE(CAST($6 AS TEXT), last_name), \
    phone = COALESCE(CAST($7 AS TEXT), phone), address = COALESCE(CAST($8 AS TEXT), address), updated_at = $9 \
    WHERE id = $1";

/// # Errors
/// Names the field when the username is taken.
pub(super) async fn update_profile(
    tx: &Tx,
    user: UserId,
    change: &ProfileChange,
    now: Time,
) -> Result<()> {
    let username = change.username.as_deref().filter(|name| !name.is_empty());
    tx.execute(
        UPDATE_PROFILE,
        args![
            user,
            change.username.is_some(),
            username,
            username.map(account::key),
            change.first_name.as_ref(),
            change.last_name.as_ref(),
            change.phone.as_ref(),
            change.address.as_ref(),
            now,
        ],
    )
    .await
    .map_err(taken)
    .map(drop)
}

const SPELL_EMAIL: &str =
    "UPDATE users SET email = $2, updated_at = $3 WHERE id = $1 AND email_key = $4";

/// Writes the same address with other capitals.
pub(super) async fn spell_email(tx: &Tx, user: UserId, email: &str, now: Time) -> Result<()> {
    tx.execute(SPELL_EMAIL, args![user, email, now, account::key(email)])
        .await?;
    Ok(())
}

const HOLD_WITH_PASSWORD: &str = "\
    UPDATE users SET updated_at = updated_at WHERE id = $1 AND password_hash = $2 AND is_active = TRUE";

/// As [`hold`]; `false` when the password that was checked is another one by now.
pub(super) async fn hold_with_password(tx: &Tx, user: UserId, hash: &str) -> Result<bool> {
    Ok(tx.execute(HOLD_WITH_PASSWORD, args![user, hash]).await? == 1)
}

fn taken(error: DbError) -> Error {
    if error.is_unique("users.email_key") {
        Error::faults(vec![account::email_taken()])
    } else if error.is_unique("users.username_key") {
        Error::faults(vec![account::username_taken()])
    } else {
        error.into()
    }
}

// ---- sessions

db::record! {
    /// What a token of the session is worth.
    #[derive(Clone, Copy, Debug)]
    pub struct SessionState {
        pub user_id: UserId,
        pub role: Role,
        pub is_active: bool,
        pub expires_at: Time,
        pub ended_at: Option<Time>,
        pub last_seen_at: Time,
        pub has_second_factor: bool,
    }
}

const SESSION_STATE: &str = "\
    SELECT s.user_id, u.role, u.is_active, s.expires_at, s.ended_at, s.last_seen_at, \
    EXISTS (SELECT 1 FROM second_factors f WHERE f.user_id = s.user_id AND f.confirmed_at IS NOT NULL) \
    AS has_second_factor FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1";

pub(super) async fn session_state(conn: &Conn, session: SessionId) -> Result<Option<SessionState>> {
    Ok(conn.optional(SESSION_STATE, args![session]).await?)
}

const ADD_SESSION: &str = "\
    INSERT INTO sessions (user_id, ip, user_agent, created_at, last_seen_at, expires_at) \
    VALUES ($1, $2, $3, $4, $4, $5) RETURNING id";

pub(super) async fn add_session(
    tx: &Tx,
    user: UserId,
    client: &Client,
    now: Time,
    expires: Time,
) -> Result<SessionId> {
    Ok(tx
        .one(
            ADD_SESSION,
            args![
                user,
                client.ip.to_string(),
                &client.user_agent,
                now,
                expires
            ],
        )
        .await?)
}

const TOUCH_SESSION: &str =
    "UPDATE sessions SET last_seen_at = $1 WHERE id = $2 AND ended_at IS NULL";

/// Notes that the session was used; `false` when it has ended.
pub(super) async fn touch_session(tx: &Tx, session: SessionId, now: Time) -> Result<bool> {
    Ok(tx.execute(TOUCH_SESSION, args![now, session]).await? == 1)
}

const NOTE_USE: &str = "\
    UPDATE sessions SET last_seen_at = $1 WHERE id = $2 AND last_seen_at <= $3 AND ended_at IS NULL";

/// Notes that the session was used, unless somebody did since `before`.
pub(super) async fn note_use(tx: &Tx, session: SessionId, now: Time, before: Time) -> Result<()> {
    tx.execute(NOTE_USE, args![now, session, before]).await?;
    Ok(())
}

const END_SESSION: &str =
    "UPDATE sessions SET ended_at = $1, end_reason = $2 WHERE id = $3 AND ended_at IS NULL";

/// Ends a session; `false` when it had ended before.
pub(super) async fn end_session(
    tx: &Tx,
    session: SessionId,
    reason: &str,
    now: Time,
) -> Result<bool> {
    Ok(tx.execute(END_SESSION, args![now, reason, session]).await? == 1)
}

const END_OTHER_SESSIONS: &str = "UPDATE sessions SET ended_at = $1, end_reason = $2 WHERE user_id = $3 AND id <> $4 AND ended_at IS NULL";

/// Ends all sessions of the user but `keep`.
pub(super) async fn end_other_sessions(
    tx: &Tx,
    user: UserId,
    keep: SessionId,
    reason: &str,
    now: Time,
) -> Result<u64> {
    Ok(tx
        .execute(END_OTHER_SESSIONS, args![now, reason, user, keep])
        .await?)
}

const END_ALL_SESSIONS: &str =
    "UPDATE sessions SET ended_at = $1, end_reason = $2 WHERE user_id = $3 AND ended_at IS NULL";

/// Ends every session of the user.
pub(super) async fn end_all_sessions(tx: &Tx, user: UserId, reason: &str, now: Time) -> Result<()> {
    tx.execute(END_ALL_SESSIONS, args![now, reason, user])
        .await?;
    Ok(())
}

// ---- refresh tokens

db::record! {
    /// A refresh token with its session and its user.
    #[derive(Clone, Copy, Debug)]
    pub struct RefreshRow {
        pub id: RefreshTokenId,
        pub session_id: SessionId,
        pub user_id: UserId,
        pub is_active: bool,
        pub used_at: Option<Time>,
        pub expires_at: Time,
        pub session_expires_at: Time,
        pub session_ended_at: Option<Time>,
    }
}

const REFRESH_TOKEN: &str = "\
    SELECT t.id, t.session_id, s.user_id, u.is_active, t.used_at, t.expires_at, \
    s.expires_at AS session_expires_at, s.ended_at AS session_ended_at \
    FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id JOIN users u ON u.id = s.user_id \
    WHERE t.token_hash = $1";

pub(super) async fn refresh_token(conn: &Conn, token: &RefreshToken) -> Result<Option<RefreshRow>> {
    Ok(conn.optional(REFRESH_TOKEN, args![token.hash()]).await?)
}

const ADD_REFRESH_TOKEN: &str = "INSERT INTO refresh_tokens (session_id, token_hash, created_at, expires_at) VALUES ($1, $2, $3, $4)";

pub(super) async fn add_refresh_token(
    tx: &Tx,
    session: SessionId,
    token: &RefreshToken,
    now: Time,
    expires: Time,
) -> Result<()> {
    tx.execute(
        ADD_REFRESH_TOKEN,
        args![session, token.hash(), now, expires],
    )
    .await?;
    Ok(())
}

const USE_REFRESH_TOKEN: &str =
    "UPDATE refresh_tokens SET used_at = $1 WHERE id = $2 AND used_at IS NULL";

/// Uses a token up; `false` when somebody else was first.
pub(super) async fn use_refresh_token(tx: &Tx, token: RefreshTokenId, now: Time) -> Result<bool> {
    Ok(tx.execute(USE_REFRESH_TOKEN, args![now, token]).await? == 1)
}
