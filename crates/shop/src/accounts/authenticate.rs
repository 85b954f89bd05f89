//! What an access token is worth at this moment.

use std::time::Duration;

use moka::sync::Cache;

use super::store::{self, SessionState};
use crate::app::App;
use crate::caller::{Role, User};
use crate::clock::Time;
use crate::error::{Code, Result};
use crate::ids::{SessionId, UserId};
use crate::transact;

const SEEN_EVERY: Duration = Duration::from_secs(60);

/// The user and session that an access token stands for.
///
/// # Errors
/// `token_invalid`, `token_expired`, or `token_revoked` when its session has ended or its account was closed.
pub async fn authenticate(app: &App, token: &str) -> Result<User> {
    let now = app.clock.now();
    let claims = app.accounts.keys.read_access(token, now)?;
    let state = state_of(app, claims.user, claims.session).await?;
    let Some(state) = state.filter(|state| state.ended_at.is_none() && state.is_active) else {
        return Err(Code::TokenRevoked.into());
    };
    if state.user_id != claims.user {
        return Err(Code::TokenInvalid.into());
    }
    if state.expires_at <= now {
        return Err(Code::TokenExpired.into());
    }
    note_use(app, claims.session, state.last_seen_at, now);
    let needs_second_factor =
        app.config.require_admin_totp && state.role == Role::Admin && !state.has_second_factor;
    Ok(User {
        id: state.user_id,
        session: claims.session,
        role: match needs_second_factor {
            true => Role::Customer,
            false => state.role,
        },
        needs_second_factor,
    })
}

async fn state_of(app: &App, user: UserId, session: SessionId) -> Result<Option<SessionState>> {
    let cache = &app.accounts.sessions;
    if let Some(state) = cache.get(user, session) {
        return Ok(Some(state));
    }
    let state = store::session_state(&app.db.read().await?, session).await?;
    if let Some(state) = state {
        cache.states.insert(session, state);
    }
    Ok(state)
}

/// Writes down that the session is in use, once a minute, beside the request and not before it.
fn note_use(app: &App, session: SessionId, last_seen_at: Time, now: Time) {
    let is_new = |seen: Time| now.since(seen) >= SEEN_EVERY;
    let noted = &app.accounts.sessions.noted;
    if !is_new(last_seen_at) || !noted.get(&session).is_none_or(is_new) {
        return;
    }
    noted.insert(session, now);
    let app = app.clone();
    tokio::spawn(async move {
        let noted: Result<()> = transact!(app.db, tx => {
            store::note_use(tx, session, now, now - SEEN_EVERY).await
        });
        if let Err(error) = noted {
            tracing::debug!(%session, %error, "session {session} was used, which could not be noted");
        }
    });
}

/// What was known of sessions less than a second ago.
pub(super) struct SessionCache {
    states: Cache<SessionId, SessionState>,
    /// When their use was written down last. Apart from the states, which must not live longer because of it.
    noted: Cache<SessionId, Time>,
    /// Users of whom something changed here a moment ago. They are read from the database, so that a read that began
    /// before the change and is kept after it does no harm.
    changed: Cache<UserId, ()>,
}

impl SessionCache {
    pub(super) fn new() -> Self {
        SessionCache {
            states: Cache::builder()
                .max_capacity(100_000)
                .time_to_live(Duration::from_secs(1))
                .build(),
            noted: Cache::builder()
                .max_capacity(100_000)
                .time_to_live(SEEN_EVERY)
                .build(),
            changed: Cache::builder()
                .max_capacity(100_000)
                .time_to_live(Duration::from_secs(10))
                .build(),
        }
    }

    /// To be called after each commit that ends a session of the user or changes the role or activity.
    pub(super) fn changed(&self, user: UserId) {
        self.changed.insert(user, ());
    }

    fn get(&self, user: UserId, session: SessionId) -> Option<SessionState> {
        if self.changed.contains_key(&user) {
            None
        } else {
            self.states.get(&session)
        }
    }
}
