//! Forgets somebody.

use serde_json::{Value, json};

use super::erased_list;
use crate::accounts::{self, personal_data};
use crate::app::App;
use crate::audit::{self, Action};
use crate::caller::Admin;
use crate::error::Result;
use crate::ids::UserId;
use crate::{addresses, cart, idempotency, orders, transact};

/// Who wants an account erased.
#[derive(Clone, Copy, Debug)]
pub enum Asked {
    Owner,
    Staff(Admin),
    /// It was erased before, and came back with a restore.
    Again,
}

/// Erases an account and all that is known by it. Orders that its owner may cancel are cancelled, the others are
/// finished first. Nothing happens to one that is erased.
///
/// # Errors
/// `last_admin`.
pub async fn erase_account(app: &App, user: UserId, asked: Asked) -> Result<()> {
    let now = app.clock.now();
    transact!(app.db, tx => {
        if !personal_data::erase(tx, user, now).await? {
            return Ok(());
        }
        addresses::forget(tx, user).await?;
        cart::forget(tx, user).await?;
        orders::forget_buyer(tx, user, now).await?;
        idempotency::forget(tx, &format!("user:{user}")).await?;
        if let Asked::Staff(admin) = &asked {
            let change = (Value::Null, json!({"erased": true}));
            audit::record(tx, admin, Action::UserErased, user, change, now).await?;
        }
        Ok(())
    })?;
    accounts::changed(app, user);
    // It is done; should the list fail now, the next sweep completes it.
    if let Err(error) = erased_list::complete(app).await {
        tracing::warn!(%error, "the list of erased accounts could not be written");
    }
    Ok(())
}
