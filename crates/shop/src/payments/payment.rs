//! What a payment is, and what providers can say of one. Pure types: no database, no network.

use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::ids::{OrderId, PaymentId, RefundId, UserId};
use crate::words;

words! {
    /// Who holds the money: one of the providers, by its name.
    pub struct Provider of super::provider::ALL.iter().map(|provider| provider.name().as_str())
}

words! {
    /// Where an attempt stands. `surplus`: money beside the payment that counts; `flagged`: not what was asked for.
    pub enum PaymentState {
        Pending = "pending",
        Authorized = "authorized",
        Succeeded = "succeeded",
        Surplus = "surplus",
        Flagged = "flagged",
        Failed = "failed",
        Cancelled = "cancelled",
    }
}

words! {
    /// A payment as people see it.
    pub enum Shown {
        Pending = "pending",
        Authorized = "authorized",
        Succeeded = "succeeded",
        PartiallyRefunded = "partially_refunded",
        Refunded = "refunded",
        Surplus = "surplus",
        Flagged = "flagged",
        Failed = "failed",
        Cancelled = "cancelled",
    }
}

words! {
    /// The facts of the ledger.
    pub enum Fact {
        Authorized = "authorized",
        Captured = "captured",
        Failed = "failed",
        Refunded = "refunded",
        RefundFailed = "refund_failed",
        Disputed = "disputed",
        DisputeWon = "dispute_won",
        ChargedBack = "charged_back",
        Flagged = "flagged",
        /// It had succeeded, and came to nothing after all.
        RefundReversed = "refund_reversed",
    }
}

words! {
    /// From whom we know.
    pub enum Heard { Client = "client", Webhook = "webhook", Reconciler = "reconciler", Staff = "staff", Job = "job" }
}

words! {
    pub enum RefundState { Pending = "pending", Succeeded = "succeeded", Failed = "failed" }
}

db::record! {
    /// An attempt to pay. Amounts are minor units of `currency`.
    #[derive(Clone, Debug)]
    pub(crate) struct Payment {
        pub id: PaymentId,
        pub order_id: OrderId,
        pub provider: Provider,
        pub status: PaymentState,
        pub amount_minor: i64,
        pub currency: String,
        pub reference: Option<String>,
        pub provider_payment_id: Option<String>,
        pub flow: String,
        pub url: Option<String>,
        pub method: String,
        pub captured_minor: i64,
        pub claimed_minor: i64,
        pub refunded_minor: i64,
        pub note: String,
        pub checks: i64,
        pub created_at: Time,
        pub updated_at: Time,
        pub next_check_at: Option<Time>,
    }
}

db::record! {
    #[derive(Clone, Debug)]
    pub(crate) struct Refund {
        pub id: RefundId,
        pub payment_id: PaymentId,
        pub status: RefundState,
        pub amount_minor: i64,
        pub request_key: String,
        pub provider_refund_id: Option<String>,
        pub reason: String,
        /// Why the provider refused it.
        pub note: String,
        pub actor_id: Option<UserId>,
        pub checks: i64,
        /// When the provider is asked again, or one that was refused is tried anew.
        pub next_check_at: Option<Time>,
        /// When the provider told that it made one that it had refused, while another had the claim: it counts when that
        /// one is refused in its turn.
        pub late_success_at: Option<Time>,
        pub created_at: Time,
        pub updated_at: Time,
    }
}

/// What a provider says of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub stands: Stands,
    /// The provider's name of the money; there is one when there is money.
    pub payment_id: Option<String>,
    /// How much money that is.
    pub money: Option<Sum>,
    pub method: String,
    /// Why it failed, or what does not fit: another order, payee or mode.
    pub note: String,
    /// It is not what was asked for, whatever its amount.
    pub foreign: bool,
    /// Our own name of the attempt, where the provider gives it back.
    pub names: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    /// The buyer has not decided.
    Open,
    Authorized,
    Captured,
    Failed,
    /// The provider takes no more for it.
    Ended,
}

/// Minor units and their ISO 4217 code in capitals.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Sum {
    pub minor: i64,
    pub currency: String,
}

impl Sum {
    pub(crate) fn new(minor: i64, currency: &str) -> Self {
        Sum {
            minor,
            currency: currency.to_ascii_uppercase(),
        }
    }
}

/// What a provider says of a refund.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct RefundReport {
    pub status: RefundState,
    pub refund_id: Option<String>,
    /// Our key of it, where the provider gives it back.
    pub request_key: Option<String>,
    pub money: Option<Sum>,
    pub note: String,
}

impl Report {
    pub(crate) fn of(stands: Stands) -> Self {
        Report {
            stands,
            payment_id: None,
            money: None,
            method: String::new(),
            note: String::new(),
            foreign: false,
            names: None,
        }
    }

    /// Says what the books may not have. An attempt that failed may be open for another try; that it failed is known.
    pub(crate) fn is_news(&self, payment: &Payment) -> bool {
        match self.stands {
            Stands::Open => false,
            Stands::Failed => payment.status != PaymentState::Failed,
            _ => true,
        }
    }

    /// Why this money is not what `payment` asked for.
    pub(crate) fn mismatch(&self, payment: &Payment) -> Option<String> {
        if self.foreign {
            return Some(self.note.clone());
        }
        if self
            .names
            .as_ref()
            .is_some_and(|name| *name != payment.id.to_string())
        {
            return Some("it names another attempt".to_owned());
        }
        match &self.money {
            Some(money)
                if money.minor == payment.amount_minor && money.currency == payment.currency =>
            {
                None
            }
            Some(money) => Some(format!(
                "{} {} instead of {} {}",
                money.minor, money.currency, payment.amount_minor, payment.currency
            )),
            None => Some("no amount was told".to_owned()),
        }
    }
}

impl Payment {
    /// Brought money, whatever it counts for.
    pub(crate) fn has_money(&self) -> bool {
        matches!(
            self.status,
            PaymentState::Succeeded | PaymentState::Surplus | PaymentState::Flagged
        )
    }

    /// Flagged before any money of it was taken, an authorization of another amount for one: that may still come.
    pub(crate) fn waits_for_money(&self) -> bool {
        self.status == PaymentState::Flagged && self.captured_minor == 0
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(
            self.status,
            PaymentState::Pending | PaymentState::Authorized
        )
    }

    /// What can still be given back.
    pub(crate) fn refundable_minor(&self) -> i64 {
        self.captured_minor - self.claimed_minor
    }

    /// As people see it: of money that was taken, how much of it is left.
    pub(crate) fn shown(&self) -> Shown {
        match self.status {
            _ if self.refunded_minor == 0 => Shown::of(self.status),
            _ if self.refunded_minor < self.captured_minor => Shown::PartiallyRefunded,
            _ => Shown::Refunded,
        }
    }
}

impl Shown {
    fn of(state: PaymentState) -> Self {
        match state {
            PaymentState::Pending => Shown::Pending,
            PaymentState::Authorized => Shown::Authorized,
            PaymentState::Succeeded => Shown::Succeeded,
            PaymentState::Surplus => Shown::Surplus,
            PaymentState::Flagged => Shown::Flagged,
            PaymentState::Failed => Shown::Failed,
            PaymentState::Cancelled => Shown::Cancelled,
        }
    }
}

impl RefundReport {
    pub(crate) fn of(status: RefundState) -> Self {
        RefundReport {
            status,
            refund_id: None,
            request_key: None,
            money: None,
            note: String::new(),
        }
    }
}
