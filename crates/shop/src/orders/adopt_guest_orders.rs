//! Orders that somebody placed as a guest become theirs, once the address that they were placed under is shown to be.

use db::Tx;
use futures_util::future::BoxFuture;

use super::store;
use crate::accounts::Adjustments;
use crate::app::App;
use crate::caller::CartToken;
use crate::error::Result;
use crate::ids::UserId;

/// The hook of a verified address.
pub fn adopt_guest_orders<'a>(_: &'a App, tx: &'a Tx, user: UserId) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move { store::adopt_guest_orders(tx, user).await })
}

/// The hook of sign-in and sign-up: orders that were placed as a guest since.
pub fn adopt_at_sign_in<'a>(
    _: &'a App,
    tx: &'a Tx,
    user: UserId,
    _: Option<&'a CartToken>,
) -> BoxFuture<'a, Result<Adjustments>> {
    Box::pin(async move {
        store::adopt_guest_orders(tx, user).await?;
        Ok(Adjustments::new())
    })
}
