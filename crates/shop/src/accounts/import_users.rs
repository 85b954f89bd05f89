//! Accounts of another shop, with the hashes of their passwords.

use super::{account, django_hashes, store};
use crate::app::App;
use crate::caller::Role;
use crate::clock::Time;
use crate::error::Result;
use crate::transact;
use crate::values::Email;

/// The hash as it is stored here, or what is wrong with it.
pub fn adopt_hash(hash: &str) -> std::result::Result<String, String> {
    django_hashes::adopt(hash)
}

/// An account of a file, keyed by its address.
#[derive(Clone, Debug)]
pub struct ImportedUser {
    pub email: Email,
    pub username: Option<String>,
    /// By [`adopt_hash`].
    pub password_hash: String,
    pub first_name: String,
    pub last_name: String,
    pub phone: String,
    pub address: String,
    pub role: Role,
    pub is_active: bool,
    pub email_verified: bool,
    pub joined: Option<Time>,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportedUsers {
    pub made: u64,
    /// Of those, without their username, which somebody else has or which is none here.
    pub without_username: u64,
}

/// Makes the accounts whose address nobody has yet; the others stay as they are.
pub async fn import_users(app: &App, users: &[ImportedUser]) -> Result<ImportedUsers> {
    let now = app.clock.now();
    transact!(app.db, tx => {
        let mut done = ImportedUsers::default();
        for user in users {
            let wanted = user.username.as_deref();
            let (email_taken, username_taken) = store::names_taken(tx, &user.email, wanted).await?;
            if email_taken {
                continue;
            }
            let usable = |name: &&str| !username_taken && account::username_fault(name, &user.email).is_none();
            let username = wanted.filter(usable);
            if store::import_user(tx, user, username, now).await? {
                done.made += 1;
                done.without_username += u64::from(wanted.is_some() && username.is_none());
            }
        }
        Ok(done)
    })
}
