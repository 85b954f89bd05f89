//! SQL of changes in bulk.

use db::{Conn, Engine, Tx, Value, args_vec};

use super::change::Selection;
use crate::catalog::products::filter::Filter;
use crate::catalog::products::store::filtered;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::{ProductId, VariantId};
use crate::paging::padded;

const LIST: &str = "SELECT v.product_id, v.id, p.name, v.sku, v.title, v.price_minor,
    (SELECT CAST(COALESCE(SUM(s.on_hand - s.reserved), 0) AS BIGINT) FROM stock_items s WHERE s.variant_id = v.id) AS stock
  FROM products p JOIN variants v ON v.product_id = p.id";

const SET_PRICE: &str = "UPDATE variants SET price_minor = $2, updated_at = $3 WHERE id = $1";

// The lowest price of those for sale, or of all where none is.
const TOUCH: &str = "UPDATE products SET version = version + 1, updated_at = $2,
    price_minor = COALESCE((SELECT MIN(v.price_minor) FROM variants v WHERE v.product_id = $1 AND v.is_active = TRUE),
      (SELECT MIN(v.price_minor) FROM variants v WHERE v.product_id = $1))
  WHERE id = $1";

pub(in crate::catalog) const STATEMENTS: &[&str] = &[LIST, SET_PRICE, TOUCH];

db::record! {
    /// A variant as it is.
    #[derive(Clone, Debug)]
    pub struct Listed {
        pub product_id: ProductId,
        pub id: VariantId,
        pub name: String,
        pub sku: Option<String>,
        pub title: String,
        pub price_minor: i64,
        pub stock: i64,
    }
}

/// Those that are meant, in the order of their products; one more than `limit` where there are more.
pub(super) async fn list(
    conn: &Conn,
    engine: Engine,
    selection: &Selection,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Listed>> {
    let all = filtered(engine, LIST, filter);
    let some = match selection {
        Selection::Products(ids) => all.filter_in("p.id", padded(ids)),
        Selection::Variants(ids) => all.filter_in("v.id", padded(ids)),
        Selection::Skus(skus) => all.filter_in("v.sku", padded(skus)),
        Selection::Filter(_) => all,
    };
    Ok(some
        .order("v.product_id, v.position, v.id")
        .window(limit + 1, 0)
        .all(conn)
        .await?)
}

pub(super) async fn set_prices(tx: &Tx, prices: &[(VariantId, i64)], now: Time) -> Result<()> {
    let rows: Vec<Vec<Value>> = prices
        .iter()
        .map(|&(id, price)| args_vec![id, price, now])
        .collect();
    tx.execute_each(SET_PRICE, &rows).await?;
    Ok(())
}

/// Notes that products were written, with their lowest price.
pub(super) async fn touch(tx: &Tx, products: &[ProductId], now: Time) -> Result<()> {
    let rows: Vec<Vec<Value>> = products.iter().map(|&id| args_vec![id, now]).collect();
    tx.execute_each(TOUCH, &rows).await?;
    Ok(())
}
