//! Lets an account or an address try again that was locked after too many failed logins.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::accounts::{attempts, store};
use crate::app::App;
use crate::audit::{self, Action};
use crate::caller::Admin;
use crate::error::Result;
use crate::{limits, transact};

/// What is to be unlocked.
pub(super) enum Locked {
    /// An account by its e-mail address or username, or a name that belongs to nobody.
    Account(String),
    Address(IpAddr),
}

pub(super) async fn unlock(app: &App, by: &Admin, locked: &Locked) -> Result<()> {
    let now = app.clock.now();
    transact!(app.db, tx => {
        let subject = match locked {
            Locked::Account(name) => {
                attempts::clear_name(tx, name).await?;
                match store::find_credentials(tx, name).await? {
                    Some(user) => {
                        attempts::clear_account(tx, user.id, now).await?;
                        format!("user {}", user.id)
                    }
                    None => name.clone(),
                }
            }
            Locked::Address(ip) => {
                let network = limits::network(*ip);
                attempts::clear_address(tx, &network).await?;
                network
            }
        };
        let change = (Value::Null, json!({"unlocked": true}));
        audit::record(tx, by, Action::LoginsUnlocked, subject, change, now).await
    })
}
