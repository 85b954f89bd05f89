//! A system to be compared: a folder with a program `run` (verbs `seed`, `start`, `stop`) and its `requests.json`.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use client::adapter::{Adapter, CARTWRIGHT};
use client::load::{LINES, Target};
use tokio::process::{Child, Command};

use crate::shop::Server;

/// How long a system may take to answer after its start, and to end.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) struct System {
    pub(super) name: String,
    server: Server,
    /// With `run` and, unless it speaks as Cartwright does, `requests.json`.
    folder: PathBuf,
    scratch: PathBuf,
    cpus: Option<String>,
    env: Vec<(&'static str, String)>,
    child: Option<Child>,
}

pub(super) struct Place<'a> {
    pub(super) folder: &'a Path,
    pub(super) scratch: &'a Path,
    pub(super) data: &'a Path,
    pub(super) postgres: &'a str,
    pub(super) cpus: Option<&'a str>,
}

impl System {
    /// Nothing is started yet.
    pub(super) fn new(name: &str, number: usize, place: &Place<'_>) -> Result<Self> {
        let (folder, variant) = name.split_once(':').unwrap_or((name, ""));
        let folder = std::path::absolute(place.folder.join(folder))?;
        if !folder.join("run").is_file() {
            bail!(
                "There is no system {name}: {} is not there.",
                folder.join("run").display()
            );
        }
        if variant.starts_with("postgres") && place.postgres.is_empty() {
            bail!("{name} needs --postgres URL, a server on which it may make a database.");
        }
        let scratch = place.scratch.join(number.to_string());
        let run = place
            .scratch
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let programs = std::env::current_exe()?;
        let programs = programs.parent().unwrap_or(Path::new("."));
        let env = vec![
            ("NAME", format!("{run}_{number}")),
            ("VARIANT", variant.to_owned()),
            ("PORT", port.to_string()),
            ("FOLDER", scratch.display().to_string()),
            ("DATA", place.data.display().to_string()),
            ("POSTGRES", place.postgres.to_owned()),
            ("PROGRAMS", programs.display().to_string()),
        ];
        Ok(Self {
            name: name.to_owned(),
            server: Server(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)),
            folder,
            scratch,
            cpus: place.cpus.map(str::to_owned),
            env,
            child: None,
        })
    }

    /// Fills it, starts it, and waits until it answers with its products.
    pub(super) async fn open(&mut self, products: u32) -> Result<Target> {
        eprintln!("{}: filling, starting", self.name);
        std::fs::create_dir_all(&self.scratch)?;
        self.verb("seed").await?;
        let log = self.log()?;
        self.child = Some(
            self.command("start")
                .stdout(log.try_clone()?)
                .stderr(log)
                .spawn()
                .with_context(|| format!("{} does not start", self.name))?,
        );
        let requests = self.folder.join("requests.json");
        let text = match requests.exists() {
            true => std::fs::read_to_string(&requests)?,
            false => CARTWRIGHT.to_owned(),
        };
        let target = Target {
            server: self.server,
            adapter: Adapter::parse(&text, &self.server.0.to_string())?,
            ids: self.ids()?,
            products,
            lines: LINES,
        };
        let since = Instant::now();
        while !target
            .look("detail")
            .await
            .is_ok_and(|look| look.status == 200)
        {
            let ended = self
                .child
                .as_mut()
                .and_then(|child| child.try_wait().ok().flatten());
            if since.elapsed() > PATIENCE || ended.is_some() {
                bail!(
                    "{} does not answer; its log is {}",
                    self.name,
                    self.scratch.join("log").display()
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(target)
    }

    /// Its process, whose descendants are it too.
    pub(super) fn process(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Ends it and lets it clean up, whatever became of it.
    pub(super) async fn stop(mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            if let Some(id) = child.id() {
                Command::new("kill")
                    .args(["-TERM", &id.to_string()])
                    .status()
                    .await?;
            }
            if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
                child.kill().await?;
            }
        }
        match self.scratch.exists() {
            true => self.verb("stop").await,
            false => Ok(()),
        }
    }

    /// Ids that `seed` wrote: a JSON list of the variables of product 1, 2, …
    fn ids(&self) -> Result<Vec<client::adapter::Vars>> {
        match std::fs::read(self.scratch.join("ids.json")) {
            Ok(text) => Ok(serde_json::from_slice(&text)?),
            Err(_) => Ok(Vec::new()),
        }
    }

    async fn verb(&self, verb: &str) -> Result<()> {
        let done = self.command(verb).stdout(self.log()?).output().await?;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr);
            return Err(anyhow!("{} {verb}: {}", self.name, said.trim()));
        }
        Ok(())
    }

    fn command(&self, verb: &str) -> Command {
        let run = self.folder.join("run");
        let mut command = match &self.cpus {
            Some(cpus) => {
                let mut command = Command::new("taskset");
                command.args(["-c", cpus]).arg(run);
                command
            }
            None => Command::new(run),
        };
        command
            .arg(verb)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    fn log(&self) -> Result<File> {
        let path = self.scratch.join("log");
        Ok(File::options().create(true).append(true).open(path)?)
    }
}
