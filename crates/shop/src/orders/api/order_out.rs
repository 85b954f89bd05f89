//! An order as clients see it.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type,
};

use crate::app::App;
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::ids::{OrderId, OrderLineId, ProductId, UserId, VariantId};
use crate::orders::order::{
    Axis, FulfillmentStatus, HistoryRow, Order, OrderLine, PaymentStatus, Status,
};

#[derive(Serialize, ToSchema)]
pub(crate) struct OrderOut {
    id: OrderId,
    pub(super) order_number: String,
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
    pub(super) order_token: Option<String>,
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
