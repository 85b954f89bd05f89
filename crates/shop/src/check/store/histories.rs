//! Histories of orders: each is a chain of allowed steps that ends where the order stands.

use super::{Rule, rule};
use crate::orders::{EDGES, START};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        rule(
            7,
            "each step starts where the one before ended, the first where every order starts",
            "order",
            chain(),
        ),
        rule(7, "each step is an edge of its graph", "order", edges()),
        rule(
            7,
            "the history ends where the order stands",
            "order",
            last_steps(),
        ),
        rule(7, "the status is the word for the state", "order", status()),
    ]
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

/// `SELECT 'lifecycle' AS axis, 'open' AS start UNION ALL …`
fn starts() -> String {
    let starts =
        START.map(|(axis, status)| format!("SELECT '{axis}' AS axis, '{status}' AS start"));
    starts.join(" UNION ALL ")
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
    use db::args;

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
