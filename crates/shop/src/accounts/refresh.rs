//! Rotation: a refresh token is used once and gives the next pair.
//!
//! A client that lost the answer may ask again within ten seconds and gets the same successor. Any other second use
//! means that two hold the token, and nobody knows which is the thief: the session ends for both.

use std::time::Duration;

use db::Tx;
use serde_json::{Value, json};

use super::sign_in::Tokens;
use super::store::{self, RefreshRow};
use super::tokens::{AccessClaims, RefreshToken};
use crate::app::App;
use crate::audit::{self, Action};
use crate::caller::RequestId;
use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::ids::UserId;
use crate::transact;

const REPLAY_WINDOW: Duration = Duration::from_secs(10);

/// A new pair of tokens for a refresh token.
///
/// # Errors
/// `token_invalid`, `token_expired`, `token_revoked`, or `token_reused` when this use ended the session.
pub(super) async fn refresh(app: &App, token: &str, request: RequestId) -> Result<Tokens> {
    let token = RefreshToken::parse(token).ok_or(Code::TokenInvalid)?;
    let successor = app.accounts.keys.successor(&token);
    let now = app.clock.now();
    // That a session was ended must be kept, although the caller gets an error.
    let outcome = transact!(app.db, tx => {
        let row = store::refresh_token(tx, &token).await?.ok_or(Code::TokenInvalid)?;
        let outcome = rotate(app, tx, row, &token, &successor, now).await?;
        if let Outcome::Reused(AccessClaims { user, session }) = outcome {
            let ended = json!({"user_id": user, "ended": true});
            let (by, action) = ((user, request), Action::SessionTokenReused);
            audit::note(tx, by, action, session, (Value::Null, ended), now).await?;
        }
        Ok(outcome)
    })?;
    match outcome {
        Outcome::Rotated(claims) => {
            let access = app.accounts.keys.issue_access(claims, now)?;
            Ok(Tokens {
                access,
                refresh: successor.reveal(),
            })
        }
        Outcome::Reused(claims) => {
            app.accounts.sessions.changed(claims.user);
            report_reuse(claims);
            Err(Code::TokenReused
                .with("This token was used before. The session has been ended: sign in again."))
        }
    }
}

enum Outcome {
    Rotated(AccessClaims),
    Reused(AccessClaims),
}

async fn rotate(
    app: &App,
    tx: &Tx,
    row: RefreshRow,
    token: &RefreshToken,
    successor: &RefreshToken,
    now: Time,
) -> Result<Outcome> {
    if row.session_ended_at.is_some() || !row.is_active {
        return Err(Code::TokenRevoked.into());
    }
    if row.session_expires_at <= now {
        return Err(Code::TokenExpired.into());
    }
    let claims = AccessClaims {
        user: row.user_id,
        session: row.session_id,
    };
    if row.used_at.is_none() {
        if row.expires_at <= now {
            return Err(Code::TokenExpired.into());
        }
        // The session's row comes first: whoever ends it meanwhile is waited for, and then it has ended.
        if !store::touch_session(tx, row.session_id, now).await? {
            return Err(Code::TokenRevoked.into());
        }
        if store::use_refresh_token(tx, row.id, now).await? {
            let expires = (now + app.config.refresh_token_ttl).min(row.session_expires_at);
            store::add_refresh_token(tx, row.session_id, successor, now, expires).await?;
            return Ok(Outcome::Rotated(claims));
        }
    }
    // Used before, or by a twin of this request a moment ago.
    let used_at = match row.used_at {
        Some(used_at) => Some(used_at),
        None => store::refresh_token(tx, token)
            .await?
            .and_then(|row| row.used_at),
    };
    let recent = used_at.is_some_and(|used_at| now.since(used_at) <= REPLAY_WINDOW);
    let next = store::refresh_token(tx, successor).await?;
    if recent && next.is_some_and(|next| next.used_at.is_none()) {
        return Ok(Outcome::Rotated(claims));
    }
    store::end_session(tx, row.session_id, "refresh_token_reused", now).await?;
    Ok(Outcome::Reused(claims))
}

fn report_reuse(AccessClaims { user, session }: AccessClaims) {
    tracing::warn!(%user, %session, "session {session} of user {user} ended: a refresh token was used twice");
}

/// The session that a refresh token belongs to, used or not; for logging out and checking.
///
/// # Errors
/// As [`refresh`], but a used token is not an error here.
pub(super) async fn session_of(app: &App, token: &str) -> Result<RefreshRow> {
    let token = RefreshToken::parse(token).ok_or(Code::TokenInvalid)?;
    let row = store::refresh_token(&app.db.read().await?, &token).await?;
    row.ok_or_else(|| Error::from(Code::TokenInvalid))
}

impl RefreshRow {
    /// # Errors
    /// `token_revoked` when the session has ended or the account is closed, `token_expired` when it is too late.
    pub(super) fn check_alive(&self, now: Time) -> Result<UserId> {
        if self.session_ended_at.is_some() || !self.is_active {
            return Err(Code::TokenRevoked.into());
        }
        if self.expires_at.min(self.session_expires_at) <= now {
            return Err(Code::TokenExpired.into());
        }
        Ok(self.user_id)
    }
}
