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
const LAST_AUTHORIZED: &str = "SELECT reference FROM payment_events
  WHERE payment_id = $1 AND kind = 'authorized' ORDER BY id DESC LIMIT 1";
const SUMS: &str = "SELECT COUNT(CASE WHEN e.kind = 'captured' THEN 1 END) AS captures,
      COALESCE(MAX(CASE WHEN e.kind = 'authorized' THEN e.id END), 0) AS authorized,
      COALESCE(MAX(CASE WHEN e.kind = 'failed' THEN e.id END), 0) AS failed,
      CAST(COALESCE(SUM(CASE WHEN e.kind = 'captured' THEN e.amount_minor END), 0) AS BIGINT) AS captured_minor,
      CAST(COALESCE(SUM(CASE WHEN e.kind IN ('refunded', 'charged_back') THEN e.amount_minor
        WHEN e.kind = 'refund_reversed' THEN -e.amount_minor END), 0) AS BIGINT)
        AS refunded_minor
    FROM payment_events e JOIN payments p ON p.id = e.payment_id
    WHERE e.order_id = $1 AND p.status NOT IN ('surplus', 'flagged')";
const TAKE_EVENT: &str = "INSERT INTO provider_events (provider, event_key, kind, subject, payment_id, outcome, news, received_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (provider, event_key) DO UPDATE
    SET payment_id = excluded.payment_id, outcome = excluded.outcome
    WHERE provider_events.outcome = 'parked' AND excluded.outcome = 'applied'";
const OUTCOME: &str = "SELECT outcome FROM provider_events WHERE provider = $1 AND event_key = $2";
const PARKED: &str = "SELECT e.provider, e.event_key, e.kind, e.news, p.id AS payment_id
    FROM provider_events e JOIN payments p ON p.provider = e.provider
      AND (p.provider_payment_id = e.subject OR p.reference = e.subject OR p.id = e.payment_id)
    WHERE e.outcome = 'parked' AND e.news IS NOT NULL AND e.received_at > $1 AND p.captured_minor > 0
    ORDER BY e.id, p.id LIMIT 50";

pub(super) const STATEMENTS: &[&str] = &[
    ADD_FACT,
    HAS_FACT,
    LAST_AUTHORIZED,
    SUMS,
    TAKE_EVENT,
    OUTCOME,
    PARKED,
];

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

/// The provider's name of what was authorized last.
pub(crate) async fn last_authorized(conn: &Conn, payment: PaymentId) -> Result<Option<String>> {
    Ok(conn.optional(LAST_AUTHORIZED, args![payment]).await?)
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
    pub news: Option<String>,
}

/// False when it came before; one that was parked comes anew when it can be applied.
pub(crate) async fn take_event(tx: &Tx, event: &Event<'_>, now: Time) -> Result<bool> {
    let row = args![
        event.provider,
        event.key,
        event.kind,
        event.subject,
        event.payment,
        event.outcome,
        event.news.as_deref(),
        now
    ];
    Ok(tx.execute(TAKE_EVENT, row).await? == 1)
}

/// What became of an event, when it is known.
pub(crate) async fn outcome_of(
    conn: &Conn,
    provider: Provider,
    key: &str,
) -> Result<Option<String>> {
    Ok(conn.optional(OUTCOME, args![provider, key]).await?)
}

db::record! {
    /// What was told of a payment before its money.
    pub(crate) struct ParkedEvent {
        pub provider: Provider,
        pub event_key: String,
        pub kind: String,
        pub news: String,
        pub payment_id: PaymentId,
    }
}

/// What is parked since then, and has a payment with money by now; the oldest first.
pub(crate) async fn parked_events(conn: &Conn, since: Time) -> Result<Vec<ParkedEvent>> {
    Ok(conn.all(PARKED, args![since]).await?)
}
