//! The devices on which somebody is signed in: to look at, and to sign out from.

mod api;
pub(super) mod device;
pub mod store;

pub use api::routes;

use std::time::Duration;

use crate::app::App;
use crate::caller::User;
use crate::error::{Error, Result};
use crate::ids::SessionId;
use crate::transact;

/// How long it can be seen where somebody was signed in.
const KEPT_FOR: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Ends one session of the user's own; that of somebody else is not found.
async fn end_session(app: &App, user: User, session: SessionId) -> Result<()> {
    let now = app.clock.now();
    transact!(app.db, tx => {
        match store::end_own_session(tx, user.id, session, "signed_out", now).await? {
            true => Ok(()),
            false => Err(Error::not_found()),
        }
    })?;
    super::changed(app, user.id);
    Ok(())
}

/// Ends all sessions of the user, or all but the one that asks; returns how many.
async fn end_all_sessions(app: &App, user: User, keep_current: bool) -> Result<u64> {
    let now = app.clock.now();
    // Ids count from 1.
    let keep = if keep_current {
        user.session
    } else {
        SessionId(0)
    };
    let ended = transact!(app.db, tx => {
        super::store::end_other_sessions(tx, user.id, keep, "signed_out_everywhere", now).await
    })?;
    super::changed(app, user.id);
    Ok(ended)
}

/// Forgets sessions that ended or expired 90 days ago, and their refresh tokens.
pub async fn forget_old(app: &App) -> Result<u64> {
    // With each go up to some thousand refresh tokens, for which other writers wait.
    const BATCH: i64 = 10;
    let before = app.clock.now() - KEPT_FOR;
    let mut gone = 0;
    loop {
        let batch = transact!(app.db, tx => { store::sweep_sessions(tx, before, BATCH).await })?;
        gone += batch;
        if batch < BATCH.unsigned_abs() {
            return Ok(gone);
        }
    }
}
