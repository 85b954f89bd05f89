//! The server under torture: this very program, in processes of its own, with settings of its own.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use client::bank::Bank;
use client::shop::Server;
use serde_json::Value;
use shop::config::Config;
use tokio::process::{Child, Command};

pub(super) const ADMIN: &str = "torturer@example.com";
pub(super) const PASSWORD: &str = "a passphrase for the scratch shop";
/// Starts before it is given up.
const TRIES: usize = 50;
/// In the folder of the run.
pub(super) const LOG: &str = "server.log";
/// Likewise, what the server keeps beside its database.
pub(super) const DATA: &str = "data";

pub(super) struct Program {
    pub(super) server: Server,
    file: PathBuf,
    folder: PathBuf,
    env: Vec<(&'static str, String)>,
}

impl Program {
    /// On a free port of this machine; with the bank that it takes for Razorpay.
    pub(super) async fn new(config: &Config, url: &str, folder: &Path) -> Result<(Self, Bank)> {
        let free = free_port(folder)?;
        let server = Server(free);
        let bank = Bank::open(server).await?;
        let mut env = settings(config, url, folder, free);
        env.extend(bank.settings());
        let program = Program {
            server,
            file: std::env::current_exe()?,
            folder: folder.to_owned(),
            env,
        };
        Ok((program, bank))
    }

    pub(super) async fn make_admin(&self) -> Result<()> {
        let mut command = self.command(&["createsuperuser", "--no-input"]);
        command
            .env("CARTWRIGHT_SUPERUSER_EMAIL", ADMIN)
            .env("CARTWRIGHT_SUPERUSER_PASSWORD", PASSWORD);
        let done = command.output().await?;
        if !done.status.success() {
            bail!("{}", String::from_utf8_lossy(&done.stderr).trim());
        }
        Ok(())
    }

    /// Answers when it does.
    pub(super) async fn start(&self) -> Result<Child> {
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
    pub(super) async fn check(&self) -> Result<Vec<String>> {
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
    pub(super) fn errors(&self) -> Result<Vec<String>> {
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
