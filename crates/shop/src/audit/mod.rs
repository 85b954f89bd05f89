//! What staff changed: who, what, before and after, by which request. Written in the transaction of the change, so that
//! there is neither without the other; nothing of it is ever changed or taken away.
//!
//! A new kind of change is a variant of [`Action`] and a call of [`record`] in its verb.

mod api;
pub mod store;

use db::{Conn, Tx};
use serde_json::{Map, Value};

pub use api::routes;

use crate::caller::{Admin, RequestId};
use crate::clock::Time;
use crate::error::Result;
use crate::ids::UserId;

crate::words! {
    /// What was done, to what.
    pub enum Action {
        ProductCreated = "product.created",
        ProductUpdated = "product.updated",
        ProductDeleted = "product.deleted",
        StockReceived = "stock.received",
        StockAdjusted = "stock.adjusted",
        CategoryCreated = "category.created",
        CategoryUpdated = "category.updated",
        CategoryDeleted = "category.deleted",
        OrderStatusChanged = "order.status_changed",
        OrderCancelled = "order.cancelled",
        PaymentRefunded = "payment.refunded",
        UserUpdated = "user.updated",
        UserErased = "user.erased",
        /// By themselves.
        UserExported = "user.exported",
        SecondFactorChanged = "second_factor.changed",
        LoginsUnlocked = "logins.unlocked",
        /// Not by staff: a refresh token came twice, so that its session was ended.
        SessionTokenReused = "session.token_reused",
    }
}

impl Action {
    /// `product` of `product.updated`.
    fn subject(self) -> &'static str {
        self.as_str().split('.').next().unwrap_or_default()
    }
}

/// Notes a change. `before` and `after` are objects, or null where there is nothing; only the members in which they
/// differ are kept. No difference, no entry. Neither may hold a secret.
pub async fn record(
    tx: &Tx,
    staff: &Admin,
    action: Action,
    subject: impl std::fmt::Display,
    change: (Value, Value),
    now: Time,
) -> Result<()> {
    let by = (staff.user.id, staff.request);
    note(tx, by, action, subject, change, now).await
}

/// The same for what the shop did by itself, about an account and by a request that are named.
pub async fn note(
    tx: &Tx,
    by: (UserId, RequestId),
    action: Action,
    subject: impl std::fmt::Display,
    (before, after): (Value, Value),
    now: Time,
) -> Result<()> {
    let (before, after) = difference(before, after);
    if before.is_none() && after.is_none() {
        return Ok(());
    }
    let entry = store::NewEntry {
        action,
        subject_type: action.subject(),
        subject_id: &subject.to_string(),
        before: before.map(|value| value.to_string()),
        after: after.map(|value| value.to_string()),
    };
    store::add_entry(tx, by, &entry, now).await
}

/// When that was done last to a subject.
pub async fn last(
    conn: &Conn,
    action: Action,
    subject: impl std::fmt::Display,
) -> Result<Option<Time>> {
    store::last_entry(conn, action, &subject.to_string()).await
}

fn difference(before: Value, after: Value) -> (Option<Value>, Option<Value>) {
    let (Value::Object(before), Value::Object(after)) = (&before, &after) else {
        let there = |value: Value| (!value.is_null()).then_some(value);
        return (there(before), there(after));
    };
    let without = |members: &Map<String, Value>, others: &Map<String, Value>| {
        let kept = members
            .iter()
            .filter(|(name, value)| others.get(*name) != Some(value));
        let kept: Map<String, Value> = kept
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        (!kept.is_empty()).then_some(Value::Object(kept))
    };
    (without(before, after), without(after, before))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_kept() {
        let old = json!({"name": "Lamp", "price": 5, "tags": [1]});
        let new = json!({"name": "Lamp", "price": 6, "tags": [1, 2]});
        let kept = difference(old.clone(), new);
        assert_eq!(kept.0, Some(json!({"price": 5, "tags": [1]})));
        assert_eq!(kept.1, Some(json!({"price": 6, "tags": [1, 2]})));
        assert_eq!(difference(old.clone(), old.clone()), (None, None));
        assert_eq!(difference(Value::Null, old.clone()), (None, Some(old)));
    }

    #[test]
    fn every_action_names_its_subject() {
        assert_eq!(Action::ProductUpdated.subject(), "product");
        assert!(
            Action::ALL
                .iter()
                .all(|action| action.as_str().split('.').count() == 2)
        );
    }
}
