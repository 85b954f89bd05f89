//! Loads a shop server on loopback: replays a real order book, proves that races end well, measures how fast it is.

#[macro_use]
mod output;

mod bare;
mod compare;
mod crash;
mod invoices;
mod load;
mod logins;
mod pay;
mod races;
mod replay;
mod seed;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use client::{dataset, http, parallel, shop, stats};

use output::Output;
use races::Race;
use shop::Server;

#[derive(Parser)]
#[command(
    version,
    about,
    after_help = "Exit codes: 0 as expected, 1 not as expected or failed, 2 usage."
)]
struct Cli {
    /// Where the server listens (loopback only)
    #[arg(
        long,
        global = true,
        default_value = "http://127.0.0.1:8000",
        value_name = "URL"
    )]
    url: Server,
    /// An administrator's account
    #[arg(
        long,
        global = true,
        default_value = "admin@example.com",
        value_name = "EMAIL"
    )]
    admin_email: String,
    #[arg(
        long,
        global = true,
        env = "BENCH_ADMIN_PASSWORD",
        default_value = "",
        hide_env_values = true,
        value_name = "PASSWORD"
    )]
    admin_password: String,
    /// Print results as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Place a real shop's clean invoices as live orders, and compare the server's sums with the file's
    #[command(after_help = REPLAY_HELP)]
    Replay(replay::Options),
    /// Ask a server whether every order that a replay logged is there with its total
    #[command(
        after_help = "Example:\n  bench verify --log replay.jsonl --admin-email admin@example.com --admin-password …"
    )]
    Verify {
        /// The file that `bench replay --log` wrote
        #[arg(long)]
        log: PathBuf,
    },
    /// Replay while the server is killed again and again; nothing acknowledged may be lost
    #[command(
        after_help = "Example:\n  DATABASE_URL=sqlite:///tmp/crash.db bench crash online-retail.csv.gz --kills 20 --admin-email admin@example.com --admin-password …"
    )]
    Crash(crash::Options),
    /// Pay orders at a bank of our own, at random outcomes, while the server is killed; every order must agree with it
    #[command(
        after_help = "Example:\n  DATABASE_URL=sqlite:///tmp/pay.db RATE_LIMIT=off bench pay --orders 2000 --kills 10 --admin-email admin@example.com --admin-password …"
    )]
    Pay(pay::Options),
    /// Send signed and forged webhooks at a steady rate, and say how many were taken, late or lost
    #[command(
        after_help = "Example:\n  DATABASE_URL=sqlite:///tmp/events.db RATE_LIMIT=off bench events --forged 2000 --signed 20 --secs 60 --admin-email admin@example.com --admin-password …"
    )]
    Events(pay::EventOptions),
    /// Race: many clients buy one product until they are refused; as many orders as pieces
    #[command(
        after_help = "Example:\n  bench hot --stock 500 --clients 64 --admin-email admin@example.com --admin-password …"
    )]
    Hot(races::HotOptions),
    /// Race: one cart submitted several times at once; one order
    #[command(
        after_help = "Example:\n  bench same-cart --submits 5 --admin-email admin@example.com --admin-password …"
    )]
    SameCart(races::SameCartOptions),
    /// Race: pairs of carts with the same products in opposite order; nobody fails
    #[command(
        after_help = "Example:\n  bench reversed-carts --pairs 100 --admin-email admin@example.com --admin-password …"
    )]
    ReversedCarts(races::ReversedCartsOptions),
    /// Race: one order cancelled several times at once; stock comes back once
    #[command(
        after_help = "Example:\n  bench cancels --cancels 4 --admin-email admin@example.com --admin-password …"
    )]
    Cancels(races::CancelsOptions),
    /// Load the data that servers are measured with: 10,000 products, 50 categories, 64 users
    #[command(
        after_help = "Examples:\n  bench seed --admin-email admin@example.com --admin-password …\n  bench seed --files seed && cartwright import products seed/products.csv && bench seed --users-only"
    )]
    Seed(seed::Options),
    /// Measure one workload on a seeded server
    #[command(
        after_help = "Examples:\n  bench load --workload list --conns 32 --secs 10\n  bench load --workload journey --lines 100 --json"
    )]
    Load(load::Options),
    /// Run several systems side by side, measure them by turns, and print ratios with their spread
    #[command(
        after_help = "Examples:\n  bench compare cartwright:sqlite django:sqlite\n  bench compare cartwright:postgres django:postgres --postgres postgres://postgres@127.0.0.1/postgres --server-cpus 0\nbench/compare/README.md says how a system is added."
    )]
    Compare(compare::Options),
    /// A server of two answers from memory, for `bench compare`: what the machine can do at best
    #[command(after_help = "Example:\n  bench bare --port 9000")]
    Bare(bare::Options),
    /// Measure what readers of the catalog feel of many logins at once, on a seeded server
    #[command(after_help = "Example:\n  bench logins --logins 200 --readers 4")]
    Logins(logins::Options),
}

const REPLAY_HELP: &str = "\
What is clean: the number does not begin with C, and every line has a SKU, a positive quantity, a positive price in the
shop's currency, a description and a customer; no product more often, and no more products, than a cart holds.
The file sells one SKU at many prices, a shop at one at a time: each distinct (SKU, unit price) becomes a product of its
own, `SKU@price`. So revenue must equal the file's sum to the penny, and what can be sold must be initial less ordered.

Examples:
  bench replay online-retail.csv.gz --admin-email admin@example.com --admin-password …
  bench replay online-retail.csv.gz --invoices 500 --customers 64 --cancel-every 10 --log replay.jsonl --json";

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run(cli)))
    {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("bench: {e:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all was as expected.
async fn run(cli: Cli) -> Result<bool> {
    let output = Output { json: cli.json };
    let admin = (cli.admin_email.as_str(), cli.admin_password.as_str());
    match cli.verb {
        Verb::Replay(options) => replay::replay(options, cli.url, admin, output).await,
        Verb::Crash(options) => crash::crash(options, cli.url, admin, output).await,
        Verb::Pay(options) => pay::pay(options, cli.url, admin, output).await,
        Verb::Events(options) => pay::events(options, cli.url, admin, output).await,
        Verb::Verify { log } => verify::verify(cli.url, admin, &log, output).await,
        Verb::Hot(options) => races::hot(options, Race::new(cli.url, admin).await?, output).await,
        Verb::SameCart(options) => {
            races::same_cart(options, Race::new(cli.url, admin).await?, output).await
        }
        Verb::ReversedCarts(options) => {
            races::reversed_carts(options, Race::new(cli.url, admin).await?, output).await
        }
        Verb::Cancels(options) => {
            races::cancels(options, Race::new(cli.url, admin).await?, output).await
        }
        Verb::Seed(options) => seed::seed(options, cli.url, admin, output).await,
        Verb::Load(options) => load::load(options, cli.url, admin, output).await,
        Verb::Bare(options) => bare::bare(options).await,
        Verb::Compare(options) => compare::compare(options, output).await,
        Verb::Logins(options) => logins::logins(options, cli.url, output).await,
    }
}
