//! `bench crash`: a replay during which the server is killed again and again, without a chance to clean up.
//!
//! After each restart every acknowledged order must be there with its total, and `cartwright check` must find nothing.
//! Whoever lost an answer asks again under the same key; nobody begins another order until the audit is done.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use tokio::process::{Child, Command};

use crate::output::Output;
use crate::replay;
use crate::shop::Server;
use crate::verify;

/// How long a customer may take to log what has just been answered.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server's program; its settings come from the environment (DATABASE_URL, CARTWRIGHT_DATA_DIR, …)
    #[arg(long, default_value = "target/release/cartwright", value_name = "FILE")]
    server: PathBuf,
    /// How often to kill it
    #[arg(long, default_value_t = 20)]
    kills: usize,
    #[command(flatten)]
    replay: replay::Options,
}

/// False when an acknowledged order was lost, an invariant is broken, or the sums differ in the end.
pub(crate) async fn crash(
    mut options: Options,
    server: Server,
    admin: (&str, &str),
    output: Output,
) -> Result<bool> {
    let log = options
        .replay
        .log
        .clone()
        .unwrap_or_else(|| PathBuf::from("crash.jsonl"));
    // What an earlier run left would count as acknowledged.
    let _ = std::fs::remove_file(&log);
    options.replay.log = Some(log.clone());
    let (orders, kills) = (options.replay.invoices, options.kills);
    let paused = options.replay.paused.clone();
    let program = Program {
        file: options.server,
        server,
        env: Vec::new(),
    };
    let mut running = program.open(admin).await?;
    let killing = async {
        let mut restarts = Vec::new();
        for kill in 1..=kills {
            acknowledged(&log, orders * kill / (kills + 1)).await;
            running
                .kill()
                .await
                .context("the server cannot be killed")?;
            let since = Instant::now();
            paused.set(true);
            running = program.start().await?;
            restarts.push(since.elapsed());
            all_there(server, admin, &log).await?;
            program.run(&["check"]).await?;
            paused.set(false);
        }
        Ok(restarts)
    };
    let (sums, restarts) = tokio::try_join!(
        replay::replay(options.replay, server, admin, output),
        killing
    )?;
    all_there(server, admin, &log).await?;
    program.run(&["check"]).await?;
    running.kill().await?;

    let slowest = restarts.iter().max().copied().unwrap_or_default();
    output.print(
        &json!({"kills": kills, "slowest_restart_seconds": slowest.as_secs_f64()}),
        || {
            say!(
                "Killed       {kills} times, back within {:.2} s; nothing acknowledged was lost",
                slowest.as_secs_f64()
            );
        },
    );
    Ok(sums)
}

/// Waits until so many orders are in the log.
async fn acknowledged(log: &Path, orders: usize) {
    while std::fs::read(log).map_or(0, |text| text.iter().filter(|byte| **byte == b'\n').count())
        < orders
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// An order may be further than the log for a moment: its customer is about to write that down.
async fn all_there(server: Server, admin: (&str, &str), log: &Path) -> Result<()> {
    let since = Instant::now();
    let admin = server.signed_in(admin.0, admin.1).await?;
    loop {
        let orders: Vec<_> = verify::read(log)?.into_values().collect();
        let problems = verify::find(&admin, &orders).await?.problems;
        match problems.first() {
            None => return Ok(()),
            Some(problem) => ensure!(since.elapsed() < PATIENCE, "after a restart: {problem}"),
        }
    }
}

/// The server's program, with settings beside those of the environment.
pub(crate) struct Program {
    pub(crate) file: PathBuf,
    pub(crate) server: Server,
    pub(crate) env: Vec<(&'static str, String)>,
}

impl Program {
    /// Started for the first time, with an administrator.
    pub(crate) async fn open(&self, admin: (&str, &str)) -> Result<Child> {
        let superuser = [
            "createsuperuser",
            "--no-input",
            "--email",
            admin.0,
            "--password",
            admin.1,
        ];
        self.run(&superuser).await?;
        self.start().await
    }

    pub(crate) async fn start(&self) -> Result<Child> {
        let child = self
            .command()
            .arg("serve")
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("{} does not start", self.file.display()))?;
        self.server.is_back(Duration::from_secs(30)).await?;
        Ok(child)
    }

    pub(crate) async fn run(&self, args: &[&str]) -> Result<()> {
        let done = self.command().args(args).output().await?;
        if !done.status.success() {
            bail!(
                "cartwright {}: {}{}",
                args[0],
                String::from_utf8_lossy(&done.stdout),
                String::from_utf8_lossy(&done.stderr)
            );
        }
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.file);
        command
            .env("BIND", self.server.0.to_string())
            .env("LOG_FORMAT", "json")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .kill_on_drop(true);
        command
    }
}
