//! `bench replay`: a real shop's invoices, placed as orders through HTTP by many customers at once.
//!
//! A customer's invoices go in the file's order; whoever is free takes the next invoice whose customer is not busy.
//! Afterwards the server is asked for every order and every stock, and must come to the same sums as the file.

mod compare;
mod play;
mod setup;

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::invoices::{self, Book, CartLimits};
use crate::output::Output;
use crate::shop::{Server, run_name};
use crate::stats::per_second;
use crate::verify::Log;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Invoices as CSV, plain or gzipped: InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID
    file: PathBuf,
    /// How many clean invoices to place
    #[arg(long, default_value_t = 3000)]
    pub(crate) invoices: usize,
    /// How many customers shop at once
    #[arg(long, default_value_t = 16)]
    customers: usize,
    /// Cancel every N-th order again
    #[arg(long, value_name = "N", default_value_t = 0)]
    cancel_every: usize,
    /// Write each acknowledged order here, for `bench verify`
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// What there is of each product at the start
    #[arg(long, default_value_t = 1_000_000)]
    stock: i64,
    /// Leave out invoices with more of one product than this (the server's CART_MAX_QUANTITY)
    #[arg(long, default_value_t = 9999)]
    max_quantity: i64,
    /// Leave out invoices with more products than this (the server's CART_MAX_LINES)
    #[arg(long, default_value_t = 500)]
    max_lines: usize,
    /// Seconds to wait for a server that is gone
    #[arg(long, default_value_t = 120)]
    patience: u64,
    /// Marks this run's products and accounts, so that one shop can take several runs
    #[arg(long, default_value_t = run_name())]
    run: String,
    /// While this is set nobody takes another invoice: for whoever looks at the server in between.
    #[arg(skip)]
    pub(crate) paused: Rc<Cell<bool>>,
}

/// What all customers share.
struct Replay {
    server: Server,
    options: Options,
    book: Book,
    /// The product of each of the book's goods.
    products: Vec<i64>,
}

/// False when the server's figures differ from the file's.
pub(crate) async fn replay(
    options: Options,
    server: Server,
    admin: (&str, &str),
    output: Output,
) -> Result<bool> {
    if options.customers == 0 || options.invoices == 0 {
        bail!("There must be at least one customer and one invoice.");
    }
    let mut log = Log::create(options.log.as_deref())?;
    let admin = server.signed_in(admin.0, admin.1).await?;
    let shop = setup::Shop::look(server).await?;
    let limits = CartLimits {
        quantity: options.max_quantity,
        lines: options.max_lines,
    };
    let book = invoices::read(&options.file, shop.currency, options.invoices, limits)?;

    let since = Instant::now();
    let products = setup::products(&admin, &book, &options).await?;
    let callers = setup::customers(server, &book, &options).await?;
    let setup = since.elapsed();

    let replay = Replay {
        server,
        options,
        book,
        products,
    };
    let since = Instant::now();
    let mut played = play::play(&replay, callers, &mut log).await?;
    let time = since.elapsed();

    let compared = compare::compare(&replay, &admin, &played).await?;
    let summary = summary(&replay, &shop, &mut played, &compared, setup, time);
    output.print(&summary, || {
        print(&replay, &shop, &mut played, &compared, setup, time)
    });
    // Refusals are part of the game only where stock was made scarce.
    let complete = played.refusals.total() == 0 || replay.options.stock < 1_000_000;
    Ok(compared.problems.is_empty()
        && played.problems.is_empty()
        && complete
        && played.answers.server_errors() == 0)
}

fn summary(
    replay: &Replay,
    shop: &setup::Shop,
    played: &mut play::Played,
    compared: &compare::Compared,
    setup: Duration,
    time: Duration,
) -> Value {
    let (book, options) = (&replay.book, &replay.options);
    json!({
        "invoices": book.invoices.len(), "lines": book.lines(), "accounts": book.customers.len(), "products": book.goods.len(),
        "left_out": book.left_out.json(), "customers_at_once": options.customers, "run": options.run,
        "orders": played.orders.len(), "order_lines": played.lines, "cancelled": played.cancelled(),
        "revenue": compared.server.format(), "revenue_of_file": compared.file.format(), "currency": compared.file.currency.code(),
        "setup_seconds": setup.as_secs_f64(), "seconds": time.as_secs_f64(),
        "orders_per_second": per_second(played.orders.len() as u64, time), "lines_per_second": per_second(played.lines, time),
        "add": played.adds.json(), "order": played.placings.json(), "cancel": played.cancels.json(),
        "refusals": played.refusals.json(), "troubles": played.answers.json(), "server_errors": played.answers.server_errors(),
        "limits": shop.limits, "stock_differences": compared.stock_differences, "problems": played.problems.iter().chain(&compared.problems).collect::<Vec<_>>(),
    })
}

fn print(
    replay: &Replay,
    shop: &setup::Shop,
    played: &mut play::Played,
    compared: &compare::Compared,
    setup: Duration,
    time: Duration,
) {
    let (book, options) = (&replay.book, &replay.options);
    say!(
        "Invoices     {} clean ones with {} lines, {} accounts, {} products",
        book.invoices.len(),
        book.lines(),
        book.customers.len(),
        book.goods.len()
    );
    say!("Left out     {}", book.left_out.line());
    say!(
        "Ran with     {} customers at once, {} of each product at first; {}",
        options.customers,
        options.stock,
        shop.limits
    );
    say!("Set up       in {:.1} s", setup.as_secs_f64());
    say!(
        "Orders       {} ({} cancelled), {} lines, in {:.1} s",
        played.orders.len(),
        played.cancelled(),
        played.lines,
        time.as_secs_f64()
    );
    say!(
        "Speed        {} orders/s, {} lines/s",
        per_second(played.orders.len() as u64, time),
        per_second(played.lines, time)
    );
    say!("Add          {}", played.adds.line());
    say!("Order        {}", played.placings.line());
    say!("Cancel       {}", played.cancels.line());
    say!("Refused      {}", played.refusals.line());
    say!(
        "Troubles     {}; {} answers of 5xx",
        played.answers.line(),
        played.answers.server_errors()
    );
    say!(
        "Revenue      {} {} on the server, {} in the file",
        compared.file.currency.code(),
        compared.server.format(),
        compared.file.format()
    );
    say!(
        "Stock        {} of {} products differ from initial less ordered",
        compared.stock_differences,
        book.goods.len()
    );
    for problem in played.problems.iter().chain(&compared.problems).take(20) {
        say!("PROBLEM      {problem}");
    }
    say!(
        "{}",
        if played.problems.is_empty() && compared.problems.is_empty() {
            "The sums are the file's own."
        } else {
            "The sums are NOT the file's own."
        }
    );
}
