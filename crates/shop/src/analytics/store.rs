//! All SQL of reports.

use std::collections::BTreeMap;

use db::{Conn, Select, Tx, Value, args, args_vec};

use crate::bulk::Bulk;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::{OrderId, ProductId};
use crate::orders::{PaymentStatus, Status};
use crate::paging::padded;

/// A quarter of an hour in microseconds.
pub(super) const SLOT: i64 = 900_000_000;

pub(super) fn slot_of(time: Time) -> i64 {
    time.0.div_euclid(SLOT)
}

db::record! {
    /// What of an order is counted.
    #[derive(Clone, Debug)]
    pub(super) struct Counted {
        pub order_id: OrderId,
        pub slot: i64,
        pub status: Status,
        pub total_minor: i64,
        pub paid_orders: i64,
        pub revenue_minor: i64,
    }
}

db::record! {
    /// What an order says now.
    pub(super) struct Countable {
        pub order_id: OrderId,
        pub created_at: Time,
        pub status: Status,
        pub payment_status: PaymentStatus,
        pub total_minor: i64,
        pub captured_minor: i64,
        pub refunded_minor: i64,
    }
}

db::record! {
    /// A line of an order, or sums over such lines.
    #[derive(Clone, Debug)]
    pub(super) struct Line {
        pub order_id: OrderId,
        pub product_id: Option<ProductId>,
        pub sku: Option<String>,
        pub product_name: String,
        pub quantity: i64,
        pub revenue_minor: i64,
    }
}

/// Sums over the orders of a slot and status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub orders: i64,
    pub total_minor: i64,
    pub paid_orders: i64,
    pub revenue_minor: i64,
}

db::record! {
    /// A row of the totals.
    pub(super) struct Sold {
        pub slot: i64,
        pub status: Status,
        pub orders: i64,
        pub total_minor: i64,
        pub paid_orders: i64,
        pub revenue_minor: i64,
    }
}

db::record! {
    #[derive(Clone, Debug)]
    pub struct TopProduct {
        pub product_id: Option<ProductId>,
        pub product_name: String,
        pub sku: Option<String>,
        pub quantity: i64,
        pub revenue_minor: i64,
    }
}

db::record! {
    #[derive(Clone, Debug)]
    pub struct LowStock {
        pub id: ProductId,
        pub name: String,
        pub slug: String,
        pub stock: i64,
    }
}

const HOLD_TOTALS: &str = "UPDATE generations SET value = value + 1 WHERE area = 'sales'";

const SELECT_COUNTED: &str =
    "SELECT order_id, slot, status, total_minor, paid_orders, revenue_minor FROM counted_orders";

const SELECT_COUNTABLE: &str =
    "SELECT id AS order_id, created_at, status, payment_status, total_minor,
    captured_minor, refunded_minor FROM orders";

const SELECT_LINES: &str = "SELECT order_id, product_id, sku, product_name, quantity,
    subtotal_minor - discount_minor AS revenue_minor FROM order_lines";

const ADD_SALES: &str =
    "INSERT INTO sales (slot, status, orders, total_minor, paid_orders, revenue_minor)
  VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (slot, status) DO UPDATE SET orders = sales.orders + excluded.orders,
    total_minor = sales.total_minor + excluded.total_minor,
    paid_orders = sales.paid_orders + excluded.paid_orders,
    revenue_minor = sales.revenue_minor + excluded.revenue_minor";

const ADD_PRODUCT_SALES: Bulk = Bulk {
    head: "INSERT INTO product_sales (key, product_id, sku, product_name, quantity, revenue_minor) VALUES ",
    row: "(?, ?, ?, ?, ?, ?)",
    tail: " ON CONFLICT (key) DO UPDATE SET product_name = excluded.product_name,
    quantity = product_sales.quantity + excluded.quantity,
    revenue_minor = product_sales.revenue_minor + excluded.revenue_minor",
};

const KEEP_COUNTED: Bulk = Bulk {
    head: "INSERT INTO counted_orders (order_id, slot, status, total_minor, paid_orders, revenue_minor) VALUES ",
    row: "(?, ?, ?, ?, ?, ?)",
    tail: " ON CONFLICT (order_id) DO UPDATE SET slot = excluded.slot, status = excluded.status,
    total_minor = excluded.total_minor, paid_orders = excluded.paid_orders, revenue_minor = excluded.revenue_minor",
};

const SALES: &str =
    "SELECT slot, status, orders, total_minor, paid_orders, revenue_minor FROM sales
  WHERE slot >= $1 AND slot < $2";

const BY_STATUS: &str =
    "SELECT status, CAST(SUM(orders) AS BIGINT), CAST(SUM(revenue_minor) AS BIGINT)
  FROM sales GROUP BY status";

const TOP_PRODUCTS: &str =
    "SELECT s.product_id, COALESCE(p.name, s.product_name) AS product_name, s.sku, s.quantity,
    s.revenue_minor
  FROM product_sales s LEFT JOIN products p ON p.id = s.product_id
  WHERE s.quantity > 0 ORDER BY s.quantity DESC, s.revenue_minor DESC, s.key LIMIT $1";

// Who has little has little of each variant: one narrow table is gone through, not the catalog.
const LOW_STOCK: &str =
    "SELECT p.id, p.name, p.slug, CAST(SUM(s.on_hand - s.reserved) AS BIGINT) AS stock
  FROM products p JOIN variants v ON v.product_id = p.id JOIN stock_items s ON s.variant_id = v.id
  WHERE p.is_active = TRUE AND v.is_active = TRUE AND p.id IN
    (SELECT w.product_id FROM stock_items t JOIN variants w ON w.id = t.variant_id
      WHERE t.on_hand - t.reserved < CAST($1 AS BIGINT))
  GROUP BY p.id, p.name, p.slug HAVING SUM(s.on_hand - s.reserved) < CAST($1 AS BIGINT)
  ORDER BY 4, 1 LIMIT $2";

const COUNTS: &str = "SELECT (SELECT COUNT(*) FROM products), (SELECT COUNT(*) FROM categories)";

/// All statements, those that are built as filled examples.
pub fn statements() -> Vec<String> {
    let fixed = [
        HOLD_TOTALS,
        ADD_SALES,
        SALES,
        BY_STATUS,
        TOP_PRODUCTS,
        LOW_STOCK,
        COUNTS,
    ];
    let built = [
        Select::new(SELECT_COUNTED).filter_in("order_id", [1]),
        Select::new(SELECT_COUNTABLE).filter_in("id", [1]),
        Select::new(SELECT_LINES).filter_in("order_id", [1]),
    ];
    let built = built.iter().map(|select| select.sql().to_owned());
    let bulk = [ADD_PRODUCT_SALES, KEEP_COUNTED].map(|bulk| bulk.statements(0));
    fixed
        .map(String::from)
        .into_iter()
        .chain(built)
        .chain(bulk.into_iter().flatten())
        .collect()
}

impl Line {
    /// What lines of the same product have in common.
    pub(super) fn key(&self) -> String {
        match (self.product_id, &self.sku) {
            (Some(id), _) => format!("p:{id}"),
            (None, Some(sku)) => format!("s:{sku}"),
            (None, None) => format!("n:{}", self.product_name),
        }
    }

    pub(super) fn nothing(&self) -> Line {
        Line {
            quantity: 0,
            revenue_minor: 0,
            ..self.clone()
        }
    }
}

/// Others who count wait until this transaction ends.
pub(super) async fn hold_totals(tx: &Tx) -> Result<()> {
    tx.execute(HOLD_TOTALS, args![]).await?;
    Ok(())
}

pub(super) async fn counted(conn: &Conn, orders: &[OrderId]) -> Result<Vec<Counted>> {
    let select = Select::new(SELECT_COUNTED).filter_in("order_id", padded(orders));
    Ok(select.all(conn).await?)
}

pub(super) async fn countable(conn: &Conn, orders: &[OrderId]) -> Result<Vec<Counted>> {
    let select = Select::new(SELECT_COUNTABLE).filter_in("id", padded(orders));
    let rows: Vec<Countable> = select.all(conn).await?;
    Ok(rows.iter().map(Counted::of).collect())
}

pub(super) async fn lines(conn: &Conn, orders: &[OrderId]) -> Result<Vec<Line>> {
    let select = Select::new(SELECT_LINES).filter_in("order_id", padded(orders));
    Ok(select.all(conn).await?)
}

pub(super) async fn add_sales(tx: &Tx, sales: &BTreeMap<(i64, &'static str), Sums>) -> Result<()> {
    let rows: Vec<Vec<Value>> = sales
        .iter()
        .filter(|(_, sums)| **sums != Sums::default())
        .map(|(&(slot, status), sums)| {
            args_vec![
                slot,
                status,
                sums.orders,
                sums.total_minor,
                sums.paid_orders,
                sums.revenue_minor
            ]
        })
        .collect();
    tx.execute_each(ADD_SALES, &rows).await?;
    Ok(())
}

pub(super) async fn add_product_sales(tx: &Tx, products: &BTreeMap<String, Line>) -> Result<()> {
    let rows: Vec<Vec<Value>> = products
        .iter()
        .map(|(key, line)| {
            args_vec![
                key,
                line.product_id,
                line.sku.as_ref(),
                &line.product_name,
                line.quantity,
                line.revenue_minor
            ]
        })
        .collect();
    ADD_PRODUCT_SALES.run::<i64>(tx, &[], &rows).await?;
    Ok(())
}

pub(super) async fn keep_counted(tx: &Tx, orders: &[Counted]) -> Result<()> {
    let rows: Vec<Vec<Value>> = orders
        .iter()
        .map(|order| {
            args_vec![
                order.order_id,
                order.slot,
                order.status,
                order.total_minor,
                order.paid_orders,
                order.revenue_minor
            ]
        })
        .collect();
    KEEP_COUNTED.run::<i64>(tx, &[], &rows).await?;
    Ok(())
}

/// The totals of the slots from `first` up to before `end`.
pub(super) async fn sales(conn: &Conn, first: i64, end: i64) -> Result<Vec<Sold>> {
    Ok(conn.all(SALES, args![first, end]).await?)
}

/// (status, orders, revenue)
pub(super) async fn by_status(conn: &Conn) -> Result<Vec<(Status, i64, i64)>> {
    Ok(conn.all(BY_STATUS, args![]).await?)
}

pub(super) async fn top_products(conn: &Conn, most: i64) -> Result<Vec<TopProduct>> {
    Ok(conn.all(TOP_PRODUCTS, args![most]).await?)
}

pub(super) async fn low_stock(conn: &Conn, below: i64, most: i64) -> Result<Vec<LowStock>> {
    Ok(conn.all(LOW_STOCK, args![below, most]).await?)
}

/// How many products and categories there are.
pub(super) async fn counts(conn: &Conn) -> Result<(i64, i64)> {
    Ok(conn.one(COUNTS, args![]).await?)
}
