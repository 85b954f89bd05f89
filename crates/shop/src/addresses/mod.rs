//! The addresses that somebody keeps, to have things sent to and bills written for.
//!
//! Of each *type* (shipping, billing, other) at most one is the *default*, which the database holds; the first of its
//! type becomes it, unless it says otherwise. Whoever writes holds the account's row, so that the cap and the default
//! are true under races. An order takes copies ([`for_order`]): changing an address changes no order.

mod add_address;
mod address;
mod api;
mod change_address;
mod for_order;
mod forget_addresses;
mod remove_address;
pub mod store;

pub use address::{Address, AddressType};
pub(crate) use api::KeptAddressOut;
pub use api::routes;
pub use for_order::{Choice, for_order};
pub use forget_addresses::forget_addresses;
pub use store::{all_of, forget};
