//! Sign-in with an e-mail address or a username.

use super::account::{Account, fault};
use super::attempts::known_device::KnownDevice;
use super::attempts::{self, Attempt, Known};
use super::hashing::{Turn, is_outdated};
use super::passwords;
use super::second_factor;
use super::sign_in::{Adjustments, Tokens, open_session};
use super::store::{self, Credentials};
use crate::app::App;
use crate::caller::{CartToken, Client};
use crate::error::{Code, Error, Result};
use crate::metrics::LoginOutcome;
use crate::transact;

pub(super) struct SignedIn {
    pub account: Account,
    pub tokens: Tokens,
    pub cart_adjustments: Adjustments,
}

/// A name (an e-mail address or a username), a password and a code, as they came.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub name: Option<String>,
    pub password: Option<String>,
    /// A code of the second factor, or a recovery code.
    pub otp: Option<String>,
}

/// Opens a session for whoever has that name and password, and merges the guest's cart.
///
/// # Errors
/// `invalid_credentials`, the same and as slow for a wrong password, an unknown name and a closed account;
/// `login_locked` after too many failures, also with the right password; `email_not_verified` only to who knows the
/// password, and so `otp_required`, `otp_invalid` and `otp_unreadable`.
pub(super) async fn log_in(
    app: &App,
    given: &Given,
    client: &Client,
    cart: Option<&CartToken>,
    device: Option<&KnownDevice>,
) -> Result<SignedIn> {
    let result = attempt(app, given, client, cart, device).await;
    let code = result.as_ref().err().map(Error::code);
    app.metrics.login(match code {
        None => LoginOutcome::Succeeded,
        Some(Code::InvalidCredentials | Code::OtpInvalid) => LoginOutcome::Failed,
        Some(Code::LoginLocked) => LoginOutcome::Locked,
        Some(_) => LoginOutcome::Refused,
    });
    result
}

async fn attempt(
    app: &App,
    given: &Given,
    client: &Client,
    cart: Option<&CartToken>,
    device: Option<&KnownDevice>,
) -> Result<SignedIn> {
    let (name, password) = judge(given)?;
    let known = device.map(Known::Device);
    let admitted = attempts::line_up(app, name, client, known).await?;
    let found = store::find_credentials(&app.db.read().await?, name).await?;
    let (attempt, turn) =
        attempts::begin(app, admitted, name, found.as_ref(), client, known).await?;
    let result = match prove(app, &turn, found.as_ref(), password).await {
        Ok(user) => {
            open(
                app,
                turn,
                user,
                (password, given.otp.as_deref()),
                &attempt,
                client,
                cart,
            )
            .await
        }
        Err(error) => Err(error),
    };
    let error = match result {
        Ok(signed_in) => return Ok(signed_in),
        Err(error) => error,
    };
    match error.code() {
        Code::InvalidCredentials => {
            let reason = match found {
                None => "unknown_account",
                Some(user) if !user.is_active => "account_closed",
                Some(_) => "wrong_password",
            };
            attempt.failed(app, reason).await?;
        }
        Code::OtpInvalid => attempt.failed(app, "wrong_code").await?,
        other => attempt.refused(app, other.as_str()).await?,
    }
    Err(error)
}

/// The account, when the password is its own and it may sign in.
async fn prove<'a>(
    app: &App,
    turn: &Turn,
    found: Option<&'a Credentials>,
    password: &str,
) -> Result<&'a Credentials> {
    let stored = found.map(|user| &*user.password_hash);
    let matches = turn.verify(password, stored).await?;
    let user = found
        .filter(|user| matches && user.is_active)
        .ok_or_else(invalid_credentials)?;
    if app.config.require_email_verification && user.email_verified_at.is_none() {
        return Err(Code::EmailNotVerified.with("Verify your email address before you sign in."));
    }
    Ok(user)
}

/// When another hash stands there by now, it is looked at, once: another login may have renewed it.
async fn open(
    app: &App,
    turn: Turn,
    user: &Credentials,
    said: (&str, Option<&str>),
    attempt: &Attempt,
    client: &Client,
    cart: Option<&CartToken>,
) -> Result<SignedIn> {
    let opened = open_with(app, turn, user, said, attempt, client, cart).await?;
    if let Some(signed_in) = opened {
        return Ok(signed_in);
    }
    let turn = app.accounts.hasher.admit()?;
    let user = store::credentials(&app.db.read().await?, user.id).await?;
    prove(app, &turn, Some(&user), said.0).await?;
    let opened = open_with(app, turn, &user, said, attempt, client, cart).await?;
    opened.ok_or_else(invalid_credentials)
}

/// `None` when the password was changed or the account closed since it was looked at.
async fn open_with(
    app: &App,
    turn: Turn,
    user: &Credentials,
    (password, otp): (&str, Option<&str>),
    attempt: &Attempt,
    client: &Client,
    cart: Option<&CartToken>,
) -> Result<Option<SignedIn>> {
    // A hash of another shop, or one of ours that was cheaper once.
    let renewed = match is_outdated(&user.password_hash) {
        true => Some(turn.hash(password).await?),
        false => None,
    };
    drop(turn);
    let now = app.clock.now();
    let opened = transact!(app.db, tx => {
        if !store::note_login(tx, user, now).await? {
            return Ok(None);
        }
        second_factor::use_code(app, tx, user.id, otp, now).await?;
        if let Some(hash) = &renewed {
            store::set_password(tx, user, hash, now).await?;
        }
        attempt.succeeded(tx, user.id, now).await?;
        let session = open_session(app, tx, user.id, client, cart, now).await?;
        Ok(Some((store::account(tx, user.id).await?, session)))
    })?;
    let Some((account, session)) = opened else {
        return Ok(None);
    };
    let tokens = session.tokens(app, account.id, now)?;
    Ok(Some(SignedIn {
        account,
        tokens,
        cart_adjustments: session.cart_adjustments,
    }))
}

/// Without a name or a password, or with one that nobody can have, nothing is looked up or hashed.
fn judge(given: &Given) -> Result<(&str, &str)> {
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
