//! Takes an address out of somebody's book. No other one becomes the default for it.

use super::store;
use crate::app::App;
use crate::caller::User;
use crate::error::{Error, Result};
use crate::ids::AddressId;
use crate::transact;

pub(super) async fn remove_address(app: &App, user: User, id: AddressId) -> Result<()> {
    transact!(app.db, tx => {
        match store::remove_address(tx, user.id, id).await? {
            true => Ok(()),
            false => Err(Error::not_found()),
        }
    })
}
