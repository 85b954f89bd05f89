//! Somebody who asks, and what an answer means.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use super::Server;
use crate::http::{Answer, Client};

const BASE: &str = "/api/v1/";
/// Longer than open payments wait for their second look.
const PATIENCE: Duration = Duration::from_secs(600);

/// Somebody with a source address, a connection and perhaps an account.
pub struct Caller {
    pub(super) client: Client,
    pub(super) server: Server,
    pub(super) login: Option<(String, String)>,
    pub(super) token: Option<String>,
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

    pub(super) async fn sign_in(&mut self) -> Result<()> {
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
