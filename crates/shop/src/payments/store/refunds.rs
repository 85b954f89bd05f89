//! SQL of refunds, and of what can be given back.

use db::{Conn, Tx, Value, args};

use super::Due;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::{PaymentId, RefundId, UserId};
use crate::payments::payment::{Refund, RefundState};

/// With the name of the table before each, or nothing.
macro_rules! refund_columns {
    ($table:literal) => {
        concat!(
            $table,
            "id, ",
            $table,
            "payment_id, ",
            $table,
            "status, ",
            $table,
            "amount_minor, ",
            $table,
            "request_key, ",
            $table,
            "provider_refund_id, ",
            $table,
            "reason, ",
            $table,
            "note, ",
            $table,
            "actor_id, ",
            $table,
            "checks, ",
            $table,
            "next_check_at, ",
            $table,
            "late_success_at, ",
            $table,
            "created_at, ",
            $table,
            "updated_at"
        )
    };
}

const CLAIM_REFUND: &str = "UPDATE payments SET claimed_minor = claimed_minor + $2, updated_at = $3
    WHERE id = $1 AND status IN ('succeeded', 'surplus', 'flagged') AND captured_minor - claimed_minor >= $2";
const RELEASE_REFUND: &str =
    "UPDATE payments SET claimed_minor = claimed_minor - $2, updated_at = $3 WHERE id = $1";
const COUNT_REFUND: &str =
    "UPDATE payments SET refunded_minor = refunded_minor + $2, updated_at = $3 WHERE id = $1";

const INSERT_REFUND: &str = concat!(
    "INSERT INTO refunds (payment_id, status, amount_minor, request_key, client_key, provider_refund_id, reason, actor_id,
      next_check_at, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) RETURNING ", refund_columns!("")
);
const REFUND_BY_ID: &str = concat!(
    "SELECT ",
    refund_columns!(""),
    " FROM refunds WHERE id = $1"
);
const REFUND_BY_CLIENT_KEY: &str = concat!(
    "SELECT ",
    refund_columns!(""),
    " FROM refunds WHERE client_key = $1"
);
const REFUND_BY_PROVIDER: &str = concat!(
    "SELECT ",
    refund_columns!(""),
    " FROM refunds WHERE payment_id = $1
    AND (provider_refund_id = CAST($2 AS TEXT) OR request_key = CAST($3 AS TEXT))
    ORDER BY CASE WHEN request_key = CAST($3 AS TEXT) THEN 0 ELSE 1 END, id LIMIT 1"
);
// A provider's id stays with the refund that had it first.
const SAVE_REFUND: &str = "UPDATE refunds SET status = $2, note = $4, next_check_at = $5, updated_at = $6, late_success_at = NULL,
    provider_refund_id = CASE WHEN EXISTS (SELECT 1 FROM refunds o WHERE o.payment_id = refunds.payment_id
      AND o.provider_refund_id = CAST($3 AS TEXT) AND o.id <> $1)
      THEN provider_refund_id ELSE COALESCE(CAST($3 AS TEXT), provider_refund_id) END WHERE id = $1";
const NOTE_LATE_SUCCESS: &str = "UPDATE refunds SET late_success_at = $2 WHERE id = $1";
const FORGET_NAMELESS: &str = "DELETE FROM refunds WHERE id = $1 AND status = 'failed' AND actor_id IS NULL AND client_key IS NULL";
// Whoever moves the date looks at it; nobody else does.
const SCHEDULE_REFUND: &str = "UPDATE refunds SET checks = checks + 1, next_check_at = $3 WHERE id = $1 AND next_check_at = $2";

const DUE_REFUNDS: &str = concat!(
    "SELECT ",
    refund_columns!("r."),
    " FROM refunds r JOIN payments p ON p.id = r.payment_id
    WHERE p.provider = $1 AND r.next_check_at <= $2 AND (r.next_check_at, r.id) > ($3, $4)
    ORDER BY r.next_check_at, r.id LIMIT $5"
);
const REFUNDS_OF: &str = concat!(
    "SELECT ",
    refund_columns!(""),
    " FROM refunds WHERE payment_id = $1 ORDER BY id"
);
// By the shop itself, that is.
const COUNT_REFUSED: &str =
    "SELECT COUNT(*) FROM refunds WHERE payment_id = $1 AND status = 'failed' AND actor_id IS NULL";

pub(super) const STATEMENTS: &[&str] = &[
    CLAIM_REFUND,
    RELEASE_REFUND,
    COUNT_REFUND,
    INSERT_REFUND,
    REFUND_BY_ID,
    REFUND_BY_CLIENT_KEY,
    REFUND_BY_PROVIDER,
    SAVE_REFUND,
    NOTE_LATE_SUCCESS,
    FORGET_NAMELESS,
    SCHEDULE_REFUND,
    DUE_REFUNDS,
    REFUNDS_OF,
    COUNT_REFUSED,
];

/// Takes `minor` of what can be given back; false when there is not so much.
pub(crate) async fn claim_refund(
    tx: &Tx,
    payment: PaymentId,
    minor: i64,
    now: Time,
) -> Result<bool> {
    Ok(tx.execute(CLAIM_REFUND, args![payment, minor, now]).await? == 1)
}

pub(crate) async fn release_refund(
    tx: &Tx,
    payment: PaymentId,
    minor: i64,
    now: Time,
) -> Result<()> {
    tx.execute(RELEASE_REFUND, args![payment, minor, now])
        .await?;
    Ok(())
}

pub(crate) async fn count_refund(tx: &Tx, payment: PaymentId, minor: i64, now: Time) -> Result<()> {
    tx.execute(COUNT_REFUND, args![payment, minor, now]).await?;
    Ok(())
}

pub(crate) struct NewRefund<'a> {
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

pub(crate) async fn insert_refund(tx: &Tx, new: &NewRefund<'_>, now: Time) -> Result<Refund> {
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

pub(crate) async fn find_refund(conn: &Conn, id: RefundId) -> Result<Refund> {
    Ok(conn.one(REFUND_BY_ID, args![id]).await?)
}

pub(crate) async fn find_refund_of(conn: &Conn, client_key: &str) -> Result<Option<Refund>> {
    Ok(conn
        .optional(REFUND_BY_CLIENT_KEY, args![client_key])
        .await?)
}

/// By the provider's id of it, or by the key that we gave.
pub(crate) async fn find_refund_told(
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

pub(crate) async fn save_refund(
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

/// That the provider made it after all, while another had the claim; None: no more.
pub(crate) async fn note_late_success(tx: &Tx, id: RefundId, at: Option<Time>) -> Result<()> {
    tx.execute(NOTE_LATE_SUCCESS, args![id, at]).await?;
    Ok(())
}

/// Takes away one that did not count and that nobody asked for here; false of any other.
pub(crate) async fn forget_nameless(tx: &Tx, id: RefundId) -> Result<bool> {
    Ok(tx.execute(FORGET_NAMELESS, args![id]).await? == 1)
}

/// Takes the refund for another try, with the date of the next; false when somebody else has it.
pub(crate) async fn schedule_refund(tx: &Tx, due: &Refund, at: Option<Time>) -> Result<bool> {
    let row = args![due.id, due.next_check_at, at];
    Ok(tx.execute(SCHEDULE_REFUND, row).await? == 1)
}

/// What is due at a provider, the longest first, from behind the row that was seen last.
pub(crate) async fn due_refunds(conn: &Conn, due: &Due) -> Result<Vec<Refund>> {
    Ok(conn.all(DUE_REFUNDS, &due.args()).await?)
}

/// All of a payment, oldest first.
pub(crate) async fn refunds_of(conn: &Conn, payment: PaymentId) -> Result<Vec<Refund>> {
    Ok(conn.all(REFUNDS_OF, args![payment]).await?)
}

/// How often the provider refused what the shop itself wanted to give back.
pub(crate) async fn count_refused(conn: &Conn, payment: PaymentId) -> Result<i64> {
    Ok(conn.one(COUNT_REFUSED, args![payment]).await?)
}
