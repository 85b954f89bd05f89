//! The HTTP face of payments.

pub(super) mod webhooks;
mod wire;

use std::sync::{Arc, OnceLock};

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tracing::Instrument;

use super::initiate_payment::{Initiate, initiate_payment};
use super::payment::Provider;
use super::provider::{self, Needs};
use super::refund_payment::{Asked, refund_payment};
use super::store::Wanted;
use super::verify_payment::{Verify, verify_payment};
use super::{signature, store};
use crate::app::App;
use crate::caller::{Admin, User};
use crate::error::{Code, Error, Result};
use crate::http::extract::{Id, In, Keyed, Query};
use crate::http::{Op, Routes, WithHeader, json_text, ok};
use crate::idempotency::{self, Done, IdempotencyKey};
use crate::ids::PaymentId;
use crate::orders::{self, Access, OrderRef, PaymentMethod};
use crate::paging::Page;
pub(crate) use wire::PaymentOut;
use wire::{
    InitiateIn, InitiatedOut, PaymentQuery, PaymentVerifiedOut, RefundIn, RefundOut, VerifyIn,
};

pub(super) fn routes() -> Routes {
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
    let refunds_op = Op::new(
        "list_refunds",
        "What of a payment was given back, or refused, and why",
    )
    .admin()
    .lists::<RefundOut>();
    let show_op = Op::new("show_payment", "A payment of yours; any for admins")
        .shopper()
        .answers::<PaymentOut>(200);
    let list_op = Op::new(
        "list_payments",
        "Your payments, newest first; all for admins",
    )
    .user()
    .query::<PaymentQuery>();
    webhooks::add(Routes::tag("payments"))
        .post("/payments/initiate/", initiate, initiate_op)
        .post("/payments/verify/", verify, verify_op)
        .get("/payments/", list, list_op.lists::<PaymentOut>())
        .page("/payments/return/{order}/", returned)
        .get("/payments/{id}/", show, show_op)
        .post("/payments/{id}/refund/", refund, refund_op)
        .get("/payments/{id}/refunds/", refunds, refunds_op)
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
    let needs = Arc::new(OnceLock::new());
    let told = needs.clone();
    let done = once(&app, &scope, "initiate_payment", key, async move {
        let initiated = initiate_payment(&shop, &access, &asked).await?;
        drop(told.set(initiated.needs.clone()));
        Ok((200, to_text(&InitiatedOut::new(&shop, initiated)?)?))
    })
    .await?;
    // What the provider told is not kept, for there are secrets among it: a replay asks again.
    let needs = match needs.get() {
        Some(needs) => needs.clone(),
        None => needs_again(&app, &done.answer).await?,
    };
    let answer = wire::with(&done.answer, needs)?;
    Ok(answered(Done { answer, ..done }))
}

async fn needs_again(app: &App, answer: &str) -> Result<Needs> {
    #[derive(Deserialize)]
    struct Kept {
        payment_id: PaymentId,
    }
    let kept: Kept = serde_json::from_str(answer).map_err(Error::internal)?;
    let payment = store::find_by_id(&app.db.read().await?, kept.payment_id).await?;
    let provider = provider::configured(app, payment.provider)?;
    Ok(provider.client(app, &payment).await?)
}

async fn verify(
    State(app): State<App>,
    user: Option<User>,
    headers: HeaderMap,
    In(body): In<VerifyIn>,
) -> Result<Response> {
    let access = orders::access(user.as_ref(), &headers);
    let asked = Verify {
        order: OrderRef::Id(body.order_id),
        provider: body
            .provider
            .map(provider_of)
            .or_else(|| provider::of_proof(&body.proof)),
        proof: body.proof,
    };
    let shop = app.clone();
    let (order, payment) =
        finish(async move { verify_payment(&shop, &access, &asked).await }).await?;
    Ok(ok(&PaymentVerifiedOut::new(&app, &order, &payment)))
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
    let wanted = Wanted {
        order: query.order,
        status: query.status,
        owed: query.owed.unwrap_or_default(),
    };
    let page = store::list(&app.db.read().await?, &access, wanted, &query.paging).await?;
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
        amount_minor: body.amount.0.map(|amount| amount.0),
        reason: body.reason.map(String::from).unwrap_or_default(),
        client_key,
    };
    let (operation, shop) = (format!("refund_payment:{payment}"), app.clone());
    let done = once(&app, &scope, &operation, key, async move {
        let refund = refund_payment(&shop, &staff, payment, &asked).await?;
        let payment = store::find_by_id(&shop.db.read().await?, payment).await?;
        Ok((201, to_text(&RefundOut::new(&shop, &refund, &payment))?))
    })
    .await?;
    Ok(answered(done))
}

async fn refunds(State(app): State<App>, _: Admin, Id(payment): Id<PaymentId>) -> Result<Response> {
    let conn = app.db.read().await?;
    let payment = store::find(&conn, payment, &Access::All).await?;
    let all = store::refunds_of(&conn, payment.id).await?;
    let all = all
        .iter()
        .map(|refund| RefundOut::new(&app, refund, &payment));
    Ok(ok(&Page::whole(all.collect())))
}

/// Goes on when the client hangs up: a provider was asked, and its answer has to be written down.
async fn finish<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(work.in_current_span())
        .await
        .map_err(Error::internal)?
}

/// Does it once for each `Idempotency-Key`.
async fn once(
    app: &App,
    scope: &str,
    operation: &str,
    key: Option<IdempotencyKey>,
    work: impl Future<Output = Result<(u16, String)>> + Send + 'static,
) -> Result<Done> {
    let (app, scope, operation) = (app.clone(), scope.to_owned(), operation.to_owned());
    finish(async move { idempotency::around(&app, &scope, &operation, key.as_ref(), work).await })
        .await
}

fn answered(done: Done) -> Response {
    let answer = json_text(done.status, done.answer);
    let replayed = HeaderName::from_static("idempotency-replayed");
    match done.is_replay {
        true => answer.with_header(replayed, "true"),
        false => answer,
    }
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
    Provider::named(method.as_str())
}

fn to_text<T: Serialize>(answer: &T) -> Result<String> {
    serde_json::to_string(answer).map_err(Error::internal)
}
