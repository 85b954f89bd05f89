//! Payments: what came, what went back, and the ledger of both.

use super::{Rule, rule};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        rule(3, "at most one successful payment", "order", ONE_PAYMENT),
        rule(
            3,
            "captured is what the successful payment brought",
            "order",
            CAPTURED_BY,
        ),
        rule(
            3,
            "the money of a payment is what the ledger says",
            "payment",
            LEDGER,
        ),
        rule(
            3,
            "the money of an order is what the ledger says",
            "order",
            ORDER_LEDGER,
        ),
        rule(
            2,
            "refunded <= claimed <= captured, and claimed is what refunds and chargebacks add up to",
            "payment",
            CLAIMED,
        ),
        rule(
            3,
            "a provider's payment belongs to one order",
            "payment",
            PROVIDER_PAYMENT,
        ),
    ]
}

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
