//! What admins do with accounts: look at them, give and take roles, close and open them, and see to it that nobody is
//! guessing passwords. Every change stands in the audit log.

mod api;
pub mod store;
mod unlock;
mod update_user;

pub use api::routes;
