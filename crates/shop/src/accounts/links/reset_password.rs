//! A new password for whoever reads the account's mail.
//!
//! If that address was never verified before, whoever signed up with it may have been a stranger who waited for its
//! owner: then all that they left goes too, not only their sessions.

use db::Tx;
use serde_json::json;

use super::{Link, LinkToken, Purpose, Purposes, end_links, find, gone, store, use_up};
use crate::accounts::account::fault;
use crate::accounts::change_password::new_password_faults;
use crate::accounts::{self, attempts, second_factor};
use crate::app::App;
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::mail::{self, Letter, Template};
use crate::transact;

pub(super) const PURPOSES: Purposes = (Purpose::ResetPassword, None);

/// What the link and the form said, as it came.
#[derive(Default)]
pub(super) struct PasswordReset {
    pub token: Option<String>,
    pub new: Option<String>,
    /// The fields in which the new one was repeated, and what stood there.
    pub repeated: Vec<(&'static str, String)>,
}

/// Sets the password, ends every session, and unlocks the account.
///
/// # Errors
/// `token_used_or_expired`; all faulty fields at once; `overloaded` when too many passwords wait to be hashed.
pub(super) async fn reset_password(app: &App, reset: &PasswordReset) -> Result<()> {
    let Some(text) = &reset.token else {
        let mut faults = vec![fault("token", "required", "This field is required.")];
        if reset.new.is_none() {
            faults.push(fault("new_password", "required", "This field is required."));
        }
        return Err(Error::faults(faults));
    };
    let token = LinkToken::parse(text)?;
    // Looked at first: nothing is hashed for a token that is none.
    let conn = app.db.read().await?;
    let link = find(&conn, &token, PURPOSES, app.clock.now()).await?;
    let account = accounts::store::account(&conn, link.user_id).await?;
    drop(conn);
    let faults = new_password_faults(app, &account, reset.new.as_deref(), &reset.repeated);
    let Some(new) = reset.new.as_deref().filter(|_| faults.is_empty()) else {
        return Err(Error::faults(faults));
    };
    let hash = app.accounts.hasher.hash(new).await?;
    let now = app.clock.now();
    let user = transact!(app.db, tx => {
        let link = use_up(tx, &token, PURPOSES, now).await?;
        set(app, tx, &link, &hash, now).await?;
        Ok(link.user_id)
    })?;
    accounts::changed(app, user);
    Ok(())
}

async fn set(app: &App, tx: &Tx, link: &Link, hash: &str, now: Time) -> Result<()> {
    let user = link.user_id;
    let before = accounts::store::account(tx, user).await?;
    if !store::reset_password(tx, link, hash, now).await? {
        return Err(gone());
    }
    accounts::store::end_all_sessions(tx, user, "password_reset", now).await?;
    attempts::clear_account(tx, user, now).await?;
    end_links(tx, user, Purpose::ALL, "password_reset", now).await?;
    if before.email_verified_at.is_none() {
        store::forget_person(tx, user).await?;
        // Or the stranger's telephone would be asked for a code.
        second_factor::store::forget(tx, user).await?;
        for hook in crate::ON_RECLAIM {
            hook(app, tx, user).await?;
        }
    }
    let values = json!({"at": now});
    let letter = Letter::new(&before.email, Template::PasswordChanged, values);
    mail::enqueue(tx, &letter, now).await
}
