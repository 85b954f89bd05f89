//! The HTTP face of privacy.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use utoipa::ToSchema;

use super::erase_account::{self, Asked};
use super::export_account::{self, Person};
use crate::accounts::{self, ProfileOut, ProofIn};
use crate::addresses::KeptAddressOut;
use crate::app::App;
use crate::caller::{Admin, Client, RequestId, User};
use crate::cart::CartLine;
use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::http::extract::{Id, In};
use crate::http::{Op, Routes, WithHeader, no_content};
use crate::ids::{ProductId, UserId, VariantId};
use crate::orders::{Order, OrderOut};
use crate::payments::PaymentOut;

pub fn routes() -> Routes {
    let export_op = Op::new("export_profile", "All that the shop knows of you")
        .describe("Once a day. A JSON file, sent in pieces; one that breaks off is no JSON.")
        .user()
        .body::<ProofIn>()
        .answers::<ExportOut>(200)
        .errors(&[Code::LoginLocked, Code::RateLimited, Code::Overloaded]);
    let erase_op = Op::new("erase_profile", "Have your account erased")
        .describe(
            "For good: sessions end, addresses and cart go, orders keep goods, amounts and the country. Orders that you \
             may cancel are cancelled; those under way keep their address until they have arrived.",
        )
        .user()
        .body::<ProofIn>()
        .answers_nothing(204)
        .errors(&[Code::LoginLocked, Code::LastAdmin, Code::Overloaded]);
    let staff_op = Op::new(
        "erase_user",
        "Erase an account for somebody who asks for it",
    )
    .admin()
    .answers_nothing(204)
    .errors(&[Code::LastAdmin]);
    Routes::tag("auth")
        .post("/auth/profile/export/", export, export_op)
        .post("/auth/profile/erase/", erase, erase_op)
        .post("/admin/users/{id}/erase/", erase_user, staff_op)
}

async fn erase(
    State(app): State<App>,
    user: User,
    client: Client,
    In(body): In<ProofIn>,
) -> Result<Response> {
    accounts::prove_again(&app, user, &client, &body.into()).await?;
    erase_account::erase_account(&app, user.id, Asked::Owner).await?;
    Ok(no_content())
}

async fn erase_user(
    State(app): State<App>,
    admin: Admin,
    Id(user): Id<UserId>,
) -> Result<Response> {
    accounts::find_account(&app.db.read().await?, user).await?;
    erase_account::erase_account(&app, user, Asked::Staff(admin)).await?;
    Ok(no_content())
}

async fn export(
    State(app): State<App>,
    user: User,
    client: Client,
    request: RequestId,
    In(body): In<ProofIn>,
) -> Result<Response> {
    accounts::prove_again(&app, user, &client, &body.into()).await?;
    // Read first: what cannot be had at the moment does not cost the day.
    let head = ExportOut::of(&app, export_account::person(&app, user).await?);
    export_account::begin(&app, user, request).await?;
    let head = serde_json::to_string(&head).map_err(Error::internal)?;
    let head = head
        .strip_suffix("]}")
        .ok_or_else(|| Error::internal("the orders are not the last of an export"))?
        .to_owned();
    let body = Body::from_stream(stream::try_unfold(Piece::Head(head), move |piece| {
        next_piece(app.clone(), user.id, piece)
    }));
    Ok(([(header::CONTENT_TYPE, "application/json")], body)
        .into_response()
        .with_header(
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"my-data.json\"",
        ))
}

/// What comes next of an export.
enum Piece {
    Head(String),
    OrdersAfter(Option<Box<Order>>),
    End,
}

async fn next_piece(app: App, user: UserId, piece: Piece) -> Result<Option<(Bytes, Piece)>> {
    let after = match piece {
        Piece::Head(head) => return Ok(Some((head.into(), Piece::OrdersAfter(None)))),
        Piece::OrdersAfter(after) => after,
        Piece::End => return Ok(None),
    };
    let orders = export_account::next_orders(&app, user, after.as_deref()).await?;
    let mut text = String::new();
    for (at, order) in orders.iter().enumerate() {
        if at > 0 || after.is_some() {
            text.push(',');
        }
        text.push_str(&OrderOut::new(&app, order).to_text()?);
    }
    Ok(Some(match orders.into_iter().last() {
        Some(last) => (text.into(), Piece::OrdersAfter(Some(Box::new(last)))),
        None => ("]}".into(), Piece::End),
    }))
}

/// All that the shop knows of somebody.
#[derive(Serialize, ToSchema)]
struct ExportOut {
    exported_at: Time,
    profile: ProfileOut,
    addresses: Vec<KeptAddressOut>,
    /// Devices that were signed in, the newest first.
    sessions: Vec<ExportedSessionOut>,
    /// Sign-ins that were tried in the last 90 days, the newest first.
    login_attempts: Vec<ExportedLoginOut>,
    cart: Vec<ExportedCartLineOut>,
    payments: Vec<PaymentOut>,
    /// The newest first.
    orders: Vec<OrderOut>,
}

#[derive(Serialize, ToSchema)]
struct ExportedSessionOut {
    ip_address: String,
    user_agent: String,
    created_at: Time,
    last_seen_at: Time,
    ended_at: Option<Time>,
}

#[derive(Serialize, ToSchema)]
struct ExportedLoginOut {
    at: Time,
    ip_address: String,
    user_agent: String,
    outcome: &'static str,
}

#[derive(Serialize, ToSchema)]
struct ExportedCartLineOut {
    product_id: ProductId,
    variant_id: VariantId,
    product_name: String,
    quantity: i64,
    added_at: Time,
}

impl ExportOut {
    /// Without orders.
    fn of(app: &App, person: Person) -> Self {
        ExportOut {
            exported_at: app.clock.now(),
            profile: (&person.account).into(),
            addresses: person.addresses.into_iter().map(Into::into).collect(),
            sessions: person
                .sessions
                .into_iter()
                .map(|session| ExportedSessionOut {
                    ip_address: session.ip,
                    user_agent: session.user_agent,
                    created_at: session.created_at,
                    last_seen_at: session.last_seen_at,
                    ended_at: session.ended_at,
                })
                .collect(),
            login_attempts: person
                .logins
                .into_iter()
                .map(|login| ExportedLoginOut {
                    at: login.at,
                    ip_address: login.ip,
                    user_agent: login.user_agent,
                    outcome: login.outcome.as_str(),
                })
                .collect(),
            cart: person.cart.into_iter().map(Into::into).collect(),
            payments: person
                .payments
                .iter()
                .map(|payment| PaymentOut::new(app, payment))
                .collect(),
            orders: Vec::new(),
        }
    }
}

impl From<CartLine> for ExportedCartLineOut {
    fn from(line: CartLine) -> Self {
        ExportedCartLineOut {
            product_id: line.product_id,
            variant_id: line.variant_id,
            product_name: line.product_name,
            quantity: line.quantity,
            added_at: line.added_at,
        }
    }
}
