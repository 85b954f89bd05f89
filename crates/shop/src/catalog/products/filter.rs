//! Which products a list shows, and what it can be ordered by.

use serde_json::Value;

use crate::catalog::search::Matching;
use crate::http::extract::{Field, Node, Reader};
use crate::http::schema::Schemas;
use crate::ids::{CategoryId, ProductId};
use crate::paging::{self, SortKey};

#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) ids: Option<Vec<ProductId>>,
    pub(crate) is_active: Option<bool>,
    pub(crate) is_featured: Option<bool>,
    /// What to find in names, descriptions and SKUs.
    pub(crate) search: Option<Matching>,
    /// In one of these.
    pub(crate) categories: Option<Vec<CategoryId>>,
    pub(crate) min_price: Option<i64>,
    pub(crate) max_price: Option<i64>,
    pub(crate) in_stock: Option<bool>,
    /// Active, with less to sell than this.
    pub(crate) stock_below: Option<i64>,
    /// Read row by row in the order of the list, not by way of the price.
    pub(crate) walked: bool,
}

/// What `ordering=` says.
#[derive(Debug)]
pub(crate) struct Ordering(pub(super) Vec<SortKey>);

impl Field for Ordering {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        let text = String::read(node, reader)?;
        match paging::ordering(Some(&text), SORTABLE, NEWEST, BY_ID) {
            Ok(keys) => Some(Ordering(keys)),
            Err(error) => {
                for fault in error.fields() {
                    reader.fault::<()>(fault.code, fault.detail.clone());
                }
                None
            }
        }
    }

    fn schema(schemas: &mut Schemas) -> Value {
        String::schema(schemas)
    }
}

const SORTABLE: &[(&str, SortKey)] = &[
    ("id", BY_ID),
    ("price", SortKey::number("p.price_minor")),
    ("created_at", SortKey::number("p.created_at")),
    ("name", SortKey::text("p.name")),
];

pub(crate) const BY_ID: SortKey = SortKey::number("p.id");

/// The order of a list that names none.
pub(super) const NEWEST: &[SortKey] = &[BY_ID.desc()];
