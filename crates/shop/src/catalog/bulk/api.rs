//! `POST products/bulk/`.

use axum::extract::State;
use axum::http::HeaderName;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::change::{Change, Filter, PriceChange, Selection, StockChange};
use super::change_products::{Changed, Done, Repeat, change_products, preview_products};
use crate::app::App;
use crate::caller::Admin;
use crate::catalog::products::input::Stock;
use crate::error::{Code, Error, Result};
use crate::http::extract::{Field, Keyed, Node, Query, Reader};
use crate::http::schema::Schemas;
use crate::http::{Op, Routes, WithHeader, json_text, ok};
use crate::ids::{ProductId, VariantId};
use crate::values::{Decimal, Key, Price, Text};
use crate::{input, query};

/// How many can be named in one request.
const MAX_NAMED: usize = 1000;
/// How many of the changed variants are shown.
const SHOWN: usize = 100;

pub(in crate::catalog) fn routes() -> Routes {
    Routes::tag("products").post(
        "/products/bulk/",
        change,
        Op::new("change_products", "Change prices and stock of many products: all or nothing")
            .describe("Name products by `ids`, `variant_ids` or `skus`, or take all that a `filter` finds (an empty one: everything), at most 10 000 variants. With `?dry_run=1` nothing is written and the answer is the same; an `Idempotency-Key` counts for what is written.")
            .admin()
            .query::<BulkQuery>()
            .keyed_body::<BulkIn>()
            .answers::<BulkOut>(200),
    )
}

query! {
    pub(crate) struct BulkQuery {
        /// Only show what would be changed.
        pub(crate) dry_run: Option<bool>,
    }
}

input! {
    /// Which variants, and what of them.
    #[members(no_others)]
    pub(crate) struct BulkIn {
        /// Products with all their variants; at most 1000.
        pub(crate) ids: Option<Vec<ProductId>>,
        pub(crate) variant_ids: Option<Vec<VariantId>>,
        pub(crate) skus: Option<Vec<Text<100>>>,
        pub(crate) filter: Option<BulkFilter>,
        pub(crate) price: Option<PriceChangeIn>,
        pub(crate) stock: Option<StockChangeIn>,
    }
}

input! {
    /// As the filters of the product list.
    #[members(no_others)]
    pub(crate) struct BulkFilter {
        pub(crate) category: Option<Key>,
        pub(crate) search: Option<Text<200>>,
        pub(crate) min_price: Option<Decimal>,
        pub(crate) max_price: Option<Decimal>,
        pub(crate) in_stock: Option<bool>,
        pub(crate) is_active: Option<bool>,
        pub(crate) is_featured: Option<bool>,
    }
}

input! {
    /// One of the three.
    #[members(no_others)]
    pub(crate) struct PriceChangeIn {
        pub(crate) set: Option<Price>,
        /// `-10` or `"2.5"`: at most four decimals. Halves of the smallest unit are rounded away from zero.
        pub(crate) percent: Option<Percent>,
        /// More, or less with a minus.
        pub(crate) delta: Option<Decimal>,
    }
}

input! {
    /// One of the two, of what can be sold.
    #[members(no_others)]
    pub(crate) struct StockChangeIn {
        pub(crate) set: Option<Stock>,
        /// More, or less with a minus.
        pub(crate) delta: Option<i64>,
    }
}

/// In ten-thousandths.
#[derive(Debug)]
pub(crate) struct Percent(i64);

impl Field for Percent {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        let text = match node {
            Node::Number(text) => text,
            Node::String(text) => text.trim(),
            _ => return reader.fault("invalid", "A valid number is required."),
        };
        match ten_thousandths(text) {
            Some(percent) if percent >= -1_000_000 => Some(Percent(percent)),
            Some(_) => reader.fault("min_value", "Must be at least -100."),
            None => reader.fault(
                "invalid",
                "A number with at most four decimals is required.",
            ),
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"oneOf": [{"type": "string", "examples": ["-10"]}, {"type": "number"}]})
    }
}

fn ten_thousandths(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !are_digits(whole) || !are_digits(part) || whole.len() > 9 || part.len() > 4 {
        return None;
    }
    Some(sign * format!("{whole}{part:0<4}").parse::<i64>().ok()?)
}

/// What was changed, or would be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkOut {
    dry_run: bool,
    /// How many products have a variant that changes.
    products: usize,
    /// How many variants change.
    variants: usize,
    /// How many were meant and stay as they are.
    unchanged: usize,
    currency: &'static str,
    /// The first hundred.
    changes: Vec<ChangeOut>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangeOut {
    product_id: ProductId,
    variant_id: VariantId,
    name: String,
    sku: Option<String>,
    #[schema(example = "19.99")]
    price_before: String,
    #[schema(example = "17.99")]
    price: String,
    stock_before: i64,
    stock: i64,
}

async fn change(
    State(app): State<App>,
    admin: Admin,
    Query(query): Query<BulkQuery>,
    Keyed { key, body }: Keyed<BulkIn>,
) -> Result<Response> {
    let (selection, change) = read(body)?;
    if query.dry_run == Some(true) {
        let all = preview_products(&app, &selection, change).await?;
        return Ok(ok(&BulkOut::new(&app, true, &all)));
    }
    let answer = |all: &[Changed]| {
        serde_json::to_string(&BulkOut::new(&app, false, all)).map_err(Error::internal)
    };
    let repeat = key.as_ref().map(|key| Repeat {
        key,
        answer: &answer,
    });
    Ok(
        match change_products(&app, &admin, &selection, change, repeat).await? {
            Done::Now(all) => ok(&BulkOut::new(&app, false, &all)),
            Done::Before { answer } => json_text(200, answer)
                .with_header(HeaderName::from_static("idempotency-replayed"), "true"),
        },
    )
}

impl BulkOut {
    fn new(app: &App, dry_run: bool, all: &[Changed]) -> Self {
        let meant = all.len();
        let moved: Vec<&Changed> = all.iter().filter(|changed| !changed.stays()).collect();
        let mut products: Vec<ProductId> = moved
            .iter()
            .map(|changed| changed.before.product_id)
            .collect();
        products.dedup();
        let change = |changed: &&Changed| ChangeOut {
            product_id: changed.before.product_id,
            variant_id: changed.before.id,
            name: changed.before.name.clone(),
            sku: changed.before.sku.clone(),
            price_before: app.amount(changed.before.price_minor),
            price: app.amount(changed.price_minor),
            stock_before: changed.before.stock,
            stock: changed.stock,
        };
        BulkOut {
            dry_run,
            products: products.len(),
            variants: moved.len(),
            unchanged: meant - moved.len(),
            currency: app.currency.code(),
            changes: moved.iter().take(SHOWN).map(change).collect(),
        }
    }
}

fn read(body: BulkIn) -> Result<(Selection, Change)> {
    let mut faults: Vec<(&str, &'static str, String)> = Vec::new();
    let lengths = [
        ("ids", body.ids.as_ref().map(Vec::len)),
        ("variant_ids", body.variant_ids.as_ref().map(Vec::len)),
        ("skus", body.skus.as_ref().map(Vec::len)),
    ];
    for (attr, length) in lengths {
        match length {
            Some(0) => faults.push((attr, "empty", "Name at least one.".to_owned())),
            Some(length) if length > MAX_NAMED => {
                faults.push((
                    attr,
                    "max_length",
                    format!("Name at most {MAX_NAMED} at once."),
                ));
            }
            _ => {}
        }
    }
    let mut selections = Vec::new();
    selections.extend(body.ids.map(Selection::Products));
    selections.extend(body.variant_ids.map(Selection::Variants));
    selections.extend(
        body.skus
            .map(|skus| Selection::Skus(skus.into_iter().map(String::from).collect())),
    );
    selections.extend(
        body.filter
            .map(|filter| Selection::Filter(Box::new(filter.into()))),
    );
    if selections.len() != 1 {
        faults.push((
            "ids",
            "invalid",
            "Give one of `ids`, `variant_ids`, `skus` and `filter`.".to_owned(),
        ));
    }
    let prices: Option<Vec<PriceChange>> = body.price.map(|price| {
        let set = price.set.map(|price| PriceChange::Set(price.0));
        let percent = price.percent.map(|percent| PriceChange::Percent(percent.0));
        let delta = price.delta.map(|delta| PriceChange::Delta(delta.0));
        [set, percent, delta].into_iter().flatten().collect()
    });
    let stocks: Option<Vec<StockChange>> = body.stock.map(|stock| {
        let set = stock.set.map(|stock| StockChange::Set(stock.0));
        [set, stock.delta.map(StockChange::Delta)]
            .into_iter()
            .flatten()
            .collect()
    });
    if prices.as_ref().is_some_and(|given| given.len() != 1) {
        faults.push((
            "price",
            "invalid",
            "Give one of `set`, `percent` and `delta`.".to_owned(),
        ));
    }
    if stocks.as_ref().is_some_and(|given| given.len() != 1) {
        faults.push((
            "stock",
            "invalid",
            "Give one of `set` and `delta`.".to_owned(),
        ));
    }
    if prices.is_none() && stocks.is_none() {
        faults.push((
            "price",
            "required",
            "Say what to change: `price`, `stock` or both.".to_owned(),
        ));
    }
    let first = |given: Option<Vec<_>>| given.and_then(|given| given.into_iter().next());
    match selections.pop() {
        Some(selection) if faults.is_empty() => {
            let stock = stocks.and_then(|given| given.into_iter().next());
            Ok((
                selection,
                Change {
                    price: first(prices),
                    stock,
                },
            ))
        }
        _ => Err(faults.into_iter().fold(
            Error::from(Code::ValidationError),
            |error, (attr, code, detail)| error.and(attr, code, detail),
        )),
    }
}

impl From<BulkFilter> for Filter {
    fn from(filter: BulkFilter) -> Self {
        Filter {
            category: filter.category,
            search: filter.search.map(String::from),
            min_price: filter.min_price.map(|price| price.0),
            max_price: filter.max_price.map(|price| price.0),
            in_stock: filter.in_stock,
            is_active: filter.is_active,
            is_featured: filter.is_featured,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_are_read_digit_by_digit() {
        for (text, expected) in [
            ("-10", Some(-100_000)),
            ("2.5", Some(25_000)),
            ("0.0001", Some(1)),
            ("-0.5", Some(-5_000)),
        ] {
            assert_eq!(ten_thousandths(text), expected, "{text}");
        }
        for text in [
            "",
            "-",
            "1e3",
            "1.",
            ".5",
            "1.00001",
            "١",
            "+1",
            "9999999999",
        ] {
            assert_eq!(ten_thousandths(text), None, "{text}");
        }
    }
}
