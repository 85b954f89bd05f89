//! SQL of the ledger, and of what providers sent.

use db::{Conn, Tx, args};

use crate::clock::Time;
use crate::error::Result;
use crate::ids::{OrderId, PaymentId, UserId};
use crate::orders::PaymentSums;
use crate::payments::payment::{Fact, Heard, Payment, Provider};

const ADD_FACT: &str = "INSERT INTO payment_events (order_id, payment_id, kind, reference, amount_minor, currency, source,
      note, actor_id, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (payment_id, kind, reference) DO NOTHING";
const HAS_FACT: &str =
    "SELECT id FROM payment_events WHERE payment_id = $1 AND kind = $2 AND reference = $3";
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

pub(super) const STATEMENTS: &[&str] = &[ADD_FACT, HAS_FACT, SUMS, TAKE_EVENT, HAS_EVENT];

/// A row of the ledger.
pub(crate) struct Entry<'a> {
    pub fact: Fact,
    /// The provider's name of the fact.
    pub reference: &'a str,
    pub minor: i64,
    pub heard: Heard,
    pub note: &'a str,
    pub actor: Option<UserId>,
}

/// False when the fact is in the ledger already.
pub(crate) async fn add_fact(
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

pub(crate) async fn has_fact(
    conn: &Conn,
    payment: PaymentId,
    fact: Fact,
    reference: &str,
) -> Result<bool> {
    let found: Option<i64> = conn
        .optional(HAS_FACT, args![payment, fact, reference])
        .await?;
    Ok(found.is_some())
}

/// What the ledger says of an order.
pub(crate) async fn sums(conn: &Conn, order: OrderId) -> Result<PaymentSums> {
    Ok(conn.one(SUMS, args![order]).await?)
}

/// What is kept of an event.
pub(crate) struct Event<'a> {
    pub provider: Provider,
    pub key: &'a str,
    pub kind: &'a str,
    pub subject: &'a str,
    pub payment: Option<PaymentId>,
    pub outcome: &'static str,
}

/// False when it came before.
pub(crate) async fn take_event(tx: &Tx, event: &Event<'_>, now: Time) -> Result<bool> {
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

pub(crate) async fn has_event(conn: &Conn, provider: Provider, key: &str) -> Result<bool> {
    Ok(conn
        .optional::<i64>(HAS_EVENT, args![provider, key])
        .await?
        .is_some())
}
