//! When an address turns out to be somebody else's than who signed up with it, what the stranger laid into the cart goes.

use db::Tx;
use futures_util::future::BoxFuture;

use super::cart::Owner;
use super::store;
use crate::app::App;
use crate::error::Result;
use crate::ids::UserId;

/// The hook of a password reset that takes an account from a stranger.
pub fn forget_cart<'a>(app: &'a App, tx: &'a Tx, user: UserId) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let now = app.clock.now();
        match store::touch_cart(tx, Owner::User(user), now).await? {
            Some(cart) => store::remove_all_lines(tx, cart).await,
            None => Ok(()),
        }
    })
}
