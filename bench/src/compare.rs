//! `bench compare`: several systems in one run, each measured for a moment after the other, again and again.
//!
//! All are up the whole time, and idle while it is another's turn. What else the machine does in a round hits all of
//! them alike, so ratios are taken within a round; their median and spread are what can be told elsewhere.

mod cpu;
mod report;
mod system;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use client::load::{Measured, Target, Users, Workload};

use crate::dataset;
use crate::output::{Output, bar};
use crate::shop::run_name;
use report::Report;
use system::{Place, System};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Systems, each FOLDER or FOLDER:VARIANT; ratios are the first one's to each of the others
    #[arg(required = true, num_args = 2.., value_name = "SYSTEM")]
    systems: Vec<String>,
    /// How often each is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds that are measured, each time
    #[arg(long, default_value_t = 3.0)]
    secs: f64,
    /// Seconds before that
    #[arg(long, default_value_t = 1.0)]
    warmup: f64,
    /// Connections, each a user with a source address of its own
    #[arg(long, default_value_t = 16)]
    conns: usize,
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "list,search,detail,add,journey",
        value_name = "WORKLOADS"
    )]
    workloads: Vec<Workload>,
    #[arg(long, default_value_t = dataset::PRODUCTS, value_name = "N")]
    products: u32,
    /// Where the folders of the systems are
    #[arg(long, default_value = "bench/compare", value_name = "DIR")]
    folder: PathBuf,
    /// Where they keep their data: on a disk, not in memory
    #[arg(long, default_value_os_t = std::env::temp_dir(), value_name = "DIR")]
    scratch: PathBuf,
    /// A PostgreSQL on which they may make databases
    #[arg(
        long,
        env = "COMPARE_POSTGRES",
        default_value = "",
        hide_env_values = true,
        value_name = "URL"
    )]
    postgres: String,
    /// Bind them to these processors, as `taskset -c` names them; the generator is bound by starting it so
    #[arg(long, value_name = "LIST")]
    server_cpus: Option<String>,
}

/// A system that is up, with its users.
struct Ready {
    name: String,
    process: Option<u32>,
    target: Target,
    users: Users,
}

pub(crate) async fn compare(options: Options, output: Output) -> Result<bool> {
    options.check()?;
    let scratch = std::path::absolute(&options.scratch)?.join(format!("compare_{}", run_name()));
    let data = scratch.join("data");
    let mut systems = Vec::new();
    for (number, name) in options.systems.iter().enumerate() {
        let place = Place {
            folder: &options.folder,
            scratch: &scratch,
            data: &data,
            postgres: &options.postgres,
            cpus: options.server_cpus.as_deref(),
        };
        systems.push(System::new(name, number + 1, &place)?);
    }
    dataset::write_files(&data, options.products)?;
    let outcome = tokio::select! {
        report = measure(&options, &mut systems) => report,
        _ = tokio::signal::ctrl_c() => bail_interrupted(),
    };
    let mut ended = Ok(());
    for system in systems {
        ended = ended.and(system.stop().await);
    }
    if outcome.is_ok() {
        std::fs::remove_dir_all(&scratch)?;
    } else {
        eprintln!("Their logs are kept in {}.", scratch.display());
    }
    let report = outcome?;
    ended?;
    output.print(&report.json(), || report.print());
    Ok(report.failed() == 0)
}

impl Options {
    /// What cannot be compared, before anything is filled and started.
    fn check(&self) -> Result<()> {
        if self.workloads.contains(&Workload::Hot) {
            bail!(
                "hot cannot be compared: its product is sold once, and nothing is left for the next round. \
                 `bench load --workload hot` measures it on one system."
            );
        }
        for (at, name) in self.systems.iter().enumerate() {
            if self.systems[..at].contains(name) {
                bail!(
                    "{name} is named twice; another variant of it, such as {name}:again, is another system."
                );
            }
        }
        Ok(())
    }
}

fn bail_interrupted() -> Result<Report> {
    bail!("It was interrupted.")
}

async fn measure(options: &Options, systems: &mut [System]) -> Result<Report> {
    let mut all = Vec::new();
    for system in systems {
        let target = system.open(options.products).await?;
        target.register(options.conns).await?;
        let users = target
            .users(options.conns, target.adapter.has("add"))
            .await?;
        let (name, process) = (system.name.clone(), system.process());
        all.push(Ready {
            name,
            process,
            target,
            users,
        });
    }
    let mut report = Report::new(
        options.systems.first().map_or("", String::as_str),
        options.rounds,
        options.secs,
        options.conns,
        options.products,
    );
    for system in &all {
        for op in ["list", "search", "detail"]
            .into_iter()
            .filter(|op| system.target.adapter.has(op))
        {
            report.saw(&system.name, op, system.target.look(op).await?);
        }
    }
    let turns = options.workloads.len() * options.rounds as usize * all.len();
    let bar = bar("Measuring", turns);
    for workload in &options.workloads {
        for _ in 0..options.rounds {
            for system in all.iter().filter(|system| system.can(*workload)) {
                let (measured, cpu) = system.turn(*workload, options).await?;
                report.add(*workload, &system.name, measured, cpu);
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    Ok(report)
}

impl Ready {
    fn can(&self, workload: Workload) -> bool {
        let mut needs = workload.needs().iter();
        needs.all(|op| self.target.adapter.has(op))
    }

    /// What came of it, and what it computed for it, with the time of warm-up.
    async fn turn(
        &self,
        workload: Workload,
        options: &Options,
    ) -> Result<(Measured, Option<Duration>)> {
        let [warmup, window] = [options.warmup, options.secs].map(Duration::from_secs_f64);
        let used = || self.process.and_then(cpu::used_by);
        let before = used();
        let measured = self
            .target
            .measure(&self.users, workload, warmup, window)
            .await?;
        let spent = used().zip(before).map(|(after, before)| after - before);
        Ok((measured, spent))
    }
}
