//! A shop for trying things out on a scratch database: this very program, in processes of its own, with settings of its
//! own. `torture` kills it, `bench` measures it.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use client::shop::Server;
use db::{Engine, Scratch};
use serde_json::Value;
use shop::config::Config;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

pub(crate) const ADMIN: &str = "admin@example.com";
pub(crate) const PASSWORD: &str = "a passphrase for the scratch shop";
/// Starts before it is given up.
const TRIES: usize = 50;
/// In the folder of the run.
pub(crate) const LOG: &str = "server.log";
/// Likewise, what the server keeps beside its database.
pub(crate) const DATA: &str = "data";

pub(crate) struct Program {
    pub(crate) server: Server,
    file: PathBuf,
    folder: PathBuf,
    env: Vec<(&'static str, String)>,
}

impl Program {
    /// On a free port of this machine; what it keeps, and its log, in `folder`.
    pub(crate) fn new(config: &Config, url: &str, folder: &Path) -> Result<Self> {
        let free = free_port(folder)?;
        Ok(Program {
            server: Server(free),
            file: std::env::current_exe()?,
            folder: folder.to_owned(),
            env: settings(config, url, folder, free),
        })
    }

    /// Further settings, which count more than those it has.
    pub(crate) fn set(&mut self, settings: Vec<(&'static str, String)>) {
        self.env.extend(settings);
    }

    pub(crate) async fn make_admin(&self) -> Result<()> {
        let given = [
            ("CARTWRIGHT_SUPERUSER_EMAIL", ADMIN),
            ("CARTWRIGHT_SUPERUSER_PASSWORD", PASSWORD),
        ];
        self.run(&["createsuperuser", "--no-input"], &given).await
    }

    /// Another verb, to its end.
    pub(crate) async fn run(&self, args: &[&str], env: &[(&str, &str)]) -> Result<()> {
        let done = self
            .command(args)
            .envs(env.iter().copied())
            .output()
            .await?;
        if !done.status.success() {
            bail!("{}", String::from_utf8_lossy(&done.stderr).trim());
        }
        Ok(())
    }

    /// Answers when it does.
    pub(crate) async fn start(&self) -> Result<Child> {
        for _ in 0..TRIES {
            let mut child = self
                .command(&["serve"])
                .stdout(Stdio::null())
                .stderr(self.log()?)
                .spawn()
                .context("the server does not start")?;
            tokio::select! {
                back = self.server.is_back(Duration::from_secs(60)) => {
                    back?;
                    return Ok(child);
                }
                // Somebody else may have had its port for a moment.
                ended = child.wait() => { ended?; }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let log = std::fs::read_to_string(self.folder.join(LOG))?;
        let last: Vec<&str> = log.lines().rev().take(3).collect();
        bail!("the server does not start: {}", last.join(" / "))
    }

    /// What `cartwright check` finds, beside the running server.
    pub(crate) async fn check(&self) -> Result<Vec<String>> {
        let done = self.command(&["check", "--json"]).output().await?;
        let said: Value = serde_json::from_slice(&done.stdout)
            .with_context(|| String::from_utf8_lossy(&done.stderr).into_owned())?;
        let findings = said["findings"].as_array().cloned().unwrap_or_default();
        let text = |finding: &Value| {
            let of = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
            format!("{}: {} ({})", of("subject"), of("rule"), of("found"))
        };
        Ok(findings.iter().map(text).collect())
    }

    /// What the server took for an error of its own.
    pub(crate) fn errors(&self) -> Result<Vec<String>> {
        let text = std::fs::read_to_string(self.folder.join(LOG))?;
        let errors = text
            .lines()
            .filter(|line| line.contains("\"level\":\"ERROR\""));
        Ok(errors.map(str::to_owned).collect())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.file);
        command
            .args(args)
            // Nothing of the shop's own settings, nor its `.env`.
            .env_clear()
            .current_dir(&self.folder)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    fn log(&self) -> Result<File> {
        let file = self.folder.join(LOG);
        Ok(OpenOptions::new().create(true).append(true).open(file)?)
    }
}

/// For a select: SIGTERM or Ctrl-C, so that what was made can be removed.
pub(crate) async fn interrupted() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Beside which a scratch database is made.
pub(crate) fn beside(config: &Config) -> db::Options {
    db::Options {
        prepared_statements: config.database_prepared_statements,
        ..db::Options::new(&config.database_url)
    }
}

pub(crate) fn engine_of(scratch: &Scratch) -> Engine {
    match scratch.url.starts_with("sqlite://") {
        true => Engine::Sqlite,
        false => Engine::Postgres,
    }
}

/// What to tell when there is none.
pub(crate) const NO_SCRATCH: &str = "No scratch database can be made beside the shop's.\nOn PostgreSQL its user needs the right: ALTER USER … CREATEDB";

/// Below the ports that the system gives to who connects: between a kill and the next start nobody must take it.
fn free_port(folder: &Path) -> Result<SocketAddrV4> {
    let name = folder.as_os_str().as_encoded_bytes();
    let start = name.iter().fold(0_u16, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u16::from(*byte))
    });
    let ports = (0..12_000).map(|n| 20_000 + (start % 12_000 + n) % 12_000);
    let mut free = ports.map(|port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
    free.find(|address| std::net::TcpListener::bind(address).is_ok())
        .context("no port of this machine is free")
}

fn settings(
    config: &Config,
    url: &str,
    folder: &Path,
    bind: SocketAddrV4,
) -> Vec<(&'static str, String)> {
    vec![
        ("ENVIRONMENT", "development".to_owned()),
        ("BIND", bind.to_string()),
        ("DATABASE_URL", url.to_owned()),
        (
            "DATABASE_CONNECTIONS",
            config.database_connections.to_string(),
        ),
        (
            "DATABASE_PREPARED_STATEMENTS",
            config.database_prepared_statements.to_string(),
        ),
        (
            "CARTWRIGHT_DATA_DIR",
            folder.join(DATA).display().to_string(),
        ),
        ("EMAIL_URL", "log:".to_owned()),
        ("RATE_LIMIT", "off".to_owned()),
        // Nobody has to sign in again in the middle of a kill.
        ("ACCESS_TOKEN_TTL", "2d".to_owned()),
        ("LOG_FORMAT", "json".to_owned()),
        ("LOG_LEVEL", "warn".to_owned()),
        ("SERVER_TIMING", "false".to_owned()),
    ]
}
