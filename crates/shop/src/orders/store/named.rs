//! SQL of whose an order is: guests who get an account, people who are erased.

use db::{Conn, Tx, args};

use crate::clock::Time;
use crate::error::Result;
use crate::ids::{OrderId, UserId};
use crate::orders::order::{FulfillmentStatus, Lifecycle, PaymentStatus, State};

// Nothing, as long as the address is not verified.
const ADOPT_GUEST_ORDERS: &str = "UPDATE orders SET user_id = $1
  WHERE user_id IS NULL AND email <> '' AND anonymised_at IS NULL AND LOWER(email) =
    (SELECT email_key FROM users WHERE id = $1 AND email_verified_at IS NOT NULL)";

const NAMED_ORDERS_OF: &str =
    "SELECT o.id, o.lifecycle, o.confirmed_at, o.payment_status, o.fulfillment_status,
    o.shipping_address, o.billing_address, COALESCE(u.erased_at, 0) AS erased_at
  FROM orders o JOIN users u ON u.id = o.user_id
  WHERE o.user_id = $1 AND o.anonymised_at IS NULL ORDER BY o.id";

const NAMED_ORDERS_OF_ERASED: &str = "SELECT o.id, o.lifecycle, o.confirmed_at, o.payment_status,
    o.fulfillment_status, o.shipping_address, o.billing_address, u.erased_at AS erased_at
  FROM users u JOIN orders o ON o.user_id = u.id
  WHERE u.erased_at IS NOT NULL AND o.anonymised_at IS NULL AND o.id > $1 ORDER BY o.id LIMIT $2";

const ANONYMISE_ORDER: &str =
    "UPDATE orders SET email = '', token_hash = NULL, note = '', shipping_address = $2,
    billing_address = $3, anonymised_at = $4 WHERE id = $1";

const ANONYMISE_HISTORY: &str =
    "UPDATE order_history SET note = '' WHERE order_id = $1 AND note <> ''";

pub(super) const STATEMENTS: &[&str] = &[
    ADOPT_GUEST_ORDERS,
    NAMED_ORDERS_OF,
    NAMED_ORDERS_OF_ERASED,
    ANONYMISE_ORDER,
    ANONYMISE_HISTORY,
];

db::record! {
    /// An order that still tells who its buyer was.
    pub struct NamedOrder {
        pub id: OrderId,
        pub lifecycle: Lifecycle,
        pub confirmed_at: Option<Time>,
        pub payment_status: PaymentStatus,
        pub fulfillment_status: FulfillmentStatus,
        pub shipping_address: Option<String>,
        pub billing_address: Option<String>,
        /// When the buyer was erased; the beginning of time for others.
        pub erased_at: Time,
    }
}

impl NamedOrder {
    pub(in crate::orders) fn state(&self) -> State {
        State {
            lifecycle: self.lifecycle,
            confirmed: self.confirmed_at.is_some(),
            payment: self.payment_status,
            fulfillment: self.fulfillment_status,
        }
    }

    /// To ship to and to bill.
    pub(in crate::orders) fn addresses(&self) -> [Option<&str>; 2] {
        [
            self.shipping_address.as_deref(),
            self.billing_address.as_deref(),
        ]
    }
}

/// Gives the user what was placed as a guest under their verified address.
pub(in crate::orders) async fn adopt_guest_orders(tx: &Tx, user: UserId) -> Result<()> {
    tx.execute(ADOPT_GUEST_ORDERS, args![user]).await?;
    Ok(())
}

pub(in crate::orders) async fn named_orders_of(
    conn: &Conn,
    user: UserId,
) -> Result<Vec<NamedOrder>> {
    Ok(conn.all(NAMED_ORDERS_OF, args![user]).await?)
}

/// By id, of people who are erased.
pub(in crate::orders) async fn named_orders_of_erased(
    conn: &Conn,
    after: OrderId,
    most: i64,
) -> Result<Vec<NamedOrder>> {
    Ok(conn.all(NAMED_ORDERS_OF_ERASED, args![after, most]).await?)
}

/// Leaves the country of its addresses.
pub(in crate::orders) async fn anonymise(
    tx: &Tx,
    order: OrderId,
    shipping: Option<String>,
    billing: Option<String>,
    now: Time,
) -> Result<()> {
    tx.execute(ANONYMISE_ORDER, args![order, shipping, billing, now])
        .await?;
    tx.execute(ANONYMISE_HISTORY, args![order]).await?;
    Ok(())
}
