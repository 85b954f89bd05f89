//! Products and their variants: finding, listing and writing them. `store.rs` says how, `plan.rs` what is allowed.

mod add_products;
#[expect(non_snake_case, reason = "`id__in` is the name of a parameter")]
pub(super) mod api;
mod browse;
mod create_product;
mod delete_product;
pub(super) mod facets;
pub(super) mod filter;
mod import_products;
pub(super) mod input;
mod learn_words_anew;
mod plan;
mod product;
pub(super) mod store;
mod update_product;

pub(crate) use add_products::{ReadyProduct, add_products};
pub(super) use browse::find_product;
pub use create_product::{ProductWish, create_product};
pub use delete_product::delete_product;
pub(crate) use import_products::{ImportedProduct, import_products, preview_products};
pub use learn_words_anew::learn_words_anew;
pub use plan::{Choices, VariantWish, Wish};
pub use product::{CategoryLabel, MAX_PRICE, Product, ProductOption, Variant};
pub use update_product::update_product;
pub(super) use update_product::{claim_product, still_as};
