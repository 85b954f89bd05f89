//! The paths of stock, for admins.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::change_stock::{Change, change_stock, show_stock};
use super::store::{self, Figures, MovementRow};
use crate::app::App;
use crate::caller::Admin;
use crate::clock::Time;
use crate::error::{Error, Fault, Result};
use crate::http::extract::{In, PathKey, Query};
use crate::http::{Op, Routes, ok};
use crate::ids::{OrderId, UserId, VariantId};
use crate::inventory::MAX_STOCK;
use crate::paging::Paging;
use crate::values::Text;
use crate::{input, query, words};

pub(in crate::catalog) fn routes() -> Routes {
    Routes::tag("inventory")
        .get(
            "/products/{id}/inventory/",
            show,
            Op::new(
                "show_inventory",
                "What of a product is on hand and what is promised",
            )
            .admin()
            .answers::<InventoryOut>(200),
        )
        .post(
            "/products/{id}/inventory/receive/",
            receive,
            Op::new("receive_stock", "Put goods that arrived on the shelf")
                .admin()
                .body::<ReceiveIn>()
                .answers::<InventoryOut>(200),
        )
        .post(
            "/products/{id}/inventory/adjust/",
            adjust,
            Op::new(
                "adjust_stock",
                "Correct what is on hand, by a difference or to a count",
            )
            .admin()
            .body::<AdjustIn>()
            .answers::<InventoryOut>(200),
        )
        .get(
            "/products/{id}/movements/",
            list_movements,
            Op::new(
                "list_movements",
                "Why the stock of a product is what it is, newest first",
            )
            .describe(
                "The changes of all movements add up to what is on hand and what is reserved.",
            )
            .admin()
            .query::<MovementQuery>()
            .lists::<MovementOut>(),
        )
}

input! {
    /// Goods that arrived.
    struct ReceiveIn {
        /// Needed where the product has several variants.
        variant_id: Option<VariantId>,
        /// 1 or more.
        quantity: i64,
        /// Such as the number of the delivery.
        reason: Option<Text<200>>,
    }
}

input! {
    /// Either `quantity` or `on_hand`.
    struct AdjustIn {
        /// Needed where the product has several variants.
        variant_id: Option<VariantId>,
        /// How many more were found, or fewer (negative).
        quantity: Option<i64>,
        /// How many were counted on the shelf, what is promised included.
        on_hand: Option<i64>,
        /// Why, such as `broken`.
        reason: Option<Text<200>>,
    }
}

words! {
    /// What a movement is.
    enum Kind {
        Received = "received",
        Reserved = "reserved",
        Released = "released",
        Sold = "sold",
        Returned = "returned",
        Adjusted = "adjusted",
        Transferred = "transferred",
    }
}

query! {
    struct MovementQuery {
        variant_id: Option<VariantId>,
        kind: Option<Kind>,
        paging: Paging,
    }
}

#[derive(Serialize, ToSchema)]
struct InventoryOut {
    on_hand: i64,
    reserved: i64,
    /// What can be sold.
    available: i64,
    variants: Vec<FiguresOut>,
}

#[derive(Serialize, ToSchema)]
struct FiguresOut {
    variant_id: VariantId,
    sku: Option<String>,
    title: String,
    on_hand: i64,
    reserved: i64,
    available: i64,
}

#[derive(Serialize, ToSchema)]
struct MovementOut {
    id: i64,
    at: Time,
    variant_id: VariantId,
    sku: Option<String>,
    kind: String,
    quantity: i64,
    /// What it added to what is on hand.
    on_hand_change: i64,
    /// What it added to what is promised.
    reserved_change: i64,
    order_id: Option<OrderId>,
    /// The account that did it; null for guests and the shop itself.
    actor: Option<UserId>,
    reason: String,
}

impl From<Vec<Figures>> for InventoryOut {
    fn from(variants: Vec<Figures>) -> Self {
        let (on_hand, reserved) = variants
            .iter()
            .fold((0, 0), |(on_hand, reserved), figures| {
                (on_hand + figures.on_hand, reserved + figures.reserved)
            });
        let variants = variants.into_iter().map(|figures| FiguresOut {
            variant_id: figures.variant_id,
            sku: figures.sku,
            title: figures.title,
            on_hand: figures.on_hand,
            reserved: figures.reserved,
            available: figures.on_hand - figures.reserved,
        });
        InventoryOut {
            on_hand,
            reserved,
            available: on_hand - reserved,
            variants: variants.collect(),
        }
    }
}

impl From<MovementRow> for MovementOut {
    fn from(row: MovementRow) -> Self {
        let quantity = row.quantity;
        let (on_hand_change, reserved_change) = match row.kind.as_str() {
            "reserved" => (0, quantity),
            "released" => (0, -quantity),
            "sold" => (-quantity, -quantity),
            _ => (quantity, 0),
        };
        MovementOut {
            id: row.id,
            at: row.created_at,
            variant_id: row.variant_id,
            sku: row.sku,
            kind: row.kind,
            quantity,
            on_hand_change,
            reserved_change,
            order_id: row.order_id,
            actor: row.actor_id,
            reason: row.reason,
        }
    }
}

async fn show(State(app): State<App>, _: Admin, PathKey(key): PathKey) -> Result<Response> {
    let (_, figures) = show_stock(&app, &key).await?;
    Ok(ok(&InventoryOut::from(figures)))
}

async fn receive(
    State(app): State<App>,
    admin: Admin,
    PathKey(key): PathKey,
    In(body): In<ReceiveIn>,
) -> Result<Response> {
    if !(1..=MAX_STOCK).contains(&body.quantity) {
        return Err(Error::faults(vec![out_of_range("quantity", 1)]));
    }
    let reason = body
        .reason
        .map_or_else(|| "goods received".to_owned(), String::from);
    let change = Change::Received(body.quantity);
    let figures = change_stock(&app, &admin, &key, body.variant_id, change, &reason).await?;
    Ok(ok(&InventoryOut::from(figures)))
}

async fn adjust(
    State(app): State<App>,
    admin: Admin,
    PathKey(key): PathKey,
    In(body): In<AdjustIn>,
) -> Result<Response> {
    let change = match (body.quantity, body.on_hand) {
        (Some(by), None) if by != 0 && by.abs_diff(0) <= MAX_STOCK.unsigned_abs() => Change::By(by),
        (Some(_), None) => return Err(Error::faults(vec![out_of_range("quantity", -MAX_STOCK)])),
        (None, Some(counted)) if (0..=MAX_STOCK).contains(&counted) => Change::Counted(counted),
        (None, Some(_)) => return Err(Error::faults(vec![out_of_range("on_hand", 0)])),
        (quantity, _) => {
            let code = if quantity.is_some() {
                "invalid"
            } else {
                "required"
            };
            return Err(Error::field(
                "quantity",
                code,
                "Give quantity or on_hand, one of them.",
            ));
        }
    };
    let reason = body
        .reason
        .map_or_else(|| "counted by staff".to_owned(), String::from);
    let figures = change_stock(&app, &admin, &key, body.variant_id, change, &reason).await?;
    Ok(ok(&InventoryOut::from(figures)))
}

async fn list_movements(
    State(app): State<App>,
    _: Admin,
    PathKey(key): PathKey,
    Query(query): Query<MovementQuery>,
) -> Result<Response> {
    let (product, _) = show_stock(&app, &key).await?;
    let conn = app.db.read().await?;
    let kind = query.kind.map(Kind::as_str);
    let page = store::list_movements(&conn, product, query.variant_id, kind, &query.paging).await?;
    Ok(ok(&page.map(MovementOut::from)))
}

fn out_of_range(attr: &str, least: i64) -> Fault {
    Fault {
        attr: attr.to_owned(),
        code: "out_of_range",
        detail: format!("From {least} to {MAX_STOCK}."),
        in_query: false,
    }
}
