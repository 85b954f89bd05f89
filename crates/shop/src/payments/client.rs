//! The one way out to providers: short waits, small answers, no redirects, and a pause for one that keeps failing.
//!
//! What went wrong is told by what the provider may have done: nothing ([`Trouble::NotSent`], [`Trouble::Refused`]),
//! or who knows ([`Trouble::Unknown`], [`Trouble::Broken`]).

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, header};
use serde_json::Value;

use super::breaker::Breakers;
use super::payment::Provider;
use crate::app::App;
use crate::clock::Time;
use crate::config::Setting;
use crate::error::{Code, Error};
use crate::outward::{self, Connections, innermost};

/// The most that is read of an answer.
const LARGEST: usize = 1024 * 1024;

/// What this node keeps of its providers.
#[derive(Default)]
pub(crate) struct Client {
    connections: OnceLock<Connections>,
    breakers: Breakers,
}

pub(crate) struct Call<'a> {
    method: Method,
    /// The whole of it, or what follows the address of the provider.
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Body<'a>,
}

pub(crate) enum Body<'a> {
    None,
    Json(&'a Value),
    /// Names and values of a form.
    Form(&'a [(String, String)]),
}

impl<'a> Call<'a> {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Call {
            method: Method::GET,
            path: path.into(),
            headers: Vec::new(),
            body: Body::None,
        }
    }

    pub(crate) fn post(path: impl Into<String>, body: Body<'a>) -> Self {
        Call {
            method: Method::POST,
            body,
            ..Call::get(path)
        }
    }

    #[must_use]
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Name and password.
    #[must_use]
    pub(crate) fn basic(self, name: &str, password: &str) -> Self {
        let both = STANDARD.encode(format!("{name}:{password}"));
        self.header("authorization", format!("Basic {both}"))
    }
}

/// Why a call brought nothing.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It never left: the provider did nothing.
    NotSent(String),
    /// This node does not ask for the moment.
    Paused { seconds: u64 },
    /// It left and nothing, or not all, came back: the provider may have done it.
    Unknown(String),
    /// The provider failed, or answered what is no answer; it may have done it.
    Broken(String),
    /// The provider said no, and did nothing.
    Refused { status: u16, answer: Value },
    /// The provider cannot do this for this shop.
    Impossible(String),
}

/// Calls a provider, whose address is the setting `base`, and reads its JSON.
pub(crate) async fn call(
    app: &App,
    provider: Provider,
    base: Setting,
    call: Call<'_>,
) -> Result<Value, Trouble> {
    let client = &app.payments.client;
    let now = app.clock.now();
    let call = Call {
        path: format!("{}{}", app.config.get(base).unwrap_or_default(), call.path),
        ..call
    };
    if let Some(seconds) = client.breakers.pause(provider, now) {
        return Err(Trouble::Paused { seconds });
    }
    let bytes = bytes_within(app, call).await;
    let answer = bytes.and_then(|(status, bytes)| understand(status, &bytes));
    client.breakers.note(
        provider,
        now,
        !matches!(
            answer,
            Err(Trouble::NotSent(_) | Trouble::Unknown(_) | Trouble::Broken(_))
        ),
    );
    answer
}

impl Client {
    /// The provider is not asked at the moment.
    pub(crate) fn is_paused(&self, provider: Provider, now: Time) -> bool {
        self.breakers.is_paused(provider, now)
    }
}

/// Fetches a file, such as a certificate.
pub(crate) async fn fetch(app: &App, url: &str) -> Result<Vec<u8>, Trouble> {
    match bytes_within(app, Call::get(url)).await? {
        (200, bytes) => Ok(bytes.to_vec()),
        (status, _) => Err(Trouble::Broken(format!("a file answered {status}"))),
    }
}

async fn bytes_within(app: &App, call: Call<'_>) -> Result<(u16, Bytes), Trouble> {
    let late = |_| Trouble::Unknown("it took too long".to_owned());
    tokio::time::timeout(app.config.provider_timeout, bytes_of(app, call))
        .await
        .map_err(late)?
}

async fn bytes_of(app: &App, call: Call<'_>) -> Result<(u16, Bytes), Trouble> {
    let not_sent = |error: &dyn std::fmt::Display| Trouble::NotSent(error.to_string());
    let request = request(call).map_err(|error| not_sent(&error))?;
    let connections = match app.payments.client.connections.get() {
        Some(connections) => connections,
        None => {
            let made = outward::connections(&app.config).map_err(|error| not_sent(&error))?;
            app.payments.client.connections.get_or_init(|| made)
        }
    };
    let response =
        connections
            .request(request)
            .await
            .map_err(|error| match error.is_connect() {
                true => Trouble::NotSent(innermost(&error)),
                false => Trouble::Unknown(innermost(&error)),
            })?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    let body = body.map_err(
        |error| match error.is::<http_body_util::LengthLimitError>() {
            true => Trouble::Broken("its answer is larger than 1 MB".to_owned()),
            false => Trouble::Unknown(innermost(&*error)),
        },
    )?;
    Ok((status, body.to_bytes()))
}

fn request(call: Call<'_>) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    let mut request = Request::builder()
        .method(call.method)
        .uri(&call.path)
        .header(header::ACCEPT, "application/json")
        .header(
            header::USER_AGENT,
            concat!("cartwright/", env!("CARGO_PKG_VERSION")),
        );
    for (name, value) in &call.headers {
        request = request.header(*name, value);
    }
    let (kind, bytes) = match call.body {
        Body::None => return request.body(Full::default()),
        Body::Json(value) => ("application/json", value.to_string()),
        Body::Form(fields) => ("application/x-www-form-urlencoded", form(fields)),
    };
    request
        .header(header::CONTENT_TYPE, kind)
        .body(Full::from(bytes))
}

/// Follows no redirect and takes nothing but JSON.
fn understand(status: u16, bytes: &[u8]) -> Result<Value, Trouble> {
    let answer = serde_json::from_slice::<Value>(bytes)
        .ok()
        .filter(Value::is_object);
    match (status, answer) {
        (200..=299, Some(answer)) => Ok(answer),
        (200..=299, None) => Err(Trouble::Broken("its answer is no JSON object".to_owned())),
        // Too many requests, or two at once under one key: it may be asked again.
        (408 | 409 | 425 | 429, _) => Err(Trouble::Broken(format!("it answered {status}"))),
        (400..=499, answer) => Err(Trouble::Refused {
            status,
            answer: answer.unwrap_or(Value::Null),
        }),
        _ => Err(Trouble::Broken(format!("it answered {status}"))),
    }
}

fn form(fields: &[(String, String)]) -> String {
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
        .collect();
    pairs.join("&")
}

/// All but letters, digits and `-._~` as `%XX`.
pub(crate) fn escaped(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes().fold(String::new(), |mut out, byte| {
        match plain(&byte) {
            true => out.push(byte.into()),
            false => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

impl Trouble {
    /// Asking again would bring the same no.
    pub(crate) fn is_final(&self) -> bool {
        // Missing rights or a wrong key are ours to mend.
        matches!(self, Trouble::Refused { status, .. } if ![401, 403].contains(status))
            || matches!(self, Trouble::Impossible(_))
    }

    /// The provider is not set up.
    pub(crate) fn no_keys() -> Self {
        Trouble::NotSent("no keys are set".to_owned())
    }

    /// For a provider that told us something which we could not look up: it comes again (503).
    pub(crate) fn come_again(self) -> Error {
        Error::from(Code::DependencyUnavailable)
            .retry_after(30)
            .because(self)
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::NotSent(why) => write!(f, "the provider was not reached: {why}"),
            Trouble::Paused { .. } => f.write_str("the provider is given a pause"),
            Trouble::Unknown(why) => write!(f, "no answer of the provider: {why}"),
            Trouble::Broken(why) => write!(f, "the provider failed: {why}"),
            Trouble::Refused { status, answer } => {
                write!(f, "the provider refused: {status} {}", reason(answer))
            }
            Trouble::Impossible(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Trouble {}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        let error = match &trouble {
            Trouble::Unknown(_) => Code::PaymentPending
                .with("The payment provider has not answered. What became of the payment is found out by itself.")
                .retry_after(30),
            Trouble::Paused { seconds } => Code::DependencyUnavailable
                .with("The payment provider does not answer at the moment.")
                .retry_after(*seconds),
            Trouble::Refused { .. } => Code::ProviderError.with("The payment provider refused this."),
            Trouble::Impossible(why) => Code::ProviderError.with(why.clone()),
            Trouble::NotSent(_) | Trouble::Broken(_) => {
                Code::ProviderError.with("The payment provider cannot be reached, or it failed.")
            }
        };
        error.because(trouble)
    }
}

/// The provider's word for its no; nothing longer, and nothing of a buyer.
fn reason(answer: &Value) -> String {
    let known = [
        "/error/code",
        "/error/type",
        "/name",
        "/statusCode",
        "/error",
    ];
    let text = known.iter().find_map(|path| answer.pointer(path)?.as_str());
    text.unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_graphic())
        .take(60)
        .collect()
}
