//! What Razorpay's payments and refunds say, in our words.

use serde_json::Value;

use super::text;
use crate::payments::client::Trouble;
use crate::payments::payment::{RefundReport, RefundState, Report, Stands, Sum};

/// Authorized and never captured: Razorpay lets such a payment go by itself, and calls that a refund too.
fn lapsed(payment: &Value) -> bool {
    text(payment, "/status") == Some("refunded") && never_captured(payment)
}

pub(super) fn never_captured(payment: &Value) -> bool {
    payment.get("captured") == Some(&Value::Bool(false))
}

/// Of several tries on one order, the one with money; else what was promised last stands before what was refused.
pub(super) fn furthest(list: &Value) -> Option<&Value> {
    let rank = |payment: &&Value| match text(payment, "/status") {
        _ if lapsed(payment) => 1,
        Some("captured") => 5,
        Some("refunded") => 4,
        Some("authorized") => 3,
        Some("created") => 2,
        _ => 0,
    };
    list.pointer("/items")?.as_array()?.iter().max_by_key(rank)
}

pub(super) fn read_payment(payment: &Value, order: &str) -> Result<Report, Trouble> {
    let stands = match text(payment, "/status") {
        Some("created") => Stands::Open,
        Some("authorized") => Stands::Authorized,
        _ if lapsed(payment) => Stands::Failed,
        // Given back in whole or in part: it was captured before.
        Some("captured" | "refunded") => Stands::Captured,
        Some("failed") => Stands::Failed,
        _ => {
            return Err(Trouble::Broken(
                "a payment without a known status".to_owned(),
            ));
        }
    };
    let foreign = text(payment, "/order_id") != Some(order);
    let note = match foreign {
        true => "it is a payment of another order",
        false if lapsed(payment) => "it was authorized only, and has lapsed",
        false => text(payment, "/error_code").unwrap_or_default(),
    };
    Ok(Report {
        payment_id: text(payment, "/id").map(str::to_owned),
        money: sum(payment),
        method: text(payment, "/method").unwrap_or_default().to_owned(),
        note: note.to_owned(),
        foreign,
        ..Report::of(stands)
    })
}

pub(super) fn read_refund(refund: &Value, payment: &str) -> Result<RefundReport, Trouble> {
    if text(refund, "/payment_id") != Some(payment) {
        return Err(Trouble::Broken("a refund of another payment".to_owned()));
    }
    Ok(refund_of(refund))
}

pub(super) fn refund_of(refund: &Value) -> RefundReport {
    RefundReport {
        status: match text(refund, "/status") {
            Some("processed") => RefundState::Succeeded,
            Some("failed") => RefundState::Failed,
            _ => RefundState::Pending,
        },
        refund_id: text(refund, "/id").map(str::to_owned),
        request_key: text(refund, "/receipt")
            .or_else(|| text(refund, "/notes/refund"))
            .map(str::to_owned),
        money: sum(refund),
        note: String::new(),
    }
}

pub(super) fn sum(value: &Value) -> Option<Sum> {
    Some(Sum::new(
        value.get("amount")?.as_i64()?,
        value.get("currency")?.as_str()?,
    ))
}
