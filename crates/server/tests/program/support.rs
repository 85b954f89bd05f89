//! Starts the binary in a folder of its own, and talks HTTP to it by hand: what is tested is how bytes arrive.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread::JoinHandle,
    time::Duration,
};

use serde_json::Value;

/// Nothing that is waited for takes longer, unless it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A folder that goes with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "cartwright-program-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// The program with these arguments, in this folder, knowing nothing of our own environment.
pub(crate) fn cartwright(folder: &Folder, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cartwright"));
    command
        .args(args)
        .current_dir(folder.path())
        .env_clear()
        .stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn run(folder: &Folder, args: &[&str], env: &[(&str, &str)]) -> Output {
    cartwright(folder, args)
        .envs(env.iter().copied())
        .output()
        .unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A shop that is open.
pub(crate) struct Shop {
    pub(crate) banner: String,
    pub(crate) address: SocketAddr,
    child: Child,
    log: BufReader<ChildStderr>,
    /// Goes after the program does.
    folder: Option<Folder>,
}

impl Shop {
    pub(crate) fn open(folder: &Folder, env: &[(&str, &str)]) -> Self {
        Self::start(cartwright(folder, &["serve", "--port", "0"]).envs(env.iter().copied()))
    }

    /// In a folder that goes with it.
    pub(crate) fn temporary(env: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        let mut shop = Self::open(&folder, env);
        shop.folder = Some(folder);
        shop
    }

    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut banner = String::new();
        let address = loop {
            let before = banner.len();
            if lines.read_line(&mut banner).unwrap() == 0 {
                let mut why = String::new();
                log.read_to_string(&mut why).unwrap();
                panic!("the shop did not open: {banner}{why}");
            }
            if let Some(rest) = banner[before..].strip_prefix("Listening on ") {
                break rest.split(". ").next().unwrap().parse().unwrap();
            }
        };
        Self {
            banner,
            address,
            child,
            log,
            folder: None,
        }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        ))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    /// Sends the bytes of one request, reads the answer up to the connection's end.
    pub(crate) fn send(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        // A server that refuses may stop reading before everything is sent.
        let _ = stream.write_all(request.as_bytes());
        Answer::read(&mut stream)
    }

    pub(crate) fn signal(&self, name: &str) {
        send_signal(&self.child, name);
    }

    /// No file of the program grows further than so many bytes, or `unlimited`.
    pub(crate) fn limits_files_to(&self, size: &str) {
        let set = Command::new("prlimit")
            .args(["--pid", &self.child.id().to_string()])
            // The soft limit, which may be raised again.
            .arg(format!("--fsize={size}:"))
            .status()
            .unwrap();
        assert!(set.success());
    }

    /// The first line of the log from here on that holds these words.
    pub(crate) fn log_line(&mut self, words: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(
                self.log.read_line(&mut line).unwrap(),
                0,
                "the log ended without `{words}`"
            );
            if line.contains(words) {
                return line;
            }
        }
    }

    /// The lines of the log from here on, up to one that holds these words.
    pub(crate) fn log_until(&mut self, words: &str) -> Vec<String> {
        let mut lines = Vec::new();
        while !lines
            .last()
            .is_some_and(|line: &String| line.contains(words))
        {
            let mut line = String::new();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "no `{words}`");
            lines.push(line);
        }
        lines
    }

    /// Reads the log from now on, up to the program's end: for those who make it write more than a pipe holds.
    pub(crate) fn follow_log(&self) -> JoinHandle<String> {
        let log = self.log.get_ref().as_fd().try_clone_to_owned().unwrap();
        std::thread::spawn(move || {
            let mut text = String::new();
            File::from(log).read_to_string(&mut text).unwrap();
            text
        })
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        // The pipe is read to its end first: a full one would hold the program back.
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        self.child.wait().unwrap()
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.folder = None;
    }
}

pub(crate) fn send_signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub(crate) struct Answer {
    /// 0 when the connection ended without any.
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        // A connection that was reset has still said what it said.
        let ended = stream.read_to_end(&mut bytes);
        assert!(
            !ended.is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock),
            "no answer came"
        );
        let all = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = all.split_once("\r\n\r\n").unwrap_or((&all, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or(0);
        Self {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {} {}", self.head, self.body))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

pub(crate) const PASSWORD: &str = "a long enough passphrase";

pub(crate) fn register(shop: &Shop, email: &str) -> Answer {
    shop.post(
        "/api/v1/auth/register/",
        &serde_json::json!({"email": email, "password": PASSWORD}),
    )
}

pub(crate) fn login(shop: &Shop, email: &str) -> Answer {
    shop.post(
        "/api/v1/auth/login/",
        &serde_json::json!({"email": email, "password": PASSWORD}),
    )
}

/// Asks again and again until it is so: for what the other side does on its own, soon.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not in {PATIENCE:?}");
        std::thread::yield_now();
    }
}
