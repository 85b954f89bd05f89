//! The HTTP face of payments.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::initiate_payment::{Initiate, Initiated, initiate_payment};
use super::payment::{Payment, Provider, Refund, RefundState};
use super::provider::{Hook, Proof};
use super::receive_webhook::receive_webhook;
use super::refund_payment::{Asked, refund_payment};
use super::verify_payment::{Verify, verify_payment};
use super::{signature, store};
use crate::app::App;
use crate::caller::{Admin, User};
use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::http::extract::{Id, In, Keyed, PathText, Query, raw_bytes};
use crate::http::{Op, Routes, WithHeader, json_text, ok};
use crate::idempotency::{self, IdempotencyKey};
use crate::ids::{OrderId, PaymentId, RefundId};
use crate::orders::{self, Access, OrderRef, OrderRow, PaymentMethod, PaymentStatus, Status};
use crate::paging::Paging;
use crate::values::{Decimal, Text};
use crate::{input, query};

pub fn routes() -> Routes {
    const ASKING: &[Code] = &[
        Code::AlreadyPaid,
        Code::InvalidTransition,
        Code::PaymentMismatch,
        Code::ProviderError,
        Code::ProviderNotConfigured,
        Code::PaymentPending,
    ];
    let initiate_op = Op::new("initiate_payment", "Begin to pay an order")
        .describe("Asked again it gives the same attempt, while that is open.")
        .shopper()
        .keyed_body::<InitiateIn>()
        .answers::<InitiatedOut>(200)
        .errors(ASKING)
        .errors(&[Code::NotFound, Code::Conflict]);
    let verify_op = Op::new("verify_payment", "Tell that an order has been paid")
        .describe("A hint: the signature is checked, then the provider is asked.")
        .shopper()
        .body::<VerifyIn>()
        .answers::<PaymentVerifiedOut>(200)
        .errors(ASKING)
        .errors(&[
            Code::NotFound,
            Code::InvalidSignature,
            Code::PaymentDeclined,
        ]);
    let refund_op = Op::new(
        "refund_payment",
        "Give money back, all of what is left or a part",
    )
    .admin()
    .keyed_body::<RefundIn>()
    .answers::<RefundOut>(201)
    .errors(ASKING);
    let show_op = Op::new("show_payment", "A payment of yours; any for admins")
        .shopper()
        .answers::<PaymentOut>(200);
    let list_op = Op::new(
        "list_payments",
        "Your payments, newest first; all for admins",
    )
    .user()
    .query::<PaymentQuery>();
    Routes::tag("payments")
        .post("/payments/initiate/", initiate, initiate_op)
        .post("/payments/verify/", verify, verify_op)
        .post(
            "/payments/webhook/",
            razorpay_webhook,
            webhook_op("receive_razorpay_webhook", "Events of Razorpay"),
        )
        .post(
            "/payments/webhook/{provider}/",
            webhook,
            webhook_op("receive_webhook", "Events of a provider"),
        )
        .get("/payments/", list, list_op.lists::<PaymentOut>())
        .page("/payments/return/{order}/", returned)
        .get("/payments/{id}/", show, show_op)
        .post("/payments/{id}/refund/", refund, refund_op)
}

fn webhook_op(id: &'static str, summary: &'static str) -> Op {
    Op::new(id, summary)
        .describe("The raw body with the provider's signature. Each event has at most one effect.")
        .public()
        .answers::<ReceivedOut>(200)
        .errors(&[
            Code::InvalidSignature,
            Code::NotFound,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::ProviderNotConfigured,
        ])
}

/// Of a webhook's body.
const LARGEST_EVENT: usize = 1024 * 1024;

input! {
    /// Body of `POST payments/initiate/`.
    struct InitiateIn {
        order_id: OrderId,
        /// The order's own when it is left out, else the first that is set up.
        provider: Option<PaymentMethod>,
        /// On a page of the provider's (Stripe: hosted Checkout).
        hosted: Option<bool>,
    }
}

input! {
    /// Body of `POST payments/verify/`: what the provider gave to the browser.
    struct VerifyIn {
        order_id: OrderId,
        /// The order's own when it is left out.
        provider: Option<PaymentMethod>,
        razorpay_order_id: Option<Text<255>>,
        razorpay_payment_id: Option<Text<255>>,
        razorpay_signature: Option<Text<255>>,
        /// The payment as other providers name it.
        #[also("paymentID")]
        payment_id: Option<Text<255>>,
    }
}

input! {
    /// Body of `POST payments/{id}/refund/`.
    struct RefundIn {
        /// All that is left when it is left out.
        amount: Option<Decimal>,
        reason: Option<Text<500>>,
    }
}

query! {
    struct PaymentQuery {
        order: Option<OrderId>,
        paging: Paging,
    }
}

async fn initiate(
    State(app): State<App>,
    user: Option<User>,
    headers: HeaderMap,
    Keyed { key, body }: Keyed<InitiateIn>,
) -> Result<Response> {
    let access = orders::access(user.as_ref(), &headers);
    let asked = Initiate {
        order: OrderRef::Id(body.order_id),
        provider: body.provider.map(provider_of),
        hosted: body.hosted.unwrap_or_default(),
    };
    let (scope, shop) = (scope(user.as_ref(), &access), app.clone());
    once(&app, &scope, "initiate_payment", key, async move {
        let initiated = initiate_payment(&shop, &access, &asked).await?;
        Ok((200, to_text(&InitiatedOut::new(&shop, initiated))?))
    })
    .await
}

async fn verify(
    State(app): State<App>,
    user: Option<User>,
    headers: HeaderMap,
    In(body): In<VerifyIn>,
) -> Result<Response> {
    let access = orders::access(user.as_ref(), &headers);
    let is_razorpay = body.razorpay_payment_id.is_some() || body.razorpay_order_id.is_some();
    let asked = Verify {
        order: OrderRef::Id(body.order_id),
        provider: body
            .provider
            .map(provider_of)
            .or(is_razorpay.then_some(Provider::Razorpay)),
        proof: Proof {
            razorpay_order_id: body.razorpay_order_id.map(String::from),
            payment_id: body
                .razorpay_payment_id
                .or(body.payment_id)
                .map(String::from),
            razorpay_signature: body.razorpay_signature.map(String::from),
        },
    };
    let shop = app.clone();
    let (order, payment) =
        finish(async move { verify_payment(&shop, &access, &asked).await }).await?;
    Ok(ok(&PaymentVerifiedOut::new(&app, &order, &payment)))
}

async fn razorpay_webhook(State(app): State<App>, request: Request) -> Result<Response> {
    receive(app, Provider::Razorpay, request).await
}

async fn webhook(
    State(app): State<App>,
    PathText(name): PathText,
    request: Request,
) -> Result<Response> {
    let name = Provider::parse(&name)
        .filter(|name| name.is_online())
        .ok_or_else(Error::not_found)?;
    receive(app, name, request).await
}

async fn receive(app: App, name: Provider, request: Request) -> Result<Response> {
    let headers = request.headers().clone();
    if headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
    {
        return Err(Code::UnsupportedMediaType.with("An event must come without Content-Encoding."));
    }
    let body = raw_bytes(request, LARGEST_EVENT).await?;
    finish(async move {
        let header = |name: &str| {
            let mut all = headers.get_all(name).iter();
            let first = all.next().map(|value| value.to_str().map(str::to_owned));
            match (first.transpose(), all.next()) {
                (Ok(value), None) => Ok(value),
                _ => Err(signature::invalid()),
            }
        };
        receive_webhook(
            &app,
            name,
            &Hook {
                body: &body,
                header: &header,
            },
        )
        .await
    })
    .await?;
    Ok(ok(&ReceivedOut { received: true }))
}

/// Where a provider's page sends a browser when the shop has no front end. It changes nothing: the payment is found out
/// by its webhook, or by asking.
async fn returned() -> Response {
    const PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Thank you</title>\
        <h1>Thank you</h1><p>The shop is told of your payment by itself. You may close this page.</p></html>";
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], PAGE).into_response()
}

async fn list(
    State(app): State<App>,
    user: User,
    Query(query): Query<PaymentQuery>,
) -> Result<Response> {
    let access = orders::access(Some(&user), &HeaderMap::new());
    let page = store::list(&app.db.read().await?, &access, query.order, &query.paging).await?;
    Ok(ok(&page.map(|payment| PaymentOut::new(&app, &payment))))
}

async fn show(
    State(app): State<App>,
    user: Option<User>,
    headers: HeaderMap,
    Id(payment): Id<PaymentId>,
) -> Result<Response> {
    let access = orders::access(user.as_ref(), &headers);
    let payment = store::find(&app.db.read().await?, payment, &access).await?;
    Ok(ok(&PaymentOut::new(&app, &payment)))
}

async fn refund(
    State(app): State<App>,
    staff: Admin,
    Id(payment): Id<PaymentId>,
    Keyed { key, body }: Keyed<RefundIn>,
) -> Result<Response> {
    let scope = format!("user:{}", staff.user.id);
    // A key that is used for another payment is another refund.
    let client_key = key
        .as_ref()
        .map(|key| format!("{scope}:{payment}:{}", key.key));
    let asked = Asked {
        amount_minor: body.amount.map(|amount| amount.0),
        reason: body.reason.map(String::from).unwrap_or_default(),
        client_key,
    };
    let (operation, shop) = (format!("refund_payment:{payment}"), app.clone());
    once(&app, &scope, &operation, key, async move {
        let refund = refund_payment(&shop, &staff, payment, &asked).await?;
        let payment = store::find_by_id(&shop.db.read().await?, payment).await?;
        Ok((201, to_text(&RefundOut::new(&shop, &refund, &payment))?))
    })
    .await
}

/// Goes on when the client hangs up: a provider was asked, and its answer has to be written down.
async fn finish<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(work).await.map_err(Error::internal)?
}

/// Does it once for each `Idempotency-Key`.
async fn once(
    app: &App,
    scope: &str,
    operation: &str,
    key: Option<IdempotencyKey>,
    work: impl Future<Output = Result<(u16, String)>> + Send + 'static,
) -> Result<Response> {
    let (app, scope, operation) = (app.clone(), scope.to_owned(), operation.to_owned());
    finish(async move {
        let done = idempotency::around(&app, &scope, &operation, key.as_ref(), work).await?;
        let answer = json_text(done.status, done.answer);
        let replayed = HeaderName::from_static("idempotency-replayed");
        Ok(if done.is_replay {
            answer.with_header(replayed, "true")
        } else {
            answer
        })
    })
    .await
}

fn scope(user: Option<&User>, access: &Access) -> String {
    match (user, access) {
        (Some(user), _) => format!("user:{}", user.id),
        (
            None,
            Access::Owner {
                token_hash: Some(hash),
                ..
            },
        ) => format!("guest:{}", signature::to_hex(hash)),
        _ => "nobody".to_owned(),
    }
}

fn provider_of(method: PaymentMethod) -> Provider {
    Provider::parse(method.as_str()).unwrap_or(Provider::Manual)
}

fn to_text<T: Serialize>(answer: &T) -> Result<String> {
    serde_json::to_string(answer).map_err(Error::internal)
}

/// What the buyer's client needs; only the members of its provider are there.
#[derive(Serialize, ToSchema)]
struct InitiatedOut {
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
    fn new(
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
struct PaymentVerifiedOut {
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
    fn new(app: &App, order: &OrderRow, payment: &Payment) -> Self {
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
struct ReceivedOut {
    received: bool,
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
struct RefundOut {
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
    created_at: Time,
}

impl RefundOut {
    fn new(app: &App, refund: &Refund, payment: &Payment) -> Self {
        RefundOut {
            id: refund.id,
            payment_id: refund.payment_id,
            order_id: payment.order_id,
            amount: app.amount(refund.amount_minor),
            currency: payment.currency.clone(),
            status: refund.status,
            transaction_id: refund.provider_refund_id.clone(),
            reason: refund.reason.clone(),
            created_at: refund.created_at,
        }
    }
}
