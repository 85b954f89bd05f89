//! Prices and stock of many variants at once: all of them or none, and shown beforehand when asked for.

pub(super) mod api;
mod change;
mod change_products;
pub(super) mod store;

pub use change::{Change, Filter, PriceChange, Selection, StockChange};
pub use change_products::{Changed, Done, Repeat, change_products, preview_products};
pub use store::Listed;
