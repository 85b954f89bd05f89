//! SQL that finds orders, and what belongs to them.

use db::{Conn, Select, Value};

use crate::clock::Time;
use crate::error::Result;
use crate::ids::{OrderId, UserId};
use crate::orders::find_orders::{Access, Filter};
use crate::orders::order::{HistoryRow, OrderLine, OrderRef, OrderRow, Status};
use crate::paging::{Paging, SortKey, padded, windowed};

const SELECT_ORDERS: &str = concat!("SELECT ", order_columns!(), " FROM orders");
const SELECT_ORDER_ID: &str = "SELECT id FROM orders";
// Imported history has younger ids than what it tells of is old.
const NEWEST_FIRST: &[SortKey] = &[
    SortKey::number("created_at").desc(),
    SortKey::number("id").desc(),
];
const COUNT_ORDERS: &str = "SELECT COUNT(*) FROM orders";

const SELECT_LINES: &str =
    "SELECT order_id, id, product_id, variant_id, product_name, variant_title, sku, quantity,
    shipped_quantity, price_minor, subtotal_minor, discount_minor, tax_minor FROM order_lines";

const SELECT_HISTORY: &str =
    "SELECT order_id, at, axis, from_status, to_status, actor_id, note FROM order_history";

/// Filled examples.
pub(super) fn statements() -> Vec<String> {
    let full = Filter {
        status: Some(Status::Pending),
        user: Some("a@example.com".into()),
        from: Some(Time(0)),
        until: Some(Time(1)),
        search: Some("x".into()),
    };
    let access = |user, token_hash| Access::Owner { user, token_hash };
    let (user, token) = (Some(UserId(1)), Some([0; 32]));
    let one = |access| {
        let order = OrderRef::Id(OrderId(1));
        by_ref(Select::new(SELECT_ORDERS), &order, &access)
    };
    let all = [
        one(access(user, token)),
        one(access(None, token)),
        one(access(None, None)),
        by_ref(
            Select::new(SELECT_ORDER_ID),
            &OrderRef::Number("A".into()),
            &Access::All,
        ),
        filtered(Select::new(SELECT_ORDERS), &access(user, None), &full)
            .order("created_at DESC, id DESC")
            .window(1, 0),
        filtered(
            Select::new(SELECT_ORDERS),
            &access(user, None),
            &Filter::default(),
        )
        .order("created_at DESC, id DESC")
        .window(21, 0),
        filtered(Select::new(COUNT_ORDERS), &Access::All, &full),
        Select::new(SELECT_LINES)
            .filter_in("order_id", [OrderId(1)])
            .order("order_id, id"),
        Select::new(SELECT_HISTORY)
            .filter_in("order_id", [OrderId(1)])
            .order("order_id, id"),
    ];
    all.iter().map(|select| select.sql().to_owned()).collect()
}

pub(in crate::orders) async fn find_order(
    conn: &Conn,
    order: &OrderRef,
    access: &Access,
) -> Result<Option<OrderRow>> {
    let select = by_ref(Select::new(SELECT_ORDERS), order, access);
    Ok(conn.optional(select.sql(), select.args()).await?)
}

pub(in crate::orders) async fn find_order_id(
    conn: &Conn,
    order: &OrderRef,
    access: &Access,
) -> Result<Option<OrderId>> {
    let select = by_ref(Select::new(SELECT_ORDER_ID), order, access);
    Ok(conn.optional(select.sql(), select.args()).await?)
}

/// Newest first.
pub(in crate::orders) async fn list_orders(
    conn: &Conn,
    access: &Access,
    filter: &Filter,
    paging: &Paging,
) -> Result<Vec<OrderRow>> {
    let select = filtered(Select::new(SELECT_ORDERS), access, filter);
    Ok(windowed(select, NEWEST_FIRST, paging)?.all(conn).await?)
}

pub(in crate::orders) async fn count_orders(
    conn: &Conn,
    access: &Access,
    filter: &Filter,
) -> Result<i64> {
    Ok(filtered(Select::new(COUNT_ORDERS), access, filter)
        .one(conn)
        .await?)
}

pub(in crate::orders) async fn list_lines(
    conn: &Conn,
    orders: &[OrderId],
) -> Result<Vec<OrderLine>> {
    let select = Select::new(SELECT_LINES).filter_in("order_id", padded(orders));
    Ok(select.order("order_id, id").all(conn).await?)
}

pub(in crate::orders) async fn list_history(
    conn: &Conn,
    orders: &[OrderId],
) -> Result<Vec<HistoryRow>> {
    let select = Select::new(SELECT_HISTORY).filter_in("order_id", padded(orders));
    Ok(select.order("order_id, id").all(conn).await?)
}

fn by_ref(select: Select, order: &OrderRef, access: &Access) -> Select {
    let select = match order {
        OrderRef::Id(id) => select.filter("id = ?", [(*id).into()]),
        OrderRef::Number(number) => select.filter("order_number = ?", [number.into()]),
    };
    owned(select, access)
}

/// Only what the caller may see; a row of somebody else is not found.
fn owned(select: Select, access: &Access) -> Select {
    match access {
        Access::All => select,
        // Only what is asked for: an OR with nothing on one side hides the index from both planners.
        Access::Owner { user, token_hash } => match (*user, *token_hash) {
            (Some(user), Some(hash)) => {
                select.filter("user_id = ? OR token_hash = ?", [user.into(), hash.into()])
            }
            (Some(user), None) => select.filter("user_id = ?", [user.into()]),
            (None, Some(hash)) => select.filter("token_hash = ?", [hash.into()]),
            (None, None) => select.filter("1 = 0", []),
        },
    }
}

fn filtered(select: Select, access: &Access, filter: &Filter) -> Select {
    let mut select = owned(select, access)
        .filter_some("status = ?", filter.status)
        .filter_some("created_at >= ?", filter.from)
        .filter_some("created_at < ?", filter.until);
    if let Some(user) = &filter.user {
        select = match user.parse::<i64>() {
            Ok(id) => select.filter("user_id = ?", [id.into()]),
            // Of an account, or of a guest: each part has its index.
            Err(_) => select.filter(
                "user_id = (SELECT id FROM users WHERE email_key = ?)
                  OR (user_id IS NULL AND email <> '' AND LOWER(email) = ?)",
                [user.to_lowercase().into(), user.to_lowercase().into()],
            ),
        };
    }
    if let Some(search) = &filter.search {
        let pattern = format!("%{}%", escape_like(&search.to_lowercase()));
        select = select.filter(
            r"LOWER(order_number) LIKE ? ESCAPE '\' OR LOWER(email) LIKE ? ESCAPE '\' OR LOWER(external_id) LIKE ? ESCAPE '\'",
            [Value::from(&pattern), Value::from(&pattern), Value::from(&pattern)],
        );
    }
    select
}

fn escape_like(text: &str) -> String {
    text.replace('\\', r"\\")
        .replace('%', r"\%")
        .replace('_', r"\_")
}
