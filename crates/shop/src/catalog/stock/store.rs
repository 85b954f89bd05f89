//! SQL of the stock of products.

use db::{Conn, Select, args};

use crate::clock::Time;
use crate::error::Result;
use crate::ids::{OrderId, ProductId, UserId, VariantId};
use crate::paging::{self, Page, Paging};
use crate::values::Key;

db::record! {
    /// A variant on the shelf. What can be sold is `on_hand - reserved`.
    #[derive(Clone, Debug)]
    pub(super) struct Figures {
        pub variant_id: VariantId,
        pub sku: Option<String>,
        pub title: String,
        pub on_hand: i64,
        pub reserved: i64,
    }
}

db::record! {
    /// A row of the book of stock. `quantity` as it stands there: signed for adjustments, else positive.
    #[derive(Clone, Debug)]
    pub(super) struct MovementRow {
        pub id: i64,
        pub variant_id: VariantId,
        pub sku: Option<String>,
        pub kind: String,
        pub quantity: i64,
        pub order_id: Option<OrderId>,
        pub actor_id: Option<UserId>,
        pub reason: String,
        pub created_at: Time,
    }
}

const FIND: &str =
    "SELECT id FROM products WHERE id = CAST($1 AS BIGINT) OR slug = CAST($2 AS TEXT)";

const FIGURES: &str = "SELECT v.id AS variant_id, v.sku, v.title, CAST(COALESCE(SUM(s.on_hand), 0) AS BIGINT) AS on_hand,
    CAST(COALESCE(SUM(s.reserved), 0) AS BIGINT) AS reserved
  FROM variants v LEFT JOIN stock_items s ON s.variant_id = v.id
  WHERE v.product_id = $1 GROUP BY v.id, v.sku, v.title, v.position ORDER BY v.position, v.id";

const MOVEMENTS: &str = "SELECT m.id, s.variant_id, v.sku, m.kind, m.quantity, m.order_id, m.actor_id, m.reason, m.created_at
  FROM stock_movements m JOIN stock_items s ON s.id = m.stock_item_id JOIN variants v ON v.id = s.variant_id";

const COUNT: &str =
    "SELECT COUNT(*) FROM stock_movements m JOIN stock_items s ON s.id = m.stock_item_id
  JOIN variants v ON v.id = s.variant_id";

pub(in crate::catalog) const STATEMENTS: &[&str] = &[FIND, FIGURES];

pub(super) async fn find_product(conn: &Conn, key: &Key) -> Result<Option<ProductId>> {
    Ok(conn.optional(FIND, &crate::catalog::key_args(key)).await?)
}

pub(super) async fn figures(conn: &Conn, product: ProductId) -> Result<Vec<Figures>> {
    Ok(conn.all(FIGURES, args![product]).await?)
}

/// The movements of a product, or of one of its variants: newest first.
pub(super) async fn list_movements(
    conn: &Conn,
    product: ProductId,
    variant: Option<VariantId>,
    kind: Option<&str>,
    paging: &Paging,
) -> Result<Page<MovementRow>> {
    let filtered = |head| {
        Select::new(head)
            .filter("v.product_id = ?", [product.into()])
            .filter_some("v.id = ?", variant)
            .filter_some("m.kind = ?", kind)
    };
    let id_of = |row: &MovementRow| row.id.into();
    paging::newest(
        conn,
        filtered(MOVEMENTS),
        filtered(COUNT),
        "m.id",
        paging,
        id_of,
    )
    .await
}
