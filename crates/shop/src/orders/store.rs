//! All SQL of orders.

use db::{Conn, DbError, Select, Tx, Value, args, args_vec};
use futures_util::try_join;

use super::find_orders::{Access, Filter};
use super::order::{
    FulfillmentStatus, HistoryRow, Lifecycle, OrderLine, OrderRef, OrderRow, PaymentMethod,
    PaymentStatus, State, Step,
};
use crate::bulk::Bulk;
use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::ids::{OrderId, OrderLineId, UserId, VariantId};
use crate::paging::{Paging, SortKey, padded, windowed};

macro_rules! order_columns {
    () => {
        "id, order_number, user_id, token_hash IS NOT NULL AS by_guest, email, source, external_id, status, lifecycle, confirmed_at, payment_status, \
         fulfillment_status, payment_method, currency, prices_include_tax, items_count, subtotal_minor, \
         discount_minor, shipping_minor, tax_minor, total_minor, captured_minor, refunded_minor, shipping_address, \
         billing_address, note, created_at, updated_at"
    };
}

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
const SELECT_UNPAID: &str = "SELECT updated_at, id FROM orders
  WHERE lifecycle = 'open' AND payment_status IN ('pending', 'failed') AND source = 'shop' AND confirmed_at IS NULL
    AND fulfillment_status = 'unfulfilled' AND updated_at < $1 AND (updated_at, id) > ($2, $3)
    AND payment_method <> 'cod'
  ORDER BY updated_at, id LIMIT $4";

const NOTE_STEP: &str = "UPDATE order_history SET note = $2
  WHERE id = (SELECT MAX(id) FROM order_history WHERE order_id = $1)";

const NOTE_CHANGE: &str = "INSERT INTO order_changes (order_id) VALUES ($1)";
const HAS_CHANGES: &str = "SELECT EXISTS (SELECT 1 FROM order_changes)";
const LIST_CHANGES: &str = "SELECT id, order_id FROM order_changes ORDER BY id LIMIT $1";
const FORGET_CHANGES: &str = "DELETE FROM order_changes";

const SAVE_STATE: &str =
    "UPDATE orders SET status = $2, lifecycle = $3, confirmed_at = $4, payment_status = $5,
    fulfillment_status = $6, captured_minor = $7, refunded_minor = $8 WHERE id = $1";

const SHIP_LINES: &str = "UPDATE order_lines SET shipped_quantity = quantity WHERE order_id = $1";

const SET_PAYMENT_METHOD: &str = "UPDATE orders SET payment_method = $2 WHERE id = $1";

// Nothing, as long as the address is not verified.
const ADOPT_GUEST_ORDERS: &str = "UPDATE orders SET user_id = $1
  WHERE user_id IS NULL AND email <> '' AND anonymised_at IS NULL AND LOWER(email) =
    (SELECT email_key FROM users WHERE id = $1 AND email_verified_at IS NOT NULL)";

const NAMED_ORDERS_OF: &str =
    "SELECT o.id, o.lifecycle, o.confirmed_at, o.payment_status, o.fulfillment_status,
    o.shipping_address, o.billing_address, COALESCE(u.erased_at, 0) AS erased_at
  FROM orders o JOIN users u ON u.id = o.user_id
  WHERE o.user_id = $1 AND o.anonymised_at IS NULL ORDER BY o.id";

const NAMED_ORDERS_OF_ERASED: &str = "SELECT o.id, o.lifecycle, o.confirmed_at, o.payment_status,
    o.fulfillment_status, o.shipping_address, o.billing_address, u.erased_at AS erased_at
  FROM users u JOIN orders o ON o.user_id = u.id
  WHERE u.erased_at IS NOT NULL AND o.anonymised_at IS NULL AND o.id > $1 ORDER BY o.id LIMIT $2";

const ANONYMISE_ORDER: &str =
    "UPDATE orders SET email = '', token_hash = NULL, note = '', shipping_address = $2,
    billing_address = $3, anonymised_at = $4 WHERE id = $1";

const ANONYMISE_HISTORY: &str =
    "UPDATE order_history SET note = '' WHERE order_id = $1 AND note <> ''";

/// All statements, those that are built as filled examples.
pub fn statements() -> Vec<String> {
    let full = Filter {
        status: Some(super::Status::Pending),
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
    let mut all: Vec<String> = [
        INSERT_ORDER,
        INSERT_STEP,
        HOLD_ORDER,
        LOCK_ORDER,
        SELECT_UNPAID,
        NOTE_STEP,
        NOTE_CHANGE,
        HAS_CHANGES,
        LIST_CHANGES,
        SAVE_STATE,
        SHIP_LINES,
        SET_PAYMENT_METHOD,
        ADOPT_GUEST_ORDERS,
        NAMED_ORDERS_OF,
        NAMED_ORDERS_OF_ERASED,
        ANONYMISE_ORDER,
        ANONYMISE_HISTORY,
    ]
    .map(String::from)
    .into();
    all.extend(INSERT_LINES.statements(1));
    for select in [
        forget_changes_sql(&[1]),
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
    ] {
        all.push(select.sql().to_owned());
    }
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
    let rows: Vec<Vec<Value>> = lines
        .iter()
        .map(|line| {
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
        })
        .collect();
    let written: Vec<(OrderLineId, Option<VariantId>)> = INSERT_LINES
        .run(tx, args![order], &rows)
        .await
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
    (touched, order): (Time, OrderId),
    most: i64,
) -> Result<Vec<(Time, OrderId)>> {
    let args = args![oldest, touched, order, most];
    Ok(conn.all(SELECT_UNPAID, args).await?)
}

/// Keeps with the last step of a held order what was said of it.
pub(super) async fn note_step(tx: &Tx, order: OrderId, note: &str) -> Result<()> {
    if !note.is_empty() {
        tx.execute(NOTE_STEP, args![order, note]).await?;
    }
    Ok(())
}

/// Tells those who keep totals that the order is not what they counted. Nobody waits for the row.
pub(super) async fn note_change(tx: &Tx, order: OrderId) -> db::Result<()> {
    tx.execute(NOTE_CHANGE, args![order]).await.map(drop)
}

/// Whether any change waits to be counted.
pub async fn has_changes(conn: &Conn) -> Result<bool> {
    Ok(conn.one(HAS_CHANGES, args![]).await?)
}

/// Changes that wait to be counted, as (change, order): oldest first, and one order perhaps several times.
pub async fn list_changes(tx: &Tx, most: i64) -> Result<Vec<(i64, OrderId)>> {
    Ok(tx.all(LIST_CHANGES, args![most]).await?)
}

fn forget_changes_sql(changes: &[i64]) -> Select {
    Select::new(FORGET_CHANGES).filter_in("id", padded(changes))
}

/// They are counted in this transaction.
pub async fn forget_changes(tx: &Tx, changes: &[i64]) -> Result<()> {
    let delete = forget_changes_sql(changes);
    tx.execute(delete.sql(), delete.args()).await?;
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

pub(super) async fn set_payment_method(
    tx: &Tx,
    order: OrderId,
    method: PaymentMethod,
) -> Result<()> {
    tx.execute(SET_PAYMENT_METHOD, args![order, method]).await?;
    Ok(())
}

db::record! {
    /// An order that still tells who its buyer was.
    pub struct NamedOrder {
        pub id: OrderId,
        pub lifecycle: Lifecycle,
        pub confirmed_at: Option<Time>,
        pub payment_status: PaymentStatus,
        pub fulfillment_status: FulfillmentStatus,
        pub shipping_address: Option<String>,
        pub billing_address: Option<String>,
        /// When the buyer was erased; the beginning of time for others.
        pub erased_at: Time,
    }
}

impl NamedOrder {
    pub(super) fn state(&self) -> State {
        State {
            lifecycle: self.lifecycle,
            confirmed: self.confirmed_at.is_some(),
            payment: self.payment_status,
            fulfillment: self.fulfillment_status,
        }
    }

    /// To ship to and to bill.
    pub(super) fn addresses(&self) -> [Option<&str>; 2] {
        [
            self.shipping_address.as_deref(),
            self.billing_address.as_deref(),
        ]
    }
}

/// Gives the user what was placed as a guest under their verified address.
pub(super) async fn adopt_guest_orders(tx: &Tx, user: UserId) -> Result<()> {
    tx.execute(ADOPT_GUEST_ORDERS, args![user]).await?;
    Ok(())
}

pub(super) async fn named_orders_of(conn: &Conn, user: UserId) -> Result<Vec<NamedOrder>> {
    Ok(conn.all(NAMED_ORDERS_OF, args![user]).await?)
}

/// By id, of people who are erased.
pub(super) async fn named_orders_of_erased(
    conn: &Conn,
    after: OrderId,
    most: i64,
) -> Result<Vec<NamedOrder>> {
    Ok(conn.all(NAMED_ORDERS_OF_ERASED, args![after, most]).await?)
}

/// Leaves the country of its addresses.
pub(super) async fn anonymise(
    tx: &Tx,
    order: OrderId,
    shipping: Option<String>,
    billing: Option<String>,
    now: Time,
) -> Result<()> {
    tx.execute(ANONYMISE_ORDER, args![order, shipping, billing, now])
        .await?;
    tx.execute(ANONYMISE_HISTORY, args![order]).await?;
    Ok(())
}

pub(super) async fn find_order(
    conn: &Conn,
    order: &OrderRef,
    access: &Access,
) -> Result<Option<OrderRow>> {
    let select = by_ref(Select::new(SELECT_ORDERS), order, access);
    Ok(conn.optional(select.sql(), select.args()).await?)
}

pub(super) async fn find_order_id(
    conn: &Conn,
    order: &OrderRef,
    access: &Access,
) -> Result<Option<OrderId>> {
    let select = by_ref(Select::new(SELECT_ORDER_ID), order, access);
    Ok(conn.optional(select.sql(), select.args()).await?)
}

/// Newest first.
pub(super) async fn list_orders(
    conn: &Conn,
    access: &Access,
    filter: &Filter,
    paging: &Paging,
) -> Result<Vec<OrderRow>> {
    let select = filtered(Select::new(SELECT_ORDERS), access, filter);
    Ok(windowed(select, NEWEST_FIRST, paging)?.all(conn).await?)
}

pub(super) async fn count_orders(conn: &Conn, access: &Access, filter: &Filter) -> Result<i64> {
    Ok(filtered(Select::new(COUNT_ORDERS), access, filter)
        .one(conn)
        .await?)
}

pub(super) async fn list_lines(conn: &Conn, orders: &[OrderId]) -> Result<Vec<OrderLine>> {
    let select = Select::new(SELECT_LINES).filter_in("order_id", padded(orders));
    Ok(select.order("order_id, id").all(conn).await?)
}

pub(super) async fn list_history(conn: &Conn, orders: &[OrderId]) -> Result<Vec<HistoryRow>> {
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
