//! PostgreSQL servers of a test's own: a primary, and a standby without which it confirms no COMMIT.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::support::{Folder, eventually, text};

const STANDBY: &str = "standby";

pub(super) struct Cluster {
    pub(super) address: SocketAddr,
    data: PathBuf,
    running: Child,
}

impl Cluster {
    pub(super) fn primary(folder: &Folder) -> Self {
        let data = folder.path().join("primary");
        give_away(folder.path());
        let flags = "-U postgres -A trust -E UTF8 --locale=C -N";
        succeeds(
            postgres("initdb")
                .arg("-D")
                .arg(&data)
                .args(flags.split(' ')),
        );
        let waits_for = format!("synchronous_standby_names={STANDBY}");
        Self::start(data, &["-c", &waits_for])
    }

    /// A copy that follows the primary, which it reaches at this address.
    pub(super) fn standby(folder: &Folder, primary: SocketAddr) -> Self {
        let data = folder.path().join(STANDBY);
        let (ip, port) = (primary.ip(), primary.port());
        let from = format!(
            "host={ip} port={port} user=postgres sslmode=disable gssencmode=disable application_name={STANDBY}"
        );
        succeeds(
            postgres("pg_basebackup")
                .args(["-R", "-N", "-c", "fast", "-d", &from, "-D"])
                .arg(&data),
        );
        Self::start(data, &[])
    }

    /// It follows nobody any more, and takes writes.
    pub(super) fn promote(&self) {
        succeeds(
            postgres("pg_ctl")
                .args(["promote", "-s", "-w", "-D"])
                .arg(&self.data),
        );
    }

    /// Ends with all of its processes, without a word to anybody.
    pub(super) fn stop(&mut self) {
        succeeds(&mut self.stopped());
        self.running.wait().unwrap();
    }

    /// Gone from one moment to the next: SIGKILL.
    pub(super) fn kill(&mut self) {
        // What was started may be a program that waits for it.
        let file = std::fs::read_to_string(self.data.join("postmaster.pid")).unwrap();
        let process = file.lines().next().unwrap();
        succeeds(Command::new("kill").args(["-KILL", process]));
        self.running.wait().unwrap();
    }

    /// Where it was, after it was stopped.
    pub(super) fn is_back(&mut self) {
        self.running = serve(&self.data, self.address, &[]);
        self.answers();
    }

    fn stopped(&self) -> Command {
        let mut command = postgres("pg_ctl");
        command
            .args(["stop", "-s", "-w", "-m", "immediate", "-D"])
            .arg(&self.data);
        command
    }

    fn start(data: PathBuf, more: &[&str]) -> Self {
        // Somebody else may take a port that was free a moment ago.
        for _ in 0..10 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = free.local_addr().unwrap();
            drop(free);
            let mut cluster = Self {
                address,
                running: serve(&data, address, more),
                data: data.clone(),
            };
            if cluster.answers() {
                return cluster;
            }
        }
        panic!("PostgreSQL does not start in {}", data.display());
    }

    /// False when it has ended instead.
    fn answers(&mut self) -> bool {
        let (ip, port) = (
            self.address.ip().to_string(),
            self.address.port().to_string(),
        );
        let mut ended = false;
        eventually("PostgreSQL answers", || {
            ended = self.running.try_wait().unwrap().is_some();
            let asked = postgres("pg_isready")
                .args(["-q", "-h", &ip, "-p", &port])
                .status();
            ended || asked.unwrap().success()
        });
        !ended
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Ok(None) = self.running.try_wait() {
            let _ = self.stopped().output();
            let _ = self.running.wait();
        }
    }
}

/// In the foreground, so that it ends with whoever ends the tests.
fn serve(data: &Path, address: SocketAddr, more: &[&str]) -> Child {
    let settings = "-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=50 \
                    -c shared_buffers=32MB -c fsync=off -c full_page_writes=off";
    postgres("postgres")
        .arg("-D")
        .arg(data)
        .args(["-p", &address.port().to_string()])
        .args(settings.split_whitespace())
        .args(more)
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// One of PostgreSQL's programs, by whom `./test` runs them: PostgreSQL refuses to run as root.
fn postgres(program: &str) -> Command {
    let file = Path::new(&set("CARTWRIGHT_TEST_POSTGRES_BIN")).join(program);
    let user = set("CARTWRIGHT_TEST_POSTGRES_USER");
    let mut command = match &*user {
        "" => Command::new(file),
        user => {
            let mut command = Command::new("runuser");
            command.args(["-u", user, "--"]).arg(file);
            command
        }
    };
    command
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

fn give_away(folder: &Path) {
    let user = set("CARTWRIGHT_TEST_POSTGRES_USER");
    if !user.is_empty() {
        succeeds(Command::new("chown").arg(user).arg(folder));
    }
}

fn set(name: &str) -> String {
    let found = std::env::vars().find(|(key, _)| key == name);
    let (_, value) = found.unwrap_or_else(|| panic!("{name} is not set: run ./test"));
    value
}

fn succeeds(command: &mut Command) {
    let Output { status, stderr, .. } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {}", text(&stderr));
}
