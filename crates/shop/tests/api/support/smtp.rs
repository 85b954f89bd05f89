//! A mail server: it speaks SMTP, STARTTLS and AUTH, and refuses or hangs up when it is told to.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What the server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manners {
    pub starttls: bool,
    /// TLS from the first byte.
    pub smtps: bool,
    /// The mechanisms of AUTH; empty: nobody needs to say who they are.
    pub auth: &'static str,
}

/// What it does with the next message instead of taking it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Answers RCPT with this line.
    Refuse(&'static str),
    /// Hangs up in the middle of the message.
    HangUp,
}

/// What came in.
#[derive(Clone, Debug)]
pub struct Delivered {
    pub from: String,
    pub to: Vec<String>,
    pub message: String,
    pub over_tls: bool,
    /// User and password.
    pub by: Option<(String, String)>,
}

#[derive(Clone)]
pub struct MailServer {
    pub port: u16,
    /// Of the authority that signed the server's certificate (for `localhost`).
    pub ca: PathBuf,
    state: Arc<State>,
}

struct State {
    manners: Manners,
    tls: TlsAcceptor,
    moods: Mutex<VecDeque<Mood>>,
    delivered: Mutex<Vec<Delivered>>,
    ca: PathBuf,
}

impl Drop for State {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.ca);
    }
}

impl MailServer {
    pub async fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let ca =
            std::env::temp_dir().join(format!("cartwright-mail-{}-{port}.pem", std::process::id()));
        std::fs::write(&ca, made.cert.pem()).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], PrivateKeyDer::Pkcs8(key))
            .unwrap();
        let state = Arc::new(State {
            manners,
            tls: TlsAcceptor::from(Arc::new(config)),
            moods: Mutex::default(),
            delivered: Mutex::default(),
            ca: ca.clone(),
        });
        let serving = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = serving.clone();
                // Who hangs up has said enough.
                tokio::spawn(async move { Session::new(state, Box::new(stream)).run().await });
            }
        });
        MailServer { port, ca, state }
    }

    /// What happens to the next messages, one each.
    pub fn moods(&self, moods: &[Mood]) {
        self.state.moods.lock().unwrap().extend(moods);
    }

    pub fn delivered(&self) -> Vec<Delivered> {
        self.state.delivered.lock().unwrap().clone()
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

struct Session {
    state: Arc<State>,
    stream: Box<dyn Stream>,
    over_tls: bool,
    by: Option<(String, String)>,
}

impl Session {
    fn new(state: Arc<State>, stream: Box<dyn Stream>) -> Self {
        Session {
            state,
            stream,
            over_tls: false,
            by: None,
        }
    }

    async fn run(mut self) -> std::io::Result<()> {
        if self.state.manners.smtps {
            self.secure().await?;
        }
        self.say("220 localhost ready").await?;
        let (mut from, mut to) = (String::new(), Vec::new());
        loop {
            let line = self.line().await?;
            let verb = line
                .split([' ', ':'])
                .next()
                .unwrap_or_default()
                .to_uppercase();
            match verb.as_str() {
                "EHLO" => self.greet().await?,
                "STARTTLS" => {
                    self.say("220 go ahead").await?;
                    self.secure().await?;
                }
                "AUTH" => self.authenticate(&line).await?,
                "MAIL" if self.by.is_none() && !self.state.manners.auth.is_empty() => {
                    self.say("530 5.7.0 authentication required").await?;
                }
                "MAIL" => {
                    from = address(&line);
                    self.say("250 ok").await?;
                }
                "RCPT" => {
                    let mood = self.state.moods.lock().unwrap().front().copied();
                    if let Some(Mood::Refuse(answer)) = mood {
                        self.state.moods.lock().unwrap().pop_front();
                        self.say(answer).await?;
                    } else {
                        to.push(address(&line));
                        self.say("250 ok").await?;
                    }
                }
                "DATA" => {
                    self.say("354 go ahead").await?;
                    let mood = self.state.moods.lock().unwrap().pop_front();
                    if mood == Some(Mood::HangUp) {
                        self.line().await?;
                        return Ok(());
                    }
                    let message = self.message().await?;
                    let to = std::mem::take(&mut to);
                    let (from, by) = (from.clone(), self.by.clone());
                    let over_tls = self.over_tls;
                    let delivered = Delivered {
                        from,
                        to,
                        message,
                        over_tls,
                        by,
                    };
                    self.state.delivered.lock().unwrap().push(delivered);
                    self.say("250 taken").await?;
                }
                "RSET" | "NOOP" => self.say("250 ok").await?,
                "QUIT" => return self.say("221 bye").await,
                _ => self.say("500 what?").await?,
            }
        }
    }

    async fn greet(&mut self) -> std::io::Result<()> {
        let manners = self.state.manners;
        let mut lines = vec!["localhost".to_owned(), "8BITMIME".to_owned()];
        if manners.starttls && !self.over_tls {
            lines.push("STARTTLS".to_owned());
        } else if !manners.auth.is_empty() {
            lines.push(format!("AUTH {}", manners.auth));
        }
        let last = lines.len() - 1;
        for (n, line) in lines.iter().enumerate() {
            let sign = if n == last { ' ' } else { '-' };
            self.say(&format!("250{sign}{line}")).await?;
        }
        Ok(())
    }

    async fn secure(&mut self) -> std::io::Result<()> {
        let bare = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        self.stream = Box::new(self.state.tls.clone().accept(bare).await?);
        self.over_tls = true;
        Ok(())
    }

    async fn authenticate(&mut self, line: &str) -> std::io::Result<()> {
        let words: Vec<_> = line.split(' ').collect();
        let decode = |text: &str| String::from_utf8(STANDARD.decode(text).unwrap()).unwrap();
        let said = if words[1] == "PLAIN" {
            let plain = decode(words[2]);
            let parts: Vec<_> = plain.split('\0').collect();
            (parts[1].to_owned(), parts[2].to_owned())
        } else {
            self.say("334 VXNlcm5hbWU6").await?;
            let user = decode(&self.line().await?);
            self.say("334 UGFzc3dvcmQ6").await?;
            (user, decode(&self.line().await?))
        };
        if said.1.starts_with("wrong") {
            return self.say("535 5.7.8 no").await;
        }
        self.by = Some(said);
        self.say("235 2.7.0 welcome").await
    }

    /// Up to the lone dot, with the dots before other dots taken away.
    async fn message(&mut self) -> std::io::Result<String> {
        let mut message = String::new();
        loop {
            let line = self.line().await?;
            if line == "." {
                return Ok(message);
            }
            message.push_str(line.strip_prefix('.').unwrap_or(&line));
            message.push_str("\r\n");
        }
    }

    async fn line(&mut self) -> std::io::Result<String> {
        let mut line = Vec::new();
        loop {
            match self.stream.read_u8().await? {
                b'\n' => break,
                byte => line.push(byte),
            }
        }
        Ok(String::from_utf8(line)
            .unwrap()
            .trim_end_matches('\r')
            .to_owned())
    }

    async fn say(&mut self, line: &str) -> std::io::Result<()> {
        self.stream
            .write_all(format!("{line}\r\n").as_bytes())
            .await?;
        self.stream.flush().await
    }
}

fn address(line: &str) -> String {
    let inside = line.split(['<', '>']).nth(1);
    inside.unwrap_or_default().to_owned()
}
