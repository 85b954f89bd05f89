//! When a guest signs in or up, the guest's cart goes into the account's.

use std::collections::HashMap;

use db::Tx;
use futures_util::future::BoxFuture;
use futures_util::try_join;

use super::cart::{CartLine, Limits, Owner};
use super::store;
use super::token::hash_token;
use crate::accounts::CartAdjustment;
use crate::app::App;
use crate::caller::CartToken;
use crate::error::Result;
use crate::ids::{UserId, VariantId};

/// The hook of sign-in and sign-up.
pub fn merge_at_sign_in<'a>(
    app: &'a App,
    tx: &'a Tx,
    user: UserId,
    token: Option<&'a CartToken>,
) -> BoxFuture<'a, Result<Vec<CartAdjustment>>> {
    Box::pin(async move {
        match token {
            Some(token) => merge_carts(app, tx, user, token).await,
            None => Ok(Vec::new()),
        }
    })
}

/// Moves the lines of the guest's cart into the user's, capped by stock and limits, and ends the guest's cart and
/// its token. A token that names no cart changes nothing.
async fn merge_carts(
    app: &App,
    tx: &Tx,
    user: UserId,
    token: &CartToken,
) -> Result<Vec<CartAdjustment>> {
    let now = app.clock.now();
    let (guest, account) = (Owner::Guest(hash_token(&token.0)), Owner::User(user));
    // The guest's cart is always held first, so two sign-ins with one token cannot block each other.
    let Some((guest_cart, guest_lines)) = store::claim_cart(tx, guest, now).await? else {
        return Ok(Vec::new());
    };
    let (cart, lines) = try_join!(
        store::open_user_cart(tx, user, now),
        store::list_lines(tx, account)
    )?;
    let merged = merge(&guest_lines, &lines, Limits::of(app));
    try_join!(
        store::put_lines(tx, cart, &merged.lines, now),
        store::delete_cart(tx, guest_cart)
    )?;
    Ok(merged.adjustments)
}

#[derive(Debug, Default)]
struct Merged {
    lines: Vec<(VariantId, i64)>,
    adjustments: Vec<CartAdjustment>,
}

/// Never takes away what the account's cart held already.
fn merge(guest: &[CartLine], account: &[CartLine], limits: Limits) -> Merged {
    let held: HashMap<VariantId, i64> = account
        .iter()
        .map(|line| (line.variant_id, line.quantity))
        .collect();
    let mut room = limits.lines.saturating_sub(account.len());
    let mut merged = Merged::default();
    for line in guest {
        let had = held.get(&line.variant_id).copied();
        let requested = line.quantity + had.unwrap_or(0);
        let (cap, reason) = match line {
            CartLine {
                is_active: false, ..
            } => (0, "It is no longer sold.".to_owned()),
            _ if had.is_none() && room == 0 => (
                0,
                format!("A cart takes at most {} different products.", limits.lines),
            ),
            CartLine {
                available: ..=0, ..
            } => (0, "It is out of stock.".to_owned()),
            CartLine { available, .. } if *available <= limits.quantity => {
                (*available, format!("Only {available} are in stock."))
            }
            _ => (
                limits.quantity,
                format!(
                    "A cart takes at most {} pieces of one product.",
                    limits.quantity
                ),
            ),
        };
        let quantity = requested.min(cap).max(had.unwrap_or(0));
        if quantity > 0 {
            merged.lines.push((line.variant_id, quantity));
            if had.is_none() {
                room -= 1;
            }
        }
        if quantity < requested {
            merged.adjustments.push(CartAdjustment {
                product_id: line.product_id,
                variant_id: line.variant_id,
                product_name: line.product_name.clone(),
                requested,
                quantity,
                reason,
            });
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;
    use crate::ids::{CartId, CartLineId, ProductId};

    const LIMITS: Limits = Limits {
        quantity: 10,
        lines: 2,
    };

    fn line(variant: i64, quantity: i64, available: i64) -> CartLine {
        CartLine {
            id: CartLineId(variant),
            cart_id: CartId(1),
            variant_id: VariantId(variant),
            quantity,
            added_at: Time(0),
            product_id: ProductId(variant),
            product_name: "Mug".into(),
            slug: "mug".into(),
            image_url: None,
            variant_title: String::new(),
            sku: None,
            price_minor: 100,
            is_active: true,
            available,
        }
    }

    /// Variants with their quantities, and variants with what is said of them.
    type Outcome = (Vec<(i64, i64)>, Vec<(i64, String)>);

    fn outcome(guest: &[CartLine], account: &[CartLine]) -> Outcome {
        let merged = merge(guest, account, LIMITS);
        (
            merged
                .lines
                .iter()
                .map(|(variant, quantity)| (variant.0, *quantity))
                .collect(),
            merged
                .adjustments
                .iter()
                .map(|a| (a.quantity, a.reason.clone()))
                .collect(),
        )
    }

    #[test]
    fn what_both_hold_adds_up() {
        assert_eq!(
            outcome(&[line(1, 2, 50)], &[line(1, 3, 50)]),
            (vec![(1, 5)], vec![])
        );
    }

    #[test]
    fn the_stock_and_the_limit_cap_a_line() {
        assert_eq!(
            outcome(&[line(1, 5, 5)], &[line(1, 5, 5)]),
            (vec![(1, 5)], vec![(5, "Only 5 are in stock.".into())])
        );
        assert_eq!(
            outcome(&[line(1, 8, 50)], &[line(1, 5, 50)]),
            (
                vec![(1, 10)],
                vec![(10, "A cart takes at most 10 pieces of one product.".into())]
            )
        );
    }

    #[test]
    fn what_the_account_held_is_never_taken_away() {
        assert_eq!(
            outcome(&[line(1, 1, 2)], &[line(1, 7, 2)]),
            (vec![(1, 7)], vec![(7, "Only 2 are in stock.".into())])
        );
    }

    #[test]
    fn lines_beyond_the_limit_and_hidden_products_are_left_out() {
        let hidden = CartLine {
            is_active: false,
            ..line(3, 1, 9)
        };
        let (lines, adjustments) =
            outcome(&[line(2, 1, 9), line(4, 1, 9), hidden], &[line(1, 1, 9)]);
        assert_eq!(lines, [(2, 1)]);
        assert_eq!(adjustments.len(), 2);
        assert!(adjustments[0].1.contains("2 different products"));
        assert!(adjustments[1].1.contains("no longer sold"));
    }
}
