//! SQL of sessions, and of the refresh tokens that prolong them.

use db::{Conn, Tx, args};

use crate::accounts::tokens::RefreshToken;
use crate::caller::{Client, Role};
use crate::clock::Time;
use crate::error::Result;
use crate::ids::{RefreshTokenId, SessionId, UserId};

pub(super) const STATEMENTS: &[&str] = &[
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

pub(in crate::accounts) async fn session_state(
    conn: &Conn,
    session: SessionId,
) -> Result<Option<SessionState>> {
    Ok(conn.optional(SESSION_STATE, args![session]).await?)
}

const ADD_SESSION: &str = "\
    INSERT INTO sessions (user_id, ip, user_agent, created_at, last_seen_at, expires_at) \
    VALUES ($1, $2, $3, $4, $4, $5) RETURNING id";

pub(in crate::accounts) async fn add_session(
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
pub(in crate::accounts) async fn touch_session(
    tx: &Tx,
    session: SessionId,
    now: Time,
) -> Result<bool> {
    Ok(tx.execute(TOUCH_SESSION, args![now, session]).await? == 1)
}

const NOTE_USE: &str = "\
    UPDATE sessions SET last_seen_at = $1 WHERE id = $2 AND last_seen_at <= $3 AND ended_at IS NULL";

/// Notes that the session was used, unless somebody did since `before`.
pub(in crate::accounts) async fn note_use(
    tx: &Tx,
    session: SessionId,
    now: Time,
    before: Time,
) -> Result<()> {
    tx.execute(NOTE_USE, args![now, session, before]).await?;
    Ok(())
}

const END_SESSION: &str =
    "UPDATE sessions SET ended_at = $1, end_reason = $2 WHERE id = $3 AND ended_at IS NULL";

/// Ends a session; `false` when it had ended before.
pub(in crate::accounts) async fn end_session(
    tx: &Tx,
    session: SessionId,
    reason: &str,
    now: Time,
) -> Result<bool> {
    Ok(tx.execute(END_SESSION, args![now, reason, session]).await? == 1)
}

const END_OTHER_SESSIONS: &str = "UPDATE sessions SET ended_at = $1, end_reason = $2 WHERE user_id = $3 AND id <> $4 AND ended_at IS NULL";

/// Ends all sessions of the user but `keep`.
pub(in crate::accounts) async fn end_other_sessions(
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
pub(in crate::accounts) async fn end_all_sessions(
    tx: &Tx,
    user: UserId,
    reason: &str,
    now: Time,
) -> Result<()> {
    tx.execute(END_ALL_SESSIONS, args![now, reason, user])
        .await?;
    Ok(())
}

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

pub(in crate::accounts) async fn refresh_token(
    conn: &Conn,
    token: &RefreshToken,
) -> Result<Option<RefreshRow>> {
    Ok(conn.optional(REFRESH_TOKEN, args![token.hash()]).await?)
}

const ADD_REFRESH_TOKEN: &str = "INSERT INTO refresh_tokens (session_id, token_hash, created_at, expires_at) VALUES ($1, $2, $3, $4)";

pub(in crate::accounts) async fn add_refresh_token(
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
pub(in crate::accounts) async fn use_refresh_token(
    tx: &Tx,
    token: RefreshTokenId,
    now: Time,
) -> Result<bool> {
    Ok(tx.execute(USE_REFRESH_TOKEN, args![now, token]).await? == 1)
}
