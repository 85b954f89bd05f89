//! What the shop sold: reports for admins, from totals that follow the orders.
//!
//! Words: a *slot* is a quarter of an hour, the smallest thing that every time zone's days are made of; *placed* are
//! orders that were neither cancelled nor expired; *revenue* is what was captured less what was refunded.
//! Invariants: the totals are the sum of what is counted of each order (`counted_orders`), and an order that is not
//! counted as it stands has a row in `order_changes`. Those who change orders only leave that row, which nobody waits
//! for; [`count_orders`] brings the totals up to date, now and then and before each report. `cartwright check` adds
//! everything up again.

mod api;
mod count_orders;
mod dashboard;
mod sales_report;
mod store;

pub use api::routes;
pub use count_orders::count_orders;
pub use dashboard::{Dashboard, dashboard};
pub use sales_report::{Day, sales_report};
pub use store::statements;
