//! Stock: what is there, what is promised, and the movements that say so.

use super::{Rule, rule};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        rule(
            1,
            "on hand is what the movements add up to",
            "stock item",
            ON_HAND,
        ),
        rule(
            1,
            "reserved is what the movements add up to",
            "stock item",
            RESERVED,
        ),
        rule(1, "on hand >= reserved >= 0", "stock item", BOUNDS),
        rule(
            1,
            "reserved is what open orders have not had shipped",
            "variant",
            PROMISED,
        ),
        rule(
            1,
            "an order's movements are its lines",
            "order",
            ORDER_MOVEMENTS,
        ),
        rule(1, "no more is returned than was sold", "order", RETURNED),
        rule(1, "every variant has a stock item", "variant", NO_ITEM),
        rule(1, "imported history moves no stock", "order", IMPORT_MOVES),
        rule(1, "lists are narrowed down by what is so", "product", FACTS),
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

const FACTS: &str = "SELECT p.id, 'the facts of the product are old'
  FROM products p LEFT JOIN product_facts f ON f.id = p.id LEFT JOIN product_stock t ON t.id = p.id
  WHERE f.id IS NULL OR t.id IS NULL OR f.category_id IS DISTINCT FROM p.category_id OR f.price_minor <> p.price_minor
    OR f.is_active <> p.is_active OR f.is_featured <> p.is_featured
    OR t.in_stock <> EXISTS (SELECT 1 FROM variants v JOIN stock_items s ON s.variant_id = v.id
      WHERE v.product_id = p.id AND v.is_active = TRUE AND s.on_hand > s.reserved)";
