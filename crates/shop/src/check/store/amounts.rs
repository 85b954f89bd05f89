//! Amounts of orders, and the totals of the reports that are made of them.

use super::{Rule, rule};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        rule(
            2,
            "total = subtotal - discount + shipping + tax not in the prices",
            "order",
            TOTAL,
        ),
        rule(2, "the lines add up to the order", "order", LINES),
        rule(2, "a line is quantity times price", "order line", LINE),
        rule(2, "0 <= refunded <= captured <= total", "order", CAPTURED),
        rule(
            2,
            "what is refunded fits the payment status",
            "order",
            REFUNDED,
        ),
        rule(
            2,
            "what is shipped fits the fulfillment status",
            "order",
            SHIPPED,
        ),
        rule(
            2,
            "an order is counted in the reports as it stands",
            "order",
            COUNTED,
        ),
        rule(
            2,
            "the totals of the reports are what is counted",
            "slot",
            SALES,
        ),
        rule(
            2,
            "the totals of products are the lines of what is counted",
            "product",
            PRODUCT_SALES,
        ),
    ]
}

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
