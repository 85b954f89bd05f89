//! Another text, another type, another default.

use super::address::{Address, Change};
use super::store;
use crate::accounts;
use crate::app::App;
use crate::caller::User;
use crate::error::{Error, Result};
use crate::ids::AddressId;
use crate::transact;

/// Changes an address of the user's own; one that becomes the default takes the place of the other in the same moment.
pub(super) async fn change_address(
    app: &App,
    user: User,
    id: AddressId,
    change: Change,
) -> Result<Address> {
    let now = app.clock.now();
    transact!(app.db, tx => {
        accounts::hold(tx, user.id).await?;
        let address = store::find_address(tx, user.id, id).await?.ok_or_else(Error::not_found)?;
        let address = address.changed(change.clone(), now);
        if address.is_default {
            store::clear_default(tx, user.id, &address).await?;
        }
        store::update_address(tx, user.id, &address).await?;
        Ok(address)
    })
}
