//! The second factor: codes of a device beside the password (TOTP, RFC 6238), and recovery codes for who lost it.
//!
//! *Enrolling* makes a secret, which counts once a code of it was *confirmed*. From then on signing in takes a code, and
//! so does what asks for the password again. A code is used once, and so is each recovery code; a wrong one counts as a
//! failed login. `REQUIRE_ADMIN_TOTP` makes admins without it customers until they have it
//! ([`crate::caller::User::needs_second_factor`]). Secrets are sealed with keys of `SECRET_KEY`.

mod api;
mod confirm;
mod disable;
mod enrol;
mod recovery_code;
mod sealed;
pub mod store;
mod totp;

pub(crate) use api::ProofIn;
pub use api::routes;
pub(super) use sealed::SealKeys;
use sealed::SealedWith;
pub(super) use store::forget;

use db::{Conn, Tx};
use serde_json::{Value, json};

use crate::app::App;
use crate::audit::{self, Action};
use crate::caller::{Admin, RequestId, User};
use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::ids::UserId;

/// Uses up the code of somebody who has a second factor; who has none needs no code. To be called in the transaction
/// that opens what the code is for.
///
/// # Errors
/// `otp_required` without a code; `otp_invalid` for one that is wrong or was used; `otp_unreadable` when the key changed
/// and the one before is not known.
pub(super) async fn use_code(
    app: &App,
    tx: &Tx,
    user: UserId,
    code: Option<&str>,
    now: Time,
) -> Result<()> {
    let factor = store::find_factor(tx, user).await?;
    let Some(factor) = factor.filter(|factor| factor.confirmed_at.is_some()) else {
        return Ok(());
    };
    let Some(code) = code.map(str::trim).filter(|code| !code.is_empty()) else {
        return Err(Code::OtpRequired
            .with("Send a code of your authenticator app, or a recovery code, as otp."));
    };
    let fits = match totp::parse(code) {
        Some(code) => {
            let (secret, key) = app.accounts.seals.open(user, &factor.secret)?;
            let fits = match totp::step_of(&secret, code, now) {
                Some(step) => store::use_step(tx, user, step).await?,
                None => false,
            };
            if fits && key == SealedWith::Previous {
                let sealed = app.accounts.seals.seal(user, &secret)?;
                store::reseal(tx, user, &sealed).await?;
            }
            fits
        }
        None => store::use_recovery_code(tx, user, &recovery_code::hash(code), now).await?,
    };
    fits.then_some(()).ok_or_else(wrong)
}

/// Does signing in take a code?
pub(super) async fn is_enabled(conn: &Conn, user: UserId) -> Result<bool> {
    let factor = store::find_factor(conn, user).await?;
    Ok(factor.is_some_and(|factor| factor.confirmed_at.is_some()))
}

fn wrong() -> Error {
    Code::OtpInvalid.with("This code is wrong or was used before.")
}

/// What an admin does with the own second factor stands in the audit log.
async fn record(tx: &Tx, user: User, request: RequestId, enabled: bool, now: Time) -> Result<()> {
    if !user.is_admin() && !user.needs_second_factor {
        return Ok(());
    }
    let staff = Admin { user, request };
    let (before, after) = (json!({"enabled": !enabled}), json!({"enabled": enabled}));
    let change: (Value, Value) = (before, after);
    audit::record(
        tx,
        &staff,
        Action::SecondFactorChanged,
        user.id,
        change,
        now,
    )
    .await
}
