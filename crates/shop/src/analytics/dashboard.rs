//! The shop at a glance.

use super::count_orders::count_orders;
use super::store;
use crate::app::App;
use crate::error::Result;
use crate::orders::{self, Access, Filter, Order, Status};
use crate::paging::Paging;

pub(super) use super::store::{LowStock, TopProduct};

/// How many products and orders are shown.
const SHOWN: i64 = 10;

/// Over all time; amounts are minor units.
#[derive(Debug)]
pub struct Dashboard {
    pub revenue_minor: i64,
    /// Of each status that any order has.
    pub orders_by_status: Vec<(Status, i64)>,
    /// Most pieces first, without orders that were cancelled or have expired.
    pub top_products: Vec<TopProduct>,
    /// Active ones, least first.
    pub low_stock: Vec<LowStock>,
    /// Newest first.
    pub recent_orders: Vec<Order>,
    pub products: i64,
    pub categories: i64,
}

pub async fn dashboard(app: &App) -> Result<Dashboard> {
    count_orders(app).await?;
    let conn = app.db.read().await?;
    let by_status = store::by_status(&conn).await?;
    let paging = Paging::new(1, SHOWN, None);
    let recent = orders::list_orders(&conn, &Access::All, &Filter::default(), &paging).await?;
    let (products, categories) = store::counts(&conn).await?;
    Ok(Dashboard {
        revenue_minor: by_status.iter().map(|&(_, _, revenue)| revenue).sum(),
        orders_by_status: by_status
            .iter()
            .map(|&(status, orders, _)| (status, orders))
            .collect(),
        top_products: store::top_products(&conn, SHOWN).await?,
        low_stock: store::low_stock(&conn, app.config.low_stock_threshold, SHOWN).await?,
        recent_orders: recent
            .into_iter()
            .take(usize::try_from(SHOWN).unwrap_or(10))
            .collect(),
        products,
        categories,
    })
}
