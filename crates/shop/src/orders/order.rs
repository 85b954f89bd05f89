//! What an order is, and what may follow what. Pure rules: no database, no clock.
//!
//! Three axes move on their own: lifecycle, payment, fulfillment. The one word that people see is derived from
//! them by [`State::status`] and by nothing else. A new step is a new arm of [`State::after`] and an edge in [`EDGES`].

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
    /// How the buyer means to pay; `cod` is cash on delivery.
    pub enum PaymentMethod {
        Cod = "cod",
        Sandbox = "sandbox",
        Razorpay = "razorpay",
        Stripe = "stripe",
        Paypal = "paypal",
        Bkash = "bkash",
    }
}

impl PaymentMethod {
    /// Paid before it is sent, or never: such an order does not wait for ever.
    pub const ONLINE: [PaymentMethod; 5] = [
        PaymentMethod::Sandbox,
        PaymentMethod::Razorpay,
        PaymentMethod::Stripe,
        PaymentMethod::Paypal,
        PaymentMethod::Bkash,
    ];
}

/// Where an order stands on its three axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    pub lifecycle: Lifecycle,
    pub confirmed: bool,
    pub payment: PaymentStatus,
    pub fulfillment: FulfillmentStatus,
}

/// One row of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub axis: Axis,
    pub from: &'static str,
    pub to: &'static str,
}

impl State {
    /// What an order is when it has just been placed.
    pub const PLACED: State = State {
        lifecycle: Lifecycle::Open,
        confirmed: false,
        payment: PaymentStatus::Pending,
        fulfillment: FulfillmentStatus::Unfulfilled,
    };

    /// The word shown: the first that is true.
    pub fn status(self) -> Status {
        use FulfillmentStatus as F;
        use PaymentStatus as P;
        match self {
            State {
                lifecycle: Lifecycle::Cancelled,
                ..
            } => Status::Cancelled,
            State {
                lifecycle: Lifecycle::Expired,
                ..
            } => Status::Expired,
            State {
                payment: P::Refunded,
                ..
            } => Status::Refunded,
            State {
                fulfillment: F::Returned,
                ..
            } => Status::Returned,
            State {
                fulfillment: F::Delivered | F::PartiallyReturned,
                ..
            } => Status::Delivered,
            State {
                fulfillment: F::Shipped,
                ..
            } => Status::Shipped,
            State {
                fulfillment: F::Processing | F::PartiallyShipped,
                ..
            } => Status::Processing,
            State {
                payment: P::Failed, ..
            } => Status::PaymentFailed,
            State {
                confirmed: true, ..
            } => Status::Confirmed,
            State {
                payment: P::Paid | P::PartiallyRefunded,
                ..
            } => Status::Paid,
            _ => Status::Pending,
        }
    }

    /// The state after a command and the step that leads there; `None` when it is impossible from here.
    pub fn after(self, command: Status) -> Option<(State, Step)> {
        use FulfillmentStatus as F;
        if self.lifecycle != Lifecycle::Open {
            return None;
        }
        match command {
            Status::Confirmed
                if !self.confirmed
                    && self.fulfillment == F::Unfulfilled
                    && self.payment_holds() =>
            {
                Some((
                    State {
                        confirmed: true,
                        ..self
                    },
                    Step::new(Axis::Lifecycle, "open", "confirmed"),
                ))
            }
            Status::Processing if self.fulfillment == F::Unfulfilled && self.cleared() => {
                Some(self.fulfilled(F::Processing))
            }
            Status::Shipped if !self.has_left() && self.cleared() => {
                Some(self.fulfilled(F::Shipped))
            }
            Status::Delivered if self.fulfillment == F::Shipped => {
                Some(self.fulfilled(F::Delivered))
            }
            Status::Paid if self.owes() => {
                let step = Step::new(
                    Axis::Payment,
                    self.payment.as_str(),
                    PaymentStatus::Paid.as_str(),
                );
                Some((
                    State {
                        payment: PaymentStatus::Paid,
                        ..self
                    },
                    step,
                ))
            }
            Status::Cancelled if !self.has_left() && self.fulfillment != F::PartiallyShipped => {
                let from = if self.confirmed { "confirmed" } else { "open" };
                Some((
                    State {
                        lifecycle: Lifecycle::Cancelled,
                        ..self
                    },
                    Step::new(Axis::Lifecycle, from, "cancelled"),
                ))
            }
            _ => None,
        }
    }

    /// The state of an order whose time to be paid is over, and the step that leads there; `None` when it is paid,
    /// or staff has taken it up.
    pub fn expired(self) -> Option<(State, Step)> {
        let unpaid = matches!(self.payment, PaymentStatus::Pending | PaymentStatus::Failed);
        let waits = self.lifecycle == Lifecycle::Open
            && !self.confirmed
            && unpaid
            && self.fulfillment == FulfillmentStatus::Unfulfilled;
        waits.then_some((
            State {
                lifecycle: Lifecycle::Expired,
                ..self
            },
            Step::new(Axis::Lifecycle, "open", "expired"),
        ))
    }

    /// The commands that [`State::after`] would take now.
    pub fn possible(self) -> Vec<Status> {
        Status::ALL
            .iter()
            .copied()
            .filter(|&command| self.after(command).is_some())
            .collect()
    }

    /// A customer may cancel until staff or money has touched the order.
    pub fn customer_may_cancel(self) -> bool {
        matches!(self.status(), Status::Pending | Status::PaymentFailed)
            && self.after(Status::Cancelled).is_some()
    }

    fn fulfilled(self, to: FulfillmentStatus) -> (State, Step) {
        let step = Step::new(Axis::Fulfillment, self.fulfillment.as_str(), to.as_str());
        (
            State {
                fulfillment: to,
                ..self
            },
            step,
        )
    }

    /// May be prepared and sent: staff said so, or the money is there.
    fn cleared(self) -> bool {
        match self.payment {
            PaymentStatus::Paid | PaymentStatus::PartiallyRefunded => true,
            PaymentStatus::Pending | PaymentStatus::Authorized => self.confirmed,
            PaymentStatus::Failed | PaymentStatus::Refunded => false,
        }
    }

    fn payment_holds(self) -> bool {
        !matches!(
            self.payment,
            PaymentStatus::Failed | PaymentStatus::Refunded
        )
    }

    fn owes(self) -> bool {
        matches!(
            self.payment,
            PaymentStatus::Pending | PaymentStatus::Authorized | PaymentStatus::Failed
        )
    }

    fn has_left(self) -> bool {
        use FulfillmentStatus as F;
        matches!(
            self.fulfillment,
            F::Shipped | F::Delivered | F::PartiallyReturned | F::Returned
        )
    }
}

impl Step {
    const fn new(axis: Axis, from: &'static str, to: &'static str) -> Step {
        Step { axis, from, to }
    }
}

/// Where each axis starts, as [`State::PLACED`] says. No row is kept of it: it is the same for every order.
pub const START: [(Axis, &str); 3] = [
    (Axis::Lifecycle, "open"),
    (Axis::Payment, "pending"),
    (Axis::Fulfillment, "unfulfilled"),
];

/// All steps that a history may hold; the audit refuses any other. Staff's confirmation is a step of the lifecycle
/// axis although the stored lifecycle stays `open` (`confirmed_at` holds it).
pub const EDGES: &[(Axis, &str, &str)] = {
    use Axis::{Fulfillment, Lifecycle, Payment};
    &[
        (Lifecycle, "open", "confirmed"),
        (Lifecycle, "open", "cancelled"),
        (Lifecycle, "open", "expired"),
        (Lifecycle, "open", "closed"),
        (Lifecycle, "confirmed", "cancelled"),
        (Lifecycle, "confirmed", "expired"),
        (Lifecycle, "confirmed", "closed"),
        (Payment, "pending", "authorized"),
        (Payment, "pending", "paid"),
        (Payment, "pending", "failed"),
        (Payment, "authorized", "paid"),
        (Payment, "authorized", "failed"),
        (Payment, "failed", "authorized"),
        (Payment, "failed", "paid"),
        (Payment, "paid", "partially_refunded"),
        (Payment, "paid", "refunded"),
        (Payment, "partially_refunded", "refunded"),
        (Fulfillment, "unfulfilled", "processing"),
        (Fulfillment, "unfulfilled", "partially_shipped"),
        (Fulfillment, "unfulfilled", "shipped"),
        (Fulfillment, "processing", "partially_shipped"),
        (Fulfillment, "processing", "shipped"),
        (Fulfillment, "partially_shipped", "shipped"),
        (Fulfillment, "shipped", "delivered"),
        (Fulfillment, "shipped", "partially_returned"),
        (Fulfillment, "shipped", "returned"),
        (Fulfillment, "delivered", "partially_returned"),
        (Fulfillment, "delivered", "returned"),
        (Fulfillment, "partially_returned", "returned"),
    ]
};

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
            actor_id: self.user_id,
            note: String::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_states() -> impl Iterator<Item = State> {
        Lifecycle::ALL.iter().flat_map(|&lifecycle| {
            [false, true].into_iter().flat_map(move |confirmed| {
                PaymentStatus::ALL.iter().flat_map(move |&payment| {
                    FulfillmentStatus::ALL
                        .iter()
                        .map(move |&fulfillment| State {
                            lifecycle,
                            confirmed,
                            payment,
                            fulfillment,
                        })
                })
            })
        })
    }

    /// A placed order after these commands.
    fn walked(commands: &[Status]) -> State {
        commands.iter().fold(State::PLACED, |state, &command| {
            state.after(command).expect("a possible command").0
        })
    }

    #[test]
    fn each_state_takes_exactly_these_commands() {
        use Status::{Cancelled, Confirmed, Delivered, Paid, Processing, Shipped};
        let table: &[(&[Status], Status, &[Status])] = &[
            (&[], Status::Pending, &[Confirmed, Paid, Cancelled]),
            (
                &[Confirmed],
                Confirmed,
                &[Paid, Processing, Shipped, Cancelled],
            ),
            (&[Paid], Paid, &[Confirmed, Processing, Shipped, Cancelled]),
            (
                &[Paid, Confirmed],
                Confirmed,
                &[Processing, Shipped, Cancelled],
            ),
            (
                &[Confirmed, Processing],
                Processing,
                &[Paid, Shipped, Cancelled],
            ),
            (&[Paid, Processing], Processing, &[Shipped, Cancelled]),
            (&[Confirmed, Shipped], Shipped, &[Paid, Delivered]),
            (
                &[Confirmed, Processing, Shipped, Delivered],
                Delivered,
                &[Paid],
            ),
            (&[Paid, Shipped, Delivered], Delivered, &[]),
            (&[Cancelled], Cancelled, &[]),
            (&[Paid, Cancelled], Cancelled, &[]),
        ];
        for (commands, shown, possible) in table {
            let state = walked(commands);
            assert_eq!(state.status(), *shown, "after {commands:?}");
            assert_eq!(state.possible(), *possible, "after {commands:?}");
        }
    }

    #[test]
    fn a_failed_payment_may_be_paid_or_cancelled() {
        let failed = State {
            payment: PaymentStatus::Failed,
            ..State::PLACED
        };
        assert_eq!(failed.status(), Status::PaymentFailed);
        assert_eq!(failed.possible(), [Status::Paid, Status::Cancelled]);
        assert!(failed.customer_may_cancel());
    }

    #[test]
    fn every_pair_of_state_and_command_is_an_edge_or_refused() {
        for state in all_states() {
            for &command in Status::ALL {
                let Some((next, step)) = state.after(command) else {
                    continue;
                };
                assert_eq!(state.lifecycle, Lifecycle::Open, "{state:?} {command}");
                let edge = (step.axis, step.from, step.to);
                assert!(EDGES.contains(&edge), "{state:?} {command} makes {step:?}");
                assert_ne!(state, next, "{state:?} {command} changes nothing");
                assert!(
                    next.after(command).is_none(),
                    "{command} is possible twice from {state:?}"
                );
                assert!(!matches!(
                    command,
                    Status::Pending
                        | Status::PaymentFailed
                        | Status::Expired
                        | Status::Refunded
                        | Status::Returned
                ));
            }
        }
    }

    #[test]
    fn nothing_leaves_that_is_neither_confirmed_nor_paid() {
        for state in
            all_states().filter(|state| !state.confirmed && state.payment != PaymentStatus::Paid)
        {
            if state.payment != PaymentStatus::PartiallyRefunded {
                assert!(state.after(Status::Shipped).is_none(), "{state:?}");
                assert!(state.after(Status::Processing).is_none(), "{state:?}");
            }
        }
    }

    #[test]
    fn customers_cancel_pending_and_failed_orders_only() {
        for state in all_states().filter(|state| state.customer_may_cancel()) {
            assert!(
                matches!(state.status(), Status::Pending | Status::PaymentFailed),
                "{state:?}"
            );
        }
    }

    #[test]
    fn words_read_back() {
        for &status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
        assert_eq!(Status::parse("nonsense"), None);
    }

    #[test]
    fn digits_name_an_id_and_all_else_a_number() {
        assert_eq!(OrderRef::parse("17"), OrderRef::Id(OrderId(17)));
        assert_eq!(
            OrderRef::parse("k7qf-2m9d"),
            OrderRef::Number("K7QF-2M9D".into())
        );
    }
}
