//! What an order is. Pure rules: no database, no clock.
//!
//! Three axes move on their own: lifecycle, payment, fulfillment. The one word that people see is derived from
//! them by [`State::status`] and by nothing else.

mod state;
#[cfg(test)]
mod tests;

pub use state::{EDGES, START, State, Step};

use crate::clock::Time;
use crate::ids::{OrderId, OrderLineId, ProductId, UserId, VariantId};
use crate::words;

words! {
    pub enum Lifecycle { Open = "open", Cancelled = "cancelled", Expired = "expired", Closed = "closed" }
}

words! {
    pub enum PaymentStatus {
        Pending = "pending",
        Authorized = "authorized",
        Paid = "paid",
        Failed = "failed",
        PartiallyRefunded = "partially_refunded",
        Refunded = "refunded",
    }
}

words! {
    pub enum FulfillmentStatus {
        Unfulfilled = "unfulfilled",
        Processing = "processing",
        PartiallyShipped = "partially_shipped",
        Shipped = "shipped",
        Delivered = "delivered",
        PartiallyReturned = "partially_returned",
        Returned = "returned",
    }
}

words! {
    /// The one word shown, and the commands of `update_status`.
    pub enum Status {
        Pending = "pending",
        Confirmed = "confirmed",
        Paid = "paid",
        PaymentFailed = "payment_failed",
        Processing = "processing",
        Shipped = "shipped",
        Delivered = "delivered",
        Returned = "returned",
        Refunded = "refunded",
        Expired = "expired",
        Cancelled = "cancelled",
    }
}

words! {
    pub enum Axis { Lifecycle = "lifecycle", Payment = "payment", Fulfillment = "fulfillment" }
}

words! {
    /// `import` is history taken over from elsewhere: it never moved stock.
    pub enum Source { Shop = "shop", Import = "import" }
}

words! {
    /// How the buyer means to pay: a provider of payments that takes orders.
    pub struct PaymentMethod of crate::payment_methods()
}

impl PaymentMethod {
    /// Cash on delivery.
    pub const COD: PaymentMethod = PaymentMethod::named("cod");
}

/// How a caller names an order: by its id, or by its public number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderRef {
    Id(OrderId),
    Number(String),
}

impl OrderRef {
    /// All digits is an id; all else is a number, whatever its case.
    pub fn parse(text: &str) -> OrderRef {
        match text.parse::<i64>() {
            Ok(id) => OrderRef::Id(OrderId(id)),
            Err(_) => OrderRef::Number(text.to_ascii_uppercase()),
        }
    }
}

db::record! {
    /// The row of an order. Amounts are minor units of `currency`.
    #[derive(Clone, Debug)]
    pub struct OrderRow {
        pub id: OrderId,
        pub order_number: String,
        pub user_id: Option<UserId>,
        /// A guest placed it; the account may have taken it over since.
        pub by_guest: bool,
        pub email: String,
        pub source: Source,
        /// The number that an imported order had.
        pub external_id: Option<String>,
        pub status: Status,
        pub lifecycle: Lifecycle,
        pub confirmed_at: Option<Time>,
        pub payment_status: PaymentStatus,
        pub fulfillment_status: FulfillmentStatus,
        pub payment_method: String,
        pub currency: String,
        pub prices_include_tax: bool,
        pub items_count: i64,
        pub subtotal_minor: i64,
        pub discount_minor: i64,
        pub shipping_minor: i64,
        pub tax_minor: i64,
        pub total_minor: i64,
        pub captured_minor: i64,
        pub refunded_minor: i64,
        pub shipping_address: Option<String>,
        pub billing_address: Option<String>,
        pub note: String,
        pub created_at: Time,
        pub updated_at: Time,
    }
}

db::record! {
    /// What was bought, as it was called and priced at that moment.
    #[derive(Clone, Debug)]
    pub struct OrderLine {
        pub order_id: OrderId,
        pub id: OrderLineId,
        pub product_id: Option<ProductId>,
        pub variant_id: Option<VariantId>,
        pub product_name: String,
        pub variant_title: String,
        pub sku: Option<String>,
        pub quantity: i64,
        pub shipped_quantity: i64,
        pub price_minor: i64,
        pub subtotal_minor: i64,
        pub discount_minor: i64,
        pub tax_minor: i64,
    }
}

db::record! {
    #[derive(Clone, Debug)]
    pub struct HistoryRow {
        pub order_id: OrderId,
        pub at: Time,
        pub axis: Axis,
        pub from_status: Option<String>,
        pub to_status: String,
        pub actor_id: Option<UserId>,
        pub note: String,
    }
}

/// An order with all that is shown of it.
#[derive(Clone, Debug)]
pub struct Order {
    pub row: OrderRow,
    pub lines: Vec<OrderLine>,
    pub history: Vec<HistoryRow>,
}

impl OrderRow {
    pub fn state(&self) -> State {
        State {
            lifecycle: self.lifecycle,
            confirmed: self.confirmed_at.is_some(),
            payment: self.payment_status,
            fulfillment: self.fulfillment_status,
        }
    }

    /// How the history of each axis begins.
    pub(super) fn beginning(&self) -> impl Iterator<Item = HistoryRow> {
        START.into_iter().map(|(axis, status)| HistoryRow {
            order_id: self.id,
            at: self.created_at,
            axis,
            from_status: None,
            to_status: status.to_owned(),
            actor_id: self.user_id.filter(|_| !self.by_guest),
            note: String::new(),
        })
    }
}
