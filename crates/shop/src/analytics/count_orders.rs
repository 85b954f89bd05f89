//! Brings the totals up to what the orders say.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use db::Tx;

use super::store::{self, Counted, Line, Sums};
use crate::app::App;
use crate::error::Result;
use crate::ids::OrderId;
use crate::orders::{self, PaymentStatus, Status};

/// Changes that one transaction counts.
const BATCH: i64 = 200;

/// Counts every change that has committed. Returns how many there were.
pub async fn count_orders(app: &App) -> Result<u64> {
    let mut counted = 0;
    loop {
        // Mostly there are none, and then no writer need be waited for.
        if !orders::has_changes(&app.db.read().await?).await? {
            return Ok(counted);
        }
        counted += crate::transact!(app.db, tx => { count_some(tx).await })?;
    }
}

async fn count_some(tx: &Tx) -> Result<u64> {
    // One at a time: two would count the same change.
    store::hold_totals(tx).await?;
    let changes = orders::list_changes(tx, BATCH).await?;
    let ids: BTreeSet<OrderId> = changes.iter().map(|&(_, order)| order).collect();
    let ids: Vec<OrderId> = ids.into_iter().collect();
    let before = store::counted(tx, &ids).await?;
    let now = store::countable(tx, &ids).await?;

    let before: HashMap<OrderId, Counted> = before.into_iter().map(|c| (c.order_id, c)).collect();
    let mut sales: BTreeMap<(i64, &'static str), Sums> = BTreeMap::new();
    // What came to the placed orders (+1), and what is none of them any more (-1).
    let mut moved: HashMap<OrderId, i64> = HashMap::new();
    for order in &now {
        let old = before.get(&order.order_id);
        if let Some(old) = old {
            sales
                .entry((old.slot, old.status.as_str()))
                .or_default()
                .add(old, -1);
        }
        sales
            .entry((order.slot, order.status.as_str()))
            .or_default()
            .add(order, 1);
        let (was, is) = (old.is_some_and(Counted::is_placed), order.is_placed());
        if was != is {
            moved.insert(order.order_id, if is { 1 } else { -1 });
        }
    }
    let moved_ids: Vec<OrderId> = moved.keys().copied().collect();
    let lines = store::lines(tx, &moved_ids).await?;
    let mut products: BTreeMap<String, Line> = BTreeMap::new();
    for line in lines {
        let sign = moved.get(&line.order_id).copied().unwrap_or(0);
        let sum = products.entry(line.key()).or_insert_with(|| line.nothing());
        sum.quantity += sign * line.quantity;
        sum.revenue_minor += sign * line.revenue_minor;
    }

    store::add_sales(tx, &sales).await?;
    store::add_product_sales(tx, &products).await?;
    store::keep_counted(tx, &now).await?;
    let done: Vec<i64> = changes.iter().map(|&(id, _)| id).collect();
    orders::forget_changes(tx, &done).await?;
    Ok(done.len() as u64)
}

impl Counted {
    /// Whether it counts as sold.
    pub(super) fn is_placed(&self) -> bool {
        is_placed(self.status)
    }

    /// What `captured` and the payment status make of it.
    pub(super) fn of(row: &store::Countable) -> Counted {
        let is_paid = matches!(
            row.payment_status,
            PaymentStatus::Paid | PaymentStatus::PartiallyRefunded
        );
        Counted {
            order_id: row.order_id,
            slot: store::slot_of(row.created_at),
            status: row.status,
            total_minor: row.total_minor,
            paid_orders: i64::from(is_paid),
            revenue_minor: row.captured_minor - row.refunded_minor,
        }
    }
}

pub(super) fn is_placed(status: Status) -> bool {
    !matches!(status, Status::Cancelled | Status::Expired)
}

impl Sums {
    fn add(&mut self, order: &Counted, sign: i64) {
        self.orders += sign;
        self.total_minor += sign * order.total_minor;
        self.paid_orders += sign * order.paid_orders;
        self.revenue_minor += sign * order.revenue_minor;
    }
}
