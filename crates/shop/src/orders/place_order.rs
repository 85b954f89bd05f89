//! Turns a cart into an order: all of it or nothing, and each cart once.

use db::Tx;
use futures_util::join;
use serde_json::json;

use super::names::{hash_order_token, new_order_number, order_token};
use super::order::{Order, OrderLine, OrderRow, PaymentMethod, Source, State};
use super::store::{self, NewOrder};
use crate::addresses::{self, Choice};
use crate::app::App;
use crate::caller::Shopper;
use crate::cart::{self, CartLine, Owner};
use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::idempotency::{self, Claim, IdempotencyKey};
use crate::ids::{CartId, OrderId, OrderLineId, UserId, VariantId};
use crate::inventory;

/// What the buyer says beside the cart.
#[derive(Clone, Debug)]
pub struct PlaceOrder {
    pub shipping: Choice,
    pub billing: Choice,
    pub payment_method: PaymentMethod,
    /// Of a guest; an account's own is copied.
    pub email: String,
    /// Minor units; another total is refused.
    pub expected_total: Option<i64>,
    pub note: String,
}

/// A request that may come twice, and how its answer is written down for the second time.
#[derive(Clone, Copy)]
pub struct Repeat<'a> {
    pub key: &'a IdempotencyKey,
    pub answer: &'a (dyn Fn(&Order) -> Result<String> + Sync),
}

#[derive(Debug)]
pub enum Placed {
    New(Box<Order>),
    /// It was placed before; this was answered.
    Before {
        answer: String,
    },
}

const OPERATION: &str = "place_order";

/// Places the shopper's cart as an order.
pub async fn place_order(
    app: &App,
    shopper: &Shopper,
    request: &PlaceOrder,
    repeat: Option<Repeat<'_>>,
) -> Result<Placed> {
    let owner = cart::owner_of(shopper).ok_or_else(empty)?;
    let user = shopper.user.map(|user| user.id);
    let now = app.clock.now();
    let order_number = new_order_number()?;
    let scope = scope_of(owner);

    let placed = crate::transact!(app.db, tx => {
        if let Some(answer) = claim_key(tx, &scope, repeat, now).await? {
            return Ok(Placed::Before { answer });
        }
        let (cart, addresses, id) = join!(
            claim_cart(tx, owner, now),
            addresses::for_order(tx, user, &request.shipping, &request.billing),
            store::draw_id(tx),
        );
        let ((cart_id, lines), addresses, id) = (cart?, addresses?, id?);
        all_on_sale(&lines)?;
        let total = total_of(&lines)?;
        as_expected(app, request, total)?;
        let token_hash = guest_token_hash(app, owner, &order_number)?;
        let new = NewOrder {
            token_hash,
            ..new_order(app, request, &addresses, &lines, total, user, &order_number)
        };
        let (email, lines) = write(tx, id, &new, owner, cart_id, &lines, now).await?;
        let order = as_order(id, email, &new, lines, now);
        keep_answer(tx, &scope, repeat, &order).await?;
        Ok(Placed::New(Box::new(order)))
    })?;
    if matches!(placed, Placed::New(_)) {
        app.metrics.order_placed(user.is_none());
    }
    Ok(placed)
}

fn empty() -> Error {
    Code::CartEmpty.with("There is nothing in the cart.")
}

fn scope_of(owner: Owner) -> String {
    match owner {
        Owner::User(id) => format!("user:{id}"),
        Owner::Guest(hash) => hash.iter().fold(String::from("guest:"), |text, byte| {
            format!("{text}{byte:02x}")
        }),
    }
}

async fn claim_key(
    tx: &Tx,
    scope: &str,
    repeat: Option<Repeat<'_>>,
    now: Time,
) -> Result<Option<String>> {
    let Some(Repeat { key, .. }) = repeat else {
        return Ok(None);
    };
    match idempotency::claim(tx, scope, OPERATION, key, now).await? {
        Claim::New => Ok(None),
        Claim::Replay { answer, .. } => Ok(Some(answer)),
    }
}

/// From here on nobody else can order or change the cart. Prices are read anew with the lines.
async fn claim_cart(tx: &Tx, owner: Owner, now: Time) -> Result<(CartId, Vec<CartLine>)> {
    match cart::claim_cart(tx, owner, now).await? {
        Some((cart, lines)) if !lines.is_empty() => Ok((cart, lines)),
        _ => Err(empty()),
    }
}

fn all_on_sale(lines: &[CartLine]) -> Result<()> {
    let gone: Vec<_> = lines
        .iter()
        .filter(|line| !line.is_active)
        .map(|line| {
            json!({"product_id": line.product_id, "product": line.product_name, "variant_id": line.variant_id,
                   "cart_item_id": line.id})
        })
        .collect();
    if gone.is_empty() {
        return Ok(());
    }
    Err(Code::ProductUnavailable
        .with("Take what is no longer sold out of the cart.")
        .member("lines", gone))
}

fn total_of(lines: &[CartLine]) -> Result<i64> {
    let total = lines.iter().try_fold(0_i64, |sum, line| {
        sum.checked_add(line.price_minor.checked_mul(line.quantity)?)
    });
    total.ok_or_else(|| Code::AmountLimit.with("The order is worth more than the shop can count."))
}

fn as_expected(app: &App, request: &PlaceOrder, total: i64) -> Result<()> {
    match request.expected_total {
        Some(expected) if expected != total => Err(Code::PriceChanged
            .with(format!("The total is {} now.", app.amount(total)))
            .member("expected_total", app.amount(expected))
            .member("total_amount", app.amount(total))),
        _ => Ok(()),
    }
}

/// A guest reaches the order by a token; of it a hash is kept.
fn guest_token_hash(app: &App, owner: Owner, order_number: &str) -> Result<Option<[u8; 32]>> {
    match owner {
        Owner::User(_) => Ok(None),
        Owner::Guest(_) => {
            order_token(app, order_number).map(|token| Some(hash_order_token(&token)))
        }
    }
}

fn new_order<'a>(
    app: &'a App,
    request: &'a PlaceOrder,
    (shipping, billing): &'a (Option<String>, Option<String>),
    lines: &[CartLine],
    total: i64,
    user: Option<UserId>,
    order_number: &'a str,
) -> NewOrder<'a> {
    NewOrder {
        order_number,
        user,
        email: &request.email,
        token_hash: None,
        payment_method: request.payment_method.as_str(),
        currency: app.currency.code(),
        items_count: lines.iter().map(|line| line.quantity).sum(),
        total_minor: total,
        shipping_address: shipping.as_deref(),
        billing_address: billing.as_deref(),
        note: &request.note,
    }
}

/// The order and all that hangs on it, sent together. Of what others wait for, stock comes first: its rows are held
/// only from here to the commit. The outcomes are looked at in the order of sending, because after one that failed
/// PostgreSQL refuses the rest for its sake. Answers with the address that the order is placed under, and its lines.
async fn write(
    tx: &Tx,
    order: OrderId,
    new: &NewOrder<'_>,
    owner: Owner,
    cart: CartId,
    lines: &[CartLine],
    now: Time,
) -> Result<(String, Vec<OrderLine>)> {
    let wanted: Vec<(VariantId, i64)> = lines
        .iter()
        .map(|line| (line.variant_id, line.quantity))
        .collect();
    let copies = lines.iter().map(|line| copy_of(order, line)).collect();
    let placed = Event::OrderPlaced { order_id: order };
    let (email, short, lines, event, change, cart) = join!(
        store::insert_order(tx, order, new, now),
        inventory::reserve(tx, order, &wanted, now),
        store::insert_lines(tx, order, copies),
        events::record(tx, &placed, now),
        store::note_change(tx, order),
        cart::consume_cart(tx, owner, cart),
    );
    let (email, short, lines, (), (), ()) = (email?, short?, lines?, event?, change?, cart?);
    short.refuse(tx).await?;
    Ok((email, lines))
}

fn copy_of(order: OrderId, line: &CartLine) -> OrderLine {
    OrderLine {
        order_id: order,
        id: OrderLineId(0),
        product_id: Some(line.product_id),
        variant_id: Some(line.variant_id),
        product_name: line.product_name.clone(),
        variant_title: line.variant_title.clone(),
        sku: line.sku.clone(),
        quantity: line.quantity,
        shipped_quantity: 0,
        price_minor: line.price_minor,
        subtotal_minor: line.subtotal_minor(),
        discount_minor: 0,
        tax_minor: 0,
    }
}

/// The order as the database has it now, without asking again.
fn as_order(
    id: OrderId,
    email: String,
    new: &NewOrder<'_>,
    lines: Vec<OrderLine>,
    now: Time,
) -> Order {
    let state = State::PLACED;
    let row = OrderRow {
        id,
        order_number: new.order_number.to_owned(),
        user_id: new.user,
        by_guest: new.token_hash.is_some(),
        email,
        source: Source::Shop,
        external_id: None,
        status: state.status(),
        lifecycle: state.lifecycle,
        confirmed_at: None,
        payment_status: state.payment,
        fulfillment_status: state.fulfillment,
        payment_method: new.payment_method.to_owned(),
        currency: new.currency.to_owned(),
        prices_include_tax: true,
        items_count: new.items_count,
        subtotal_minor: new.total_minor,
        discount_minor: 0,
        shipping_minor: 0,
        tax_minor: 0,
        total_minor: new.total_minor,
        captured_minor: 0,
        refunded_minor: 0,
        shipping_address: new.shipping_address.map(str::to_owned),
        billing_address: new.billing_address.map(str::to_owned),
        note: new.note.to_owned(),
        created_at: now,
        updated_at: now,
    };
    Order {
        history: row.beginning().collect(),
        row,
        lines,
    }
}

async fn keep_answer(
    tx: &Tx,
    scope: &str,
    repeat: Option<Repeat<'_>>,
    order: &Order,
) -> Result<()> {
    let Some(Repeat { key, answer }) = repeat else {
        return Ok(());
    };
    idempotency::keep(tx, scope, OPERATION, key, 201, &answer(order)?).await
}
