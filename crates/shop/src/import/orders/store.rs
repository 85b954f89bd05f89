//! All SQL of the orders' import: whole invoices, many rows a statement.

use std::collections::{HashMap, HashSet};

use db::{Db, Select, Value, args_vec};

use super::Invoice;
use super::line::Line;
use crate::app::App;
use crate::bulk::Bulk;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::{OrderId, ProductId, VariantId};
use crate::orders::{PaymentStatus, Source, State, Status, Step, new_order_number};
use crate::transact;

db::record! {
    /// What the catalog says about a SKU.
    pub(super) struct Known {
        pub sku: String,
        pub product_id: ProductId,
        pub variant_id: VariantId,
        pub name: String,
    }
}

const SELECT_KNOWN: &str = "SELECT v.sku, v.product_id, v.id AS variant_id, p.name
  FROM variants v JOIN products p ON p.id = v.product_id";

const SELECT_PRESENT: &str = "SELECT external_id FROM orders";

const INSERT_ORDERS: Bulk = Bulk {
    head: "INSERT INTO orders (order_number, external_id, email, source, status, lifecycle, payment_status,
    fulfillment_status, payment_method, currency, items_count, subtotal_minor, total_minor, captured_minor, note,
    created_at, updated_at) VALUES ",
    row: "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    tail: " ON CONFLICT (external_id) DO NOTHING RETURNING id, external_id",
};

const INSERT_LINES: Bulk = Bulk {
    head: "INSERT INTO order_lines (order_id, product_id, variant_id, product_name, sku, quantity, shipped_quantity,
    price_minor, subtotal_minor) VALUES ",
    row: "(?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
    head: "INSERT INTO payments (order_id, provider, provider_payment_id, amount_minor, captured_minor, currency, status,
    created_at, updated_at) VALUES ",
    row: "(?, ?, ?, ?, ?, ?, ?, ?, ?)",
    tail: "",
};

pub fn statements() -> Vec<String> {
    let known = Select::new(SELECT_KNOWN).filter_in("v.sku", ["A"]);
    let present = Select::new(SELECT_PRESENT).filter_in("external_id", ["1"]);
    let bulks = [
        INSERT_ORDERS,
        INSERT_LINES,
        INSERT_STEPS,
        INSERT_CHANGES,
        INSERT_PAYMENTS,
    ];
    let bulks = bulks.iter().flat_map(|bulk| bulk.statements(0));
    [known.sql().to_owned(), present.sql().to_owned()]
        .into_iter()
        .chain(bulks)
        .collect()
}

/// SKUs or invoice numbers asked for in one statement.
const ASKED: usize = 400;

/// What the catalog says about those of the invoices' SKUs that are not in `catalog` yet.
pub(super) async fn look_up(
    db: &Db,
    invoices: &[Invoice],
    catalog: &HashMap<String, Option<Known>>,
) -> Result<HashMap<String, Option<Known>>> {
    let skus = invoices
        .iter()
        .flat_map(|invoice| &invoice.lines)
        .map(|line| line.sku.as_str());
    let unasked: HashSet<&str> = skus.filter(|sku| !catalog.contains_key(*sku)).collect();
    let unasked: Vec<&str> = unasked.into_iter().collect();
    let mut answers = HashMap::new();
    let conn = db.read().await?;
    for skus in unasked.chunks(ASKED) {
        answers.extend(skus.iter().map(|sku| ((*sku).to_owned(), None)));
        let found: Vec<Known> = Select::new(SELECT_KNOWN)
            .filter_in("v.sku", skus.iter().copied())
            .all(&conn)
            .await?;
        answers.extend(
            found
                .into_iter()
                .map(|known| (known.sku.clone(), Some(known))),
        );
    }
    Ok(answers)
}

/// How many of the invoices are not there yet.
pub(super) async fn count_new(db: &Db, invoices: &[Invoice]) -> Result<u64> {
    let conn = db.read().await?;
    let mut new = invoices.len() as u64;
    for some in invoices.chunks(ASKED) {
        let numbers = some.iter().map(|invoice| invoice.number.as_str());
        let present: Vec<String> = Select::new(SELECT_PRESENT)
            .filter_in("external_id", numbers)
            .all(&conn)
            .await?;
        new -= present.len() as u64;
    }
    Ok(new)
}

/// Writes in one transaction those that are not there yet, and returns how many that were.
pub(super) async fn insert(
    app: &App,
    invoices: &[Invoice],
    catalog: &HashMap<String, Option<Known>>,
) -> Result<u64> {
    if invoices.is_empty() {
        return Ok(0);
    }
    let known = |sku: &str| catalog.get(sku).and_then(Option::as_ref);
    transact!(app.db, tx => {
        let orders = invoices.iter().map(|invoice| order_row(app, invoice)).collect::<Result<Vec<_>>>()?;
        let written: Vec<(OrderId, String)> = INSERT_ORDERS.run(tx, &[], &orders).await?;
        let ids: HashMap<String, OrderId> = written.into_iter().map(|(id, number)| (number, id)).collect();
        let (mut lines, mut steps, mut payments) = (Vec::new(), Vec::new(), Vec::new());
        for invoice in invoices {
            let Some(&order) = ids.get(&invoice.number) else { continue };
            let (state, history) = past(invoice);
            lines.extend(invoice.lines.iter().map(|line| line_row(order, line, known(&line.sku), invoice.cancelled)));
            steps.extend(history.iter().map(|step| step_row(order, *step, invoice.at)));
            if state.payment == PaymentStatus::Paid {
                payments.push(payment_row(app, order, invoice));
            }
        }
        INSERT_LINES.run::<i64>(tx, &[], &lines).await?;
        INSERT_STEPS.run::<i64>(tx, &[], &steps).await?;
        let changes: Vec<Vec<Value>> = ids.values().map(|&order| args_vec![order]).collect();
        INSERT_CHANGES.run::<i64>(tx, &[], &changes).await?;
        INSERT_PAYMENTS.run::<i64>(tx, &[], &payments).await?;
        Ok(ids.len() as u64)
    })
}

/// Where the order ended, and the steps that led there.
fn past(invoice: &Invoice) -> (State, Vec<Step>) {
    let commands: &[Status] = if invoice.cancelled {
        &[Status::Cancelled]
    } else {
        &[Status::Paid, Status::Shipped, Status::Delivered]
    };
    let mut steps = Vec::new();
    let state = commands.iter().fold(State::PLACED, |state, command| {
        match state.after(*command) {
            Some((next, step)) => {
                steps.push(step);
                next
            }
            None => state,
        }
    });
    (state, steps)
}

fn order_row(app: &App, invoice: &Invoice) -> Result<Vec<Value>> {
    let (state, _) = past(invoice);
    let total = invoice.total();
    let captured = if state.payment == PaymentStatus::Paid {
        total
    } else {
        0
    };
    let pieces: i64 = invoice.lines.iter().map(|line| line.quantity).sum();
    let (email, note) = contact(invoice);
    Ok(args_vec![
        new_order_number()?,
        &invoice.number,
        email,
        Source::Import,
        state.status(),
        state.lifecycle,
        state.payment,
        state.fulfillment,
        METHOD,
        app.currency.code(),
        pieces,
        total,
        total,
        captured,
        note,
        invoice.at,
        invoice.at,
    ])
}

/// How imported orders were paid, as far as this shop knows.
const METHOD: &str = "import";

/// The customer's e-mail address, or a note of what else the file calls them.
fn contact(invoice: &Invoice) -> (&str, String) {
    let customer = invoice.customer.as_deref().unwrap_or_default();
    let (email, customer) = if customer.contains('@') {
        (customer, "")
    } else {
        ("", customer)
    };
    let customer = if customer.is_empty() {
        String::new()
    } else {
        format!("Customer {customer}")
    };
    let parts = [
        Some(customer.as_str()).filter(|text| !text.is_empty()),
        invoice.country.as_deref(),
    ];
    (
        email,
        parts.into_iter().flatten().collect::<Vec<_>>().join(", "),
    )
}

/// A line keeps the file's own name; without one that of the catalog, or its SKU.
fn line_row(order: OrderId, line: &Line, known: Option<&Known>, cancelled: bool) -> Vec<Value> {
    let name = line
        .name
        .as_deref()
        .or(known.map(|known| known.name.as_str()))
        .unwrap_or(&line.sku);
    args_vec![
        order,
        known.map(|known| known.product_id),
        known.map(|known| known.variant_id),
        name,
        &line.sku,
        line.quantity,
        if cancelled { 0 } else { line.quantity },
        line.price_minor,
        line.subtotal(),
    ]
}

fn step_row(order: OrderId, step: Step, at: Option<Time>) -> Vec<Value> {
    args_vec![order, step.axis, step.from, step.to, at]
}

fn payment_row(app: &App, order: OrderId, invoice: &Invoice) -> Vec<Value> {
    let currency = app.currency.code();
    args_vec![
        order,
        METHOD,
        &invoice.number,
        invoice.total(),
        invoice.total(),
        currency,
        "succeeded",
        invoice.at,
        invoice.at
    ]
}
