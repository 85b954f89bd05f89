//! The ids of all tables, each a type of its own, from one list. They count from 1.

use db::{Cell, Column, Value};
use serde::{Deserialize, Serialize};

/// Passes the list of all ids to a macro.
#[macro_export]
macro_rules! each_id {
    ($callback:ident) => {
        $callback! {
            UserId SessionId RefreshTokenId LoginAttemptId MailLinkId AuditId AddressId
            CategoryId ProductId OptionId VariantId ImageId
            LocationId StockItemId MovementId
            CartId CartLineId
            OrderId OrderLineId OrderHistoryId PaymentId RefundId
            OutboxId JobId
        }
    };
}

/// What all ids have in common.
pub trait DbId: Copy {
    fn from_i64(id: i64) -> Self;
    fn get(self) -> i64;
}

macro_rules! ids {
    ($($name:ident)*) => {$(
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl DbId for $name {
            fn from_i64(id: i64) -> Self { $name(id) }
            fn get(self) -> i64 { self.0 }
        }
        impl From<$name> for Value {
            fn from(id: $name) -> Value { Value::Int(id.0) }
        }
        impl From<&$name> for Value {
            fn from(id: &$name) -> Value { Value::Int(id.0) }
        }
        impl Column for $name {
            fn read(cell: Cell<'_>) -> db::Result<Self> { i64::read(cell).map($name) }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { self.0.fmt(f) }
        }
    )*};
}
each_id!(ids);
