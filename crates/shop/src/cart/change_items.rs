//! Changes and removes lines of a cart that exists.

use futures_util::try_join;

use super::cart::{Cart, Limits, owner_of};
use super::show_cart::names_a_cart;
use super::store;
use crate::app::App;
use crate::caller::Shopper;
use crate::error::{Error, Result};
use crate::ids::CartLineId;

/// Sets the quantity of a line; 0 removes it.
pub async fn set_quantity(
    app: &App,
    shopper: &Shopper,
    line: CartLineId,
    quantity: i64,
) -> Result<Cart> {
    if quantity == 0 {
        return remove_item(app, shopper, line).await;
    }
    let owner = owner_of(shopper).ok_or_else(Error::not_found)?;
    let now = app.clock.now();
    let limits = Limits::of(app);
    crate::transact!(app.db, tx => {
        let (cart, changed, lines) = try_join!(
            store::touch_cart(tx, owner, now),
            store::set_quantity(tx, owner, line, quantity),
            store::list_lines(tx, owner),
        )?;
        if cart.is_none() || !changed {
            return Err(Error::not_found());
        }
        let cart = Cart { id: cart, lines };
        cart.check_line(line, limits)?;
        Ok(cart)
    })
}

pub async fn remove_item(app: &App, shopper: &Shopper, line: CartLineId) -> Result<Cart> {
    let owner = owner_of(shopper).ok_or_else(Error::not_found)?;
    let now = app.clock.now();
    crate::transact!(app.db, tx => {
        let (cart, removed, lines) = try_join!(
            store::touch_cart(tx, owner, now),
            store::remove_line(tx, owner, line),
            store::list_lines(tx, owner),
        )?;
        if removed { Ok(Cart { id: cart, lines }) } else { Err(Error::not_found()) }
    })
}

/// Takes everything out. The cart stays; an absent one stays absent.
pub async fn clear_cart(app: &App, shopper: &Shopper) -> Result<Cart> {
    let Some(owner) = owner_of(shopper) else {
        return Ok(Cart::default());
    };
    let now = app.clock.now();
    crate::transact!(app.db, tx => {
        let id = store::touch_cart(tx, owner, now).await?;
        match id {
            Some(cart) => store::remove_all_lines(tx, cart).await?,
            None if names_a_cart(shopper) => return Err(Error::not_found()),
            None => {}
        }
        Ok(Cart { id, lines: Vec::new() })
    })
}
