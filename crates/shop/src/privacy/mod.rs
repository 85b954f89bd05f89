//! What people may ask of a shop that knows them: a copy of it all, and to be forgotten.
//!
//! *Erasing* takes out of the database what tells who somebody was; the account's id stays, and its orders stay as
//! the law wants them, with nothing in them but goods, amounts and the country. Orders that are under way keep the
//! address until they have arrived, 90 days at most. A list of the erased (`erased_accounts` in the data folder, ids
//! and no names) stands beside the database: after a restore they are erased again.

mod api;
mod erase_account;
mod erased_list;
mod export_account;
mod repeat_erasures;

pub use api::routes;
pub use erase_account::{Asked, erase_account};
pub use repeat_erasures::repeat_erasures;
