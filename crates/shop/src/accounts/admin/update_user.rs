//! Another role for somebody, or an account closed or opened again. There is always an admin left.

use serde_json::{Value, json};

use super::store::{self, UserRow};
use crate::accounts::{self, store as accounts_store};
use crate::app::App;
use crate::audit::{self, Action};
use crate::caller::{Admin, Role};
use crate::error::{Code, Error, Result};
use crate::ids::{SessionId, UserId};
use crate::transact;

/// What is absent stays as it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UserChange {
    pub role: Option<Role>,
    pub is_active: Option<bool>,
}

/// Changes an account and returns it as it is then. Closing one ends its sessions.
///
/// # Errors
/// `last_admin` when nobody would be left who may do this; `not_found` also for an account that was erased.
pub(super) async fn update_user(
    app: &App,
    by: &Admin,
    user: UserId,
    change: UserChange,
) -> Result<UserRow> {
    let now = app.clock.now();
    let changed = transact!(app.db, tx => {
        // From here on admins come and go one at a time.
        store::hold_admins(tx).await?;
        let old = store::find_user(tx, user).await?.ok_or_else(Error::not_found)?;
        if old.erased_at.is_some() {
            return Err(Code::NotFound.with("This account was erased, for good."));
        }
        let role = change.role.unwrap_or(old.role);
        let is_active = change.is_active.unwrap_or(old.is_active);
        let stays = role == Role::Admin && is_active;
        if old.is_working_admin() && !stays && !store::has_other_admin(tx, user).await? {
            return Err(Code::LastAdmin.with("This is the last active admin: make another one first."));
        }
        store::update_user(tx, user, role, is_active, now).await?;
        if !is_active {
            // Ids count from 1: none is kept.
            accounts_store::end_other_sessions(tx, user, SessionId(0), "account_closed", now).await?;
        }
        let new = store::find_user(tx, user).await?.ok_or_else(Error::not_found)?;
        audit::record(tx, by, Action::UserUpdated, user, (old.audited(), new.audited()), now).await?;
        Ok(new)
    })?;
    accounts::changed(app, user);
    Ok(changed)
}

impl UserRow {
    fn is_working_admin(&self) -> bool {
        self.role == Role::Admin && self.is_active
    }

    fn audited(&self) -> Value {
        json!({"role": self.role, "is_active": self.is_active})
    }
}
