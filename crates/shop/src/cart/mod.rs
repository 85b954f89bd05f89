//! What somebody means to buy.
//!
//! A cart belongs to a user or to whoever holds its token (a *guest*). Its *lines* name a variant and a quantity,
//! each variant once; prices and stock are read when it is shown, never kept.
//! Invariants: every write to a line first adds 1 to the version of its cart, in the same transaction, so writers of
//! one cart go one after the other and whoever claims the cart sees all of it; the token is stored as its hash only;
//! reading creates nothing.

mod add_item;
mod api;
#[expect(
    clippy::module_inception,
    reason = "cart.rs holds the types of the feature, as in every feature"
)]
mod cart;
mod change_items;
mod forget_cart;
mod merge_carts;
mod show_cart;
mod store;
mod sweep_carts;
mod token;

pub use add_item::{AddItem, Added, add_item};
pub use api::routes;
pub use cart::{Cart, CartLine, Limits, Owner, owner_of};
pub use change_items::{clear_cart, remove_item, set_quantity};
pub use forget_cart::forget_cart;
pub use merge_carts::merge_at_sign_in;
pub use show_cart::show_cart;
pub use store::{ON_POSTGRES, STATEMENTS, claim_cart, consume_cart, forget};
pub use sweep_carts::sweep_carts;
