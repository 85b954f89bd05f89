//! The HTTP face of carts.

use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::add_item::{self, AddItem};
use super::cart::{Cart, CartLine};
use super::{change_items, show_cart};
use crate::app::App;
use crate::caller::{CartToken, Shopper};
use crate::clock::Time;
use crate::error::{Code, Result};
use crate::http::access::{CART_HEADER, cart_cookie};
use crate::http::extract::{Given, Id, In};
use crate::http::{Op, Routes, WithHeader, created, ok};
use crate::ids::{CartId, CartLineId, ProductId, VariantId};
use crate::input;
use crate::media;
use crate::values::{Quantity, QuantityOrZero};

pub fn routes() -> Routes {
    let add_op = Op::new(
        "add_cart_item",
        "Add a variant to the cart; what lies there already adds up",
    )
    .shopper()
    .body::<AddItemIn>()
    .answers::<CartOut>(201)
    .answers::<CartOut>(200)
    .errors(&[
        Code::NotFound,
        Code::OutOfStock,
        Code::CartLimit,
        Code::AmountLimit,
        Code::CsrfFailed,
    ]);
    let change_op = |id, summary| {
        Op::new(id, summary)
            .shopper()
            .body::<ChangeItemIn>()
            .answers::<CartOut>(200)
            .errors(&[
                Code::OutOfStock,
                Code::CartLimit,
                Code::AmountLimit,
                Code::CsrfFailed,
            ])
    };
    let read_op = |id, summary| Op::new(id, summary).shopper().errors(&[Code::NotFound]);
    let write_op = |id, summary| {
        Op::new(id, summary)
            .shopper()
            .answers::<CartOut>(200)
            .errors(&[Code::NotFound, Code::CsrfFailed])
    };
    Routes::tag("cart")
        .get(
            "/cart/",
            show,
            read_op("show_cart", "Your cart; an absent one is shown empty").answers::<CartOut>(200),
        )
        .post("/cart/items/", add, add_op)
        .get(
            "/cart/items/{id}/",
            show_item,
            read_op("show_cart_item", "A line of your cart").answers::<CartItemOut>(200),
        )
        .put(
            "/cart/items/{id}/",
            change_item,
            change_op(
                "replace_cart_item",
                "Set the quantity of a line; 0 removes it",
            ),
        )
        .patch(
            "/cart/items/{id}/",
            change_item,
            change_op(
                "update_cart_item",
                "Set the quantity of a line; 0 removes it",
            ),
        )
        .delete(
            "/cart/items/{id}/",
            remove_item,
            write_op("remove_cart_item", "Take a line out of the cart"),
        )
        .delete(
            "/cart/clear/",
            clear,
            write_op("clear_cart", "Take everything out of the cart"),
        )
}

input! {
    /// Body of `POST cart/items/`.
    struct AddItemIn {
        #[also("product")]
        product_id: ProductId,
        /// Needed where the product has several variants.
        #[also("variant")]
        variant_id: Option<VariantId>,
        /// 1 when it is left out.
        quantity: Given<Quantity>,
    }
}

input! {
    /// Body of `PUT` and `PATCH cart/items/{id}/`.
    struct ChangeItemIn {
        quantity: QuantityOrZero,
    }
}

async fn show(State(app): State<App>, shopper: Shopper) -> Result<Response> {
    let cart = show_cart::show_cart(&app, &shopper).await?;
    Ok(ok(&CartOut::new(&app, &cart)))
}

async fn add(
    State(app): State<App>,
    shopper: Shopper,
    In(body): In<AddItemIn>,
) -> Result<Response> {
    let quantity = body.quantity.0.map_or(1, |quantity| quantity.0);
    let item = AddItem {
        product: body.product_id,
        variant: body.variant_id,
        quantity,
    };
    let added = add_item::add_item(&app, &shopper, item).await?;
    let out = CartOut::new(&app, &added.cart);
    let answer = if added.is_new {
        created(&out)
    } else {
        ok(&out)
    };
    Ok(match &added.token {
        Some(token) => with_token(answer, &app, token),
        None => answer,
    })
}

async fn show_item(
    State(app): State<App>,
    shopper: Shopper,
    Id(id): Id<CartLineId>,
) -> Result<Response> {
    let cart = show_cart::show_cart(&app, &shopper).await?;
    Ok(ok(&CartItemOut::new(&app, cart.line(id)?)))
}

async fn change_item(
    State(app): State<App>,
    shopper: Shopper,
    Id(id): Id<CartLineId>,
    In(body): In<ChangeItemIn>,
) -> Result<Response> {
    let cart = change_items::set_quantity(&app, &shopper, id, body.quantity.0).await?;
    Ok(ok(&CartOut::new(&app, &cart)))
}

async fn remove_item(
    State(app): State<App>,
    shopper: Shopper,
    Id(id): Id<CartLineId>,
) -> Result<Response> {
    let cart = change_items::remove_item(&app, &shopper, id).await?;
    Ok(ok(&CartOut::new(&app, &cart)))
}

async fn clear(State(app): State<App>, shopper: Shopper) -> Result<Response> {
    let cart = change_items::clear_cart(&app, &shopper).await?;
    Ok(ok(&CartOut::new(&app, &cart)))
}

/// For browsers as a cookie that scripts cannot read, for all others as a header.
fn with_token(answer: Response, app: &App, CartToken(token): &CartToken) -> Response {
    answer
        .with_header(header::SET_COOKIE, &cart_cookie(app, Some(token)))
        .with_header(HeaderName::from_static(CART_HEADER), token)
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CartOut<'a> {
    /// Null as long as nothing was put into it.
    id: Option<CartId>,
    items: Vec<CartItemOut<'a>>,
    /// Pieces.
    total_items: i64,
    total_amount: String,
    currency: &'static str,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CartItemOut<'a> {
    id: CartLineId,
    product: CartProductOut<'a>,
    product_id: ProductId,
    variant_id: VariantId,
    quantity: i64,
    unit_price: String,
    subtotal: String,
    added_at: Time,
}

/// The variant as it is sold now.
#[derive(Serialize, ToSchema)]
pub(crate) struct CartProductOut<'a> {
    id: ProductId,
    name: &'a str,
    slug: &'a str,
    /// What sets the variant apart; empty where there is only one.
    variant: &'a str,
    sku: Option<&'a str>,
    price: String,
    currency: &'static str,
    stock: i64,
    in_stock: bool,
    image: Option<String>,
    image_url: Option<String>,
    /// False when it can no longer be ordered.
    is_active: bool,
}

impl<'a> CartOut<'a> {
    fn new(app: &App, cart: &'a Cart) -> Self {
        CartOut {
            id: cart.id,
            items: cart
                .lines
                .iter()
                .map(|line| CartItemOut::new(app, line))
                .collect(),
            total_items: cart.total_items(),
            total_amount: app.amount(cart.total_minor()),
            currency: app.currency.code(),
        }
    }
}

impl<'a> CartItemOut<'a> {
    fn new(app: &App, line: &'a CartLine) -> Self {
        CartItemOut {
            id: line.id,
            product: CartProductOut::new(app, line),
            product_id: line.product_id,
            variant_id: line.variant_id,
            quantity: line.quantity,
            unit_price: app.amount(line.price_minor),
            subtotal: app.amount(line.subtotal_minor()),
            added_at: line.added_at,
        }
    }
}

impl<'a> CartProductOut<'a> {
    fn new(app: &App, line: &'a CartLine) -> Self {
        let image = line.image_url.as_deref();
        let image = image.map(|url| media::shown(&app.config, url).into_owned());
        CartProductOut {
            id: line.product_id,
            name: &line.product_name,
            slug: &line.slug,
            variant: &line.variant_title,
            sku: line.sku.as_deref(),
            price: app.amount(line.price_minor),
            currency: app.currency.code(),
            stock: line.available,
            in_stock: line.is_active && line.available > 0,
            image: image.clone(),
            image_url: image,
            is_active: line.is_active,
        }
    }
}
