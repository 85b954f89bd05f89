//! All SQL of payments but the sandbox's book.

use db::{Conn, DbError, Select, Tx, Value, args};

use super::payment::{Fact, Heard, Payment, PaymentState, Provider, Refund, RefundState};
use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::ids::{OrderId, PaymentId, RefundId, UserId};
use crate::orders::{Access, OrderRow, PaymentSums};
use crate::paging::{Page, Paging, newest};

macro_rules! payment_columns {
    ($table:literal) => {
        concat!(
            $table,
            "id, ",
            $table,
            "order_id, ",
            $table,
            "provider, ",
            $table,
            "status, ",
            $table,
            "amount_minor, ",
            $table,
            "currency, ",
            $table,
            "reference, ",
            $table,
            "provider_payment_id, ",
            $table,
            "flow, ",
            $table,
            "url, ",
            $table,
            "method, ",
            $table,
            "captured_minor, ",
            $table,
            "claimed_minor, ",
            $table,
            "refunded_minor, ",
            $table,
            "note, ",
            $table,
            "checks, ",
            $table,
            "created_at, ",
            $table,
            "updated_at"
        )
    };
}

macro_rules! refund_columns {
    () => {
        "id, payment_id, status, amount_minor, request_key, provider_refund_id, reason, actor_id, checks, created_at"
    };
}

const SELECT: &str = concat!(
    "SELECT ",
    payment_columns!("p."),
    " FROM payments p JOIN orders o ON o.id = p.order_id"
);
const COUNT: &str = "SELECT COUNT(*) FROM payments p JOIN orders o ON o.id = p.order_id";
const OPEN: &str = concat!(
    "SELECT ",
    payment_columns!(""),
    " FROM payments WHERE order_id = $1 AND status IN ('pending', 'authorized')"
);
const LATEST: &str = concat!(
    "SELECT ", payment_columns!(""), " FROM payments WHERE order_id = $1 AND provider = $2
    ORDER BY CASE WHEN status IN ('succeeded', 'flagged') THEN 0 WHEN status IN ('pending', 'authorized') THEN 1 ELSE 2 END,
      id DESC LIMIT 1"
);
const BY_ID: &str = concat!(
    "SELECT ",
    payment_columns!(""),
    " FROM payments WHERE id = $1"
);
const BY_REFERENCE: &str = concat!(
    "SELECT ",
    payment_columns!(""),
    " FROM payments WHERE provider = $1 AND reference = $2"
);
const BY_PROVIDER_PAYMENT: &str = concat!(
    "SELECT ",
    payment_columns!(""),
    " FROM payments WHERE provider = $1 AND provider_payment_id = $2"
);
const HAS_SUCCESS: &str = "SELECT id FROM payments WHERE order_id = $1 AND status = 'succeeded'";
const HOLD: &str = concat!(
    "UPDATE payments SET updated_at = $2 WHERE id = $1 RETURNING ",
    payment_columns!("")
);

const INSERT: &str = concat!(
    "INSERT INTO payments (order_id, provider, status, amount_minor, currency, flow, next_check_at, created_at, updated_at)
    VALUES ($1, $2, 'pending', $3, $4, $5, $6, $7, $7) RETURNING ", payment_columns!("")
);
const INSERT_MONEY: &str = concat!(
    "INSERT INTO payments (order_id, provider, provider_payment_id, status, amount_minor, currency, captured_minor, method,
      actor_id, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $5, $7, $8, $9, $9) ON CONFLICT (provider, provider_payment_id) DO NOTHING RETURNING ",
    payment_columns!("")
);
const SET_REFERENCE: &str = "UPDATE payments SET reference = $2, url = $3, updated_at = $4 WHERE id = $1 AND (reference IS NULL OR reference = $2)";
const CANCEL_OTHERS: &str = "UPDATE payments SET status = 'cancelled', updated_at = $3 WHERE order_id = $1 AND id <> $2 AND status = 'pending'";
const SAVE: &str =
    "UPDATE payments SET status = $2, provider_payment_id = COALESCE($3, provider_payment_id),
    method = $4, captured_minor = $5, note = $6, next_check_at = $7 WHERE id = $1";
const SCHEDULE: &str = "UPDATE payments SET checks = checks + 1, next_check_at = $2 WHERE id = $1";
const CLAIM_REFUND: &str = "UPDATE payments SET claimed_minor = claimed_minor + $2, updated_at = $3
    WHERE id = $1 AND status IN ('succeeded', 'surplus', 'flagged') AND claimed_minor + $2 <= captured_minor";
const RELEASE_REFUND: &str =
    "UPDATE payments SET claimed_minor = claimed_minor - $2, updated_at = $3 WHERE id = $1";
const COUNT_REFUND: &str =
    "UPDATE payments SET refunded_minor = refunded_minor + $2, updated_at = $3 WHERE id = $1";

const ADD_FACT: &str = "INSERT INTO payment_events (order_id, payment_id, kind, reference, amount_minor, currency, source,
      note, actor_id, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (payment_id, kind, reference) DO NOTHING";
const SUMS: &str = "SELECT COUNT(CASE WHEN e.kind = 'captured' THEN 1 END) AS captures,
      COALESCE(MAX(CASE WHEN e.kind = 'authorized' THEN e.id END), 0) AS authorized,
      COALESCE(MAX(CASE WHEN e.kind = 'failed' THEN e.id END), 0) AS failed,
      CAST(COALESCE(SUM(CASE WHEN e.kind = 'captured' THEN e.amount_minor END), 0) AS BIGINT) AS captured_minor,
      CAST(COALESCE(SUM(CASE WHEN e.kind IN ('refunded', 'charged_back') THEN e.amount_minor END), 0) AS BIGINT)
        AS refunded_minor
    FROM payment_events e JOIN payments p ON p.id = e.payment_id
    WHERE e.order_id = $1 AND p.status NOT IN ('surplus', 'flagged')";
const TAKE_EVENT: &str = "INSERT INTO provider_events (provider, event_key, kind, subject, payment_id, outcome, received_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (provider, event_key) DO NOTHING";
const HAS_EVENT: &str = "SELECT id FROM provider_events WHERE provider = $1 AND event_key = $2";

const INSERT_REFUND: &str = concat!(
    "INSERT INTO refunds (payment_id, status, amount_minor, request_key, client_key, provider_refund_id, reason, actor_id,
      next_check_at, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) RETURNING ", refund_columns!()
);
const REFUND_BY_ID: &str = concat!("SELECT ", refund_columns!(), " FROM refunds WHERE id = $1");
const REFUND_BY_CLIENT_KEY: &str = concat!(
    "SELECT ",
    refund_columns!(),
    " FROM refunds WHERE client_key = $1"
);
const REFUND_BY_PROVIDER: &str = concat!(
    "SELECT ", refund_columns!(), " FROM refunds WHERE payment_id = $1
    AND (provider_refund_id = CAST($2 AS TEXT) OR request_key = CAST($3 AS TEXT)) ORDER BY id LIMIT 1"
);
const SAVE_REFUND: &str = "UPDATE refunds SET status = $2, provider_refund_id = COALESCE($3, provider_refund_id), note = $4,
    next_check_at = $5, updated_at = $6 WHERE id = $1";
const SCHEDULE_REFUND: &str =
    "UPDATE refunds SET checks = checks + 1, next_check_at = $2 WHERE id = $1";

const DUE_PAYMENTS: &str = concat!(
    "SELECT ",
    payment_columns!(""),
    " FROM payments WHERE next_check_at <= $1 ORDER BY next_check_at LIMIT 20"
);
const DUE_REFUNDS: &str = concat!(
    "SELECT ",
    refund_columns!(),
    " FROM refunds WHERE next_check_at <= $1 ORDER BY next_check_at LIMIT 20"
);
// Money that is not ours to keep: beside the payment that counts, or of an order that ended.
const TO_GIVE_BACK: &str = concat!(
    "SELECT ", payment_columns!("p."), " FROM payments p JOIN orders o ON o.id = p.order_id
    WHERE p.order_id = $1 AND p.claimed_minor < p.captured_minor AND p.provider NOT IN ('manual', 'cod', 'import')
      AND (p.status = 'surplus' OR p.status = 'succeeded' AND o.lifecycle IN ('cancelled', 'expired')) ORDER BY p.id"
);

pub(super) fn statements() -> Vec<String> {
    let fixed = [
        OPEN,
        LATEST,
        BY_ID,
        BY_REFERENCE,
        BY_PROVIDER_PAYMENT,
        HAS_SUCCESS,
        HOLD,
        INSERT,
        INSERT_MONEY,
        SET_REFERENCE,
        CANCEL_OTHERS,
        SAVE,
        SCHEDULE,
        CLAIM_REFUND,
        RELEASE_REFUND,
        COUNT_REFUND,
        ADD_FACT,
        SUMS,
        TAKE_EVENT,
        HAS_EVENT,
        INSERT_REFUND,
        REFUND_BY_ID,
        REFUND_BY_CLIENT_KEY,
        REFUND_BY_PROVIDER,
        SAVE_REFUND,
        SCHEDULE_REFUND,
        DUE_PAYMENTS,
        DUE_REFUNDS,
        TO_GIVE_BACK,
    ];
    let access = Access::Owner {
        user: Some(UserId(1)),
        token_hash: Some([0; 32]),
    };
    let full = filtered(Select::new(SELECT), &access, Some(OrderId(1)));
    let one = filtered(Select::new(SELECT), &Access::All, None).filter("p.id = ?", [1.into()]);
    fixed
        .map(String::from)
        .into_iter()
        .chain([full.sql().to_owned(), one.sql().to_owned()])
        .collect()
}

fn filtered(select: Select, access: &Access, order: Option<OrderId>) -> Select {
    let select = select.filter_some("p.order_id = ?", order);
    match access {
        Access::All => select,
        Access::Owner { user, token_hash } => match (*user, *token_hash) {
            (Some(user), Some(hash)) => select.filter(
                "o.user_id = ? OR o.token_hash = ?",
                [user.into(), hash.into()],
            ),
            (Some(user), None) => select.filter("o.user_id = ?", [user.into()]),
            (None, Some(hash)) => select.filter("o.token_hash = ?", [hash.into()]),
            (None, None) => select.filter("1 = 0", []),
        },
    }
}

/// The payments of somebody's orders.
pub(crate) async fn all_of(conn: &Conn, user: UserId) -> Result<Vec<Payment>> {
    let access = Access::Owner {
        user: Some(user),
        token_hash: None,
    };
    let select = filtered(Select::new(SELECT), &access, None);
    Ok(select.order("p.id").all(conn).await?)
}

pub(super) async fn list(
    conn: &Conn,
    access: &Access,
    order: Option<OrderId>,
    paging: &Paging,
) -> Result<Page<Payment>> {
    let (rows, count) = (
        filtered(Select::new(SELECT), access, order),
        filtered(Select::new(COUNT), access, order),
    );
    newest(conn, rows, count, "p.id", paging, |payment: &Payment| {
        payment.id.into()
    })
    .await
}

pub(super) async fn find(conn: &Conn, id: PaymentId, access: &Access) -> Result<Payment> {
    let select = filtered(Select::new(SELECT), access, None).filter("p.id = ?", [id.into()]);
    conn.optional(select.sql(), select.args())
        .await?
        .ok_or_else(Error::not_found)
}

pub(super) async fn find_open(conn: &Conn, order: OrderId) -> Result<Option<Payment>> {
    Ok(conn.optional(OPEN, args![order]).await?)
}

/// The attempt that a client of this provider can mean: the one with money, else the open one, else the newest.
pub(super) async fn find_latest(
    conn: &Conn,
    order: OrderId,
    provider: Provider,
) -> Result<Option<Payment>> {
    Ok(conn.optional(LATEST, args![order, provider]).await?)
}

pub(super) async fn find_by_id(conn: &Conn, id: PaymentId) -> Result<Payment> {
    Ok(conn.one(BY_ID, args![id]).await?)
}

pub(super) async fn find_by_reference(
    conn: &Conn,
    provider: Provider,
    reference: &str,
) -> Result<Option<Payment>> {
    Ok(conn
        .optional(BY_REFERENCE, args![provider, reference])
        .await?)
}

pub(super) async fn find_by_provider_payment(
    conn: &Conn,
    provider: Provider,
    id: &str,
) -> Result<Option<Payment>> {
    Ok(conn
        .optional(BY_PROVIDER_PAYMENT, args![provider, id])
        .await?)
}

pub(super) async fn has_success(conn: &Conn, order: OrderId) -> Result<bool> {
    Ok(conn
        .optional::<PaymentId>(HAS_SUCCESS, args![order])
        .await?
        .is_some())
}

/// Holds the row until the transaction ends. The order's row is always held first.
pub(super) async fn hold(tx: &Tx, id: PaymentId, now: Time) -> Result<Payment> {
    Ok(tx.one(HOLD, args![id, now]).await?)
}

pub(super) async fn insert(
    tx: &Tx,
    order: &OrderRow,
    provider: Provider,
    flow: &str,
    check_at: Time,
    now: Time,
) -> Result<Payment> {
    let row = args![
        order.id,
        provider,
        order.total_minor,
        &order.currency,
        flow,
        check_at,
        now
    ];
    Ok(tx.one(INSERT, row).await?)
}

/// A payment that comes with its money. None when the provider's payment is known already.
pub(super) struct Money<'a> {
    pub order: OrderId,
    pub provider: Provider,
    pub provider_payment_id: Option<&'a str>,
    pub status: PaymentState,
    pub minor: i64,
    pub currency: &'a str,
    pub method: &'a str,
    pub actor: Option<UserId>,
}

pub(super) async fn insert_money(tx: &Tx, money: &Money<'_>, now: Time) -> Result<Option<Payment>> {
    let row = args![
        money.order,
        money.provider,
        money.provider_payment_id,
        money.status,
        money.minor,
        money.currency,
        money.method,
        money.actor,
        now
    ];
    Ok(tx.optional(INSERT_MONEY, row).await?)
}

/// False when the attempt has another reference by now.
pub(super) async fn set_reference(
    tx: &Tx,
    id: PaymentId,
    reference: &str,
    url: Option<&str>,
    now: Time,
) -> Result<bool> {
    match tx
        .execute(SET_REFERENCE, args![id, reference, url, now])
        .await
    {
        Err(DbError::Unique(_)) => {
            Err(Code::PaymentMismatch.with("The provider gave one payment to two orders."))
        }
        rows => Ok(rows? == 1),
    }
}

pub(super) async fn cancel_others(
    tx: &Tx,
    order: OrderId,
    but: PaymentId,
    now: Time,
) -> Result<()> {
    tx.execute(CANCEL_OTHERS, args![order, but, now]).await?;
    Ok(())
}

/// Writes what a report changed of a payment that is held.
pub(super) async fn save(tx: &Tx, payment: &Payment, next_check_at: Option<Time>) -> Result<()> {
    let row = args![
        payment.id,
        payment.status,
        payment.provider_payment_id.as_deref(),
        &payment.method,
        payment.captured_minor,
        &payment.note,
        next_check_at
    ];
    tx.execute(SAVE, row).await?;
    Ok(())
}

pub(super) async fn schedule(tx: &Tx, id: PaymentId, at: Option<Time>) -> Result<()> {
    tx.execute(SCHEDULE, args![id, at]).await?;
    Ok(())
}

/// Takes `minor` of what can be given back; false when there is not so much.
pub(super) async fn claim_refund(
    tx: &Tx,
    payment: PaymentId,
    minor: i64,
    now: Time,
) -> Result<bool> {
    Ok(tx.execute(CLAIM_REFUND, args![payment, minor, now]).await? == 1)
}

pub(super) async fn release_refund(
    tx: &Tx,
    payment: PaymentId,
    minor: i64,
    now: Time,
) -> Result<()> {
    tx.execute(RELEASE_REFUND, args![payment, minor, now])
        .await?;
    Ok(())
}

pub(super) async fn count_refund(tx: &Tx, payment: PaymentId, minor: i64, now: Time) -> Result<()> {
    tx.execute(COUNT_REFUND, args![payment, minor, now]).await?;
    Ok(())
}

/// A row of the ledger.
pub(super) struct Entry<'a> {
    pub fact: Fact,
    /// The provider's name of the fact.
    pub reference: &'a str,
    pub minor: i64,
    pub heard: Heard,
    pub note: &'a str,
    pub actor: Option<UserId>,
}

/// False when the fact is in the ledger already.
pub(super) async fn add_fact(
    tx: &Tx,
    payment: &Payment,
    entry: &Entry<'_>,
    now: Time,
) -> Result<bool> {
    let row = args![
        payment.order_id,
        payment.id,
        entry.fact,
        entry.reference,
        entry.minor,
        &payment.currency,
        entry.heard,
        entry.note,
        entry.actor,
        now
    ];
    Ok(tx.execute(ADD_FACT, row).await? == 1)
}

/// What the ledger says of an order.
pub(super) async fn sums(conn: &Conn, order: OrderId) -> Result<PaymentSums> {
    Ok(conn.one(SUMS, args![order]).await?)
}

/// What is kept of an event.
pub(super) struct Event<'a> {
    pub provider: Provider,
    pub key: &'a str,
    pub kind: &'a str,
    pub subject: &'a str,
    pub payment: Option<PaymentId>,
    pub outcome: &'static str,
}

/// False when it came before.
pub(super) async fn take_event(tx: &Tx, event: &Event<'_>, now: Time) -> Result<bool> {
    let row = args![
        event.provider,
        event.key,
        event.kind,
        event.subject,
        event.payment,
        event.outcome,
        now
    ];
    Ok(tx.execute(TAKE_EVENT, row).await? == 1)
}

pub(super) async fn has_event(conn: &Conn, provider: Provider, key: &str) -> Result<bool> {
    Ok(conn
        .optional::<i64>(HAS_EVENT, args![provider, key])
        .await?
        .is_some())
}

pub(super) struct NewRefund<'a> {
    pub payment: PaymentId,
    pub status: RefundState,
    pub minor: i64,
    pub request_key: &'a str,
    pub client_key: Option<&'a str>,
    pub provider_refund_id: Option<&'a str>,
    pub reason: &'a str,
    pub actor: Option<UserId>,
    pub next_check_at: Option<Time>,
}

pub(super) async fn insert_refund(tx: &Tx, new: &NewRefund<'_>, now: Time) -> Result<Refund> {
    let row: [Value; 10] = [
        new.payment.into(),
        new.status.into(),
        new.minor.into(),
        new.request_key.into(),
        new.client_key.into(),
        new.provider_refund_id.into(),
        new.reason.into(),
        new.actor.into(),
        new.next_check_at.into(),
        now.into(),
    ];
    Ok(tx.one(INSERT_REFUND, &row).await?)
}

pub(super) async fn find_refund(conn: &Conn, id: RefundId) -> Result<Refund> {
    Ok(conn.one(REFUND_BY_ID, args![id]).await?)
}

pub(super) async fn find_refund_of(conn: &Conn, client_key: &str) -> Result<Option<Refund>> {
    Ok(conn
        .optional(REFUND_BY_CLIENT_KEY, args![client_key])
        .await?)
}

/// By the provider's id of it, or by the key that we gave.
pub(super) async fn find_refund_told(
    conn: &Conn,
    payment: PaymentId,
    provider_refund_id: Option<&str>,
    request_key: Option<&str>,
) -> Result<Option<Refund>> {
    Ok(conn
        .optional(
            REFUND_BY_PROVIDER,
            args![payment, provider_refund_id, request_key],
        )
        .await?)
}

pub(super) async fn save_refund(
    tx: &Tx,
    id: RefundId,
    status: RefundState,
    provider_refund_id: Option<&str>,
    note: &str,
    next_check_at: Option<Time>,
    now: Time,
) -> Result<()> {
    tx.execute(
        SAVE_REFUND,
        args![id, status, provider_refund_id, note, next_check_at, now],
    )
    .await?;
    Ok(())
}

pub(super) async fn schedule_refund(tx: &Tx, id: RefundId, at: Option<Time>) -> Result<()> {
    tx.execute(SCHEDULE_REFUND, args![id, at]).await?;
    Ok(())
}

pub(super) async fn due_payments(conn: &Conn, now: Time) -> Result<Vec<Payment>> {
    Ok(conn.all(DUE_PAYMENTS, args![now]).await?)
}

pub(super) async fn due_refunds(conn: &Conn, now: Time) -> Result<Vec<Refund>> {
    Ok(conn.all(DUE_REFUNDS, args![now]).await?)
}

pub(super) async fn to_give_back(conn: &Conn, order: OrderId) -> Result<Vec<Payment>> {
    Ok(conn.all(TO_GIVE_BACK, args![order]).await?)
}

pub(super) async fn find_by_id_if_any(conn: &Conn, id: PaymentId) -> Result<Option<Payment>> {
    Ok(conn.optional(BY_ID, args![id]).await?)
}
