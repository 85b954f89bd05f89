//! Logging out: whoever holds a token of a session may end it.

use super::refresh::session_of;
use super::{authenticate, store};
use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::ids::{SessionId, UserId};
use crate::transact;

/// Ends the session of the access token, that of the refresh token, or both. One of the two is enough; an access token
/// that has expired is passed over when there is a refresh token.
///
/// # Errors
/// `not_found` for a refresh token that is not the caller's; what is wrong with the only token given;
/// `not_authenticated` without any.
pub(super) async fn log_out(app: &App, access: Option<&str>, refresh: Option<&str>) -> Result<()> {
    let caller = match access {
        Some(access) => Some(authenticate(app, access).await),
        None => None,
    };
    match (caller, refresh) {
        (None, None) => Err(Code::NotAuthenticated.into()),
        (Some(Err(error)), None) => Err(error),
        (Some(Ok(caller)), None) => end(app, caller.id, &[caller.session]).await,
        (Some(Ok(caller)), Some(refresh)) => {
            let theirs = session_of(app, refresh).await.map_err(foreign)?;
            if theirs.user_id != caller.id {
                return Err(Error::not_found());
            }
            end(app, caller.id, &[caller.session, theirs.session_id]).await
        }
        (None | Some(Err(_)), Some(refresh)) => {
            let theirs = session_of(app, refresh).await?;
            let user = theirs.check_alive(app.clock.now())?;
            end(app, user, &[theirs.session_id]).await
        }
    }
}

async fn end(app: &App, user: UserId, sessions: &[SessionId]) -> Result<()> {
    let now = app.clock.now();
    transact!(app.db, tx => {
        for session in sessions {
            store::end_session(tx, *session, "logout", now).await?;
        }
        Ok(())
    })?;
    app.accounts.sessions.changed(user);
    Ok(())
}

/// A token that does not exist and one of somebody else look the same.
fn foreign(error: Error) -> Error {
    if error.code() == Code::TokenInvalid {
        Error::not_found()
    } else {
        error
    }
}
