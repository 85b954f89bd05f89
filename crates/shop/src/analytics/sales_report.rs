//! What was sold on each of some days of the shop.

use jiff::civil::Date;

use super::count_orders::{count_orders, is_placed};
use super::store;
use crate::app::App;
use crate::error::{Error, Result};

/// A day in the shop's time zone. Orders belong to the day on which they were placed; amounts are minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    pub day: Date,
    /// Those that are paid.
    pub orders: i64,
    /// Captured less refunded.
    pub revenue_minor: i64,
    /// Those that were neither cancelled nor have expired.
    pub placed_orders: i64,
    pub placed_minor: i64,
}

/// One row for each day from `first` to `last`, both included.
pub async fn sales_report(app: &App, first: Date, last: Date) -> Result<Vec<Day>> {
    count_orders(app).await?;
    let mut days = Vec::new();
    let mut starts = Vec::new();
    let mut day = first;
    while day <= last {
        starts.push(start_of(app, day)?);
        days.push(Day {
            day,
            orders: 0,
            revenue_minor: 0,
            placed_orders: 0,
            placed_minor: 0,
        });
        day = day.tomorrow().map_err(Error::internal)?;
    }
    let end = start_of(app, day)?;
    let conn = app.db.read().await?;
    let from = starts.first().copied().unwrap_or(end);
    for sold in store::sales(&conn, from, end).await? {
        let at = starts.partition_point(|&start| start <= sold.slot);
        let Some(day) = at.checked_sub(1).and_then(|at| days.get_mut(at)) else {
            continue;
        };
        day.orders += sold.paid_orders;
        day.revenue_minor += sold.revenue_minor;
        if is_placed(sold.status) {
            day.placed_orders += sold.orders;
            day.placed_minor += sold.total_minor;
        }
    }
    Ok(days)
}

/// The slot with which a day begins.
fn start_of(app: &App, day: Date) -> Result<i64> {
    let start = day
        .to_zoned(app.config.time_zone.clone())
        .and_then(|midnight| midnight.start_of_day())
        .map_err(Error::internal)?;
    Ok(store::slot_of(start.timestamp().into()))
}
