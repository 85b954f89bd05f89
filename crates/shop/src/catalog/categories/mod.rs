//! Categories: a forest of names under which products stand, at most 50 levels deep and without circles.
//!
//! Who writes one holds the generation row of the catalog first, so writers of the tree come one after the other.

mod add_tree;
pub(super) mod api;
pub(super) mod category;
mod delete_category;
mod save_category;
pub(super) mod store;

pub(crate) use add_tree::add_tree;
pub use category::Category;
pub(crate) use category::MAX_DEPTH;
pub(in crate::catalog) use save_category::insert;
pub use save_category::{CategoryChanges, NewCategory, create_category};
pub(crate) use save_category::{ImportedCategory, import_categories};
