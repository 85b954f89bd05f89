//! The stock of products as staff sees and changes it: figures of each variant, goods that arrive, counts that differ,
//! and the movements that explain every unit. What changes stock is `inventory`; here are products' names for it.

pub(super) mod api;
mod change_stock;
pub(super) mod store;
