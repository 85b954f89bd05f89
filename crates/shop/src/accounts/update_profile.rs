//! What people may change of their own account.
//!
//! Another e-mail address needs the password, and counts as not verified. Where addresses have to be verified it is
//! refused, until there is a mail that verifies the new one: an address must not be taken over by typing it in.

use super::account::{self, Account, fault, key, split_name};
use super::change_password::{check_password, wrong_password};
use super::store::{self, ProfileChange};
use crate::app::App;
use crate::caller::User;
use crate::error::{Error, Result};
use crate::precondition::AsSeen;
use crate::transact;
use crate::values::Email;

/// What to change, as it came; what is absent stays.
#[derive(Debug, Default)]
pub(super) struct ProfileUpdate {
    pub email: Option<String>,
    pub current_password: Option<String>,
    /// Stands for first and last name where those are not given.
    pub name: Option<String>,
    /// An empty username takes it away.
    pub profile: ProfileChange,
}

/// Changes the user's own account and returns it as it is then.
///
/// # Errors
/// All faulty fields at once.
pub(super) async fn update_profile(
    app: &App,
    user: User,
    mut update: ProfileUpdate,
    seen: AsSeen<'_, Account>,
) -> Result<Account> {
    if let Some(name) = &update.name {
        let (first, last) = split_name(name);
        update.profile.first_name.get_or_insert(first);
        update.profile.last_name.get_or_insert(last);
    }
    let (email, proof) = judge(app, user, &update).await?;
    let now = app.clock.now();
    transact!(app.db, tx => {
        if let Some(seen) = seen {
            store::hold_user(tx, user.id).await?;
            seen(&store::account(tx, user.id).await?)?;
        }
        store::update_profile(tx, user.id, &update.profile, now).await?;
        if let Some(email) = &email
            && !store::update_email(tx, user.id, email, proof.as_deref(), now).await?
        {
            return Err(Error::faults(vec![wrong_password("current_password")]));
        }
        store::account(tx, user.id).await
    })
}

/// The new address, if there is one, and the hash of the password that was proven for it.
async fn judge(
    app: &App,
    user: User,
    update: &ProfileUpdate,
) -> Result<(Option<Email>, Option<String>)> {
    let conn = app.db.read().await?;
    let account = store::account(&conn, user.id).await?;
    let current = store::credentials(&conn, user.id).await?;
    drop(conn);
    let email = update
        .email
        .as_deref()
        .map(|email| account::parse_email(Some(email)))
        .transpose();
    let profile = &update.profile;

    let mut faults = Vec::new();
    faults.extend(email.as_ref().err().cloned());
    let email = email.ok().flatten();
    if let Some(username) = &profile.username {
        faults.extend(account::username_fault(
            username,
            email.as_deref().unwrap_or(&account.email),
        ));
    }
    let fields = [
        ("first_name", &profile.first_name),
        ("last_name", &profile.last_name),
        ("phone", &profile.phone),
        ("address", &profile.address),
    ];
    faults.extend(account::text_faults(
        fields
            .iter()
            .filter_map(|(name, value)| Some((*name, value.as_deref()?))),
    ));

    let other_address = email
        .as_deref()
        .is_some_and(|email| key(email) != key(&account.email));
    if other_address {
        let given = update.current_password.as_deref();
        faults
            .extend(check_password(app, "current_password", given, &current.password_hash).await?);
        if app.config.require_email_verification {
            faults.push(fault(
                "email",
                "unavailable",
                "The email address cannot be changed at the moment.",
            ));
        }
    }
    match faults.is_empty() {
        true => Ok((email, other_address.then_some(current.password_hash))),
        false => Err(Error::faults(faults)),
    }
}
