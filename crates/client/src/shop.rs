//! The shop's API as a caller sees it: where the server is, who asks, and what an answer means.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use crate::dataset;
use crate::http::{Answer, Client};
use crate::parallel::{Jobs, in_parallel};

const BASE: &str = "/api/v1/";
/// Longer than open payments wait for their second look.
const PATIENCE: Duration = Duration::from_secs(600);
pub const PASSWORD: &str = "Bench-Pass-123";

/// Where the server listens. Loopback only: this program loads a server until it is sold out.
#[derive(Clone, Copy, Debug)]
pub struct Server(pub SocketAddrV4);

/// Somebody with a source address, a connection and perhaps an account.
pub struct Caller {
    client: Client,
    server: Server,
    login: Option<(String, String)>,
    token: Option<String>,
}

/// What was asked for: method, path below the base, body, idempotency key.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub body: Option<&'a Value>,
    pub key: Option<&'a str>,
}

impl<'a> Ask<'a> {
    pub fn get(path: &'a str) -> Self {
        Self {
            method: "GET",
            path,
            body: None,
            key: None,
        }
    }

    pub fn delete(path: &'a str) -> Self {
        Self {
            method: "DELETE",
            path,
            body: None,
            key: None,
        }
    }

    pub fn post(path: &'a str, body: &'a Value) -> Self {
        Self {
            method: "POST",
            path,
            body: Some(body),
            key: None,
        }
    }

    pub fn keyed(self, key: &'a str) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }
}

impl FromStr for Server {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let rest = url
            .strip_prefix("http://")
            .ok_or("the URL must begin with http://")?;
        let rest = rest.trim_end_matches('/').replace("localhost", "127.0.0.1");
        let address: SocketAddrV4 = rest
            .parse()
            .map_err(|_| "the URL must look like http://127.0.0.1:8000".to_owned())?;
        if !address.ip().is_loopback() {
            return Err("this program talks to loopback addresses only".to_owned());
        }
        Ok(Self(address))
    }
}

impl Server {
    pub fn caller(self, number: usize) -> Caller {
        Caller {
            client: Client::new(self.0, source(number)),
            server: self,
            login: None,
            token: None,
        }
    }

    /// An account of its own for caller `number`, made now or by an earlier run.
    pub async fn customer(self, number: usize, email: &str) -> Result<Caller> {
        let mut caller = self.caller(number);
        let body = json!({"email": email, "password": PASSWORD, "first_name": "Bench", "last_name": "Customer"});
        let answer = caller.send(Ask::post("auth/register/", &body)).await?;
        caller.login = Some((email.to_owned(), PASSWORD.to_owned()));
        if answer.status == 201 {
            caller.token = answer.json()["tokens"]["access"]
                .as_str()
                .map(str::to_owned);
        }
        if caller.token.is_none() {
            caller.sign_in().await.with_context(|| {
                format!(
                    "{email} neither registers ({}) nor signs in",
                    answer.reason()
                )
            })?;
        }
        Ok(caller)
    }

    /// The first so many users of the data set, with accounts.
    pub async fn register_users(self, count: usize) -> Result<()> {
        in_parallel(8, count, async |_, jobs: &Jobs| {
            while let Some(at) = jobs.next() {
                self.customer(at + 1, &dataset::user(at + 1)).await?;
            }
            Ok(())
        })
        .await?;
        Ok(())
    }

    pub async fn signed_in(self, email: &str, password: &str) -> Result<Caller> {
        let mut caller = self.caller(0);
        caller.login = Some((email.to_owned(), password.to_owned()));
        caller.sign_in().await?;
        Ok(caller)
    }

    /// Waits until the server answers again.
    pub async fn is_back(self, patience: Duration) -> Result<()> {
        let since = Instant::now();
        while since.elapsed() < patience {
            if self
                .caller(0)
                .send(Ask::get("health/"))
                .await
                .is_ok_and(|answer| answer.status == 200)
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!(
            "{} has not answered for {} seconds",
            self.0,
            patience.as_secs()
        )
    }
}

impl Caller {
    /// The same account on a connection of its own.
    pub fn again(&self, number: usize) -> Self {
        Self {
            login: self.login.clone(),
            token: self.token.clone(),
            ..self.server.caller(number)
        }
    }

    /// Asks once, again only when the access token has run out.
    pub async fn ask(&mut self, ask: Ask<'_>) -> std::io::Result<Answer> {
        let answer = self.send(ask).await?;
        if answer.status != 401 || self.login.is_none() {
            return Ok(answer);
        }
        match self.sign_in().await {
            Ok(()) => self.send(ask).await,
            Err(_) => Ok(answer),
        }
    }

    /// The body of a 2xx answer; anything else is an error.
    pub async fn expect(&mut self, ask: Ask<'_>) -> Result<Value> {
        let answer = self
            .ask(ask)
            .await
            .with_context(|| format!("{} {} to {}", ask.method, ask.path, self.server.0))?;
        if !answer.is_ok() {
            bail!(
                "{} {} was answered {}: {}",
                ask.method,
                ask.path,
                answer.reason(),
                answer.text()
            );
        }
        Ok(answer.json())
    }

    /// The server that is asked.
    pub fn server(&self) -> Server {
        self.server
    }

    /// Asks until there is a 2xx answer, also while the server is away; what a repetition cannot mend is an error.
    pub async fn insist(&mut self, ask: Ask<'_>) -> Result<Value> {
        let since = Instant::now();
        loop {
            match self.ask(ask).await {
                Ok(answer) if answer.is_ok() => return Ok(answer.json()),
                Ok(answer)
                    if answer.status < 500
                        && !answer.reason().contains("in_progress")
                        && answer.status != 429 =>
                {
                    bail!("{} {}: {}", ask.method, ask.path, answer.reason())
                }
                _ if since.elapsed() > PATIENCE => {
                    bail!("{} {} brings nothing", ask.method, ask.path)
                }
                _ => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    self.server.is_back(Duration::from_secs(60)).await?;
                }
            }
        }
    }

    /// A connection that is not needed for a while is given back.
    pub fn leave(&mut self) {
        self.client.close();
    }

    async fn sign_in(&mut self) -> Result<()> {
        let (email, password) = self.login.as_ref().ok_or_else(|| anyhow!("no account"))?;
        let body = json!({"email": email, "password": password});
        self.token = None;
        let answer = self
            .send(Ask::post("auth/login/", &body))
            .await
            .with_context(|| format!("signing in at {}", self.server.0))?;
        let token = answer.json()["access"].as_str().map(str::to_owned);
        self.token = Some(token.ok_or_else(|| {
            anyhow!(
                "signing in was answered {}: {}",
                answer.reason(),
                answer.text()
            )
        })?);
        Ok(())
    }

    /// Asks once, and never signs in by itself.
    pub async fn send(&mut self, ask: Ask<'_>) -> std::io::Result<Answer> {
        let body = ask.body.map(Value::to_string).unwrap_or_default();
        let mut request = format!(
            "{} {BASE}{} HTTP/1.1\r\nhost: {}\r\n",
            ask.method, ask.path, self.server.0
        );
        if let Some(token) = &self.token {
            request.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        if let Some(key) = ask.key {
            request.push_str(&format!("idempotency-key: {key}\r\n"));
        }
        if ask.body.is_some() {
            request.push_str("content-type: application/json\r\n");
        }
        if ask.method != "GET" {
            request.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        request.push_str(&body);
        self.client.exchange(request.as_bytes()).await
    }
}

impl Answer {
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Status and code, such as `409 out_of_stock`.
    pub fn reason(&self) -> String {
        match self.json()["code"].as_str() {
            Some(code) => format!("{} {code}", self.status),
            None => self.status.to_string(),
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body)
            .chars()
            .take(300)
            .collect()
    }
}

/// Each caller comes from a loopback address of its own; number 0 is nobody in particular.
pub fn source(number: usize) -> Ipv4Addr {
    let octet = |n: usize| u8::try_from(n % 250 + 1).unwrap_or(1);
    match number {
        0 => Ipv4Addr::LOCALHOST,
        n => Ipv4Addr::new(127, octet(n / 62_500 + 1), octet(n / 250), octet(n)),
    }
}

/// The number of a run's first customer, so that runs on one shop do not share addresses: a shop limits how many
/// accounts one address makes in an hour.
pub fn first_customer(run: &str) -> usize {
    let hash = run.bytes().fold(0, |hash: usize, byte| {
        hash.wrapping_mul(31).wrapping_add(byte.into())
    });
    1 + hash % 5_000 * 3_000
}

/// A short name that no earlier run on the same shop had.
pub fn run_name() -> String {
    use std::hash::{BuildHasher, Hasher};
    let random = std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish();
    format!("{:06x}", random & 0xff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_contacted() {
        assert!("http://127.0.0.1:8000/".parse::<Server>().is_ok());
        assert!("http://localhost:8000".parse::<Server>().is_ok());
        for bad in [
            "http://192.168.0.1:80",
            "https://127.0.0.1:8000",
            "http://example.com:80",
            "127.0.0.1:8000",
        ] {
            assert!(bad.parse::<Server>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_caller_has_an_address_of_its_own() {
        let all: std::collections::HashSet<_> = (0..200_000).map(source).collect();
        assert_eq!(all.len(), 200_000);
        assert!(all.iter().all(Ipv4Addr::is_loopback));
    }
}
