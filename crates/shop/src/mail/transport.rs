//! How mails leave: by SMTP, into a folder, or not at all.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use tokio::fs;
use tokio::io::AsyncWriteExt;
use url::Url;

use crate::clock::Time;

/// For one command, and for a whole message: a job must be done before its lease ends.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(15);
const TIMEOUT: Duration = Duration::from_secs(45);

/// What a mail server says of a mailbox that it will never take mail for (RFC 5321, 4.2.3).
const NO_SUCH_MAILBOX: [u16; 4] = [550, 551, 552, 553];

pub(super) enum Transport {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    /// One file a message.
    Folder(PathBuf),
    /// Says that there was a mail, never what it said: links open accounts.
    Log,
    Nowhere,
}

impl Transport {
    /// `host`: how we introduce ourselves to a mail server.
    ///
    /// # Errors
    /// Says what is wrong with `EMAIL_URL`, without its password.
    pub(super) fn new(url: Option<&str>, host: &str) -> anyhow::Result<Self> {
        Ok(match url {
            None => Transport::Nowhere,
            Some("log:") => Transport::Log,
            Some(url) => match url.strip_prefix("file://") {
                Some(folder) => Transport::Folder(PathBuf::from(folder)),
                None => Transport::Smtp(smtp(url, host).context("EMAIL_URL")?),
            },
        })
    }

    pub(super) async fn send(&self, message: Message, now: Time) -> anyhow::Result<()> {
        match self {
            Transport::Smtp(server) => hand_over(server, message).await,
            Transport::Folder(folder) => write(folder, &message, now).await,
            Transport::Log => {
                tracing::info!(
                    subject = header(&message, "Subject"),
                    "a mail, sent nowhere"
                );
                Ok(())
            }
            Transport::Nowhere => {
                tracing::warn!(
                    subject = header(&message, "Subject"),
                    "a mail was not sent: EMAIL_URL is not set"
                );
                Ok(())
            }
        }
    }
}

fn header<'m>(message: &'m Message, name: &str) -> &'m str {
    message.headers().get_raw(name).unwrap_or_default()
}

/// `smtps://` is TLS from the first byte. `smtp://` changes to TLS when the server offers it; it must offer it where a
/// password would be sent to another machine, or with `?tls=required`. `?ca=FILE` trusts further certificates (PEM).
fn smtp(url: &str, host: &str) -> anyhow::Result<AsyncSmtpTransport<Tokio1Executor>> {
    let mut url = Url::parse(url).map_err(|error| anyhow!("it cannot be read: {error}"))?;
    let server = url.host_str().unwrap_or_default().to_owned();
    if server.is_empty() {
        bail!("it names no host");
    }
    let mut tls = TlsParameters::builder(server.trim_matches(['[', ']']).to_owned());
    let mut required = !url.username().is_empty() && !is_this_machine(&server);
    for (name, value) in url.query_pairs() {
        match (&*name, &*value) {
            ("tls", "required") => required = true,
            ("tls", "offered") => required = false,
            ("ca", file) => {
                let pem = std::fs::read(file).with_context(|| format!("ca={file}"))?;
                tls = tls.add_root_certificate(Certificate::from_pem(&pem)?);
            }
            _ => bail!("`{name}` is none of tls=required, tls=offered, ca=FILE"),
        }
    }
    if !url.username().is_empty() && url.password().is_none() {
        bail!("it has a user without a password");
    }
    let tls = tls.build()?;
    let (tls, port) = match url.scheme() {
        "smtps" => (Tls::Wrapper(tls), 465),
        _ if required => (Tls::Required(tls), 587),
        _ => (Tls::Opportunistic(tls), 587),
    };
    url.set_query(None);
    let port = url.port().unwrap_or(port);
    // It reads user and password; all else is said again.
    let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.as_str())?;
    Ok(builder
        .port(port)
        .tls(tls)
        .hello_name(ClientId::Domain(host.to_owned()))
        .timeout(Some(COMMAND_TIMEOUT))
        .pool_config(PoolConfig::new().max_size(4))
        .build())
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

async fn hand_over(
    server: &AsyncSmtpTransport<Tokio1Executor>,
    message: Message,
) -> anyhow::Result<()> {
    let sent = tokio::time::timeout(TIMEOUT, server.send(message)).await;
    let Err(error) = sent.context("the mail server took too long")? else {
        return Ok(());
    };
    match error.status().map(u16::from) {
        Some(code) if NO_SUCH_MAILBOX.contains(&code) => {
            Err(jobs::Hopeless(format!("refused by the mail server: {error}")).into())
        }
        _ => Err(error.into()),
    }
}

/// Under another name first: nobody ever reads half a mail.
async fn write(folder: &Path, message: &Message, now: Time) -> anyhow::Result<()> {
    let id = header(message, "Message-ID").trim_start_matches('<');
    let id = id.split('@').next().unwrap_or_default();
    let name = format!("{}-{id}.eml", now.0);
    fs::create_dir_all(folder).await?;
    let (draft, file) = (folder.join(format!(".{name}")), folder.join(name));
    let mut options = fs::OpenOptions::new();
    // It may hold a link that opens an account.
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut out = options.open(&draft).await?;
    out.write_all(&message.formatted()).await?;
    out.sync_all().await?;
    Ok(fs::rename(&draft, &file).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_makes_no_sense_is_told_without_the_password() {
        for url in [
            "smtp://",
            "smtp://user@mail.example",
            "smtp://user:canary@mail.example?tls=perhaps",
            "smtp://user:canary@mail.example?starttls=1",
            "smtps://user:canary@mail.example?ca=/nowhere/ca.pem",
            "smtp://user:canary@mail.example:587587",
        ] {
            let error = format!(
                "{:#}",
                Transport::new(Some(url), "shop.test").err().unwrap()
            );
            assert!(error.contains("EMAIL_URL"), "{error}");
            assert!(!error.contains("canary"), "{error}");
        }
        for url in [
            "smtp://mail.example",
            "smtps://u:p%40ss@[::1]:4650",
            "log:",
            "file:///tmp/x",
        ] {
            assert!(Transport::new(Some(url), "shop.test").is_ok(), "{url}");
        }
    }
}
