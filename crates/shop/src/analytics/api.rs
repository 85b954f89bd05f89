//! The paths of reports.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::dashboard;
use super::sales_report;
use crate::app::App;
use crate::caller::Admin;
use crate::error::{Error, Fault, Result};
use crate::http::extract::Query;
use crate::http::{Op, Routes, ok};
use crate::ids::ProductId;
use crate::orders::{OrderOut, Status};
use crate::query;

pub fn routes() -> Routes {
    Routes::tag("analytics")
        .get(
            "/products/analytics/",
            show_analytics,
            Op::new("show_analytics", "The shop at a glance, over all time")
                .admin()
                .answers::<AnalyticsOut>(200),
        )
        .get(
            "/orders/sales_report/",
            show_sales_report,
            Op::new("show_sales_report", "What was sold, day by day")
                .describe("Days are those of the shop's time zone; an order belongs to the day on which it was placed.")
                .admin()
                .query::<ReportQuery>()
                .answers::<ReportOut>(200),
        )
}

/// Days that one report covers at most: ten years.
const MOST_DAYS: i64 = 3660;
const DAYS: i64 = 30;

query! {
    struct ReportQuery {
        /// So many days, the last of which is today; 30 without it, at most 3660.
        days: Option<i64>,
        /// The first day, such as `2026-01-31`.
        date_from: Option<String>,
        /// The last day; today without it.
        date_to: Option<String>,
    }
}

#[derive(Serialize, ToSchema)]
struct ReportOut {
    period_days: usize,
    /// Paid orders.
    total_orders: i64,
    /// Captured less refunded.
    total_revenue: String,
    /// Orders that were neither cancelled nor have expired.
    placed_orders: i64,
    placed_revenue: String,
    currency: &'static str,
    daily_breakdown: Vec<DayOut>,
}

#[derive(Serialize, ToSchema)]
struct DayOut {
    #[schema(example = "2026-01-31")]
    day: String,
    orders: i64,
    revenue: String,
    placed_orders: i64,
    placed_revenue: String,
}

#[derive(Serialize, ToSchema)]
struct AnalyticsOut {
    /// Captured less refunded.
    total_revenue: String,
    currency: &'static str,
    total_orders: i64,
    /// Every status with how many orders have it.
    orders_by_status: BTreeMap<&'static str, i64>,
    /// The ten of which most pieces were ordered, without orders that were cancelled or have expired.
    top_products: Vec<TopProductOut>,
    /// The ten of which least is left.
    low_stock_products: Vec<LowStockOut>,
    /// The ten newest.
    recent_orders: Vec<OrderOut>,
    total_products: i64,
    total_categories: i64,
}

#[derive(Serialize, ToSchema)]
struct TopProductOut {
    /// Null when the catalog does not have it.
    product_id: Option<ProductId>,
    product_name: String,
    sku: Option<String>,
    quantity_sold: i64,
    revenue: String,
}

#[derive(Serialize, ToSchema)]
struct LowStockOut {
    id: ProductId,
    name: String,
    slug: String,
    stock: i64,
}

async fn show_analytics(State(app): State<App>, _: Admin) -> Result<Response> {
    let shown = dashboard::dashboard(&app).await?;
    let mut orders_by_status: BTreeMap<&str, i64> = Status::ALL
        .iter()
        .map(|status| (status.as_str(), 0))
        .collect();
    for (status, orders) in &shown.orders_by_status {
        orders_by_status.insert(status.as_str(), *orders);
    }
    Ok(ok(&AnalyticsOut {
        total_revenue: app.amount(shown.revenue_minor),
        currency: app.currency.code(),
        total_orders: orders_by_status.values().sum(),
        orders_by_status,
        top_products: shown
            .top_products
            .into_iter()
            .map(|product| TopProductOut {
                product_id: product.product_id,
                product_name: product.product_name,
                sku: product.sku,
                quantity_sold: product.quantity,
                revenue: app.amount(product.revenue_minor),
            })
            .collect(),
        low_stock_products: shown
            .low_stock
            .into_iter()
            .map(|product| LowStockOut {
                id: product.id,
                name: product.name,
                slug: product.slug,
                stock: product.stock,
            })
            .collect(),
        recent_orders: shown
            .recent_orders
            .iter()
            .map(|order| OrderOut::new(&app, order))
            .collect(),
        total_products: shown.products,
        total_categories: shown.categories,
    }))
}

async fn show_sales_report(
    State(app): State<App>,
    _: Admin,
    Query(query): Query<ReportQuery>,
) -> Result<Response> {
    let (first, last) = query.period(&app)?;
    let days = sales_report::sales_report(&app, first, last).await?;
    let sum = |of: fn(&sales_report::Day) -> i64| days.iter().map(of).sum::<i64>();
    Ok(ok(&ReportOut {
        period_days: days.len(),
        total_orders: sum(|day| day.orders),
        total_revenue: app.amount(sum(|day| day.revenue_minor)),
        placed_orders: sum(|day| day.placed_orders),
        placed_revenue: app.amount(sum(|day| day.placed_minor)),
        currency: app.currency.code(),
        daily_breakdown: days
            .iter()
            .map(|day| DayOut {
                day: day.day.to_string(),
                orders: day.orders,
                revenue: app.amount(day.revenue_minor),
                placed_orders: day.placed_orders,
                placed_revenue: app.amount(day.placed_minor),
            })
            .collect(),
    }))
}

impl ReportQuery {
    /// The first and the last day; all that is wrong with them at once.
    fn period(&self, app: &App) -> Result<(Date, Date)> {
        let mut faults = Vec::new();
        let mut day = |attr, text: Option<&str>| {
            let day = text.map(|text| text.parse::<Date>().ok().filter(|_| text.len() == 10));
            if day == Some(None) {
                faults.push(fault(attr, "Expected a day such as 2026-01-31."));
            }
            day.flatten()
        };
        let from = day("date_from", self.date_from.as_deref());
        let to = day("date_to", self.date_to.as_deref());
        if self
            .days
            .is_some_and(|days| !(1..=MOST_DAYS).contains(&days))
        {
            faults.push(fault("days", &format!("From 1 to {MOST_DAYS}.")));
        }
        if self.days.is_some() && self.date_from.is_some() {
            faults.push(fault("days", "Give days or date_from, not both."));
        }
        if !faults.is_empty() {
            return Err(Error::faults(faults));
        }
        let last = to.unwrap_or_else(|| app.clock.now().day(&app.config.time_zone));
        let back = jiff::Span::new().days(self.days.unwrap_or(DAYS) - 1);
        let first = match from {
            Some(first) => first,
            None => last.checked_sub(back).map_err(|_| too_far("date_to"))?,
        };
        let days = i64::from(first.until(last).map_err(Error::internal)?.get_days()) + 1;
        if !(1..=MOST_DAYS).contains(&days) {
            return Err(too_far("date_from"));
        }
        // The year after it must have days, too.
        if last.year() > 9000 || first.year() < 1 {
            return Err(too_far("date_to"));
        }
        Ok((first, last))
    }
}

fn too_far(attr: &str) -> Error {
    let detail = format!("The period must have 1 to {MOST_DAYS} days.");
    Error::faults(vec![fault(attr, &detail)])
}

fn fault(attr: &str, detail: &str) -> Fault {
    Fault {
        attr: attr.to_owned(),
        code: "invalid",
        detail: detail.to_owned(),
        in_query: true,
    }
}
