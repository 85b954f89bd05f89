//! SQL that writes orders and their states; what finds them, what others have to count, and whose they are is beside it.

use db::{Conn, DbError, Engine, Tx, Value, args, args_vec};
use futures_util::try_join;
use serde_json::json;

use super::order::{OrderLine, OrderRow, PaymentMethod, State, Step};
use crate::bulk::Bulk;
use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::ids::{OrderId, OrderLineId, UserId, VariantId};

macro_rules! order_columns {
    () => {
        "id, order_number, user_id, token_hash IS NOT NULL AS by_guest, email, source, external_id, status, lifecycle, confirmed_at, payment_status, \
         fulfillment_status, payment_method, currency, prices_include_tax, items_count, subtotal_minor, \
         discount_minor, shipping_minor, tax_minor, total_minor, captured_minor, refunded_minor, shipping_address, \
         billing_address, note, created_at, updated_at"
    };
}

mod changes;
mod find;
mod named;

pub use changes::*;
pub(super) use find::*;
pub(super) use named::*;

// A user's address is copied: what is shown of an order does not change with the account.
const INSERT_ORDER: &str = "INSERT INTO orders (id, order_number, user_id, email, token_hash, status, lifecycle,
    payment_status, fulfillment_status, payment_method, currency, items_count, subtotal_minor, total_minor,
    shipping_address, billing_address, note, created_at, updated_at)
  VALUES ($1, $2, $3, COALESCE((SELECT email FROM users WHERE id = $3), CAST($4 AS TEXT)), $5, $6, $7, $8, $9, $10,
    $11, $12, $13, $13, $14, $15, $16, $17, $17)
  RETURNING email";

const INSERT_LINES: Bulk = Bulk {
    head: "INSERT INTO order_lines (order_id, product_id, variant_id, product_name, variant_title, sku, quantity,
    price_minor, subtotal_minor) VALUES ",
    row: "($1, ?, ?, ?, ?, ?, ?, ?, ?)",
    tail: " RETURNING id, variant_id",
};

// On PostgreSQL a list of any length is one statement with one plan.
const INSERT_LISTED_LINES: &str = "INSERT INTO order_lines (order_id, product_id, variant_id, product_name, variant_title,
    sku, quantity, price_minor, subtotal_minor)
  SELECT CAST($1 AS BIGINT), l.* FROM json_to_recordset(CAST(CAST($2 AS TEXT) AS JSON)) AS l(product_id BIGINT,
    variant_id BIGINT, product_name TEXT, variant_title TEXT, sku TEXT, quantity BIGINT, price_minor BIGINT,
    subtotal_minor BIGINT)
  RETURNING id, variant_id";

/// Statements that only PostgreSQL understands.
pub const ON_POSTGRES: &[&str] = &[INSERT_LISTED_LINES];

const INSERT_STEP: &str =
    "INSERT INTO order_history (order_id, axis, from_status, to_status, actor_id, at)
  VALUES ($1, $2, $3, $4, $5, $6)";

const HOLD_ORDER: &str = concat!(
    "UPDATE orders SET version = version + 1, updated_at = CASE WHEN updated_at > $2 THEN updated_at ELSE $2 END
  WHERE id = $1 RETURNING ",
    order_columns!()
);

const LOCK_ORDER: &str = "UPDATE orders SET version = version WHERE id = $1";

// The index of the unpaid has these words, too.
const SELECT_UNPAID: &str = "SELECT COALESCE(pay_since, created_at), id FROM orders
  WHERE lifecycle = 'open' AND payment_status IN ('pending', 'failed') AND source = 'shop' AND confirmed_at IS NULL
    AND fulfillment_status = 'unfulfilled' AND COALESCE(pay_since, created_at) < $1
    AND (COALESCE(pay_since, created_at), id) > ($2, $3)
    AND payment_method <> 'cod'
  ORDER BY COALESCE(pay_since, created_at), id LIMIT $4";
const WAITS_SINCE: &str = "SELECT COALESCE(pay_since, created_at) FROM orders WHERE id = $1";

const NOTE_STEP: &str = "UPDATE order_history SET note = $2
  WHERE id = (SELECT MAX(id) FROM order_history WHERE order_id = $1)";

const SAVE_STATE: &str =
    "UPDATE orders SET status = $2, lifecycle = $3, confirmed_at = $4, payment_status = $5,
    fulfillment_status = $6, captured_minor = $7, refunded_minor = $8 WHERE id = $1";

const SHIP_LINES: &str = "UPDATE order_lines SET shipped_quantity = quantity WHERE order_id = $1";

// What it had is never taken from it.
const SET_PAYMENT_METHOD: &str = "UPDATE orders SET payment_method = $2,
    pay_since = CASE WHEN pay_since IS NULL THEN $3 WHEN pay_since < $4 THEN $4 ELSE pay_since END WHERE id = $1";

/// All other statements, those that are built as filled examples.
pub fn statements() -> Vec<String> {
    let fixed = [
        INSERT_ORDER,
        INSERT_STEP,
        HOLD_ORDER,
        LOCK_ORDER,
        SELECT_UNPAID,
        WAITS_SINCE,
        NOTE_STEP,
        SAVE_STATE,
        SHIP_LINES,
        SET_PAYMENT_METHOD,
    ];
    let mut all: Vec<String> = [&fixed[..], named::STATEMENTS]
        .concat()
        .into_iter()
        .map(String::from)
        .collect();
    all.extend(INSERT_LINES.statements(1));
    all.extend(find::statements());
    all.extend(changes::statements());
    all
}

/// What placing an order writes into its row.
pub(super) struct NewOrder<'a> {
    pub order_number: &'a str,
    pub user: Option<UserId>,
    pub email: &'a str,
    pub token_hash: Option<[u8; 32]>,
    pub payment_method: &'a str,
    pub currency: &'a str,
    pub items_count: i64,
    pub total_minor: i64,
    pub shipping_address: Option<&'a str>,
    pub billing_address: Option<&'a str>,
    pub note: &'a str,
}

/// The id of an order that is about to be written, so that its parts can be sent together with it.
pub(super) async fn draw_id(tx: &Tx) -> db::Result<OrderId> {
    tx.draw_id("orders").await.map(OrderId)
}

/// The address that the order is placed under.
pub(super) async fn insert_order(
    tx: &Tx,
    order: OrderId,
    new: &NewOrder<'_>,
    now: Time,
) -> Result<String> {
    let state = State::PLACED;
    let row = args![
        order,
        new.order_number,
        new.user,
        new.email,
        new.token_hash,
        state.status(),
        state.lifecycle,
        state.payment,
        state.fulfillment,
        new.payment_method,
        new.currency,
        new.items_count,
        new.total_minor,
        new.shipping_address,
        new.billing_address,
        new.note,
        now,
    ];
    Ok(tx.one(INSERT_ORDER, row).await?)
}

/// Writes the lines and fills in their ids. Each variant stands in one line.
pub(super) async fn insert_lines(
    tx: &Tx,
    order: OrderId,
    mut lines: Vec<OrderLine>,
) -> Result<Vec<OrderLine>> {
    let written: Vec<(OrderLineId, Option<VariantId>)> = match tx.engine() {
        Engine::Postgres => {
            let listed: Vec<_> = lines.iter().map(as_json).collect();
            let listed = serde_json::Value::Array(listed).to_string();
            tx.all(INSERT_LISTED_LINES, args![order, listed]).await
        }
        Engine::Sqlite => {
            let rows: Vec<_> = lines.iter().map(as_row).collect();
            INSERT_LINES.run(tx, args![order], &rows).await
        }
    }
    .map_err(erased)?;
    let ids: std::collections::HashMap<_, _> = written
        .into_iter()
        .map(|(id, variant)| (variant, id))
        .collect();
    for line in &mut lines {
        line.order_id = order;
        if let Some(&id) = ids.get(&line.variant_id) {
            line.id = id;
        }
    }
    Ok(lines)
}

fn as_json(line: &OrderLine) -> serde_json::Value {
    json!({
        "product_id": line.product_id,
        "variant_id": line.variant_id,
        "product_name": line.product_name,
        "variant_title": line.variant_title,
        "sku": line.sku,
        "quantity": line.quantity,
        "price_minor": line.price_minor,
        "subtotal_minor": line.subtotal_minor,
    })
}

fn as_row(line: &OrderLine) -> Vec<Value> {
    args_vec![
        line.product_id,
        line.variant_id,
        &line.product_name,
        &line.variant_title,
        line.sku.as_ref(),
        line.quantity,
        line.price_minor,
        line.subtotal_minor,
    ]
}

/// Not run again like other foreign keys: the buyer would get an order without the product.
fn erased(error: DbError) -> Error {
    match error {
        DbError::ForeignKey(_) => Code::ProductUnavailable
            .with("A product in the cart was just erased.")
            .because(error),
        error => error.into(),
    }
}

pub(super) async fn insert_step(
    tx: &Tx,
    order: OrderId,
    step: Step,
    actor: Option<UserId>,
    now: Time,
) -> Result<()> {
    tx.execute(
        INSERT_STEP,
        args![order, step.axis, step.from, step.to, actor, now],
    )
    .await?;
    Ok(())
}

/// Holds the row until the transaction ends: what it says stays true until then. Its `updated_at` is the time of what
/// follows: `now`, or the time of the step before, as `now` was read before the row was waited for.
pub(super) async fn hold_order(tx: &Tx, order: OrderId, now: Time) -> Result<OrderRow> {
    Ok(tx.one(HOLD_ORDER, args![order, now]).await?)
}

/// Open orders, but those of cash on delivery, that nobody has paid or touched since `oldest`, after one that was seen.
pub(super) async fn list_unpaid(
    conn: &Conn,
    oldest: Time,
    (since, order): (Time, OrderId),
    most: i64,
) -> Result<Vec<(Time, OrderId)>> {
    let args = args![oldest, since, order, most];
    Ok(conn.all(SELECT_UNPAID, args).await?)
}

/// Since when an order waits to be paid.
pub(super) async fn waits_since(conn: &Conn, order: OrderId) -> Result<Time> {
    Ok(conn.one(WAITS_SINCE, args![order]).await?)
}

/// Keeps with the last step of a held order what was said of it.
pub(super) async fn note_step(tx: &Tx, order: OrderId, note: &str) -> Result<()> {
    if !note.is_empty() {
        tx.execute(NOTE_STEP, args![order, note]).await?;
    }
    Ok(())
}

/// Holds the row as it is.
pub(super) async fn lock_order(tx: &Tx, order: OrderId) -> Result<()> {
    tx.execute(LOCK_ORDER, args![order]).await?;
    Ok(())
}

/// Writes the state of an order that is held, and with it the status.
pub(super) async fn save_state(
    tx: &Tx,
    order: OrderId,
    state: State,
    confirmed_at: Option<Time>,
    (captured_minor, refunded_minor): (i64, i64),
) -> Result<()> {
    let row = args![
        order,
        state.status(),
        state.lifecycle,
        confirmed_at,
        state.payment,
        state.fulfillment,
        captured_minor,
        refunded_minor,
    ];
    try_join!(tx.execute(SAVE_STATE, row), note_change(tx, order))?;
    Ok(())
}

pub(super) async fn ship_lines(tx: &Tx, order: OrderId) -> Result<()> {
    tx.execute(SHIP_LINES, args![order]).await?;
    Ok(())
}

/// From when on it waits to be paid: `first` if nobody has begun to pay it before, else `again`.
pub(super) async fn set_payment_method(
    tx: &Tx,
    order: OrderId,
    method: PaymentMethod,
    first: Time,
    again: Time,
) -> Result<()> {
    tx.execute(SET_PAYMENT_METHOD, args![order, method, first, again])
        .await?;
    Ok(())
}
