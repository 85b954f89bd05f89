//! `bench pay`: many orders paid at a bank of our own, at random outcomes, while the server is killed again and again.
//!
//! The bank speaks as Razorpay does and keeps its book in this process, so it survives every kill. Afterwards each
//! order must agree with it: no money uncounted, none counted twice, none kept of an order that is over. With
//! `--at sandbox` the shop's own sandbox is the bank; its book lies in the shop's database, which makes a weaker proof.

mod agreement;
mod events;
mod sandbox;

pub(crate) use events::{Options as EventOptions, events};

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use client::bank::{self, Bank};
use serde_json::{Value, json};

use crate::crash::Program;
use crate::output::Output;
use crate::parallel::{Jobs, in_parallel};
use crate::shop::{Ask, Caller, Server, first_customer, run_name};
use agreement::settled;

/// Longer than open payments wait for their second look.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server's program; its settings come from the environment (DATABASE_URL, CARTWRIGHT_DATA_DIR, …)
    #[arg(long, default_value = "target/release/cartwright", value_name = "FILE")]
    server: PathBuf,
    /// How many orders
    #[arg(long, default_value_t = 2000)]
    orders: usize,
    /// How many buyers at once
    #[arg(long, default_value_t = 16)]
    buyers: usize,
    /// How often to kill the server
    #[arg(long, default_value_t = 10)]
    kills: usize,
    /// The same seed is the same outcomes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where they are paid
    #[arg(long, value_enum, default_value_t = Place::Bank)]
    at: Place,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Place {
    /// A bank in this process, speaking as Razorpay does
    Bank,
    /// The shop's sandbox
    Sandbox,
}

/// An order, and how it was paid.
#[derive(Clone)]
struct Placed {
    id: i64,
    outcome: String,
    /// The provider's name of the attempt.
    reference: String,
}

/// What the buyer does.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    Verified,
    EventOnly,
    Authorized,
    Declined,
    DeclinedThenPaid,
    AllLost,
    EventTwice,
    WrongAmount,
    CancelledThenPaid,
    PaidThenRefunded,
    PaidTwice,
    AnswerCut,
}

const OUTCOMES: [Outcome; 12] = [
    Outcome::Verified,
    Outcome::EventOnly,
    Outcome::Authorized,
    Outcome::Declined,
    Outcome::DeclinedThenPaid,
    Outcome::AllLost,
    Outcome::EventTwice,
    Outcome::WrongAmount,
    Outcome::CancelledThenPaid,
    Outcome::PaidThenRefunded,
    Outcome::PaidTwice,
    Outcome::AnswerCut,
];

/// False when an order does not agree with the bank, or an invariant is broken.
pub(crate) async fn pay(
    options: Options,
    server: Server,
    admin: (&str, &str),
    output: Output,
) -> Result<bool> {
    let bank = Bank::open(server).await?;
    let program = Program {
        file: options.server,
        server,
        env: bank.settings(),
    };
    let mut running = program.open(admin).await?;
    let mut boss = server.signed_in(admin.0, admin.1).await?;
    let stock = options.orders * 10;
    let product = json!({"name": "Paid thing", "price": "19.99", "stock": stock});
    let product = boss.expect(Ask::post("products/", &product)).await?["id"].clone();
    let (run, since) = (run_name(), Instant::now());
    let placed = std::cell::RefCell::new(Vec::new());

    let buying = in_parallel(
        options.buyers,
        options.orders,
        async |worker, jobs: &Jobs| {
            let number = first_customer(&run) + worker;
            let email = format!("payer{worker}-{run}@example.com");
            let mut buyer = server.customer(number, &email).await?;
            let mut staff = boss.again(number + options.buyers);
            while let Some(at) = jobs.next() {
                let (chance, key) = (client::mixed(options.seed, at), format!("{run}-{at}"));
                let order = place(&mut buyer, &product, &key).await?;
                let done = match options.at {
                    Place::Bank => {
                        let outcome = OUTCOMES[usize::try_from(chance % OUTCOMES.len() as u64)?];
                        buy(&bank, &mut buyer, &mut staff, order, outcome, &key).await?
                    }
                    Place::Sandbox => sandbox::buy(&mut buyer, order, chance).await?,
                };
                placed.borrow_mut().push(done);
            }
            Ok(())
        },
    );
    let killing = async {
        for kill in 1..=options.kills {
            while placed.borrow().len() < options.orders * kill / (options.kills + 1) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            running
                .kill()
                .await
                .context("the server cannot be killed")?;
            running = program.start().await?;
        }
        Ok(())
    };
    tokio::try_join!(buying, killing)?;
    let paid_in = since.elapsed();
    let placed = placed.into_inner();
    let problems = settled(options.at, &bank, &mut boss, &placed).await?;
    program.run(&["check"]).await?;
    running.kill().await?;

    let summary = json!({
        "at": if options.at == Place::Bank { "bank" } else { "sandbox" }, "orders": placed.len(), "kills": options.kills, "payments": bank.payments(), "refunds": bank.refunds(),
        "seconds": paid_in.as_secs_f64(), "settled_after_seconds": since.elapsed().as_secs_f64(), "problems": problems,
    });
    output.print(&summary, || {
        say!(
            "Orders       {} in {:.0} s, killed {} times",
            summary["orders"],
            paid_in.as_secs_f64(),
            options.kills
        );
        if options.at == Place::Bank {
            say!(
                "The bank     {} payments, {} refunds",
                summary["payments"],
                summary["refunds"]
            );
        }
        problems
            .iter()
            .take(20)
            .for_each(|problem| say!("  {problem}"));
        say!(
            "{}",
            if problems.is_empty() {
                "every order agrees with the bank"
            } else {
                "NOT as the bank has it"
            }
        );
    });
    Ok(problems.is_empty())
}

/// An order of one piece; its id.
async fn place(buyer: &mut Caller, product: &Value, key: &str) -> Result<i64> {
    let line = json!({"product_id": product, "quantity": 1});
    let order = loop {
        buyer.insist(Ask::post("cart/items/", &line)).await?;
        let nothing = json!({});
        match buyer
            .insist(Ask::post("orders/", &nothing).keyed(key))
            .await
        {
            Ok(order) => break order,
            // The cart went with an order that the key will give again.
            Err(error) if error.to_string().contains("cart_empty") => {}
            Err(error) => return Err(error),
        }
    };
    order["id"].as_i64().context("an order without id")
}

/// Begins to pay an order at the bank; what the shop answered, and the bank's name of the order.
async fn begin(buyer: &mut Caller, id: i64) -> Result<(Value, String)> {
    let begin = json!({"order_id": id, "provider": "razorpay"});
    let begun = buyer
        .insist(Ask::post("payments/initiate/", &begin))
        .await?;
    let reference = begun["razorpay_order_id"]
        .as_str()
        .context("no Razorpay order")?
        .to_owned();
    Ok((begun, reference))
}

/// What the outcome brings, from the beginning of a payment on.
async fn buy(
    bank: &Bank,
    buyer: &mut Caller,
    staff: &mut Caller,
    id: i64,
    outcome: Outcome,
    key: &str,
) -> Result<Placed> {
    if matches!(outcome, Outcome::AnswerCut) {
        bank.cut_next();
    }
    let (begun, reference) = begin(buyer, id).await?;
    let hint = |payment: &str| {
        json!({"order_id": id, "razorpay_order_id": reference, "razorpay_payment_id": payment,
            "razorpay_signature": bank.signature(&reference, payment)})
    };
    match outcome {
        Outcome::Verified | Outcome::AnswerCut => {
            let payment = bank.pays(&reference, "captured", 0);
            bank.tells(&payment, 1);
            // Whether the answer comes or not, the event does.
            let _ = buyer
                .ask(Ask::post("payments/verify/", &hint(&payment)))
                .await;
        }
        Outcome::EventOnly => bank.tells(&bank.pays(&reference, "captured", 0), 1),
        Outcome::EventTwice => bank.tells(&bank.pays(&reference, "captured", 0), 2),
        Outcome::AllLost => drop(bank.pays(&reference, "captured", 0)),
        Outcome::WrongAmount => bank.tells(&bank.pays(&reference, "captured", 1), 1),
        Outcome::Authorized => {
            let payment = bank.pays(&reference, "authorized", 0);
            bank.tells(&payment, 1);
            let _ = buyer
                .ask(Ask::post("payments/verify/", &hint(&payment)))
                .await;
        }
        Outcome::Declined => bank.tells(&bank.pays(&reference, "failed", 0), 1),
        Outcome::DeclinedThenPaid => {
            bank.tells(&bank.pays(&reference, "failed", 0), 1);
            bank.tells(&bank.pays(&reference, "captured", 0), 1);
        }
        Outcome::CancelledThenPaid => {
            let nothing = json!({});
            let _ = buyer
                .insist(Ask::post(&format!("orders/{id}/cancel/"), &nothing))
                .await;
            bank.tells(&bank.pays(&reference, "captured", 0), 1);
        }
        Outcome::PaidTwice => {
            bank.tells(&bank.pays(&reference, "captured", 0), 1);
            bank.tells(&bank.pays(&reference, "captured", 0), 1);
        }
        Outcome::PaidThenRefunded => {
            let payment = bank.pays(&reference, "captured", 0);
            buyer
                .insist(Ask::post("payments/verify/", &hint(&payment)))
                .await?;
            let path = format!("payments/{}/refund/", begun["payment_id"]);
            let all = json!({});
            staff.insist(Ask::post(&path, &all).keyed(key)).await?;
        }
    }
    Ok(Placed {
        id,
        outcome: format!("{outcome:?}"),
        reference,
    })
}
