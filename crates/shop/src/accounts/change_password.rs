//! A new password for somebody who knows the old one. Ends the sessions on all other devices.

use serde_json::json;

use super::account::{Account, fault};
use super::attempts::Known;
use super::links::{self, Purpose};
use super::store::Credentials;
use super::{attempts, passwords, store};
use crate::app::App;
use crate::caller::{Client, User};
use crate::error::{Error, Fault, Result};
use crate::mail::{self, Letter, Template};
use crate::transact;

/// The old password and the new one, as they came.
#[derive(Debug, Default)]
pub(super) struct PasswordChange {
    pub old: Option<String>,
    pub new: Option<String>,
    /// The fields in which the new one was repeated, and what stood there.
    pub repeated: Vec<(&'static str, String)>,
}

/// Sets a new password and ends all other sessions of the user.
///
/// # Errors
/// All faulty fields at once; `login_locked` after too many wrong passwords, `overloaded` when too many wait to be
/// hashed.
pub(super) async fn change_password(
    app: &App,
    user: User,
    client: &Client,
    change: &PasswordChange,
) -> Result<()> {
    let conn = app.db.read().await?;
    let account = store::account(&conn, user.id).await?;
    let current = store::credentials(&conn, user.id).await?;
    drop(conn);
    let mut faults = new_password_faults(app, &account, change.new.as_deref(), &change.repeated);
    faults.extend(
        check_password(
            app,
            user,
            client,
            (&account, &current),
            "old_password",
            change.old.as_deref(),
        )
        .await?,
    );
    let Some(new) = change.new.as_deref().filter(|_| faults.is_empty()) else {
        return Err(Error::faults(faults));
    };

    let hash = app.accounts.hasher.hash(new).await?;
    let now = app.clock.now();
    transact!(app.db, tx => {
        if !store::set_password(tx, &current, &hash, now).await? {
            return Err(Error::faults(vec![wrong_password("old_password")]));
        }
        store::end_other_sessions(tx, user.id, user.session, "password_changed", now).await?;
        attempts::clear_account(tx, user.id, now).await?;
        // Whoever had the old password may have asked for these.
        let links = [Purpose::ResetPassword, Purpose::ChangeEmail];
        links::end_links(tx, user.id, &links, "password_changed", now).await?;
        let letter = Letter::new(&account.email, Template::PasswordChanged, json!({"at": now}));
        mail::enqueue(tx, &letter, now).await
    })?;
    app.accounts.sessions.changed(user.id);
    Ok(())
}

/// What is wrong with a new password, and with its repetitions.
pub(super) fn new_password_faults(
    app: &App,
    account: &Account,
    new: Option<&str>,
    repeated: &[(&'static str, String)],
) -> Vec<Fault> {
    let Some(new) = new else {
        return vec![fault("new_password", "required", "This field is required.")];
    };
    let about = [
        &*account.email,
        account.username.as_deref().unwrap_or_default(),
        crate::SHOP_NAME,
    ];
    let mut faults = app.accounts.rules.faults("new_password", new, &about);
    for (attr, repeated) in repeated {
        if repeated != new {
            faults.push(fault(
                attr,
                "password_mismatch",
                "The two passwords do not match.",
            ));
        }
    }
    faults
}

/// What is wrong with the password in the field `attr` that is to prove who asks. A wrong one counts as a failed login,
/// so that it cannot be guessed here either: against this session, which others cannot lock.
pub(super) async fn check_password(
    app: &App,
    user: User,
    client: &Client,
    (account, stored): (&Account, &Credentials),
    attr: &str,
    given: Option<&str>,
) -> Result<Option<Fault>> {
    let Some(given) = given else {
        return Ok(Some(fault(attr, "required", "This field is required.")));
    };
    if let Some(fault) = passwords::length_fault(attr, given) {
        return Ok(Some(fault));
    }
    let known = Some(Known::Session {
        user: user.id,
        session: user.session,
    });
    let admitted = attempts::line_up(app, &account.email, client, known).await?;
    let (attempt, turn) =
        attempts::begin(app, admitted, &account.email, Some(stored), client, known).await?;
    let matches = turn.verify(given, Some(&stored.password_hash)).await;
    drop(turn);
    match matches {
        Ok(true) => {
            attempt.proved(app).await?;
            Ok(None)
        }
        Ok(false) => {
            attempt.failed(app, "wrong_password").await?;
            Ok(Some(wrong_password(attr)))
        }
        Err(error) => {
            attempt.refused(app, error.code().as_str()).await?;
            Err(error)
        }
    }
}

pub(super) fn wrong_password(attr: &str) -> Fault {
    fault(
        attr,
        "password_incorrect",
        "Your password was entered incorrectly. Please enter it again.",
    )
}
