//! What comes and goes by HTTP: bodies, queries, answers.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::openapi::{RefOr, schema::Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::app::App;
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::http::extract::{Field, Given, Node, Reader};
use crate::http::schema::{Schemas, described, put_text};
use crate::ids::{OrderId, PaymentId, RefundId};
use crate::orders::{OrderRow, PaymentMethod, PaymentStatus, Status};
use crate::paging::Paging;
use crate::payments::initiate_payment::Initiated;
use crate::payments::payment::{Payment, Provider, Refund, RefundState, Shown};
use crate::payments::provider::{self, Member, Needs, Proof};
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

/// Body of `POST payments/verify/`: what the provider gave to the browser.
pub(super) struct VerifyIn {
    pub(super) order_id: OrderId,
    pub(super) provider: Option<PaymentMethod>,
    pub(super) proof: Proof,
}

impl Field for VerifyIn {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        let members = reader.members(node)?;
        let order_id = reader.member(members, "order_id", &[]);
        let provider = reader.member(members, "provider", &[]);
        let mut own = Some(Vec::new());
        for &name in provider::online().flat_map(|provider| provider.takes()) {
            let text: Option<Option<Text<255>>> = reader.member(members, name, &[]);
            own = own.zip(text).map(|(mut own, text)| {
                own.extend(text.map(|text| (name, text.into())));
                own
            });
        }
        let payment_id: Option<Option<Text<255>>> =
            reader.member(members, "payment_id", &["paymentID"]);
        Some(VerifyIn {
            order_id: order_id?,
            provider: provider?,
            proof: Proof {
                payment_id: payment_id?.map(String::from),
                members: own?,
            },
        })
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let doc = "Body of `POST payments/verify/`: what the provider gave to the browser.";
        schemas.object("VerifyIn", doc, |body| {
            body.property::<OrderId>("order_id", "");
            body.property::<Option<PaymentMethod>>(
                "provider",
                "The order's own when it is left out.",
            );
            for name in provider::online().flat_map(|provider| provider.takes()) {
                body.property::<Option<Text<255>>>(name, "");
            }
            body.property::<Option<Text<255>>>(
                "payment_id",
                "The payment as other providers name it.",
            );
        })
    }
}

input! {
    /// Body of `POST payments/{id}/refund/`.
    #[members(no_others)]
    pub(super) struct RefundIn {
        /// All that is left when it is left out.
        pub(super) amount: Given<Decimal>,
        pub(super) reason: Option<Text<500>>,
    }
}

query! {
    pub(super) struct PaymentQuery {
        pub(super) order: Option<OrderId>,
        /// As the payments show it.
        pub(super) status: Option<Shown>,
        /// Admins: only money that has to be given back (its order ended, or was paid before) and is not yet.
        pub(super) owed: Option<bool>,
        pub(super) paging: Paging,
    }
}

/// The attempt, and what its provider gives and may be kept: of the provider's own needs [`with`] adds the rest.
#[derive(Serialize)]
pub(super) struct InitiatedOut {
    #[serde(flatten)]
    attempt: AttemptOut,
    #[serde(flatten)]
    given: BTreeMap<&'static str, String>,
}

/// What the buyer's client needs; only the members of its provider are there.
#[derive(Serialize, ToSchema)]
struct AttemptOut {
    order_id: OrderId,
    order_number: String,
    payment_id: PaymentId,
    #[schema(value_type = String)]
    provider: Provider,
    /// In minor units, such as paise or cents.
    amount: i64,
    currency: String,
}

impl InitiatedOut {
    pub(super) fn new(app: &App, initiated: Initiated) -> Result<Self> {
        let (payment, order) = (initiated.payment, initiated.order);
        let provider = provider::provider(payment.provider)?;
        let given = provider.shown(app, &payment).into_iter();
        Ok(InitiatedOut {
            attempt: AttemptOut {
                order_id: order.id,
                order_number: order.order_number,
                payment_id: payment.id,
                provider: payment.provider,
                amount: payment.amount_minor,
                currency: payment.currency,
            },
            given: given
                .filter_map(|(name, value)| Some((name, value?)))
                .collect(),
        })
    }
}

/// An answer with what the provider says that the client needs. Secrets are among that: no kept answer has them.
pub(super) fn with(answer: &str, needs: Needs) -> Result<String> {
    let mut all: serde_json::Map<String, Value> =
        serde_json::from_str(answer).map_err(Error::internal)?;
    let needs = needs
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
    all.extend(needs);
    serde_json::to_string(&all).map_err(Error::internal)
}

impl PartialSchema for InitiatedOut {
    fn schema() -> RefOr<Schema> {
        let mut schema = AttemptOut::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            for Member { name, doc } in provider::online().flat_map(|provider| provider.gives()) {
                // One that several give stands where the last of them has it.
                object.properties.shift_remove(*name);
                object.properties.insert((*name).to_owned(), text(doc));
            }
        }
        schema
    }
}

impl ToSchema for InitiatedOut {
    fn schemas(all: &mut Vec<(String, RefOr<Schema>)>) {
        AttemptOut::schemas(all);
    }
}

/// A text that may be absent.
fn text(doc: &str) -> RefOr<Schema> {
    let mut schema = json!({"type": ["string", "null"]});
    put_text(&mut schema, doc);
    described(schema)
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
    #[schema(value_type = String)]
    status: Shown,
    /// The provider's.
    transaction_id: Option<String>,
    /// What came in; of a flagged payment it may be another amount than was asked for.
    captured: String,
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
            captured: app.amount(payment.captured_minor),
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
