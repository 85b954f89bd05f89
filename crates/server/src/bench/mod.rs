//! People who read, search, fill carts and order as fast as they are answered, on a real server with a small catalog.
//!
//! Everything happens on a scratch database of the same kind as the shop's, in processes of its own: the shop's data
//! is never read or written. The server has the shop's settings where they bear on speed.

mod report;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use client::adapter::{Adapter, CARTWRIGHT};
use client::dataset;
use client::load::{LINES, Measured, Target, Users, Workload};
use client::shop::run_name;
use db::{Engine, Scratch};
use shop::config::Config;

use crate::cli;
use crate::output::Progress;
use crate::scratch_shop::{self, Program, interrupted};
pub(crate) use report::Report;

const PRODUCTS: u32 = 2_000;
/// What is measured, and what its bar says.
const WORKLOADS: [(Workload, &str); 5] = [
    (Workload::List, "a page of the catalog"),
    (Workload::Detail, "one product"),
    (Workload::Search, "search and filter"),
    (Workload::Add, "add to the cart"),
    (Workload::Journey, "add, add, order"),
];

/// Runs it, and removes what it made, also when it is interrupted.
pub(crate) async fn bench(config: &Config, given: &cli::Bench) -> Result<Report> {
    let name = format!("cartwright_bench_{}", run_name());
    let scratch = Scratch::create_in(&disk_of(config)?, &scratch_shop::beside(config), &name)
        .await
        .context(scratch_shop::NO_SCRATCH)?;
    let files = std::env::temp_dir().join(format!("{name}_files"));
    let engine = scratch_shop::engine_of(&scratch);
    let outcome = match std::fs::create_dir_all(&files) {
        Ok(()) => tokio::select! {
            report = measure(config, given, (&scratch.url, engine), &files) => report,
            () = interrupted() => Err(anyhow::anyhow!("It was interrupted.")),
        },
        Err(error) => Err(error.into()),
    };
    let removed = scratch
        .remove()
        .await
        .with_context(|| format!("{name} is left over"));
    let erased = std::fs::remove_dir_all(&files)
        .with_context(|| format!("{} is left over", files.display()));
    told_first(outcome, removed.and(erased))
}

/// What came of it, or why nothing did; only then what could not be cleaned up.
fn told_first<T>(outcome: Result<T>, cleaned_up: Result<()>) -> Result<T> {
    match (outcome, cleaned_up) {
        (Err(why), Err(left)) => Err(anyhow::anyhow!("{why:#}\n{left:#}")),
        (Ok(_), Err(left)) => Err(left),
        (outcome, Ok(())) => outcome,
    }
}

/// Where the shop's SQLite file lies, or would: what a commit costs depends on the disk.
fn disk_of(config: &Config) -> Result<PathBuf> {
    let Some(path) = config.database_url.strip_prefix("sqlite://") else {
        return Ok(std::env::temp_dir());
    };
    let path = std::path::absolute(path)?;
    let there = path.ancestors().skip(1).find(|folder| folder.is_dir());
    Ok(there.map_or_else(std::env::temp_dir, Path::to_owned))
}

async fn measure(
    config: &Config,
    given: &cli::Bench,
    (url, engine): (&str, Engine),
    files: &Path,
) -> Result<Report> {
    let mut program = Program::new(config, url, files)?;
    // The log costs what it costs the shop.
    program.set(vec![
        ("LOG_LEVEL", config.log_level.clone()),
        ("CATALOG_MEMORY", (config.catalog_memory >> 20).to_string()),
    ]);
    let mut running = Progress::new("preparing");
    running.at(0, 3);
    dataset::write_files(files, PRODUCTS)?;
    for (what, file) in [
        ("categories", "categories.json"),
        ("products", "products.csv"),
    ] {
        program
            .run(&["import", what, file, "--strict"], &[])
            .await?;
    }
    running.at(1, 3);
    let mut server = program.start().await?;
    program.server.register_users(given.people).await?;
    running.at(2, 3);
    let target = Target {
        server: program.server,
        adapter: Adapter::parse(CARTWRIGHT, &program.server.0.to_string())?,
        ids: Vec::new(),
        products: PRODUCTS,
        lines: LINES,
    };
    let users = target.users(given.people, true).await?;
    running.end();
    let mut measured = Vec::new();
    for (workload, words) in WORKLOADS {
        measured.push((
            workload,
            words,
            one(&target, &users, (workload, words), given).await?,
        ));
    }
    server.kill().await?;
    if let Some((_, words, none)) = measured.iter().find(|(.., m)| m.done.is_empty()) {
        bail!(
            "Not once was this done in {} s: {words} ({}).",
            given.secs,
            none.answers.line()
        );
    }
    Ok(Report {
        engine,
        people: given.people,
        products: PRODUCTS,
        seconds: given.secs,
        measured,
    })
}

/// One workload, with a bar that says how far it is.
async fn one(
    target: &Target,
    users: &Users,
    (workload, words): (Workload, &'static str),
    given: &cli::Bench,
) -> Result<Measured> {
    let window = Duration::from_secs(given.secs);
    let warmup = (window / 5).min(Duration::from_secs(2));
    let mut progress = Progress::new(words);
    let begun = Instant::now();
    let ticking = async {
        let mut tick = tokio::time::interval(Duration::from_millis(200));
        loop {
            tick.tick().await;
            let (done, all) = (begun.elapsed().as_millis(), (warmup + window).as_millis());
            progress.at(
                u64::try_from(done.min(all)).unwrap_or(0),
                u64::try_from(all).unwrap_or(0),
            );
        }
    };
    let measured = tokio::select! {
        measured = target.measure(users, workload, warmup, window) => measured,
        () = ticking => bail!("the clock stopped"),
    };
    progress.end();
    measured
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_it_failed_is_told_before_what_is_left_over() {
        let left = || Err(anyhow::anyhow!("a database is left over"));
        let told = |outcome: Result<u8>, left| told_first(outcome, left).unwrap_err().to_string();
        let failed = || Err(anyhow::anyhow!("not once was this done"));
        assert_eq!(
            told(failed(), left()),
            "not once was this done\na database is left over"
        );
        assert_eq!(told(failed(), Ok(())), "not once was this done");
        assert_eq!(told(Ok(1), left()), "a database is left over");
        assert_eq!(told_first(Ok(1), Ok(())).unwrap(), 1);
    }
}
