//! `bench events`: webhooks at a steady rate, signed and forged, whatever the server makes of them.
//!
//! Each event has its moment, and its time counts from there, so a server that falls behind is seen to. Among the
//! signed ones are those of real orders, which must be paid in the end; the others tell of nothing that the shop knows.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::bank::{Bank, Secret};
use super::{begin, place};
use crate::crash::Program;
use crate::http::Client;
use crate::output::Output;
use crate::parallel::{Jobs, in_parallel};
use crate::shop::{Ask, Server, first_customer, run_name, source};
use crate::stats::Times;

/// Providers wait no longer for an answer.
const LATE: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server's program; its settings come from the environment (DATABASE_URL, CARTWRIGHT_DATA_DIR, …)
    #[arg(long, default_value = "target/release/cartwright", value_name = "FILE")]
    server: PathBuf,
    /// Forged events a second
    #[arg(long, default_value_t = 2000, value_name = "N")]
    forged: usize,
    /// Rightly signed events a second
    #[arg(long, default_value_t = 20, value_name = "N")]
    signed: usize,
    /// How long
    #[arg(long, default_value_t = 60)]
    secs: usize,
    /// How many of the signed ones pay an order
    #[arg(long, default_value_t = 200)]
    orders: usize,
    /// Connections, for each of the two
    #[arg(long, default_value_t = 32)]
    conns: usize,
}

/// What became of the events of one kind.
#[derive(Default)]
struct Tally {
    accepted: usize,
    refused: usize,
    /// Of those two, answered after five seconds.
    late: usize,
    /// Without an answer, or answered that the server failed.
    lost: usize,
    times: Times,
}

/// False when a signed event was not taken in time, a forged one was taken, or an order is not paid in the end.
pub(crate) async fn events(
    options: Options,
    server: Server,
    admin: (&str, &str),
    output: Output,
) -> Result<bool> {
    ensure!(
        options.orders <= options.signed * options.secs,
        "each order needs a signed event"
    );
    let bank = Bank::open(server).await?;
    let program = Program {
        file: options.server,
        server,
        env: bank.settings(),
    };
    let mut running = program.open(admin).await?;
    let mut boss = server.signed_in(admin.0, admin.1).await?;
    let product = json!({"name": "Paid thing", "price": "19.99", "stock": options.orders * 2});
    let product = boss.expect(Ask::post("products/", &product)).await?["id"].clone();
    let (run, paid) = (run_name(), RefCell::new(Vec::new()));
    in_parallel(8, options.orders, async |worker, jobs: &Jobs| {
        let number = first_customer(&run) + worker;
        let email = format!("payer{worker}-{run}@example.com");
        let mut buyer = server.customer(number, &email).await?;
        while let Some(at) = jobs.next() {
            let id = place(&mut buyer, &product, &format!("{run}-{at}")).await?;
            let (_, reference) = begin(&mut buyer, id).await?;
            paid.borrow_mut()
                .push((id, bank.pays(&reference, "captured", 0)));
        }
        Ok(())
    })
    .await?;
    let paid = paid.into_inner();

    let (signed, forged) = (options.signed * options.secs, options.forged * options.secs);
    // Those of orders come evenly among the others.
    let apart = (signed / options.orders.max(1)).max(1);
    let (mut of_signed, mut of_forged) = tokio::try_join!(
        sent(server, options.conns, options.signed, signed, |at| {
            let order = paid.get(at / apart).filter(|_| at % apart == 0);
            order.map_or_else(
                || bank.strange_event(at, Secret::Ours),
                |(_, payment)| bank.event(payment),
            )
        }),
        sent(server, options.conns, options.forged, forged, |at| {
            bank.strange_event(at, Secret::Forged)
        }),
    )?;
    let mut unpaid = 0;
    for (id, _) in &paid {
        let order = boss.expect(Ask::get(&format!("orders/{id}/"))).await?;
        unpaid += usize::from(order["payment_status"] != "paid");
    }
    program.run(&["check"]).await?;
    running.kill().await?;

    let summary = json!({
        "signed": of_signed.json(), "forged": of_forged.json(), "orders": paid.len(), "orders_not_paid": unpaid,
    });
    output.print(&summary, || {
        say!("Signed       {}", of_signed.line());
        say!("Forged       {}", of_forged.line());
        say!(
            "Orders       {} of {} paid",
            paid.len() - unpaid,
            paid.len()
        );
    });
    let well =
        of_signed.late + of_signed.lost + of_signed.refused + of_forged.accepted + of_forged.lost;
    Ok(well + unpaid == 0)
}

/// Sends `count` requests, `rate` a second, over `conns` connections.
async fn sent(
    server: Server,
    conns: usize,
    rate: usize,
    count: usize,
    request: impl Fn(usize) -> String,
) -> Result<Tally> {
    let since = Instant::now();
    let tallies = in_parallel(conns, count, async |worker, jobs: &Jobs| {
        let mut client = Client::new(server.0, source(worker));
        let mut tally = Tally::default();
        while let Some(at) = jobs.next() {
            #[expect(clippy::cast_precision_loss, reason = "seconds of a run")]
            let due = Duration::from_secs_f64(at as f64 / rate as f64);
            tokio::time::sleep_until((since + due).into()).await;
            match client.exchange(request(at).as_bytes()).await {
                Ok(answer) => tally.add(answer.status, since.elapsed().saturating_sub(due)),
                Err(_) => tally.lost += 1,
            }
        }
        Ok(tally)
    })
    .await?;
    Ok(tallies.into_iter().fold(Tally::default(), Tally::and))
}

impl Tally {
    fn add(&mut self, status: u16, time: Duration) {
        match status {
            200 => self.accepted += 1,
            400 | 429 => self.refused += 1,
            _ => self.lost += 1,
        }
        self.late += usize::from(time > LATE);
        self.times.add(time);
    }

    fn and(mut self, other: Tally) -> Tally {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.late += other.late;
        self.lost += other.lost;
        self.times.merge(other.times);
        self
    }

    fn json(&mut self) -> Value {
        json!({
            "accepted": self.accepted, "refused": self.refused, "late": self.late, "lost": self.lost,
            "times": self.times.json(),
        })
    }

    fn line(&mut self) -> String {
        format!(
            "{} taken, {} refused, {} late, {} lost; {}",
            self.accepted,
            self.refused,
            self.late,
            self.lost,
            self.times.line()
        )
    }
}
