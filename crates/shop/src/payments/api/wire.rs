//! What comes and goes by HTTP: bodies, queries, answers.

use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::clock::Time;
use crate::ids::{OrderId, PaymentId, RefundId};
use crate::orders::{OrderRow, PaymentMethod, PaymentStatus, Status};
use crate::paging::Paging;
use crate::payments::initiate_payment::Initiated;
use crate::payments::payment::{Payment, Provider, Refund, RefundState};
use crate::values::{Decimal, Text};
use crate::{input, query};

input! {
    /// Body of `POST payments/initiate/`.
    pub(super) struct InitiateIn {
        pub(super) order_id: OrderId,
        /// The order's own when it is left out, else the first that is set up.
        pub(super) provider: Option<PaymentMethod>,
        /// On a page of the provider's (Stripe: hosted Checkout).
        pub(super) hosted: Option<bool>,
    }
}

input! {
    /// Body of `POST payments/verify/`: what the provider gave to the browser.
    pub(super) struct VerifyIn {
        pub(super) order_id: OrderId,
        /// The order's own when it is left out.
        pub(super) provider: Option<PaymentMethod>,
        pub(super) razorpay_order_id: Option<Text<255>>,
        pub(super) razorpay_payment_id: Option<Text<255>>,
        pub(super) razorpay_signature: Option<Text<255>>,
        /// The payment as other providers name it.
        #[also("paymentID")]
        pub(super) payment_id: Option<Text<255>>,
    }
}

input! {
    /// Body of `POST payments/{id}/refund/`.
    pub(super) struct RefundIn {
        /// All that is left when it is left out.
        pub(super) amount: Option<Decimal>,
        pub(super) reason: Option<Text<500>>,
    }
}

query! {
    pub(super) struct PaymentQuery {
        pub(super) order: Option<OrderId>,
        /// Admins: only money that has to be given back (its order ended, or was paid before) and is not yet.
        pub(super) owed: Option<bool>,
        pub(super) paging: Paging,
    }
}

/// What the buyer's client needs; only the members of its provider are there.
#[derive(Serialize, ToSchema)]
pub(super) struct InitiatedOut {
    order_id: OrderId,
    order_number: String,
    payment_id: PaymentId,
    #[schema(value_type = String)]
    provider: Provider,
    /// In minor units, such as paise or cents.
    amount: i64,
    currency: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    razorpay_order_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    razorpay_key_id: Option<String>,
    /// Stripe: for its form in the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    publishable_key: Option<String>,
    /// PayPal: where the buyer approves.
    #[serde(skip_serializing_if = "Option::is_none")]
    approve_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paypal_order_id: Option<String>,
    /// Where the buyer pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_url: Option<String>,
    /// The payment in the sandbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    sandbox_reference: Option<String>,
}

impl InitiatedOut {
    pub(super) fn new(
        app: &App,
        Initiated {
            payment,
            order,
            needs,
        }: Initiated,
    ) -> Self {
        let of = |provider, value: &Option<String>| {
            value.clone().filter(|_| payment.provider == provider)
        };
        InitiatedOut {
            order_id: order.id,
            order_number: order.order_number.clone(),
            payment_id: payment.id,
            provider: payment.provider,
            amount: payment.amount_minor,
            currency: payment.currency.clone(),
            razorpay_order_id: of(Provider::Razorpay, &payment.reference),
            razorpay_key_id: of(Provider::Razorpay, &app.config.razorpay.key_id),
            client_secret: needs.client_secret,
            publishable_key: needs.publishable_key,
            approve_url: of(Provider::Paypal, &payment.url),
            paypal_order_id: of(Provider::Paypal, &payment.reference),
            redirect_url: payment
                .url
                .clone()
                .filter(|_| payment.provider != Provider::Paypal),
            sandbox_reference: of(Provider::Sandbox, &payment.reference),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct PaymentVerifiedOut {
    message: &'static str,
    order_id: OrderId,
    order_number: String,
    /// The order's.
    #[schema(value_type = String)]
    status: Status,
    #[schema(value_type = String)]
    payment_status: PaymentStatus,
    payment: PaymentOut,
}

impl PaymentVerifiedOut {
    pub(super) fn new(app: &App, order: &OrderRow, payment: &Payment) -> Self {
        PaymentVerifiedOut {
            message: if payment.is_open() {
                "The payment is authorized."
            } else {
                "The order is paid."
            },
            order_id: order.id,
            order_number: order.order_number.clone(),
            status: order.status,
            payment_status: order.payment_status,
            payment: PaymentOut::new(app, payment),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct ReceivedOut {
    pub(super) received: bool,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct PaymentOut {
    id: PaymentId,
    order_id: OrderId,
    #[schema(value_type = String)]
    provider: Provider,
    /// Card, wallet and so on, as the provider calls it.
    method: String,
    amount: String,
    currency: String,
    /// `pending`, `authorized`, `succeeded`, `partially_refunded`, `refunded`, `failed` or `cancelled`; `surplus`: paid
    /// beside the payment that counts; `flagged`: not what was asked for.
    status: &'static str,
    /// The provider's.
    transaction_id: Option<String>,
    refunded: String,
    created_at: Time,
    updated_at: Time,
}

impl PaymentOut {
    pub(crate) fn new(app: &App, payment: &Payment) -> Self {
        PaymentOut {
            id: payment.id,
            order_id: payment.order_id,
            provider: payment.provider,
            method: payment.method.clone(),
            amount: app.amount(payment.amount_minor),
            currency: payment.currency.clone(),
            status: payment.shown(),
            transaction_id: payment.provider_payment_id.clone(),
            refunded: app.amount(payment.refunded_minor),
            created_at: payment.created_at,
            updated_at: payment.updated_at,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct RefundOut {
    id: RefundId,
    payment_id: PaymentId,
    order_id: OrderId,
    amount: String,
    currency: String,
    /// `pending` until the provider has said what became of it.
    #[schema(value_type = String)]
    status: RefundState,
    /// The provider's.
    transaction_id: Option<String>,
    reason: String,
    /// Why the provider refused it.
    note: String,
    /// When the provider is asked again; of one that failed, when it is tried anew.
    next_try_at: Option<Time>,
    created_at: Time,
}

impl RefundOut {
    pub(super) fn new(app: &App, refund: &Refund, payment: &Payment) -> Self {
        RefundOut {
            id: refund.id,
            payment_id: refund.payment_id,
            order_id: payment.order_id,
            amount: app.amount(refund.amount_minor),
            currency: payment.currency.clone(),
            status: refund.status,
            transaction_id: refund.provider_refund_id.clone(),
            reason: refund.reason.clone(),
            note: refund.note.clone(),
            next_try_at: refund.next_check_at,
            created_at: refund.created_at,
        }
    }
}
