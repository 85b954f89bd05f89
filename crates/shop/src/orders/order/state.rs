//! Where an order stands on its three axes, and what may follow what. A new step is a new arm of [`State::after`] and an
//! edge in [`EDGES`].

use super::{Axis, FulfillmentStatus, Lifecycle, PaymentStatus, Status};

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
        // A refund came to nothing after all.
        (Payment, "partially_refunded", "paid"),
        (Payment, "refunded", "paid"),
        (Payment, "refunded", "partially_refunded"),
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
