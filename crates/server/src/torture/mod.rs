//! Many buyers on a real server that is killed again and again; afterwards its books are held against ours.
//!
//! Everything happens on a scratch database of the same kind as the shop's, in processes of its own: the shop's data
//! is never read or written. What is done to which order comes from the seed; a new thing to do is an arm of
//! [`deeds::Deed`].

mod audit;
mod book;
mod deeds;
mod report;

use std::cell::RefCell;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use client::bank::Bank;
use client::parallel::{Jobs, at_once, in_parallel};
use client::shop::run_name;
use db::{Engine, Scratch};
use shop::config::Config;

use crate::cli;
use crate::output::{self, Progress};
use crate::scratch_shop::{self, ADMIN, PASSWORD, Program, interrupted};
use book::Book;
use deeds::{Buyer, Deed};
pub(crate) use report::Report;

/// Runs it, and removes what it made, also when it is interrupted; the log stays unless all held.
pub(crate) async fn torture(config: &Config, given: &cli::Torture) -> Result<Report> {
    let seed = match given.seed {
        Some(seed) => seed,
        None => u64::from_str_radix(&run_name(), 16)?,
    };
    let name = format!("cartwright_torture_{}", run_name());
    let scratch = Scratch::create(&scratch_shop::beside(config), &name)
        .await
        .context(scratch_shop::NO_SCRATCH)?;
    let files = std::env::temp_dir().join(format!("{name}_files"));
    let outcome = match std::fs::create_dir_all(&files) {
        Ok(()) => {
            let run = Run {
                given,
                seed,
                engine: scratch_shop::engine_of(&scratch),
            };
            match program(config, &scratch.url, &files).await {
                Ok((program, bank)) => tokio::select! {
                    report = run.play(program, &bank) => report,
                    () = interrupted() => Err(anyhow::anyhow!("It was interrupted (seed {seed}).")),
                },
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error.into()),
    };
    let failed = !outcome
        .as_ref()
        .is_ok_and(|report| report.problems.is_empty());
    let log = files.join(scratch_shop::LOG);
    let mut kept = Vec::new();
    if given.keep {
        kept.push(format!("{} and {}", scratch.name(), files.display()));
    } else {
        // What came of it is told all the same.
        if let Err(error) = scratch.remove().await {
            kept.push(format!("{name}, which could not be removed: {error}"));
        }
        if failed && log.exists() {
            let data = files.join(scratch_shop::DATA);
            if data.exists() {
                std::fs::remove_dir_all(data)?;
            }
            kept.push(log.display().to_string());
        } else {
            std::fs::remove_dir_all(&files)?;
        }
    }
    match outcome {
        Ok(report) => Ok(Report { kept, ..report }),
        Err(error) if kept.is_empty() => Err(error),
        Err(error) => bail!(
            "It could not be carried out (seed {seed}).\nIt says: {}.\nKept: {}",
            output::error_text(&error),
            kept.join(", ")
        ),
    }
}

/// With the bank that it takes for Razorpay.
async fn program(config: &Config, url: &str, files: &Path) -> Result<(Program, Bank)> {
    let mut program = Program::new(config, url, files)?;
    let bank = Bank::open(program.server).await?;
    program.set(bank.settings());
    Ok((program, bank))
}

struct Run<'a> {
    given: &'a cli::Torture,
    seed: u64,
    engine: Engine,
}

impl Run<'_> {
    async fn play(&self, program: Program, bank: &Bank) -> Result<Report> {
        let (orders, kills) = (self.given.orders, self.given.kills);
        program.make_admin().await?;
        let running = RefCell::new(Some(program.start().await?));
        let mut boss = program.server.signed_in(ADMIN, PASSWORD).await?;
        let book = RefCell::new(Book::open(&mut boss, orders).await?);
        let progress = RefCell::new(Progress::new("torture"));
        // Before the first kill, which would meet some of them at the door.
        let people = at_once(self.given.buyers, async |number| {
            let email = format!("buyer{number}@example.com");
            let caller = program.server.customer(number, &email).await?;
            Ok(Buyer {
                twin: caller.again(1000 + number),
                caller,
                staff: boss.again(2000 + number),
                bank,
                book: &book,
                last: 0,
            })
        });
        let people = RefCell::new(people.await?);
        let begun = Instant::now();
        let buying = self.buy_all(&people, &book, &progress);
        let killing = async {
            let mut restarts = Vec::new();
            for kill in 1..=kills {
                // Somewhere in its share of the run, by the seed.
                let share = orders / (kills + 1);
                let within = usize::try_from(client::mixed(self.seed, usize::MAX - kill))?;
                let at = share * kill + within % share.max(1) / 2;
                while book.borrow().done < at.min(orders.saturating_sub(1)) {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                let child = running.borrow_mut().take();
                if let Some(mut child) = child {
                    child.kill().await.context("the server cannot be killed")?;
                }
                let since = Instant::now();
                let child = program.start().await?;
                restarts.push(since.elapsed());
                *running.borrow_mut() = Some(child);
                let findings = program.check().await?;
                let mut book = book.borrow_mut();
                for finding in findings {
                    book.problem("check", format!("after kill {kill}: {finding}"));
                }
            }
            Ok::<_, anyhow::Error>(restarts)
        };
        let ((), restarts) = tokio::try_join!(buying, killing)?;
        let took = begun.elapsed();
        progress.borrow().end();
        let mut book = book.into_inner();
        audit::audit(&mut book, bank, &mut boss, &mut Progress::new("settling")).await?;
        for finding in program.check().await? {
            book.problem("check", finding);
        }
        for line in program.errors()? {
            book.problem("errors", line);
        }
        let child = running.borrow_mut().take();
        if let Some(mut child) = child {
            child.kill().await?;
        }
        Ok(Report {
            seed: self.seed,
            engine: self.engine,
            buyers: self.given.buyers,
            kills,
            took,
            slowest_restart: restarts.into_iter().max().unwrap_or_default(),
            payments: bank.payments(),
            refunds: bank.refunds(),
            counts: book.counts,
            orders: book.entries.len(),
            problems: book.problems,
            kept: Vec::new(),
        })
    }

    async fn buy_all(
        &self,
        people: &RefCell<Vec<Buyer<'_>>>,
        book: &RefCell<Book>,
        progress: &RefCell<Progress>,
    ) -> Result<()> {
        let orders = self.given.orders;
        in_parallel(self.given.buyers, orders, async |_, jobs: &Jobs| {
            let buyer = people.borrow_mut().pop();
            let mut buyer = buyer.context("fewer people than buyers")?;
            while let Some(at) = jobs.next() {
                let number = client::mixed(self.seed, at);
                let deed = Deed::of(number);
                let done = Box::pin(buyer.does(deed, number, at)).await;
                done.with_context(|| format!("order {at}, {deed:?} (seed {})", self.seed))?;
                let done = {
                    let mut book = book.borrow_mut();
                    book.done += 1;
                    book.done
                };
                progress.borrow_mut().at(done as u64, orders as u64);
            }
            Ok(())
        })
        .await?;
        if book.borrow().entries.is_empty() {
            bail!("not one order was placed");
        }
        Ok(())
    }
}
