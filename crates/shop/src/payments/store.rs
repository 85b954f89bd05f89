//! SQL of attempts to pay; lists, the ledger and refunds are beside it.

use db::{Conn, DbError, Tx, args};

use super::payment::{Payment, PaymentState, Provider};
use crate::clock::Time;
use crate::error::{Code, Result};
use crate::ids::{OrderId, PaymentId, UserId};
use crate::orders::OrderRow;

/// With the name of the table before each, or nothing.
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
            "updated_at, ",
            $table,
            "next_check_at"
        )
    };
}

mod due;
mod latest;
mod ledger;
mod lists;
mod refunds;

pub(crate) use due::*;
pub(crate) use latest::*;
pub(crate) use ledger::*;
pub(crate) use lists::*;
pub(crate) use refunds::*;

const OPEN: &str = concat!(
    "SELECT ",
    payment_columns!(""),
    " FROM payments WHERE order_id = $1 AND status IN ('pending', 'authorized')"
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
const HAS_MONEY: &str =
    "SELECT id FROM payments WHERE order_id = $1 AND claimed_minor < captured_minor LIMIT 1";
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
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) ON CONFLICT (provider, provider_payment_id) DO NOTHING RETURNING ",
    payment_columns!("")
);
const SET_REFERENCE: &str = "UPDATE payments SET reference = $2, url = $3, updated_at = $4 WHERE id = $1 AND (reference IS NULL OR reference = $2)";
const CANCEL_OTHERS: &str = "UPDATE payments SET status = 'cancelled', updated_at = $3 WHERE order_id = $1 AND id <> $2 AND status = 'pending'";
const CANCEL: &str = "UPDATE payments SET status = 'cancelled', updated_at = $2 WHERE id = $1 AND status = 'pending'";
const SAVE: &str =
    "UPDATE payments SET status = $2, provider_payment_id = COALESCE($3, provider_payment_id),
    method = $4, captured_minor = $5, note = $6, next_check_at = $7 WHERE id = $1";
pub(super) fn statements() -> Vec<String> {
    let fixed = [
        OPEN,
        BY_ID,
        BY_REFERENCE,
        BY_PROVIDER_PAYMENT,
        HAS_SUCCESS,
        HAS_MONEY,
        HOLD,
        INSERT,
        INSERT_MONEY,
        SET_REFERENCE,
        CANCEL_OTHERS,
        CANCEL,
        SAVE,
    ];
    let fixed = fixed
        .iter()
        .chain(due::STATEMENTS)
        .chain(latest::STATEMENTS)
        .chain(ledger::STATEMENTS)
        .chain(refunds::STATEMENTS);
    fixed
        .map(|sql| (*sql).to_owned())
        .chain(lists::statements())
        .collect()
}

pub(crate) async fn find_open(conn: &Conn, order: OrderId) -> Result<Option<Payment>> {
    Ok(conn.optional(OPEN, args![order]).await?)
}

pub(crate) async fn find_by_id(conn: &Conn, id: PaymentId) -> Result<Payment> {
    Ok(conn.one(BY_ID, args![id]).await?)
}

pub(crate) async fn find_by_reference(
    conn: &Conn,
    provider: Provider,
    reference: &str,
) -> Result<Option<Payment>> {
    Ok(conn
        .optional(BY_REFERENCE, args![provider, reference])
        .await?)
}

pub(crate) async fn find_by_provider_payment(
    conn: &Conn,
    provider: Provider,
    id: &str,
) -> Result<Option<Payment>> {
    Ok(conn
        .optional(BY_PROVIDER_PAYMENT, args![provider, id])
        .await?)
}

pub(crate) async fn has_success(conn: &Conn, order: OrderId) -> Result<bool> {
    Ok(conn
        .optional::<PaymentId>(HAS_SUCCESS, args![order])
        .await?
        .is_some())
}

/// Something of an order's money is left that nobody has asked to give back.
pub(crate) async fn has_money(conn: &Conn, order: OrderId) -> Result<bool> {
    let left: Option<PaymentId> = conn.optional(HAS_MONEY, args![order]).await?;
    Ok(left.is_some())
}

/// Holds the row until the transaction ends. The order's row is always held first.
pub(crate) async fn hold(tx: &Tx, id: PaymentId, now: Time) -> Result<Payment> {
    Ok(tx.one(HOLD, args![id, now]).await?)
}

pub(crate) async fn insert(
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
pub(crate) struct Money<'a> {
    pub order: OrderId,
    pub provider: Provider,
    pub provider_payment_id: Option<&'a str>,
    pub status: PaymentState,
    /// What was asked for, and what came.
    pub asked_minor: i64,
    pub captured_minor: i64,
    pub currency: &'a str,
    pub method: &'a str,
    pub actor: Option<UserId>,
}

pub(crate) async fn insert_money(tx: &Tx, money: &Money<'_>, now: Time) -> Result<Option<Payment>> {
    let row = args![
        money.order,
        money.provider,
        money.provider_payment_id,
        money.status,
        money.asked_minor,
        money.currency,
        money.captured_minor,
        money.method,
        money.actor,
        now
    ];
    Ok(tx.optional(INSERT_MONEY, row).await?)
}

/// False when the attempt has another reference by now.
pub(crate) async fn set_reference(
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

pub(crate) async fn cancel_others(
    tx: &Tx,
    order: OrderId,
    but: PaymentId,
    now: Time,
) -> Result<()> {
    tx.execute(CANCEL_OTHERS, args![order, but, now]).await?;
    Ok(())
}

pub(crate) async fn cancel(tx: &Tx, payment: PaymentId, now: Time) -> Result<()> {
    tx.execute(CANCEL, args![payment, now]).await?;
    Ok(())
}

/// Writes what a report changed of a payment that is held.
pub(crate) async fn save(tx: &Tx, payment: &Payment, next_check_at: Option<Time>) -> Result<()> {
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

pub(crate) async fn find_by_id_if_any(conn: &Conn, id: PaymentId) -> Result<Option<Payment>> {
    Ok(conn.optional(BY_ID, args![id]).await?)
}
