//! Reads a cart. Reading creates nothing: an absent cart is shown as an empty one.

use super::cart::{Cart, owner_of};
use super::store;
use crate::app::App;
use crate::caller::Shopper;
use crate::error::{Error, Result};

/// The shopper's cart. 404 for a token, sent by header, that names none.
pub async fn show_cart(app: &App, shopper: &Shopper) -> Result<Cart> {
    let Some(owner) = owner_of(shopper) else {
        return Ok(Cart::default());
    };
    let conn = app.db.read().await?;
    let lines = store::list_lines(&conn, owner).await?;
    let id = match lines.first() {
        Some(line) => Some(line.cart_id),
        None => store::find_cart(&conn, owner).await?,
    };
    if id.is_none() && names_a_cart(shopper) {
        return Err(Error::not_found());
    }
    Ok(Cart { id, lines })
}

/// Did the caller name a cart on purpose? A cookie is only carried along.
pub(super) fn names_a_cart(shopper: &Shopper) -> bool {
    shopper.user.is_none() && shopper.cart_token.is_some() && !shopper.by_cookie
}
