//! When an address turns out to be somebody else's than who signed up with it, where the stranger had things sent goes.

use db::Tx;
use futures_util::future::BoxFuture;

use super::store;
use crate::app::App;
use crate::error::Result;
use crate::ids::UserId;

/// The hook of a password reset that takes an account from a stranger.
pub fn forget_addresses<'a>(_: &'a App, tx: &'a Tx, user: UserId) -> BoxFuture<'a, Result<()>> {
    Box::pin(store::forget(tx, user))
}
