//! The rules, each as the SQL of what breaks it: (id, what was found).

use std::borrow::Cow;

use db::{Conn, args};

use crate::error::Result;
use crate::orders::{EDGES, START};

pub(super) struct Rule {
    pub(super) invariant: u8,
    pub(super) holds: &'static str,
    /// What the id names.
    pub(super) table: &'static str,
    sql: Cow<'static, str>,
}

pub(super) async fn broken(conn: &Conn, rule: &Rule, limit: i64) -> Result<Vec<(i64, String)>> {
    Ok(conn.all(&limited(&rule.sql), args![limit]).await?)
}

pub fn statements() -> Vec<String> {
    rules().into_iter().map(|rule| limited(&rule.sql)).collect()
}

fn limited(sql: &str) -> String {
    format!("{sql} ORDER BY 1 LIMIT $1")
}

pub(super) fn rules() -> Vec<Rule> {
    let rule = |invariant, holds, table, sql| Rule {
        invariant,
        holds,
        table,
        sql,
    };
    vec![
        rule(
            1,
            "on hand is what the movements add up to",
            "stock item",
            ON_HAND.into(),
        ),
        rule(
            1,
            "reserved is what the movements add up to",
            "stock item",
            RESERVED.into(),
        ),
        rule(1, "on hand >= reserved >= 0", "stock item", BOUNDS.into()),
        rule(
            1,
            "reserved is what open orders have not had shipped",
            "variant",
            PROMISED.into(),
        ),
        rule(
            1,
            "an order's movements are its lines",
            "order",
            ORDER_MOVEMENTS.into(),
        ),
        rule(
            1,
            "no more is returned than was sold",
            "order",
            RETURNED.into(),
        ),
        rule(
            1,
            "every variant has a stock item",
            "variant",
            NO_ITEM.into(),
        ),
        rule(
            1,
            "imported history moves no stock",
            "order",
            IMPORT_MOVES.into(),
        ),
        rule(
            2,
            "total = subtotal - discount + shipping + tax not in the prices",
            "order",
            TOTAL.into(),
        ),
        rule(2, "the lines add up to the order", "order", LINES.into()),
        rule(
            2,
            "a line is quantity times price",
            "order line",
            LINE.into(),
        ),
        rule(
            2,
            "0 <= refunded <= captured <= total",
            "order",
            CAPTURED.into(),
        ),
        rule(
            2,
            "what is refunded fits the payment status",
            "order",
            REFUNDED.into(),
        ),
        rule(
            2,
            "what is shipped fits the fulfillment status",
            "order",
            SHIPPED.into(),
        ),
        rule(
            2,
            "an order is counted in the reports as it stands",
            "order",
            COUNTED.into(),
        ),
        rule(
            2,
            "the totals of the reports are what is counted",
            "slot",
            SALES.into(),
        ),
        rule(
            2,
            "the totals of products are the lines of what is counted",
            "product",
            PRODUCT_SALES.into(),
        ),
        rule(
            3,
            "at most one successful payment",
            "order",
            ONE_PAYMENT.into(),
        ),
        rule(
            3,
            "captured is what the successful payment brought",
            "order",
            CAPTURED_BY.into(),
        ),
        rule(
            3,
            "the money of a payment is what the ledger says",
            "payment",
            LEDGER.into(),
        ),
        rule(
            3,
            "the money of an order is what the ledger says",
            "order",
            ORDER_LEDGER.into(),
        ),
        rule(
            2,
            "refunded <= claimed <= captured, and claimed is what refunds and chargebacks add up to",
            "payment",
            CLAIMED.into(),
        ),
        rule(
            3,
            "a provider's payment belongs to one order",
            "payment",
            PROVIDER_PAYMENT.into(),
        ),
        rule(
            7,
            "each step starts where the one before ended, the first where every order starts",
            "order",
            chain().into(),
        ),
        rule(
            7,
            "each step is an edge of its graph",
            "order",
            edges().into(),
        ),
        rule(
            7,
            "the history ends where the order stands",
            "order",
            last_steps().into(),
        ),
        rule(
            7,
            "the status is the word for the state",
            "order",
            status().into(),
        ),
    ]
}

const ON_HAND: &str = "SELECT s.id, 'on hand ' || CAST(s.on_hand AS TEXT) || ', movements '
    || CAST(COALESCE(m.on_hand, 0) AS TEXT)
  FROM stock_items s LEFT JOIN (
    SELECT stock_item_id, CAST(SUM(CASE WHEN kind IN ('received', 'returned', 'adjusted', 'transferred') THEN quantity
      WHEN kind = 'sold' THEN -quantity ELSE 0 END) AS BIGINT) AS on_hand
    FROM stock_movements GROUP BY stock_item_id) m ON m.stock_item_id = s.id
  WHERE s.on_hand <> COALESCE(m.on_hand, 0)";

const RESERVED: &str = "SELECT s.id, 'reserved ' || CAST(s.reserved AS TEXT) || ', movements '
    || CAST(COALESCE(m.reserved, 0) AS TEXT)
  FROM stock_items s LEFT JOIN (
    SELECT stock_item_id, CAST(SUM(CASE WHEN kind = 'reserved' THEN quantity
      WHEN kind IN ('released', 'sold') THEN -quantity ELSE 0 END) AS BIGINT) AS reserved
    FROM stock_movements GROUP BY stock_item_id) m ON m.stock_item_id = s.id
  WHERE s.reserved <> COALESCE(m.reserved, 0)";

const BOUNDS: &str =
    "SELECT id, 'on hand ' || CAST(on_hand AS TEXT) || ', reserved ' || CAST(reserved AS TEXT)
  FROM stock_items WHERE reserved < 0 OR on_hand < reserved";

const PROMISED: &str = "SELECT v.id, 'reserved ' || CAST(COALESCE(s.reserved, 0) AS TEXT) || ', open lines '
    || CAST(COALESCE(o.due, 0) AS TEXT)
  FROM variants v
  LEFT JOIN (SELECT variant_id, CAST(SUM(reserved) AS BIGINT) AS reserved FROM stock_items GROUP BY variant_id) s
    ON s.variant_id = v.id
  LEFT JOIN (SELECT l.variant_id, CAST(SUM(l.quantity - l.shipped_quantity) AS BIGINT) AS due
    FROM order_lines l JOIN orders o ON o.id = l.order_id
    WHERE o.source = 'shop' AND o.lifecycle IN ('open', 'closed') GROUP BY l.variant_id) o ON o.variant_id = v.id
  WHERE COALESCE(s.reserved, 0) <> COALESCE(o.due, 0)";

// What an order reserved, got back and was sent, against what its lines say of that.
const ORDER_MOVEMENTS: &str = "SELECT x.order_id, 'variant ' || COALESCE(CAST(x.variant_id AS TEXT), 'none')
    || ': reserved ' || CAST(SUM(x.reserved) AS TEXT) || ' of ' || CAST(SUM(x.quantity) AS TEXT)
    || ', released ' || CAST(SUM(x.released) AS TEXT) || ' of ' || CAST(SUM(x.ended) AS TEXT)
    || ', sold ' || CAST(SUM(x.sold) AS TEXT) || ' of ' || CAST(SUM(x.shipped) AS TEXT)
  FROM (
    SELECT l.order_id, l.variant_id, l.quantity, l.shipped_quantity AS shipped,
      CASE WHEN o.lifecycle IN ('cancelled', 'expired') THEN l.quantity - l.shipped_quantity ELSE 0 END AS ended,
      0 AS reserved, 0 AS released, 0 AS sold
    FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE o.source = 'shop'
    UNION ALL
    SELECT m.order_id, s.variant_id, 0, 0, 0,
      CASE WHEN m.kind = 'reserved' THEN m.quantity ELSE 0 END,
      CASE WHEN m.kind = 'released' THEN m.quantity ELSE 0 END,
      CASE WHEN m.kind = 'sold' THEN m.quantity ELSE 0 END
    FROM stock_movements m JOIN stock_items s ON s.id = m.stock_item_id WHERE m.order_id IS NOT NULL) x
  GROUP BY x.order_id, x.variant_id
  HAVING SUM(x.reserved) <> SUM(x.quantity) OR SUM(x.released) <> SUM(x.ended) OR SUM(x.sold) <> SUM(x.shipped)";

const IMPORT_MOVES: &str = "SELECT o.id, CAST(COUNT(*) AS TEXT) || ' movements'
  FROM orders o JOIN stock_movements m ON m.order_id = o.id WHERE o.source = 'import' GROUP BY o.id";

const RETURNED: &str = "SELECT m.order_id, 'variant ' || CAST(MIN(s.variant_id) AS TEXT) || ': returned '
    || CAST(SUM(CASE WHEN m.kind = 'returned' THEN m.quantity ELSE 0 END) AS TEXT) || ' of '
    || CAST(SUM(CASE WHEN m.kind = 'sold' THEN m.quantity ELSE 0 END) AS TEXT)
  FROM stock_movements m JOIN stock_items s ON s.id = m.stock_item_id
  WHERE m.order_id IS NOT NULL AND m.kind IN ('sold', 'returned') GROUP BY m.order_id, m.stock_item_id
  HAVING SUM(CASE WHEN m.kind = 'returned' THEN m.quantity ELSE -m.quantity END) > 0";

const NO_ITEM: &str = "SELECT v.id, 'none at the default location'
  FROM variants v LEFT JOIN stock_items s ON s.variant_id = v.id
    AND s.location_id = (SELECT id FROM locations WHERE is_default = TRUE)
  WHERE s.id IS NULL";

const TOTAL: &str = "SELECT id, 'total ' || CAST(total_minor AS TEXT) || ', parts '
    || CAST(subtotal_minor - discount_minor + shipping_minor
      + CASE WHEN prices_include_tax = TRUE THEN 0 ELSE tax_minor END AS TEXT)
  FROM orders WHERE total_minor < 0 OR total_minor <> subtotal_minor - discount_minor + shipping_minor
    + CASE WHEN prices_include_tax = TRUE THEN 0 ELSE tax_minor END";

const LINES: &str = "SELECT o.id, 'order ' || CAST(o.subtotal_minor AS TEXT) || '/' || CAST(o.discount_minor AS TEXT)
    || '/' || CAST(o.tax_minor AS TEXT) || ' in ' || CAST(o.items_count AS TEXT) || ' pieces, lines '
    || CAST(COALESCE(l.subtotal, 0) AS TEXT) || '/' || CAST(COALESCE(l.discount, 0) AS TEXT) || '/'
    || CAST(COALESCE(l.tax, 0) AS TEXT) || ' in ' || CAST(COALESCE(l.pieces, 0) AS TEXT)
  FROM orders o LEFT JOIN (
    SELECT order_id, CAST(SUM(subtotal_minor) AS BIGINT) AS subtotal, CAST(SUM(discount_minor) AS BIGINT) AS discount,
      CAST(SUM(tax_minor) AS BIGINT) AS tax, CAST(SUM(quantity) AS BIGINT) AS pieces
    FROM order_lines GROUP BY order_id) l ON l.order_id = o.id
  WHERE l.order_id IS NULL OR o.subtotal_minor <> l.subtotal OR o.discount_minor <> l.discount
    OR o.tax_minor <> l.tax OR o.items_count <> l.pieces";

const LINE: &str = "SELECT id, CAST(quantity AS TEXT) || ' x ' || CAST(price_minor AS TEXT) || ' = '
    || CAST(subtotal_minor AS TEXT) || ', discount ' || CAST(discount_minor AS TEXT)
  FROM order_lines WHERE subtotal_minor <> quantity * price_minor OR quantity <= 0 OR price_minor < 0
    OR discount_minor < 0 OR discount_minor > subtotal_minor OR tax_minor < 0
    OR shipped_quantity < 0 OR shipped_quantity > quantity";

const CAPTURED: &str = "SELECT id, 'refunded ' || CAST(refunded_minor AS TEXT) || ', captured '
    || CAST(captured_minor AS TEXT) || ', total ' || CAST(total_minor AS TEXT)
  FROM orders WHERE refunded_minor < 0 OR refunded_minor > captured_minor OR captured_minor > total_minor";

const REFUNDED: &str = "SELECT id, 'refunded ' || CAST(refunded_minor AS TEXT) || ' of '
    || CAST(captured_minor AS TEXT) || ', payment status ' || payment_status
  FROM orders WHERE NOT CASE payment_status WHEN 'refunded' THEN refunded_minor = captured_minor
    WHEN 'partially_refunded' THEN refunded_minor > 0 AND refunded_minor < captured_minor
    ELSE refunded_minor = 0 END";

const SHIPPED: &str =
    "SELECT o.id, 'shipped ' || CAST(l.shipped AS TEXT) || ' of ' || CAST(l.pieces AS TEXT)
    || ', fulfillment status ' || o.fulfillment_status
  FROM orders o JOIN (SELECT order_id, SUM(shipped_quantity) AS shipped, SUM(quantity) AS pieces
    FROM order_lines GROUP BY order_id) l ON l.order_id = o.id
  WHERE NOT CASE WHEN o.fulfillment_status IN ('unfulfilled', 'processing') THEN l.shipped = 0
    WHEN o.fulfillment_status = 'partially_shipped' THEN l.shipped > 0 AND l.shipped < l.pieces
    ELSE l.shipped = l.pieces END";

// But for those whose change waits to be counted.
const COUNTED: &str = "SELECT o.id, 'status ' || o.status || ' of ' || CAST(o.total_minor AS TEXT) || ', counted '
    || COALESCE(c.status || ' of ' || CAST(c.total_minor AS TEXT), 'nothing')
  FROM orders o LEFT JOIN counted_orders c ON c.order_id = o.id
  WHERE (c.order_id IS NULL OR c.status <> o.status OR c.total_minor <> o.total_minor
      OR c.revenue_minor <> o.captured_minor - o.refunded_minor OR c.slot <> o.created_at / 900000000
      OR c.paid_orders <> CASE WHEN o.payment_status IN ('paid', 'partially_refunded') THEN 1 ELSE 0 END)
    AND NOT EXISTS (SELECT 1 FROM order_changes x WHERE x.order_id = o.id)";

const SALES: &str = "SELECT slot, status || ' differs by ' || CAST(SUM(orders) AS TEXT) || ' orders of '
    || CAST(SUM(total_minor) AS TEXT) || ', ' || CAST(SUM(paid_orders) AS TEXT) || ' paid with '
    || CAST(SUM(revenue_minor) AS TEXT)
  FROM (SELECT slot, status, orders, total_minor, paid_orders, revenue_minor FROM sales
    UNION ALL
    SELECT slot, status, -1, -total_minor, -paid_orders, -revenue_minor FROM counted_orders) x
  GROUP BY slot, status
  HAVING SUM(orders) <> 0 OR SUM(total_minor) <> 0 OR SUM(paid_orders) <> 0 OR SUM(revenue_minor) <> 0";

const PRODUCT_SALES: &str = "SELECT COALESCE(MIN(product_id), 0), key || ' differs by '
    || CAST(SUM(quantity) AS TEXT) || ' pieces of ' || CAST(SUM(revenue_minor) AS TEXT)
  FROM (SELECT key, product_id, quantity, revenue_minor FROM product_sales
    UNION ALL
    SELECT CASE WHEN l.product_id IS NOT NULL THEN 'p:' || CAST(l.product_id AS TEXT)
        WHEN l.sku IS NOT NULL THEN 's:' || l.sku ELSE 'n:' || l.product_name END,
      l.product_id, -l.quantity, l.discount_minor - l.subtotal_minor
    FROM order_lines l JOIN counted_orders c ON c.order_id = l.order_id
    WHERE c.status NOT IN ('cancelled', 'expired')) x
  GROUP BY key HAVING SUM(quantity) <> 0 OR SUM(revenue_minor) <> 0";

const ONE_PAYMENT: &str = "SELECT order_id, CAST(COUNT(*) AS TEXT) || ' successful payments'
  FROM payments WHERE status = 'succeeded' GROUP BY order_id HAVING COUNT(*) > 1";

// Imported orders were paid elsewhere.
const CAPTURED_BY: &str = "SELECT o.id, 'captured ' || CAST(o.captured_minor AS TEXT) || ', paid '
    || CAST(COALESCE(p.amount, 0) AS TEXT) || ', payment status ' || o.payment_status
  FROM orders o LEFT JOIN (SELECT order_id, CAST(SUM(amount_minor) AS BIGINT) AS amount, MIN(currency) AS currency
    FROM payments WHERE status = 'succeeded' GROUP BY order_id) p ON p.order_id = o.id
  WHERE (o.source = 'shop' OR p.order_id IS NOT NULL) AND (o.captured_minor <> COALESCE(p.amount, 0)
    OR p.currency <> o.currency
    OR (p.order_id IS NULL) <> (o.payment_status IN ('pending', 'authorized', 'failed')))";

// Flagged money is not counted; imported orders have no ledger.
const LEDGER: &str = "SELECT p.id, 'captured ' || CAST(p.captured_minor AS TEXT) || ', refunded '
    || CAST(p.refunded_minor AS TEXT) || ', ledger ' || CAST(COALESCE(e.captured, 0) AS TEXT) || ' and '
    || CAST(COALESCE(e.refunded, 0) AS TEXT)
  FROM payments p JOIN orders o ON o.id = p.order_id LEFT JOIN (SELECT payment_id,
      CAST(SUM(CASE WHEN kind = 'captured' THEN amount_minor ELSE 0 END) AS BIGINT) AS captured,
      CAST(SUM(CASE WHEN kind IN ('refunded', 'charged_back') THEN amount_minor WHEN kind = 'refund_reversed'
        THEN -amount_minor ELSE 0 END) AS BIGINT) AS refunded
    FROM payment_events GROUP BY payment_id) e ON e.payment_id = p.id
  WHERE o.source = 'shop' AND (p.refunded_minor <> COALESCE(e.refunded, 0)
    OR p.status <> 'flagged' AND p.captured_minor <> COALESCE(e.captured, 0))";

const ORDER_LEDGER: &str = "SELECT o.id, 'captured ' || CAST(o.captured_minor AS TEXT) || ', refunded '
    || CAST(o.refunded_minor AS TEXT) || ', ledger ' || CAST(COALESCE(e.captured, 0) AS TEXT) || ' and '
    || CAST(COALESCE(e.refunded, 0) AS TEXT)
  FROM orders o LEFT JOIN (SELECT p.order_id,
      CAST(SUM(CASE WHEN v.kind = 'captured' THEN v.amount_minor ELSE 0 END) AS BIGINT) AS captured,
      CAST(SUM(CASE WHEN v.kind IN ('refunded', 'charged_back') THEN v.amount_minor WHEN v.kind = 'refund_reversed'
        THEN -v.amount_minor ELSE 0 END) AS BIGINT) AS refunded
    FROM payment_events v JOIN payments p ON p.id = v.payment_id
    WHERE p.status NOT IN ('surplus', 'flagged') GROUP BY p.order_id) e ON e.order_id = o.id
  WHERE o.source = 'shop' AND (o.captured_minor <> COALESCE(e.captured, 0)
    OR o.refunded_minor <> COALESCE(e.refunded, 0))";

const CLAIMED: &str = "SELECT p.id, 'refunded ' || CAST(p.refunded_minor AS TEXT) || ', claimed '
    || CAST(p.claimed_minor AS TEXT) || ' of ' || CAST(p.captured_minor AS TEXT) || ', refunds '
    || CAST(COALESCE(r.claimed, 0) + COALESCE(b.taken, 0) AS TEXT)
  FROM payments p
  LEFT JOIN (SELECT payment_id, CAST(SUM(amount_minor) AS BIGINT) AS claimed FROM refunds
    WHERE status <> 'failed' GROUP BY payment_id) r ON r.payment_id = p.id
  LEFT JOIN (SELECT payment_id, CAST(SUM(amount_minor) AS BIGINT) AS taken FROM payment_events
    WHERE kind = 'charged_back' GROUP BY payment_id) b ON b.payment_id = p.id
  WHERE p.refunded_minor > p.claimed_minor OR p.claimed_minor > p.captured_minor
    OR p.claimed_minor <> COALESCE(r.claimed, 0) + COALESCE(b.taken, 0)";

const PROVIDER_PAYMENT: &str = "SELECT MIN(id), provider || ' ' || provider_payment_id || ' of '
    || CAST(COUNT(*) AS TEXT) || ' payments'
  FROM payments WHERE provider_payment_id IS NOT NULL GROUP BY provider, provider_payment_id HAVING COUNT(*) > 1";

/// `SELECT 'lifecycle' AS axis, 'open' AS start UNION ALL …`
fn starts() -> String {
    let starts =
        START.map(|(axis, status)| format!("SELECT '{axis}' AS axis, '{status}' AS start"));
    starts.join(" UNION ALL ")
}

fn chain() -> String {
    format!(
        "SELECT h.order_id, h.axis || ': ' || COALESCE(h.before, a.start) || ' then from ' || h.from_status
  FROM (SELECT order_id, axis, from_status,
      LAG(to_status) OVER (PARTITION BY order_id, axis ORDER BY id) AS before,
      at, LAG(at) OVER (PARTITION BY order_id, axis ORDER BY id) AS at_before
    FROM order_history) h
  JOIN orders o ON o.id = h.order_id JOIN ({}) a ON a.axis = h.axis
  WHERE h.from_status <> COALESCE(h.before, a.start) OR h.at < COALESCE(h.at_before, o.created_at)",
        starts()
    )
}

/// Confirmation is a step of the lifecycle axis that the stored lifecycle does not show.
fn last_steps() -> String {
    format!(
        "SELECT id, axis || ': history ' || reached || ', order ' || stands
  FROM (SELECT o.id, a.axis,
      COALESCE((SELECT h.to_status FROM order_history h WHERE h.order_id = o.id AND h.axis = a.axis
        ORDER BY h.id DESC LIMIT 1), a.start) AS reached,
      CASE a.axis WHEN 'payment' THEN o.payment_status WHEN 'fulfillment' THEN o.fulfillment_status
        ELSE CASE WHEN o.lifecycle = 'open' AND o.confirmed_at IS NOT NULL THEN 'confirmed' ELSE o.lifecycle END
      END AS stands
    FROM orders o CROSS JOIN ({}) a) x
  WHERE reached <> stands",
        starts()
    )
}

fn edges() -> String {
    let edges: Vec<String> = EDGES
        .iter()
        .map(|(axis, from, to)| format!("'{}:{from}>{to}'", axis.as_str()))
        .collect();
    format!(
        "SELECT order_id, axis || ': ' || from_status || ' to ' || to_status FROM order_history
         WHERE axis || ':' || from_status || '>' || to_status NOT IN ({})",
        edges.join(", ")
    )
}

/// The rule of `State::status` once more, in SQL; a test holds the two together.
const STATUS: &str = "CASE WHEN lifecycle IN ('cancelled', 'expired') THEN lifecycle
    WHEN payment_status = 'refunded' THEN 'refunded'
    WHEN fulfillment_status = 'returned' THEN 'returned'
    WHEN fulfillment_status IN ('delivered', 'partially_returned') THEN 'delivered'
    WHEN fulfillment_status = 'shipped' THEN 'shipped'
    WHEN fulfillment_status IN ('processing', 'partially_shipped') THEN 'processing'
    WHEN payment_status = 'failed' THEN 'payment_failed'
    WHEN confirmed_at IS NOT NULL THEN 'confirmed'
    WHEN payment_status IN ('paid', 'partially_refunded') THEN 'paid'
    ELSE 'pending' END";

fn status() -> String {
    format!(
        "SELECT id, 'status ' || status || ', state ' || {STATUS} FROM orders WHERE status <> {STATUS}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::{FulfillmentStatus, Lifecycle, PaymentStatus, State};

    #[tokio::test]
    async fn the_status_in_sql_is_the_status_in_rust() {
        let folder = std::env::temp_dir().join(format!("cartwright-status-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let url = format!("sqlite://{}", folder.join("status.db").display());
        let db = db::Db::connect(&db::Options::new(url)).await.unwrap();
        let conn = db.read().await.unwrap();
        let sql = format!(
            "SELECT {STATUS} FROM (SELECT CAST($1 AS TEXT) AS lifecycle, CAST($2 AS TEXT) AS payment_status,
               CAST($3 AS TEXT) AS fulfillment_status, CAST($4 AS BIGINT) AS confirmed_at) o"
        );
        for &lifecycle in Lifecycle::ALL {
            for &payment in PaymentStatus::ALL {
                for &fulfillment in FulfillmentStatus::ALL {
                    for confirmed in [false, true] {
                        let state = State {
                            lifecycle,
                            confirmed,
                            payment,
                            fulfillment,
                        };
                        let args =
                            args![lifecycle, payment, fulfillment, confirmed.then_some(1_i64)];
                        let word: String = conn.one(&sql, args).await.unwrap();
                        assert_eq!(word, state.status().as_str(), "{state:?}");
                    }
                }
            }
        }
        drop((conn, db));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
