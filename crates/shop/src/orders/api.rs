//! The HTTP face of orders.

mod order_out;
mod wire;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;

pub(crate) use order_out::OrderOut;
use wire::{CancelIn, ExportQuery, OrderQuery, PlaceOrderIn, StatusIn};

use super::cancel_order::{self, Canceller};
use super::csv;
use super::find_orders::{self, Access};
use super::names::{hash_order_token, order_token};
use super::order::{Order, OrderRef};
use super::place_order::{self, Placed, Repeat};
use super::update_status;
use crate::app::App;
use crate::caller::{Admin, Shopper, User};
use crate::error::{Code, Error, Result};
use crate::http::extract::{IfMatch, In, Keyed, PathText, Query};
use crate::http::{Op, Routes, WithHeader, created, json_text, ok, tagged};
use crate::paging::Paging;
use crate::values::Text;

pub fn routes() -> Routes {
    let place_op = Op::new("place_order", "Order what is in the cart")
        .shopper()
        .keyed_body::<PlaceOrderIn>()
        .answers::<OrderOut>(201)
        .errors(&[
            Code::CartEmpty,
            Code::AmountLimit,
            Code::OutOfStock,
            Code::PriceChanged,
            Code::ProductUnavailable,
            Code::CsrfFailed,
        ]);
    let list_op = Op::new(
        "list_orders",
        "Your orders, newest first; all orders for admins",
    )
    .user()
    .query::<OrderQuery>();
    let cancel_op = Op::new("cancel_order", "Cancel an order; its stock is given back")
        .shopper()
        .body::<CancelIn>()
        .conditional()
        .answers::<OrderOut>(200)
        .errors(&[Code::NotCancellable]);
    let status_op = Op::new("update_order_status", "Move an order on")
        .admin()
        .body::<StatusIn>()
        .conditional()
        .answers::<OrderOut>(200)
        .errors(&[Code::InvalidTransition]);
    let export_op = Op::new("export_orders", "Orders as CSV, newest first")
        .describe("One line an order. A cell that a spreadsheet would run as a formula begins with an apostrophe.")
        .admin()
        .query::<ExportQuery>()
        .answers_file(200, "text/csv");
    Routes::tag("orders")
        .post("/orders/", place, place_op)
        .get("/orders/", list, list_op.lists::<OrderOut>())
        .get(
            "/orders/{id}/",
            show,
            Op::new("show_order", "An order by id or order number")
                .shopper()
                .tagged()
                .answers::<OrderOut>(200),
        )
        .get("/orders/export/", export, export_op)
        .post("/orders/{id}/cancel/", cancel, cancel_op)
        .patch("/orders/{id}/update_status/", change_status, status_op)
}

/// The header that opens a guest's order.
const ORDER_TOKEN: &str = "x-order-token";

/// Orders that an export reads at a time.
const EXPORTED: i64 = 100;

async fn place(
    State(app): State<App>,
    shopper: Shopper,
    Keyed { key, body }: Keyed<PlaceOrderIn>,
) -> Result<Response> {
    let request = body.checked()?;
    let answer = |order: &Order| OrderOut::new(&app, order).to_text();
    let repeat = key.as_ref().map(|key| Repeat {
        key,
        answer: &answer,
    });
    Ok(
        match place_order::place_order(&app, &shopper, &request, repeat).await? {
            Placed::New(order) => {
                let mut out = OrderOut::new(&app, &order);
                if shopper.user.is_none() {
                    out.order_token = Some(order_token(&app, &out.order_number)?);
                }
                created(&out)
            }
            Placed::Before { answer } => {
                let answer = if shopper.user.is_none() {
                    with_token(&app, &answer)?
                } else {
                    answer
                };
                json_text(201, answer)
                    .with_header(HeaderName::from_static("idempotency-replayed"), "true")
            }
        },
    )
}

async fn list(
    State(app): State<App>,
    user: User,
    Query(query): Query<OrderQuery>,
) -> Result<Response> {
    let access = access(Some(&user), &HeaderMap::new());
    let paging = query.paging.clone();
    let filter = query.into_filter();
    let conn = app.db.read().await?;
    let orders = find_orders::list_orders(&conn, &access, &filter, &paging).await?;
    let count = match paging.wants_count() {
        true => find_orders::count_orders(&conn, &access, &filter).await?,
        false => 0,
    };
    let page = paging.page(orders, count, |order| {
        vec![order.row.created_at.into(), order.row.id.into()]
    })?;
    Ok(ok(&page.map(|order| OrderOut::new(&app, &order))))
}

async fn show(
    State(app): State<App>,
    user: Option<User>,
    headers: HeaderMap,
    PathText(order): PathText,
) -> Result<Response> {
    let conn = app.db.read().await?;
    let access = access(user.as_ref(), &headers);
    let order = find_orders::find_order(&conn, &OrderRef::parse(&order), &access).await?;
    Ok(tagged(StatusCode::OK, &OrderOut::new(&app, &order)))
}

async fn cancel(
    State(app): State<App>,
    user: Option<User>,
    admin: Option<Admin>,
    headers: HeaderMap,
    PathText(order): PathText,
    if_match: IfMatch,
    In(body): In<CancelIn>,
) -> Result<Response> {
    let by = match admin {
        Some(admin) => Canceller::Staff(admin),
        None => Canceller::Customer(user.map(|user| user.id)),
    };
    let access = access(user.as_ref(), &headers);
    let look = as_seen(&app, &if_match);
    let (order, seen) = (OrderRef::parse(&order), if_match.given(&look));
    let order =
        cancel_order::cancel_order(&app, by, &order, &access, &said(body.note), seen).await?;
    Ok(tagged(StatusCode::OK, &OrderOut::new(&app, &order)))
}

async fn change_status(
    State(app): State<App>,
    admin: Admin,
    PathText(order): PathText,
    if_match: IfMatch,
    In(body): In<StatusIn>,
) -> Result<Response> {
    let look = as_seen(&app, &if_match);
    let (order, seen) = (OrderRef::parse(&order), if_match.given(&look));
    let (status, note) = (body.status, said(body.note));
    let order = update_status::update_status(&app, &admin, &order, status, &note, seen).await?;
    Ok(tagged(StatusCode::OK, &OrderOut::new(&app, &order)))
}

fn said(note: Option<Text<1000>>) -> String {
    note.map(String::from).unwrap_or_default()
}

/// Reads a page of orders when the client has taken the one before, so that any number of them needs little memory.
async fn export(
    State(app): State<App>,
    _: Admin,
    Query(query): Query<ExportQuery>,
) -> Result<Response> {
    let filter = query.into_filter();
    let day = app.clock.now().day(&app.config.time_zone);
    let pages = stream::try_unfold(Some(Vec::new()), move |seen| {
        let (app, filter) = (app.clone(), filter.clone());
        async move {
            let Some(seen) = seen else { return Ok(None) };
            let is_first = seen.is_empty();
            let paging = Paging::new(1, EXPORTED, Some(seen));
            let conn = app.db.read().await?;
            let orders = find_orders::list_orders(&conn, &Access::All, &filter, &paging).await?;
            let page = paging.page(orders, 0, |_| Vec::new())?;
            let mut text = String::from(if is_first { csv::HEADER } else { "" });
            text.extend(page.results.iter().map(|order| csv::line(&app, order)));
            let last = page.results.last().filter(|_| page.next.is_some());
            let next = last.map(|last| vec![last.row.created_at.into(), last.row.id.into()]);
            Ok::<_, Error>(Some((text, next)))
        }
    });
    let name = format!("attachment; filename=\"orders-{day}.csv\"");
    Ok(Body::from_stream(pages)
        .into_response()
        .with_header(header::CONTENT_TYPE, "text/csv; charset=utf-8")
        .with_header(header::CONTENT_DISPOSITION, &name))
}

fn as_seen(app: &App, if_match: &IfMatch) -> impl Fn(&Order) -> Result<()> + Sync {
    move |order| if_match.check(&[OrderOut::new(app, order)])
}

/// Which orders the caller of a request may see.
pub fn access(user: Option<&User>, headers: &HeaderMap) -> Access {
    if user.is_some_and(User::is_admin) {
        return Access::All;
    }
    let token = headers
        .get(ORDER_TOKEN)
        .and_then(|value| value.to_str().ok())
        .filter(|token| !token.is_empty());
    Access::Owner {
        user: user.map(|user| user.id),
        token_hash: token.map(hash_order_token),
    }
}

/// Puts the token back into a guest's answer, which was kept without it.
fn with_token(app: &App, answer: &str) -> Result<String> {
    #[derive(Deserialize)]
    struct Named {
        order_number: String,
    }
    let Named { order_number } = serde_json::from_str(answer).map_err(Error::internal)?;
    let token = order_token(app, &order_number)?;
    let body = answer
        .strip_suffix('}')
        .ok_or_else(|| Error::internal("an order's answer is no object"))?;
    Ok(format!("{body},\"order_token\":\"{token}\"}}"))
}
