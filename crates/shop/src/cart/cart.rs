//! A cart and its rules.

use db::Value;

use super::token::hash_token;
use crate::app::App;
use crate::caller::Shopper;
use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::ids::{CartId, CartLineId, ProductId, UserId, VariantId};
use crate::inventory::{ShortLine, out_of_stock};

/// A cart as it is shown. Without an id it does not exist: it is what an absent cart looks like.
#[derive(Clone, Debug, Default)]
pub struct Cart {
    pub id: Option<CartId>,
    pub lines: Vec<CartLine>,
}

db::record! {
    /// A line with what the catalog says of it now. Prices are minor units.
    #[derive(Clone, Debug)]
    pub struct CartLine {
        pub id: CartLineId,
        pub cart_id: CartId,
        pub variant_id: VariantId,
        pub quantity: i64,
        pub added_at: Time,
        pub product_id: ProductId,
        pub product_name: String,
        pub slug: String,
        pub image_url: Option<String>,
        pub variant_title: String,
        pub sku: Option<String>,
        pub price_minor: i64,
        pub is_active: bool,
        pub available: i64,
    }
}

/// `CART_MAX_QUANTITY` and `CART_MAX_LINES`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub quantity: i64,
    pub lines: usize,
}

/// Whose cart it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    User(UserId),
    /// The hash of the token.
    Guest([u8; 32]),
}

/// The owner that a shopper speaks for: the account before the token.
pub fn owner_of(shopper: &Shopper) -> Option<Owner> {
    let user = shopper.user.map(|user| Owner::User(user.id));
    user.or_else(|| {
        shopper
            .cart_token
            .as_ref()
            .map(|token| Owner::Guest(hash_token(&token.0)))
    })
}

impl Limits {
    pub(super) fn of(app: &App) -> Limits {
        let lines = usize::try_from(app.config.cart_max_lines).unwrap_or(0);
        Limits {
            quantity: app.config.cart_max_quantity,
            lines,
        }
    }
}

impl Cart {
    pub fn total_items(&self) -> i64 {
        self.lines.iter().map(|line| line.quantity).sum()
    }

    /// The sum of the lines. It stays at the largest amount where prices have since risen beyond it; placing such
    /// an order is refused.
    pub fn total_minor(&self) -> i64 {
        self.lines
            .iter()
            .fold(0, |sum, line| sum.saturating_add(line.subtotal_minor()))
    }

    pub fn line(&self, id: CartLineId) -> Result<&CartLine> {
        self.lines
            .iter()
            .find(|line| line.id == id)
            .ok_or_else(Error::not_found)
    }

    /// May this line, just written, stay as it is?
    pub(super) fn check_line(&self, id: CartLineId, limits: Limits) -> Result<()> {
        let line = self.line(id)?;
        if line.quantity > limits.quantity {
            return Err(Code::CartLimit.with(format!(
                "At most {} pieces of one product.",
                limits.quantity
            )));
        }
        if self.lines.len() > limits.lines {
            return Err(
                Code::CartLimit.with(format!("At most {} different products.", limits.lines))
            );
        }
        if line.quantity > line.available {
            return Err(out_of_stock(vec![line.short()]));
        }
        let total = self.lines.iter().try_fold(0_i64, |sum, line| {
            sum.checked_add(line.price_minor.checked_mul(line.quantity)?)
        });
        total.map(|_| ()).ok_or_else(|| Code::AmountLimit.into())
    }
}

impl CartLine {
    pub fn subtotal_minor(&self) -> i64 {
        self.price_minor.saturating_mul(self.quantity)
    }

    fn short(&self) -> ShortLine {
        ShortLine {
            product_id: self.product_id,
            variant_id: self.variant_id,
            product_name: self.product_name.clone(),
            variant_title: self.variant_title.clone(),
            requested: self.quantity,
            available: self.available.max(0),
        }
    }
}

impl From<Owner> for Value {
    fn from(owner: Owner) -> Value {
        match owner {
            Owner::User(id) => id.into(),
            Owner::Guest(hash) => hash.into(),
        }
    }
}
