//! One more address in somebody's book.

use super::address::{Address, Change, MOST};
use super::store;
use crate::accounts;
use crate::app::App;
use crate::caller::User;
use crate::error::{Code, Result};
use crate::transact;

/// Keeps a new address; without a name it is the account's.
///
/// # Errors
/// `address_limit` when the book is full.
pub(super) async fn add_address(app: &App, user: User, change: Change) -> Result<Address> {
    let now = app.clock.now();
    transact!(app.db, tx => {
        accounts::hold(tx, user.id).await?;
        let mut address = Address::blank(now).changed(change.clone(), now);
        let (all, alike) = store::count(tx, user.id, address.kind).await?;
        if all >= MOST {
            return Err(Code::AddressLimit.with(format!("At most {MOST} addresses are kept. Delete one first.")));
        }
        address.is_default = change.is_default.unwrap_or(alike == 0);
        if address.full_name.is_empty() {
            address.full_name = accounts::name(tx, user.id).await?;
        }
        if address.is_default {
            store::clear_default(tx, user.id, &address).await?;
        }
        address.id = store::add_address(tx, user.id, &address).await?;
        Ok(address)
    })
}
