//! What people may change of their own account.
//!
//! Another e-mail address needs the password, and counts once the mail sent there was answered: until then the old one
//! stays. Other capitals in the same address count at once.

use super::account::{self, Account, key, split_name};
use super::change_password::{check_password, wrong_password};
use super::links::{self, Purpose};
use super::store::{self, ProfileChange};
use crate::app::App;
use crate::caller::{Client, User};
use crate::error::{Error, Result};
use crate::limits::{self, Limit, network};
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
/// All faulty fields at once; `rate_limited` when too many mails to new addresses were asked for.
pub(super) async fn update_profile(
    app: &App,
    user: User,
    mut update: ProfileUpdate,
    seen: AsSeen<'_, Account>,
    client: &Client,
) -> Result<Account> {
    if let Some(name) = &update.name {
        let (first, last) = split_name(name);
        update.profile.first_name.get_or_insert(first);
        update.profile.last_name.get_or_insert(last);
    }
    let address = judge(app, user, client, &update).await?;
    if let Address::Other { email, .. } = &address {
        limits::check(app, Limit::ResendByAddress, &network(client.ip)).await?;
        limits::check(app, Limit::ResendByAccount, &key(email)).await?;
    }
    let now = app.clock.now();
    transact!(app.db, tx => {
        if let Some(seen) = seen {
            store::hold_user(tx, user.id).await?;
            seen(&store::account(tx, user.id).await?)?;
        }
        store::update_profile(tx, user.id, &update.profile, now).await?;
        match &address {
            Address::Same => {}
            Address::OtherCase(email) => store::spell_email(tx, user.id, email, now).await?,
            Address::Other { email, password_hash } => {
                if !store::hold_with_password(tx, user.id, password_hash).await? {
                    return Err(Error::faults(vec![wrong_password("current_password")]));
                }
                let purpose = Purpose::ChangeEmail;
                links::end_links(tx, user.id, &[purpose], "replaced", now).await?;
                let link = links::add_link(tx, user.id, purpose, email, client, now).await?;
                links::enqueue(tx, Some(link), now).await?;
            }
        }
        store::account(tx, user.id).await
    })
}

/// What becomes of the e-mail address.
enum Address {
    Same,
    OtherCase(Email),
    Other {
        email: Email,
        /// Of the password that was proven for it.
        password_hash: String,
    },
}

async fn judge(app: &App, user: User, client: &Client, update: &ProfileUpdate) -> Result<Address> {
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
        faults.extend(account::username_fault(username, &account.email));
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

    let other = email
        .as_deref()
        .filter(|email| key(email) != key(&account.email));
    let is_other = other.is_some();
    if let Some(other) = other {
        let given = update.current_password.as_deref();
        let whose = (&account, &current);
        faults.extend(check_password(app, user, client, whose, "current_password", given).await?);
        let (taken, _) = store::names_taken(&app.db.read().await?, other, None).await?;
        faults.extend(taken.then(account::email_taken));
    }
    if !faults.is_empty() {
        return Err(Error::faults(faults));
    }
    Ok(match email {
        None => Address::Same,
        Some(email) if is_other => Address::Other {
            email,
            password_hash: current.password_hash,
        },
        Some(email) => Address::OtherCase(email),
    })
}
