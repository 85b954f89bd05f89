//! Reads one setting after the other and notes its origin; below, those settings whose rules need more than a parser.

use std::{
    fmt,
    net::SocketAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Config, ConfigError, Environment, Origins, Result, Sources, TemporaryFolder,
    origins::allows_host, values,
};

/// A setting as it is shown to people.
#[derive(Clone, Debug)]
pub struct Entry {
    pub name: &'static str,
    /// Secrets are masked.
    pub shown: String,
    pub origin: Origin,
}

impl Entry {
    pub fn is_set(&self) -> bool {
        self.origin.layer != Layer::Default
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    pub layer: Layer,
    /// The other spelling that set it, like `DATABASE_NAME`.
    pub via: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    Flag,
    Environment,
    EnvFile,
    Default,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::EnvFile => ".env",
            Self::Default => "default",
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.via {
            Some(name) => write!(f, "{} ({name})", self.layer),
            None => self.layer.fmt(f),
        }
    }
}

/// A text that no log, error or `Debug` shows.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

pub(super) struct Reader<'a> {
    sources: &'a Sources,
    entries: Vec<Entry>,
    notes: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(sources: &'a Sources) -> Self {
        Self {
            sources,
            entries: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn finish(&mut self) -> (Vec<Entry>, Vec<String>) {
        (
            std::mem::take(&mut self.entries),
            std::mem::take(&mut self.notes),
        )
    }

    pub(super) fn parsed<T>(
        &mut self,
        name: &'static str,
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T> {
        let (text, layer) = self.get_or(name, default);
        let value = parse(text).map_err(|why| invalid(name, layer, &why))?;
        self.note(name, text.to_owned(), layer);
        Ok(value)
    }

    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        let (text, layer) = self.get_or(name, "");
        self.note(name, text.to_owned(), layer);
        (!text.is_empty()).then(|| text.to_owned())
    }

    pub(super) fn secret(&mut self, name: &'static str, unset: &str) -> Option<Secret> {
        let found = self.sources.get(name);
        let shown = found.map_or(unset, |_| "****").to_owned();
        self.note(name, shown, found.map_or(Layer::Default, |f| f.1));
        found.map(|(text, _)| Secret::new(text))
    }

    pub(super) fn number<T>(
        &mut self,
        name: &'static str,
        default: T,
        range: RangeInclusive<T>,
    ) -> Result<T>
    where
        T: std::str::FromStr + fmt::Display + PartialOrd,
    {
        self.parsed(name, &default.to_string(), |text| {
            text.parse()
                .ok()
                .filter(|n| range.contains(n))
                .ok_or_else(|| {
                    format!(
                        "`{text}` is no whole number from {} to {}",
                        range.start(),
                        range.end()
                    )
                })
        })
    }

    pub(super) fn boolean(&mut self, name: &'static str, default: bool) -> Result<bool> {
        self.parsed(
            name,
            if default { "true" } else { "false" },
            values::boolean,
        )
    }

    pub(super) fn duration(&mut self, name: &'static str, default: &str) -> Result<Duration> {
        let may_be_zero = default == "0s";
        self.parsed(name, default, |text| match values::duration(text)? {
            Duration::ZERO if !may_be_zero => Err("it must be longer than nothing".into()),
            duration => Ok(duration),
        })
    }

    pub(super) fn list<T>(
        &mut self,
        name: &'static str,
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>> {
        self.parsed(name, default, |text| {
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(&parse)
                .collect()
        })
    }

    pub(super) fn url(&mut self, name: &'static str, default: &str) -> Result<String> {
        self.parsed(name, default, values::url)
    }

    pub(super) fn origin_url(&mut self, name: &'static str, default: &str) -> Result<String> {
        self.parsed(name, default, values::origin)
    }

    pub(super) fn optional_url(&mut self, name: &'static str) -> Result<Option<String>> {
        self.parsed(name, "", |text| {
            if text.is_empty() {
                Ok(None)
            } else {
                values::url(text).map(Some)
            }
        })
    }

    /// A URL that may hold a password: shown without it, and never quoted in an error.
    fn masked(
        &mut self,
        name: &'static str,
        default: &str,
        schemes: &[&str],
    ) -> Result<Option<Secret>> {
        let (text, layer) = self.get_or(name, default);
        if !text.is_empty() {
            values::with_scheme(text, schemes).map_err(|why| invalid(name, layer, &why))?;
        }
        self.note(name, values::mask_url(text), layer);
        Ok((!text.is_empty()).then(|| Secret::new(text)))
    }

    fn get_or<'b>(&self, name: &str, default: &'b str) -> (&'b str, Layer)
    where
        'a: 'b,
    {
        self.sources.get(name).unwrap_or((default, Layer::Default))
    }

    fn note(&mut self, name: &'static str, shown: String, layer: Layer) {
        self.entries.push(Entry {
            name,
            shown,
            origin: Origin { layer, via: None },
        });
    }

    fn note_via(&mut self, name: &'static str, shown: String, layer: Layer, via: &'static str) {
        self.entries.push(Entry {
            name,
            shown,
            origin: Origin {
                layer,
                via: Some(via),
            },
        });
    }
}

/// `ENVIRONMENT` decides; without it, either of Django's spellings can mean production.
pub(super) fn environment(r: &mut Reader) -> Result<Environment> {
    let django = ["DJANGO_SETTINGS_MODULE", "DEBUG"]
        .into_iter()
        .find_map(|name| {
            let (text, layer) = r.sources.get(name)?;
            let means_it = match name {
                "DEBUG" => values::boolean(text) == Ok(false),
                _ => text.ends_with("production"),
            };
            means_it.then_some((name, layer))
        });
    if let (None, Some((name, layer))) = (r.sources.get("ENVIRONMENT"), django) {
        r.note_via("ENVIRONMENT", "production".into(), layer, name);
        return Ok(Environment::Production);
    }
    r.parsed("ENVIRONMENT", "development", |text| match text {
        "development" => Ok(Environment::Development),
        "production" => Ok(Environment::Production),
        "testing" => Ok(Environment::Testing),
        _ => Err(format!(
            "`{text}` is none of development, production, testing"
        )),
    })
}

pub(super) fn data_dir(r: &mut Reader, temporary: Option<&TemporaryFolder>) -> PathBuf {
    let default = temporary.map_or("./data".into(), |t| t.path().to_string_lossy().into_owned());
    let (text, layer) = r.get_or("CARTWRIGHT_DATA_DIR", &default);
    r.note("CARTWRIGHT_DATA_DIR", text.to_owned(), layer);
    PathBuf::from(text)
}

/// The address, and whether others than this machine can reach it. `PORT` (the flag `--port`) replaces its port.
pub(super) fn bind(r: &mut Reader) -> Result<(SocketAddr, bool)> {
    let (text, layer) = r.get_or("BIND", "127.0.0.1:8000");
    let text = text.replacen("localhost:", "127.0.0.1:", 1);
    let mut address: SocketAddr = text.parse().map_err(|_| {
        invalid(
            "BIND",
            layer,
            &format!("`{text}` is no address with port like 127.0.0.1:8000"),
        )
    })?;
    let mut layer = layer;
    if let Some(port) = r.sources.flags.get("PORT") {
        let wrong = |_| {
            invalid(
                "--port",
                Layer::Flag,
                &format!("`{port}` is no port from 0 to 65535"),
            )
        };
        address.set_port(port.parse().map_err(wrong)?);
        layer = Layer::Flag;
    }
    let public = !address.ip().to_canonical().is_loopback();
    let environment_said = r
        .entries
        .iter()
        .any(|e| e.name == "ENVIRONMENT" && e.is_set());
    if public && !environment_said {
        return Err(ConfigError::new(
            format!(
                "BIND={address} can be reached from other machines, but ENVIRONMENT is not set."
            ),
            "Development settings are convenient, not safe; they stay on this machine unless you say so.",
            "Set ENVIRONMENT=production, or ENVIRONMENT=development if you really mean it.",
        ));
    }
    r.note("BIND", address.to_string(), layer);
    Ok((address, public))
}

pub(super) fn database_url(
    r: &mut Reader,
    data_dir: &Path,
    temporary: Option<&TemporaryFolder>,
) -> Result<String> {
    if let Some(temporary) = temporary {
        // Even when a URL is set: tests must not find their way into a real shop.
        let url = format!(
            "sqlite://{}",
            temporary.path().join("cartwright.db").display()
        );
        let given = r.sources.get("DATABASE_URL").is_some();
        r.notes.extend(given.then(|| {
            "ENVIRONMENT=testing uses a temporary database; DATABASE_URL is not looked at.".into()
        }));
        r.note("DATABASE_URL", url.clone(), Layer::Default);
        return Ok(url);
    }
    if r.sources.get("DATABASE_URL").is_none() {
        let development_module = r
            .sources
            .get("DJANGO_SETTINGS_MODULE")
            .is_some_and(|m| m.0 == "config.settings.development");
        for (names, shown) in SPLIT_NAMES {
            let ignored = names[0] == "DB_NAME" && development_module;
            if let (false, Some((url, layer))) = (ignored, split_database_url(r, names)?) {
                r.note_via("DATABASE_URL", values::mask_url(&url), layer, shown);
                return Ok(url);
            }
        }
    }
    let default = format!("sqlite://{}", data_dir.join("cartwright.db").display());
    let schemes = ["sqlite://", "postgres://", "postgresql://"];
    let url = r.masked("DATABASE_URL", &default, &schemes)?;
    Ok(url.map_or(default, |url| url.expose().to_owned()))
}

const SPLIT_NAMES: [([&str; 5], &str); 2] = [
    (
        [
            "DATABASE_NAME",
            "DATABASE_USER",
            "DATABASE_PASSWORD",
            "DATABASE_HOST",
            "DATABASE_PORT",
        ],
        "DATABASE_NAME …",
    ),
    (
        ["DB_NAME", "DB_USER", "DB_PASSWORD", "DB_HOST", "DB_PORT"],
        "DB_NAME …",
    ),
];

/// Complete sets only; a password may be empty, but must be there.
fn split_database_url(r: &mut Reader, names: [&'static str; 5]) -> Result<Option<(String, Layer)>> {
    let values = names.map(|name| match name.ends_with("PASSWORD") {
        true => r.sources.get_even_empty(name),
        false => r.sources.get(name),
    });
    let [
        Some((name, layer)),
        Some((user, _)),
        Some((password, _)),
        Some((host, _)),
        Some((port, _)),
    ] = values
    else {
        let absent: Vec<_> = names
            .iter()
            .zip(values)
            .filter(|(_, v)| v.is_none())
            .map(|(n, _)| *n)
            .collect();
        if absent.len() < names.len() {
            r.notes.push(format!(
                "{} … do not count: {} not set.",
                names[0],
                absent.join(", ")
            ));
        }
        return Ok(None);
    };
    let port: u16 = port
        .parse()
        .map_err(|_| invalid(names[4], layer, &format!("`{port}` is no port")))?;
    let host = if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    // A host that is a folder means the Unix socket in it.
    let host = if host.starts_with('/') {
        values::percent_encode(&host)
    } else {
        host
    };
    let (user, password, name) = (
        values::percent_encode(user),
        values::percent_encode(password),
        values::percent_encode(name),
    );
    Ok(Some((
        format!("postgres://{user}:{password}@{host}:{port}/{name}"),
        layer,
    )))
}

pub(super) fn database_read_url(r: &mut Reader) -> Result<Option<String>> {
    let url = r.masked("DATABASE_READ_URL", "", &["postgres://", "postgresql://"])?;
    Ok(url.map(|url| url.expose().to_owned()))
}

pub(super) fn email_url(
    r: &mut Reader,
    data_dir: &Path,
    environment: Environment,
) -> Result<Option<Secret>> {
    let default = match environment {
        Environment::Production => String::new(),
        _ => format!("file://{}", data_dir.join("outbox").display()),
    };
    r.masked(
        "EMAIL_URL",
        &default,
        &["smtp://", "smtps://", "file://", "log:"],
    )
}

/// `Name <address>` or an address; without it nobody at the host of `PUBLIC_URL`.
pub(super) fn email_from(r: &mut Reader, public_url: &str) -> Result<lettre::message::Mailbox> {
    let host = public_url.split("://").nth(1).unwrap_or_default();
    let host = host.split(['/', ':', '[']).next().unwrap_or_default();
    let is_name = host.bytes().any(|b| b.is_ascii_alphabetic());
    let host = if is_name { host } else { "localhost" };
    let default = format!("{} <noreply@{host}>", crate::SHOP_NAME);
    r.parsed("EMAIL_FROM", &default, |text| {
        let plain = !text.contains(char::is_control);
        let mailbox = text.parse().ok().filter(|_| plain);
        mailbox.ok_or_else(|| format!("`{text}` is no sender like Shop <mail@shop.example>"))
    })
}

pub(super) fn redis_url(r: &mut Reader) -> Result<Option<Secret>> {
    r.masked("REDIS_URL", "", &["redis://", "rediss://"])
}

/// `127.0.0.1:9100`; without an address, `9100`, this machine's own.
pub(super) fn metrics_bind(r: &mut Reader) -> Result<Option<SocketAddr>> {
    r.parsed("METRICS_BIND", "", |text| match text {
        "" => Ok(None),
        _ => match text.parse::<u16>() {
            Ok(port) => Ok(Some(SocketAddr::from(([127, 0, 0, 1], port)))),
            Err(_) => text
                .parse()
                .map(Some)
                .map_err(|_| format!("`{text}` is no address and port like 127.0.0.1:9100")),
        },
    })
}

/// Some networks are as good as a password; whoever relies on that should know.
pub(super) fn note_open_metrics(r: &mut Reader, config: &Config) {
    let open = config.metrics_bind.is_some_and(|at| !at.ip().is_loopback());
    if open && config.metrics_token.is_none() {
        let note = "METRICS_BIND is open to other machines without a METRICS_TOKEN.";
        r.notes.push(note.into());
    }
}

/// Long enough that nobody tries them all.
pub(super) fn metrics_token(r: &mut Reader) -> Result<Option<Secret>> {
    let token = r.secret("METRICS_TOKEN", "");
    match &token {
        Some(token) if token.expose().len() < 16 => Err(ConfigError::new(
            "METRICS_TOKEN is shorter than 16 bytes and could be guessed.",
            "Who has it reads how much the shop sells.",
            "Make one: METRICS_TOKEN=$(openssl rand -hex 32)",
        )),
        _ => Ok(token),
    }
}

pub(super) fn media_url(r: &mut Reader, data_dir: &Path) -> Result<Secret> {
    let default = format!("file://{}", data_dir.join("media").display());
    Ok(r.masked("MEDIA_URL", &default, &["file://", "s3://"])?
        .unwrap_or_default())
}

pub(super) fn allowed_hosts(
    r: &mut Reader,
    bind: SocketAddr,
    public_url: &str,
) -> Result<Vec<String>> {
    let mut default: Vec<String> = ["localhost", "127.0.0.1", "[::1]"].map(String::from).into();
    let bound = SocketAddr::new(bind.ip(), 0).to_string();
    let public = public_url.split("://").nth(1).unwrap_or_default();
    for own in [
        bound.trim_end_matches(":0"),
        public.split('/').next().unwrap_or_default(),
    ] {
        if !bind.ip().is_unspecified() && !allows_host(&default, own) {
            default.push(own.to_owned());
        }
    }
    r.list("ALLOWED_HOSTS", &default.join(","), |host| {
        match host.contains(['/', '@', ' ']) {
            true => Err(format!("`{host}` is no host name like shop.example")),
            false => Ok(host.to_ascii_lowercase()),
        }
    })
}

pub(super) fn cors_origins(r: &mut Reader, any_localhost: bool) -> Result<Origins> {
    let listed = r.list("CORS_ALLOWED_ORIGINS", "", values::origin)?;
    let any_localhost = any_localhost && listed.is_empty();
    if any_localhost && let Some(entry) = r.entries.last_mut() {
        entry.shown = "any localhost port".into();
    }
    Ok(Origins {
        listed,
        any_localhost,
    })
}

pub(super) fn require_mail(config: &Config) -> Result<()> {
    if config.require_email_verification && config.email_url.is_none() {
        return Err(ConfigError::new(
            "REQUIRE_EMAIL_VERIFICATION=true needs EMAIL_URL.",
            "Without mails nobody could confirm an address, and so nobody could sign in.",
            "Set EMAIL_URL=smtp://user:password@mail.example:587, or REQUIRE_EMAIL_VERIFICATION=false.",
        ));
    }
    Ok(())
}

pub(super) fn require_for_production(r: &Reader, config: &Config) -> Result<()> {
    if !config.is_production() {
        return Ok(());
    }
    let set = |name: &str| r.sources.get(name).is_some();
    let absent: Vec<_> = ["SECRET_KEY", "ALLOWED_HOSTS", "PUBLIC_URL"]
        .into_iter()
        .filter(|name| !set(name))
        .collect();
    if !absent.is_empty() {
        return Err(ConfigError::new(
            format!("ENVIRONMENT=production needs {}.", absent.join(", ")),
            "Without them tokens could be forged, and links in mails could lead elsewhere.",
            "Set SECRET_KEY=$(openssl rand -hex 32) ALLOWED_HOSTS=shop.example PUBLIC_URL=https://shop.example",
        ));
    }
    let key = config.secret_key.expose();
    let sample = [
        "your-",
        "django-insecure",
        "change-me",
        "changeme",
        "example",
    ]
    .iter()
    .any(|s| key.to_ascii_lowercase().contains(s));
    if key.len() < 32 || sample {
        return Err(ConfigError::new(
            "SECRET_KEY is not fit for production.",
            if sample {
                "It is a sample from a document, which everybody knows."
            } else {
                "It is shorter than 32 bytes and could be guessed."
            },
            "Make one and keep it: SECRET_KEY=$(openssl rand -hex 32)",
        ));
    }
    Ok(())
}

fn invalid(name: &str, layer: Layer, why: &str) -> ConfigError {
    ConfigError::new(
        format!("{name} (from {layer}) cannot be used."),
        format!("{}{}.", why[..1].to_uppercase(), &why[1..]),
        "Correct it or leave it out; docs/configuration.md and .env.example describe every setting.",
    )
}

/// Enough to keep the cores busy while some wait for the disk. More of them only push each other out of the caches.
pub(super) fn connections() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (4 * cores).min(16)
}
