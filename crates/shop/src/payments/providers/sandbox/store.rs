//! The sandbox's book.

use db::{Conn, Tx, args};

use crate::clock::Time;
use crate::error::Result;
use crate::payments::payment::Sum;

db::record! {
    pub(super) struct Row {
        pub(super) id: i64,
        pub(super) reference: String,
        pub(super) status: String,
        pub(super) amount_minor: i64,
        pub(super) currency: String,
        pub(super) captured_minor: i64,
    }
}

const OPEN: &str = "INSERT INTO sandbox_payments (reference, request_key, status, amount_minor, currency, created_at)
    VALUES ($1, $2, 'created', $3, $4, $5) ON CONFLICT (request_key) DO NOTHING";
const REFERENCE: &str = "SELECT reference FROM sandbox_payments WHERE request_key = $1";
const FIND: &str = "SELECT id, reference, status, amount_minor, currency, captured_minor FROM sandbox_payments WHERE reference = $1";
const DECIDE: &str = "UPDATE sandbox_payments SET status = $2, captured_minor = $3
    WHERE reference = $1 AND status IN ('created', 'challenged', 'failed')";
const ADD_REFUND: &str = "INSERT INTO sandbox_refunds (sandbox_payment_id, request_key, amount_minor)
    SELECT id, $2, $3 FROM sandbox_payments WHERE reference = $1 AND refunded_minor + $3 <= captured_minor
    ON CONFLICT (request_key) DO NOTHING";
const COUNT_REFUND: &str =
    "UPDATE sandbox_payments SET refunded_minor = refunded_minor + $2 WHERE reference = $1";
const FIND_REFUND: &str = "SELECT id FROM sandbox_refunds WHERE request_key = $1";

pub(crate) const STATEMENTS: &[&str] = &[
    OPEN,
    REFERENCE,
    FIND,
    DECIDE,
    ADD_REFUND,
    COUNT_REFUND,
    FIND_REFUND,
];

/// The same request is the same payment.
pub(super) async fn open(
    tx: &Tx,
    reference: &str,
    request_key: &str,
    money: &Sum,
    now: Time,
) -> Result<String> {
    tx.execute(
        OPEN,
        args![reference, request_key, money.minor, &money.currency, now],
    )
    .await?;
    Ok(tx.one(REFERENCE, args![request_key]).await?)
}

pub(super) async fn find(conn: &Conn, reference: &str) -> Result<Option<Row>> {
    Ok(conn.optional(FIND, args![reference]).await?)
}

/// False when it was paid before.
pub(super) async fn decide(
    tx: &Tx,
    reference: &str,
    status: &str,
    captured_minor: i64,
) -> Result<bool> {
    Ok(tx
        .execute(DECIDE, args![reference, status, captured_minor])
        .await?
        == 1)
}

/// The number of the refund; none when there is not so much to give back.
pub(super) async fn refund(
    tx: &Tx,
    reference: &str,
    request_key: &str,
    minor: i64,
) -> Result<Option<i64>> {
    if tx
        .execute(ADD_REFUND, args![reference, request_key, minor])
        .await?
        == 1
    {
        tx.execute(COUNT_REFUND, args![reference, minor]).await?;
    }
    Ok(tx.optional(FIND_REFUND, args![request_key]).await?)
}
