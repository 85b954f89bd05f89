//! Settings whose rules need more than a parser.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::entry::{Layer, Secret};
use super::reader::{Reader, invalid};
use super::{
    Config, ConfigError, Environment, Origins, Result, TemporaryFolder, origins::allows_host,
    values,
};

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

pub(super) fn require_metrics_token(config: &Config) -> Result<()> {
    match config.metrics_bind {
        Some(at) if !at.ip().to_canonical().is_loopback() && config.metrics_token.is_none() => {
            Err(ConfigError::new(
                format!(
                    "METRICS_BIND={at} can be reached from other machines, but METRICS_TOKEN is not set."
                ),
                "Who reaches it reads how much the shop sells.",
                "Set METRICS_TOKEN=$(openssl rand -hex 32), or METRICS_BIND=127.0.0.1:9100.",
            ))
        }
        _ => Ok(()),
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

/// Read again where they are sent.
pub(super) fn otlp_headers(r: &mut Reader) -> Result<Option<Secret>> {
    let given = r.secret("OTLP_HEADERS", "");
    match given.as_ref().map(|given| values::headers(given.expose())) {
        Some(Err(why)) => Err(ConfigError::new(
            "OTLP_HEADERS is not understood.",
            why,
            "Write it as OTLP_HEADERS=authorization=Bearer …",
        )),
        _ => Ok(given),
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
