//! Puts a variant into a cart; what lies there already adds up.

use db::Engine;
use futures_util::try_join;

use super::cart::{Cart, CartLine, Limits, Owner, owner_of};
use super::store;
use super::token::{hash_token, random_token};
use crate::app::App;
use crate::caller::{CartToken, Shopper};
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::ids::{CartId, ProductId, UserId, VariantId};

/// What to add. The variant may be left out where there is only one.
#[derive(Clone, Copy, Debug)]
pub struct AddItem {
    pub product: ProductId,
    pub variant: Option<VariantId>,
    pub quantity: i64,
}

#[derive(Debug)]
pub struct Added {
    pub cart: Cart,
    /// The line is new, it did not only grow.
    pub is_new: bool,
    /// The token of the cart, when this made it.
    pub token: Option<CartToken>,
}

/// Adds to the shopper's cart, which is made when there is none. A token of the client that names no cart is 404,
/// but a cookie, which people cannot see or drop, is replaced by a new one.
pub async fn add_item(app: &App, shopper: &Shopper, item: AddItem) -> Result<Added> {
    if let Some(user) = shopper.user {
        let (cart, is_new) = add(app, Opening::User(user.id), item)
            .await?
            .ok_or_else(Error::not_found)?;
        return Ok(Added {
            cart,
            is_new,
            token: None,
        });
    }
    if let Some(Owner::Guest(hash)) = owner_of(shopper) {
        match add(app, Opening::Guest(hash), item).await? {
            Some((cart, is_new)) => {
                return Ok(Added {
                    cart,
                    is_new,
                    token: None,
                });
            }
            None if !shopper.by_cookie => return Err(Error::not_found()),
            None => {}
        }
    }
    let token = CartToken(random_token()?);
    let added = add(app, Opening::NewGuest(hash_token(&token.0)), item).await?;
    let (cart, is_new) = added.ok_or_else(Error::not_found)?;
    Ok(Added {
        cart,
        is_new,
        token: Some(token),
    })
}

/// How the cart is got hold of.
#[derive(Clone, Copy)]
enum Opening {
    User(UserId),
    Guest([u8; 32]),
    NewGuest([u8; 32]),
}

/// The cart then, and whether the line is new. `None` when the guest's cart does not exist.
async fn add(app: &App, opening: Opening, item: AddItem) -> Result<Option<(Cart, bool)>> {
    let now = app.clock.now();
    if let Some(cart) = add_at_once(app, opening, item, now).await? {
        let is_new = cart
            .lines
            .iter()
            .any(|line| is_of(item, line) && line.quantity == item.quantity);
        return Ok(Some((cart, is_new)));
    }
    add_in_steps(app, opening, item, now).await
}

/// On PostgreSQL, into a cart that is there, when nothing speaks against it: most additions.
async fn add_at_once(
    app: &App,
    opening: Opening,
    item: AddItem,
    now: Time,
) -> Result<Option<Cart>> {
    let (Engine::Postgres, Opening::User(_) | Opening::Guest(_)) = (app.db.engine(), opening)
    else {
        return Ok(None);
    };
    let lines = store::add_at_once(&app.db, opening.owner(), item, Limits::of(app), now).await?;
    Ok(lines.map(|lines| Cart {
        id: lines.first().map(|line| line.cart_id),
        lines,
    }))
}

/// Of the variants of a product only one is on sale when none is named.
fn is_of(item: AddItem, line: &CartLine) -> bool {
    match item.variant {
        Some(variant) => line.variant_id == variant,
        None => line.product_id == item.product && line.is_active,
    }
}

/// Three statements, sent together: hold the cart, write the line, read the whole. What they show decides.
async fn add_in_steps(
    app: &App,
    opening: Opening,
    item: AddItem,
    now: Time,
) -> Result<Option<(Cart, bool)>> {
    let limits = Limits::of(app);
    let owner = opening.owner();
    crate::transact!(app.db, tx => {
        let (cart, written, lines) = try_join!(
            opening.open(tx, now),
            store::add_line(tx, owner, item.product, item.variant, item.quantity, now),
            store::list_lines(tx, owner),
        )?;
        let Some(cart) = cart else { return Ok(None) };
        let Some((line, quantity)) = written else { return Err(why_not(tx, item).await?) };
        let cart = Cart { id: Some(cart), lines };
        cart.check_line(line, limits)?;
        Ok(Some((cart, quantity == item.quantity)))
    })
}

impl Opening {
    fn owner(self) -> Owner {
        match self {
            Opening::User(user) => Owner::User(user),
            Opening::Guest(hash) | Opening::NewGuest(hash) => Owner::Guest(hash),
        }
    }

    async fn open(self, tx: &db::Tx, now: Time) -> Result<Option<CartId>> {
        match self {
            Opening::User(user) => store::open_user_cart(tx, user, now).await.map(Some),
            Opening::Guest(_) => store::touch_cart(tx, self.owner(), now).await,
            Opening::NewGuest(hash) => store::open_guest_cart(tx, hash, now).await.map(Some),
        }
    }
}

/// Why no single variant fits.
async fn why_not(tx: &db::Tx, item: AddItem) -> Result<Error> {
    let on_sale = store::find_variants_on_sale(tx, item.product).await?;
    Ok(match item.variant {
        _ if on_sale.is_empty() => {
            Error::field("product_id", "does_not_exist", "There is no such product.")
        }
        Some(_) => Error::field(
            "variant_id",
            "does_not_exist",
            "This product has no such variant.",
        ),
        None => Error::field(
            "variant_id",
            "required",
            "This product comes in several variants: name one.",
        ),
    })
}
