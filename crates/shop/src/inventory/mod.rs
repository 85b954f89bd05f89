//! What lies on the shelf and what of it is promised.
//!
//! A *stock item* is a variant at a location. `on_hand` is on the shelf, `reserved` is promised to open orders, and
//! what can be *sold* is the difference. Both figures change in one place only, [`store::move_stock`], which writes
//! the movement row that says why beside each change; so for each item
//! on hand = received + returned + adjusted + transferred − sold, reserved = reserved − released − sold (movements),
//! and on hand ≥ reserved ≥ 0.
//!
//! Rows are locked in the order of their variants, which every verb here sorts for itself, so two transactions with
//! the same variants never wait for each other in a circle. All verbs work at the default location.

mod adjust_by;
mod adjust_to;
mod move_stock;
mod out_of_stock;
mod reserve;
mod stock;
mod store;

pub use adjust_by::adjust_by;
pub use adjust_to::{adjust_to, figures, hold};
pub use move_stock::{create_items, give_back, receive, release, sell};
pub use out_of_stock::{ShortLine, out_of_stock};
pub use reserve::{Short, reserve};
pub use stock::MAX_STOCK;
pub use store::{ON_POSTGRES, last_movement, movements_after, statements};
