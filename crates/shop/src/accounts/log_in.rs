//! Sign-in with an e-mail address or a username.

use super::account::{Account, fault};
use super::passwords;
use super::sign_in::{Adjustments, Tokens, open_session};
use super::store;
use crate::app::App;
use crate::caller::{CartToken, Client};
use crate::error::{Code, Error, Result};
use crate::transact;

pub(super) struct SignedIn {
    pub account: Account,
    pub tokens: Tokens,
    pub cart_adjustments: Adjustments,
}

/// A name, an e-mail address or a username, and a password, as they came.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    pub name: Option<String>,
    pub password: Option<String>,
}

/// Opens a session for whoever has that name and password, and merges the guest's cart.
///
/// # Errors
/// `invalid_credentials`, the same and as slow for a wrong password, an unknown name and a closed account;
/// `email_not_verified` only to who knows the password.
pub(super) async fn log_in(
    app: &App,
    given: &Credentials,
    client: &Client,
    cart: Option<&CartToken>,
) -> Result<SignedIn> {
    let (name, password) = judge(given)?;
    let found = store::find_credentials(&app.db.read().await?, name).await?;
    let stored = found.as_ref().map(|user| &*user.password_hash);
    let matches = app.accounts.hasher.verify(password, stored).await?;
    let user = found
        .filter(|user| matches && user.is_active)
        .ok_or_else(invalid_credentials)?;
    if app.config.require_email_verification && user.email_verified_at.is_none() {
        return Err(Code::EmailNotVerified.with("Verify your email address before you sign in."));
    }

    let now = app.clock.now();
    let (account, session) = transact!(app.db, tx => {
        if !store::note_login(tx, &user, now).await? {
            return Err(invalid_credentials());
        }
        let session = open_session(app, tx, user.id, client, cart, now).await?;
        Ok((store::account(tx, user.id).await?, session))
    })?;
    let tokens = session.tokens(app, account.id, now)?;
    Ok(SignedIn {
        account,
        tokens,
        cart_adjustments: session.cart_adjustments,
    })
}

/// Without a name or a password, or with one that nobody can have, nothing is looked up or hashed.
fn judge(given: &Credentials) -> Result<(&str, &str)> {
    let name = given
        .name
        .as_deref()
        .map(str::trim)
        .filter(|name| !name.is_empty());
    let password = given
        .password
        .as_deref()
        .filter(|password| !password.is_empty());
    let mut faults = Vec::new();
    if name.is_none() {
        faults.push(fault(
            "email",
            "required",
            "An email address or a username is required.",
        ));
    }
    match password {
        None => faults.push(fault("password", "required", "This field is required.")),
        Some(password) => faults.extend(passwords::length_fault("password", password)),
    }
    match (name, password) {
        (Some(name), Some(password)) if faults.is_empty() => Ok((name, password)),
        _ => Err(Error::faults(faults)),
    }
}

fn invalid_credentials() -> Error {
    Code::InvalidCredentials.with("Invalid email or password.")
}
