//! What the shop knows of a person beside the account itself: to hand it over, and to forget it.

pub mod store;

pub use store::{
    Erased, LoginRecord, SessionRecord, erased_accounts, find_erasable, logins, sessions,
};

use db::Tx;

use super::admin::store::{has_other_admin, hold_admins};
use super::links::forget_links;
use super::second_factor;
use crate::clock::Time;
use crate::error::{Code, Result};
use crate::ids::UserId;
use crate::mail;

/// Takes everything out of an account that tells who it was: nobody can sign in to it again, its sessions are gone.
/// `false` when that was done before. The id stays, for orders and the audit log. To be called first in the
/// transaction, and [`super::changed`] after it.
///
/// # Errors
/// `last_admin` when nobody would be left who may do what admins do.
pub async fn erase(tx: &Tx, user: UserId, now: Time) -> Result<bool> {
    hold_admins(tx).await?;
    if store::is_working_admin(tx, user).await? && !has_other_admin(tx, user).await? {
        return Err(Code::LastAdmin.with("This is the last active admin: make another one first."));
    }
    if let Some(account) = super::store::find_account(tx, user).await? {
        mail::forget(tx, &account.email).await?;
    }
    // Attempts at the address of the account: it is known only until it is gone.
    store::forget_logins(tx, user).await?;
    store::forget_sessions(tx, user).await?;
    second_factor::forget(tx, user).await?;
    forget_links(tx, user).await?;
    store::erase_user(tx, user, now).await
}
