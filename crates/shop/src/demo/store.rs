//! SQL of the demo: orders with all that belongs to them, in bulk.

use std::collections::{BTreeMap, HashMap};

use db::{Conn, Value, args, args_vec};

use super::orders::sums;
use super::people::Person;
use crate::app::App;
use crate::bulk::Bulk;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::{OrderId, ProductId, UserId, VariantId};
use crate::orders::{PaymentMethod, PaymentStatus, State, Step};
use crate::transact;

/// Who pays online pays there.
pub(super) const SANDBOX: PaymentMethod = PaymentMethod::named("sandbox");

const WHAT_IS_THERE: &str = "SELECT CASE WHEN EXISTS (SELECT 1 FROM products) THEN 'products'
  WHEN EXISTS (SELECT 1 FROM categories) THEN 'categories'
  WHEN EXISTS (SELECT 1 FROM orders) THEN 'orders'
  WHEN EXISTS (SELECT 1 FROM users WHERE role = 'customer') THEN 'customers' END AS what";

const CUSTOMERS: &str = "SELECT email, id FROM users WHERE role = 'customer'";

const ARTICLES: &str = "SELECT s.id AS item, v.id AS variant_id, v.product_id, p.name, v.title, v.sku, v.price_minor,
    s.on_hand - s.reserved AS stock
  FROM stock_items s JOIN variants v ON v.id = s.variant_id JOIN products p ON p.id = v.product_id ORDER BY v.id";

const ADD_STOCK: &str =
    "UPDATE stock_items SET on_hand = on_hand + $2, reserved = reserved + $3 WHERE id = $1";

const INSERT_ORDERS: Bulk = Bulk {
    head: "INSERT INTO orders (order_number, user_id, email, status, lifecycle, confirmed_at, payment_status,
    fulfillment_status, payment_method, currency, items_count, subtotal_minor, total_minor, captured_minor,
    shipping_address, created_at, updated_at) VALUES ",
    row: "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    tail: " RETURNING id, order_number",
};

const INSERT_LINES: Bulk = Bulk {
    head: "INSERT INTO order_lines (order_id, product_id, variant_id, product_name, variant_title, sku, quantity,
    shipped_quantity, price_minor, subtotal_minor) VALUES ",
    row: "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    tail: "",
};

const INSERT_STEPS: Bulk = Bulk {
    head: "INSERT INTO order_history (order_id, axis, from_status, to_status, at) VALUES ",
    row: "(?, ?, ?, ?, ?)",
    tail: "",
};

const INSERT_CHANGES: Bulk = Bulk {
    head: "INSERT INTO order_changes (order_id) VALUES ",
    row: "(?)",
    tail: "",
};

const INSERT_PAYMENTS: Bulk = Bulk {
    head: "INSERT INTO payments (order_id, provider, status, reference, provider_payment_id, amount_minor, captured_minor,
    currency, created_at, updated_at) VALUES ",
    row: "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    tail: " RETURNING id, order_id",
};

/// What the sandbox knows of them, so that they can be given back.
const INSERT_SANDBOX_PAYMENTS: Bulk = Bulk {
    head: "INSERT INTO sandbox_payments (reference, request_key, status, amount_minor, currency, captured_minor, created_at) VALUES ",
    row: "(?, ?, ?, ?, ?, ?, ?)",
    tail: "",
};

const INSERT_FACTS: Bulk = Bulk {
    head: "INSERT INTO payment_events (order_id, payment_id, kind, reference, amount_minor, currency, source, at) VALUES ",
    row: "(?, ?, ?, ?, ?, ?, ?, ?)",
    tail: "",
};

const INSERT_MOVES: Bulk = Bulk {
    head: "INSERT INTO stock_movements (stock_item_id, kind, quantity, order_id, reason, created_at) VALUES ",
    row: "(?, ?, ?, ?, ?, ?)",
    tail: "",
};

pub fn statements() -> Vec<String> {
    let bulks = [
        &INSERT_ORDERS,
        &INSERT_LINES,
        &INSERT_STEPS,
        &INSERT_CHANGES,
        &INSERT_PAYMENTS,
        &INSERT_SANDBOX_PAYMENTS,
        &INSERT_FACTS,
        &INSERT_MOVES,
    ];
    let fixed = [WHAT_IS_THERE, CUSTOMERS, ARTICLES, ADD_STOCK].map(str::to_owned);
    fixed
        .into_iter()
        .chain(bulks.into_iter().flat_map(|bulk| bulk.statements(0)))
        .collect()
}

db::record! {
    /// A variant on its shelf.
    pub(super) struct Article {
        pub(super) item: i64,
        pub(super) variant_id: VariantId,
        pub(super) product_id: ProductId,
        pub(super) name: String,
        pub(super) title: String,
        pub(super) sku: Option<String>,
        pub(super) price_minor: i64,
        pub(super) stock: i64,
    }
}

/// A movement of stock; `order` is the place of the order in its batch.
pub(super) struct Move {
    pub(super) article: usize,
    pub(super) kind: &'static str,
    pub(super) quantity: i64,
    pub(super) order: Option<usize>,
    pub(super) reason: &'static str,
    pub(super) at: Time,
}

/// What moved with the orders of a batch.
#[derive(Default)]
pub(super) struct Shelf {
    moves: Vec<Move>,
    orders: usize,
}

impl Shelf {
    pub(super) fn moves(&mut self, movement: Move) {
        self.moves.push(movement);
    }

    pub(super) fn next_order(&mut self) -> usize {
        self.orders += 1;
        self.orders - 1
    }
}

/// An order with what became of it.
pub(super) struct Past {
    pub(super) number: String,
    pub(super) person: Person,
    pub(super) method: PaymentMethod,
    pub(super) state: State,
    pub(super) steps: Vec<(Step, Time)>,
    pub(super) lines: Vec<PastLine>,
    pub(super) total: i64,
    pub(super) paid_at: Option<Time>,
    pub(super) confirmed_at: Option<Time>,
    pub(super) shipped: bool,
    pub(super) at: Time,
    pub(super) last: Time,
}

pub(super) struct PastLine {
    pub(super) article: usize,
    pub(super) quantity: i64,
}

/// What makes the shop a shop already.
pub(super) async fn what_is_there(conn: &Conn) -> Result<Option<String>> {
    Ok(conn.one(WHAT_IS_THERE, args![]).await?)
}

pub(super) async fn customers(conn: &Conn) -> Result<HashMap<String, UserId>> {
    Ok(conn
        .all::<(String, UserId)>(CUSTOMERS, args![])
        .await?
        .into_iter()
        .collect())
}

pub(super) async fn articles(conn: &Conn) -> Result<Vec<Article>> {
    Ok(conn.all(ARTICLES, args![]).await?)
}

/// A batch in one transaction, with the stock that moved.
pub(super) async fn add_orders(
    app: &App,
    past: &[Past],
    shelf: &Shelf,
    articles: &[Article],
) -> Result<()> {
    let currency = app.currency.code();
    let stock: Vec<Vec<Value>> = sums(&shelf.moves)
        .into_iter()
        .map(|(article, (on_hand, reserved))| (articles[article].item, on_hand, reserved))
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .map(|(item, on_hand, reserved)| args_vec![item, on_hand, reserved])
        .collect();
    let orders: Vec<Vec<Value>> = past
        .iter()
        .map(|order| order_row(order, currency))
        .collect();
    transact!(app.db, tx => {
        let written: Vec<(OrderId, String)> = INSERT_ORDERS.run(tx, &[], &orders).await?;
        let ids: HashMap<&str, OrderId> = written.iter().map(|(id, number)| (number.as_str(), *id)).collect();
        let ids: Vec<OrderId> = past.iter().filter_map(|order| ids.get(order.number.as_str()).copied()).collect();
        let of = || past.iter().zip(&ids);
        let lines: Vec<Vec<Value>> =
            of().flat_map(|(order, &id)| order.lines.iter().map(move |line| line_row(id, order, line, articles))).collect();
        let steps: Vec<Vec<Value>> = of()
            .flat_map(|(order, &id)| {
                order.steps.iter().map(move |(step, at)| args_vec![id, step.axis, step.from, step.to, *at])
            })
            .collect();
        let payments: Vec<Vec<Value>> =
            of().filter_map(|(order, &id)| Some(payment_row(id, order, order.paid_at?, currency))).collect();
        let at_sandbox: Vec<Vec<Value>> =
            of().filter_map(|(order, _)| sandbox_row(order, order.paid_at?, currency)).collect();
        let moves: Vec<Vec<Value>> = shelf
            .moves
            .iter()
            .map(|m| {
                let order = m.order.and_then(|place| ids.get(place).copied());
                args_vec![articles[m.article].item, m.kind, m.quantity, order, m.reason, m.at]
            })
            .collect();
        INSERT_LINES.run::<i64>(tx, &[], &lines).await?;
        INSERT_STEPS.run::<i64>(tx, &[], &steps).await?;
        // Totals of orders follow by and by.
        let changes: Vec<Vec<Value>> = ids.iter().map(|id| args_vec![*id]).collect();
        INSERT_CHANGES.run::<i64>(tx, &[], &changes).await?;
        let paid: Vec<(i64, OrderId)> = INSERT_PAYMENTS.run(tx, &[], &payments).await?;
        let paid: BTreeMap<OrderId, i64> = paid.into_iter().map(|(payment, order)| (order, payment)).collect();
        let facts: Vec<Vec<Value>> = of()
            .filter_map(|(order, id)| {
                let source = if order.method == PaymentMethod::COD { "staff" } else { "webhook" };
                let payment = *paid.get(id)?;
                Some(args_vec![*id, payment, "captured", "", order.total, currency, source, order.paid_at])
            })
            .collect();
        INSERT_FACTS.run::<i64>(tx, &[], &facts).await?;
        INSERT_SANDBOX_PAYMENTS.run::<i64>(tx, &[], &at_sandbox).await?;
        INSERT_MOVES.run::<i64>(tx, &[], &moves).await?;
        tx.execute_each(ADD_STOCK, &stock).await?;
        Ok(())
    })
}

fn order_row(order: &Past, currency: &str) -> Vec<Value> {
    let pieces: i64 = order.lines.iter().map(|line| line.quantity).sum();
    let captured = if order.state.payment == PaymentStatus::Paid {
        order.total
    } else {
        0
    };
    args_vec![
        &order.number,
        order.person.user,
        &order.person.email,
        order.state.status(),
        order.state.lifecycle,
        order.confirmed_at,
        order.state.payment,
        order.state.fulfillment,
        order.method,
        currency,
        pieces,
        order.total,
        order.total,
        captured,
        &order.person.address,
        order.at,
        order.last,
    ]
}

fn line_row(id: OrderId, order: &Past, line: &PastLine, articles: &[Article]) -> Vec<Value> {
    let article = &articles[line.article];
    args_vec![
        id,
        article.product_id,
        article.variant_id,
        &article.name,
        &article.title,
        article.sku.as_deref(),
        line.quantity,
        if order.shipped { line.quantity } else { 0 },
        article.price_minor,
        line.quantity * article.price_minor,
    ]
}

fn payment_row(id: OrderId, order: &Past, at: Time, currency: &str) -> Vec<Value> {
    let named = |kind: &str| (order.method == SANDBOX).then(|| name(kind, order));
    args_vec![
        id,
        order.method,
        "succeeded",
        named("sbx"),
        named("sbxpay"),
        order.total,
        order.total,
        currency,
        at,
        at
    ]
}

fn sandbox_row(order: &Past, at: Time, currency: &str) -> Option<Vec<Value>> {
    (order.method == SANDBOX).then(|| {
        args_vec![
            name("sbx", order),
            name("demo", order),
            "captured",
            order.total,
            currency,
            order.total,
            at
        ]
    })
}

fn name(kind: &str, order: &Past) -> String {
    format!("{kind}_demo-{}", order.number)
}
