//! Who is signed in says the password again, before what a stolen device must not be able to do. A wrong one counts as
//! a failed login, so that it cannot be guessed here either.

use super::account::fault;
use super::change_password::wrong_password;
use super::{attempts, passwords, store};
use crate::app::App;
use crate::caller::{Client, User};
use crate::error::{Error, Result};

/// # Errors
/// A fault of `current_password`; `login_locked` after too many wrong ones.
pub async fn prove_again(
    app: &App,
    user: User,
    client: &Client,
    password: Option<&str>,
) -> Result<()> {
    const FIELD: &str = "current_password";
    let Some(password) = password else {
        return Err(Error::faults(vec![fault(
            FIELD,
            "required",
            "This field is required.",
        )]));
    };
    if let Some(fault) = passwords::length_fault(FIELD, password) {
        return Err(Error::faults(vec![fault]));
    }
    let conn = app.db.read().await?;
    let email = store::account(&conn, user.id).await?.email;
    let found = store::credentials(&conn, user.id).await?;
    drop(conn);
    let attempt = attempts::begin(app, &email, Some(&found), client, None).await?;
    let matches = app
        .accounts
        .hasher
        .verify(password, Some(&found.password_hash));
    match matches.await {
        Ok(true) => attempt.proved(app).await,
        Ok(false) => {
            attempt.failed(app, "wrong_password").await?;
            Err(Error::faults(vec![wrong_password(FIELD)]))
        }
        Err(error) => {
            attempt.refused(app, error.code().as_str()).await?;
            Err(error)
        }
    }
}
