//! The HTTP face of orders.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type,
};

use super::cancel_order::{self, Canceller};
use super::csv;
use super::find_orders::{self, Access, Filter};
use super::names::{hash_order_token, order_token};
use super::order::{
    Axis, FulfillmentStatus, HistoryRow, Order, OrderLine, OrderRef, PaymentMethod, PaymentStatus,
    Status,
};
use super::place_order::{self, PlaceOrder, Placed, Repeat};
use super::update_status;
use crate::addresses::Choice;
use crate::app::App;
use crate::caller::{Admin, Shopper, User};
use crate::clock::Time;
use crate::error::{Code, Error, Fault, Result};
use crate::http::extract::{IfMatch, In, Json, Keyed, PathText, Query, TextOr, moment};
use crate::http::{Op, Routes, WithHeader, created, json_text, ok, tagged};
use crate::ids::{AddressId, OrderId, OrderLineId, ProductId, UserId, VariantId};
use crate::paging::Paging;
use crate::values::{Decimal, Email, Text};
use crate::{input, query};

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
/// Characters of an address or a note.
const LONGEST_TEXT: usize = 4000;
/// Orders that an export reads at a time.
const EXPORTED: i64 = 100;

input! {
    /// Body of `POST orders/`; all of it is optional.
    struct PlaceOrderIn {
        /// A text or an object, given back as it came.
        shipping_address: Option<TextOr<Json>>,
        /// One of your stored addresses. With neither, the default shipping address, if there is one.
        shipping_address_id: Option<AddressId>,
        /// A text or an object, given back as it came.
        billing_address: Option<TextOr<Json>>,
        /// One of your stored addresses. With neither, the default billing address, else the shipping address.
        billing_address_id: Option<AddressId>,
        /// `cod` when it is left out.
        payment_method: Option<PaymentMethod>,
        /// Of a guest; an account's own address is taken.
        email: Option<Email>,
        /// The total that the buyer saw; another one is refused.
        expected_total: Option<Decimal>,
        note: Option<String>,
    }
}

input! {
    /// Body of `PATCH orders/{id}/update_status/`.
    struct StatusIn {
        status: Status,
        /// Kept in the history beside the step.
        note: Option<Text<1000>>,
    }
}

input! {
    /// Body of `POST orders/{id}/cancel/`; none is needed.
    struct CancelIn {
        /// Why; kept in the history beside the step.
        #[also("reason")]
        note: Option<Text<1000>>,
    }
}

query! {
    struct OrderQuery {
        status: Option<Status>,
        /// Admins: an id or an email address.
        user: Option<String>,
        /// A day in the shop's time zone (`2026-01-31`, from its start) or a moment.
        date_from: Option<String>,
        /// A day (to its end) or a moment.
        date_to: Option<String>,
        /// Part of the order number or the email address.
        search: Option<String>,
        paging: Paging,
    }
}

query! {
    /// The filters of the list.
    struct ExportQuery {
        status: Option<Status>,
        /// An id or an email address.
        user: Option<String>,
        /// A day in the shop's time zone or a moment.
        date_from: Option<String>,
        /// A day (to its end) or a moment.
        date_to: Option<String>,
        /// Part of the order number or the email address.
        search: Option<String>,
    }
}

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
    let filter = query.into_filter(&app)?;
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
    let filter = query.into_filter(&app)?;
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

impl PlaceOrderIn {
    fn checked(self) -> Result<PlaceOrder> {
        let mut faults = Vec::new();
        let (given, id) = (self.shipping_address, self.shipping_address_id);
        let shipping = choice(&mut faults, "shipping_address", given, id)?;
        let (given, id) = (self.billing_address, self.billing_address_id);
        let billing = choice(&mut faults, "billing_address", given, id)?;
        let note = self.note.unwrap_or_default();
        if note.chars().count() > LONGEST_TEXT {
            faults.push(too_long("note"));
        }
        if !faults.is_empty() {
            return Err(Error::faults(faults));
        }
        Ok(PlaceOrder {
            shipping,
            billing,
            payment_method: self.payment_method.unwrap_or(PaymentMethod::Cod),
            email: self.email.map(String::from).unwrap_or_default(),
            expected_total: self.expected_total.map(|total| total.0),
            note,
        })
    }
}

/// An address or the id of one; a blank text is neither.
fn choice(
    faults: &mut Vec<Fault>,
    attr: &str,
    given: Option<TextOr<Json>>,
    id: Option<AddressId>,
) -> Result<Choice> {
    let json = match given {
        Some(TextOr::Text(text)) if text.trim().is_empty() => None,
        Some(TextOr::Text(text)) => Some(serde_json::to_string(&text)),
        Some(TextOr::Object(Json(object))) => Some(serde_json::to_string(&object)),
        None => None,
    };
    match (json.transpose().map_err(Error::internal)?, id) {
        (Some(_), Some(_)) => {
            let detail = "Give an address or the id of one, not both.";
            faults.push(fault(&format!("{attr}_id"), "invalid", detail));
            Ok(Choice::Unsaid)
        }
        (Some(json), None) => {
            if json.chars().count() > LONGEST_TEXT {
                faults.push(too_long(attr));
            }
            Ok(Choice::Given(json))
        }
        (None, Some(id)) => Ok(Choice::Stored(id)),
        (None, None) => Ok(Choice::Unsaid),
    }
}

fn too_long(attr: &str) -> Fault {
    let detail = format!("Ensure this field has no more than {LONGEST_TEXT} characters.");
    fault(attr, "max_length", detail)
}

fn fault(attr: &str, code: &'static str, detail: impl Into<String>) -> Fault {
    Fault {
        attr: attr.to_owned(),
        code,
        detail: detail.into(),
        in_query: false,
    }
}

impl OrderQuery {
    fn into_filter(self, app: &App) -> Result<Filter> {
        let (from, until) = period(app, self.date_from, self.date_to)?;
        Ok(Filter {
            status: self.status,
            user: self.user,
            from,
            until,
            search: self.search,
        })
    }
}

impl ExportQuery {
    fn into_filter(self, app: &App) -> Result<Filter> {
        let (from, until) = period(app, self.date_from, self.date_to)?;
        Ok(Filter {
            status: self.status,
            user: self.user,
            from,
            until,
            search: self.search,
        })
    }
}

/// Both ends, or what is wrong with either.
fn period(
    app: &App,
    from: Option<String>,
    to: Option<String>,
) -> Result<(Option<Time>, Option<Time>)> {
    let read = |attr, text: Option<String>, end| {
        text.map(|text| moment(app, attr, &text, end)).transpose()
    };
    match (read("date_from", from, false), read("date_to", to, true)) {
        (Ok(from), Ok(until)) => Ok((from, until)),
        (Err(one), Err(other)) => Err(Error::faults([one.fields(), other.fields()].concat())),
        (Err(error), _) | (_, Err(error)) => Err(error),
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

#[derive(Serialize, ToSchema)]
pub(crate) struct OrderOut {
    id: OrderId,
    order_number: String,
    /// The number that an imported order had; absent in others.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    /// Null for guests.
    user: Option<UserId>,
    user_email: String,
    #[schema(value_type = String)]
    status: Status,
    #[schema(value_type = String)]
    payment_status: PaymentStatus,
    #[schema(value_type = String)]
    fulfillment_status: FulfillmentStatus,
    payment_method: String,
    currency: String,
    subtotal: String,
    discount_total: String,
    shipping_total: String,
    tax_total: String,
    total_amount: String,
    #[schema(schema_with = address_schema)]
    shipping_address: Option<Box<RawValue>>,
    #[schema(schema_with = address_schema)]
    billing_address: Option<Box<RawValue>>,
    note: String,
    items: Vec<OrderItemOut>,
    prices_include_tax: bool,
    /// Pieces.
    items_count: i64,
    history: Vec<HistoryOut>,
    created_at: Time,
    updated_at: Time,
    /// Only in the answer that placed a guest's order: opens it again, as header `X-Order-Token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_token: Option<String>,
}

/// A copy of what was bought, as it was called and priced then.
#[derive(Serialize, ToSchema)]
struct OrderItemOut {
    id: OrderLineId,
    product_id: Option<ProductId>,
    variant_id: Option<VariantId>,
    product_name: String,
    sku: Option<String>,
    quantity: i64,
    price: String,
    subtotal: String,
    discount: String,
    tax: String,
}

/// One step on one of the three axes.
#[derive(Serialize, ToSchema)]
struct HistoryOut {
    at: Time,
    #[schema(value_type = String)]
    axis: Axis,
    from: Option<String>,
    to: String,
    /// The account that did it; null for guests and the shop itself.
    by: Option<UserId>,
    note: String,
}

impl OrderOut {
    pub(crate) fn new(app: &App, order: &Order) -> Self {
        let Order {
            row,
            lines,
            history,
        } = order;
        OrderOut {
            id: row.id,
            order_number: row.order_number.clone(),
            external_id: row.external_id.clone(),
            user: row.user_id,
            user_email: row.email.clone(),
            status: row.status,
            payment_status: row.payment_status,
            fulfillment_status: row.fulfillment_status,
            payment_method: row.payment_method.clone(),
            currency: row.currency.clone(),
            subtotal: app.amount(row.subtotal_minor),
            discount_total: app.amount(row.discount_minor),
            shipping_total: app.amount(row.shipping_minor),
            tax_total: app.amount(row.tax_minor),
            total_amount: app.amount(row.total_minor),
            shipping_address: raw(row.shipping_address.as_deref()),
            billing_address: raw(row.billing_address.as_deref()),
            note: row.note.clone(),
            items: lines
                .iter()
                .map(|line| OrderItemOut::new(app, line))
                .collect(),
            prices_include_tax: row.prices_include_tax,
            items_count: row.items_count,
            history: history.iter().map(HistoryOut::from).collect(),
            created_at: row.created_at,
            updated_at: row.updated_at,
            order_token: None,
        }
    }

    pub(crate) fn to_text(&self) -> Result<String> {
        serde_json::to_string(self).map_err(Error::internal)
    }
}

/// As it was given: a text, an object with any members, or none.
fn address_schema() -> RefOr<Schema> {
    let of = |kind: Type| ObjectBuilder::new().schema_type(kind);
    let mut object =
        of(Type::Object).additional_properties(Some(AdditionalProperties::FreeForm(true)));
    for member in [
        "full_name",
        "line1",
        "line2",
        "city",
        "region",
        "postal_code",
        "country",
        "phone",
    ] {
        let any = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
        object = object.property(member, any);
    }
    OneOfBuilder::new()
        .description(Some(
            "A text or an object, as it was given. An object may have other members too.",
        ))
        .item(of(Type::String))
        .item(object)
        .item(of(Type::Null))
        .into()
}

/// Stored as JSON, shown as it is; what is none is shown as a text.
fn raw(address: Option<&str>) -> Option<Box<RawValue>> {
    let address = address?;
    RawValue::from_string(address.to_owned())
        .or_else(|_| serde_json::value::to_raw_value(address))
        .ok()
}

impl OrderItemOut {
    fn new(app: &App, line: &OrderLine) -> Self {
        let product_name = match line.variant_title.as_str() {
            "" => line.product_name.clone(),
            title => format!("{} ({title})", line.product_name),
        };
        OrderItemOut {
            id: line.id,
            product_id: line.product_id,
            variant_id: line.variant_id,
            product_name,
            sku: line.sku.clone(),
            quantity: line.quantity,
            price: app.amount(line.price_minor),
            subtotal: app.amount(line.subtotal_minor),
            discount: app.amount(line.discount_minor),
            tax: app.amount(line.tax_minor),
        }
    }
}

impl From<&HistoryRow> for HistoryOut {
    fn from(step: &HistoryRow) -> Self {
        HistoryOut {
            at: step.at,
            axis: step.axis,
            from: step.from_status.clone(),
            to: step.to_status.clone(),
            by: step.actor_id,
            note: step.note.clone(),
        }
    }
}
