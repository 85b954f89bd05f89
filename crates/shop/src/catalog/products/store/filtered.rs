//! The conditions of a list of products.

use db::{Engine, Select};
use sha2::{Digest, Sha256};

use super::search::search_table;
use crate::catalog::memory::CountOf;
use crate::catalog::products::filter::Filter;
use crate::catalog::search::Matching;
use crate::ids::CategoryId;
use crate::paging::{SortKey, padded};

// OFFSET keeps PostgreSQL from making a join of it, so that a page ends as soon as it is full.
const STOCK: &str = "EXISTS (SELECT 1 FROM variants v JOIN stock_items s ON s.variant_id = v.id
  WHERE v.product_id = p.id AND v.is_active = TRUE AND s.on_hand > s.reserved
  LIMIT 1 OFFSET 0)";

const BELOW: &str =
    "(SELECT CAST(COALESCE(SUM(s.on_hand - s.reserved), 0) AS BIGINT) FROM variants v
  JOIN stock_items s ON s.variant_id = v.id WHERE v.product_id = p.id AND v.is_active = TRUE) < ?";

// Only they can be below it: found by going through one narrow table, not the catalog.
const MAY_BE_BELOW: &str = "p.id IN (SELECT product_id FROM variants WHERE is_active = FALSE
  UNION ALL SELECT w.product_id FROM stock_items t JOIN variants w ON w.id = t.variant_id
    WHERE t.on_hand - t.reserved < ?)";

/// `head` names `products p`.
pub(in crate::catalog) fn filtered(engine: Engine, head: &str, filter: &Filter) -> Select {
    let matches = search_table(engine).matches;
    conditions(Select::new(head), filter, STOCK, matches)
}

/// `select` from the facts of those that a filter lets through. Where words are searched for they are read as they are
/// found; else from the index that fits.
pub(super) fn facts(engine: Engine, select: &str, filter: &Filter) -> Select {
    let search = search_table(engine);
    let from = match filter.search {
        Some(_) => search.facts,
        None => "product_facts p",
    };
    let head = Select::new(&format!("{select} FROM {from}"));
    conditions(head, filter, search.in_stock, search.fact_matches)
}

fn conditions(mut select: Select, filter: &Filter, stock: &str, matches: &str) -> Select {
    match filter.is_active {
        Some(true) => select = select.filter("p.is_active = TRUE", []),
        Some(false) => select = select.filter("p.is_active = FALSE", []),
        None => {}
    }
    match filter.is_featured {
        // As its index says it, or SQLite does not see that it fits.
        Some(true) => select = select.filter("p.is_featured", []),
        Some(false) => select = select.filter("p.is_featured = FALSE", []),
        None => {}
    }
    match filter.categories.as_deref() {
        None => {}
        Some([only]) => select = select.filter("p.category_id = ?", [only.into()]),
        // Beyond what a statement may have of arguments; numbers of ours are safe to write out.
        Some(ids) if ids.len() > 4096 => {
            let list: Vec<String> = ids.iter().map(CategoryId::to_string).collect();
            select = select.filter(&format!("p.category_id IN ({})", list.join(",")), []);
        }
        Some(ids) => select = select.filter_in("p.category_id", padded(ids)),
    }
    let price = if filter.walked {
        "+p.price_minor"
    } else {
        "p.price_minor"
    };
    select = select
        .filter_some(&format!("{price} >= ?"), filter.min_price)
        .filter_some(&format!("{price} <= ?"), filter.max_price);
    match filter.in_stock {
        Some(true) => select = select.filter(stock, []),
        Some(false) => select = select.filter(&format!("NOT ({stock})"), []),
        None => {}
    }
    select = select
        .filter_some(MAY_BE_BELOW, filter.stock_below)
        .filter_some(BELOW, filter.stock_below);
    if let Some(Matching(query)) = &filter.search {
        select = match query.as_str() {
            "" => select.filter("1 = 0", []),
            query => select.filter(matches, [query.into()]),
        };
    }
    match &filter.ids {
        Some(ids) => select.filter_in("p.id", padded(ids)),
        None => select,
    }
}

/// The text and arguments of a filter: what a count is remembered under.
pub(crate) fn identity(engine: Engine, filter: &Filter) -> CountOf {
    let select = filtered(engine, "", filter);
    Sha256::digest(format!("{}{:?}", select.sql(), select.args())).into()
}

/// SQLite keeps no statistics and takes any limit on the price for a narrow one: it would read and sort most of the
/// table. With a limit on one side only, a page in another order is found by walking in that order.
pub(super) fn walked(engine: Engine, filter: &Filter, sort: &[SortKey]) -> Filter {
    let one_sided = filter.min_price.is_some() != filter.max_price.is_some();
    let by_price = sort
        .first()
        .is_some_and(|key| key.column == "p.price_minor");
    Filter {
        walked: engine == Engine::Sqlite && one_sided && !by_price,
        ..filter.clone()
    }
}
