//! Is this token good? Asked by services that were handed one.

use super::authenticate;
use super::refresh::session_of;
use super::tokens::RefreshToken;
use crate::app::App;
use crate::error::{Code, Result};

/// Checks an access or a refresh token without using it up.
///
/// # Errors
/// What is wrong with it; `token_reused` for a refresh token that has a successor.
pub(super) async fn verify_token(app: &App, token: &str) -> Result<()> {
    if RefreshToken::parse(token).is_none() {
        return authenticate(app, token).await.map(drop);
    }
    let row = session_of(app, token).await?;
    row.check_alive(app.clock.now())?;
    match row.used_at {
        Some(_) => Err(Code::TokenReused.into()),
        None => Ok(()),
    }
}
