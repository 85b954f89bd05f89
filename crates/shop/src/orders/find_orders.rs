//! Reads orders: one, or a window of the list. Whoever may not see an order finds none.

use std::collections::HashMap;

use db::Conn;
use futures_util::try_join;

use super::order::{Order, OrderRef, OrderRow, Status};
use super::store;
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::ids::{OrderId, UserId};
use crate::paging::Paging;

/// Which orders a caller may see.
#[derive(Clone, Debug)]
pub enum Access {
    All,
    /// Those of the account, and the one that an order token opens.
    Owner {
        user: Option<UserId>,
        token_hash: Option<[u8; 32]>,
    },
}

#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub status: Option<Status>,
    /// An id or an email address.
    pub user: Option<String>,
    /// Placed at or after.
    pub from: Option<Time>,
    /// Placed before.
    pub until: Option<Time>,
    /// Part of the order number, the email address, or the number that an imported order had.
    pub search: Option<String>,
}

pub async fn find_order(conn: &Conn, order: &OrderRef, access: &Access) -> Result<Order> {
    let row = find_row(conn, order, access).await?;
    with_parts(conn, row).await
}

/// The row alone.
pub async fn find_row(conn: &Conn, order: &OrderRef, access: &Access) -> Result<OrderRow> {
    store::find_order(conn, order, access)
        .await?
        .ok_or_else(Error::not_found)
}

/// Up to one row more than the page holds, newest first.
pub async fn list_orders(
    conn: &Conn,
    access: &Access,
    filter: &Filter,
    paging: &Paging,
) -> Result<Vec<Order>> {
    let rows = store::list_orders(conn, access, filter, paging).await?;
    let ids: Vec<OrderId> = rows.iter().map(|row| row.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (lines, history) = try_join!(
        store::list_lines(conn, &ids),
        store::list_history(conn, &ids)
    )?;
    let mut orders: Vec<Order> = rows
        .into_iter()
        .map(|row| Order {
            history: row.beginning().collect(),
            row,
            lines: Vec::new(),
        })
        .collect();
    let place: HashMap<OrderId, usize> = ids
        .into_iter()
        .enumerate()
        .map(|(at, id)| (id, at))
        .collect();
    for line in lines {
        if let Some(&at) = place.get(&line.order_id) {
            orders[at].lines.push(line);
        }
    }
    for step in history {
        if let Some(&at) = place.get(&step.order_id) {
            orders[at].history.push(step);
        }
    }
    Ok(orders)
}

pub async fn count_orders(conn: &Conn, access: &Access, filter: &Filter) -> Result<i64> {
    store::count_orders(conn, access, filter).await
}

async fn with_parts(conn: &Conn, row: OrderRow) -> Result<Order> {
    let ids = [row.id];
    let (lines, history) = try_join!(
        store::list_lines(conn, &ids),
        store::list_history(conn, &ids)
    )?;
    Ok(Order {
        history: row.beginning().chain(history).collect(),
        row,
        lines,
    })
}
