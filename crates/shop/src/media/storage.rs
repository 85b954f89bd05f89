//! Where files lie: a folder, or a bucket that speaks S3. The names are ours, so no name leads out of it.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{HttpClient, HttpConnector};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStoreExt as _, PutPayload, RetryConfig};
use tokio::sync::{OnceCell, Semaphore};

use crate::config::{Config, ConfigError};
use crate::error::{Code, Error, Result};

/// Uploads that may wait for a place to be decoded.
const QUEUE: usize = 16;

/// The storage, and the places at which uploads are decoded.
pub struct Media {
    target: Target,
    pub(super) desks: Semaphore,
    pub(super) queue: Semaphore,
}

enum Target {
    /// Made when it is first needed.
    Folder(PathBuf, OnceCell<LocalFileSystem>),
    Bucket(Box<AmazonS3>, Path),
}

impl Media {
    /// # Errors
    /// `MEDIA_URL` makes no sense.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let url = config.media_url.expose();
        let target = match url.strip_prefix("file://") {
            Some(folder) => Target::Folder(folder.into(), OnceCell::new()),
            None => bucket(url).map_err(unusable)?,
        };
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Media {
            target,
            desks: Semaphore::new(cores),
            queue: Semaphore::new(cores + QUEUE),
        })
    }

    /// Writes a file; it is there as a whole or not at all.
    pub(super) async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        let bytes = PutPayload::from(bytes);
        match &self.target {
            Target::Folder(path, store) => {
                open(path, store).await?.put(&Path::from(name), bytes).await
            }
            Target::Bucket(store, prefix) => store.put(&prefix.clone().join(name), bytes).await,
        }
        .map(drop)
        .map_err(away)
    }

    /// The bytes of a file; `None` when there is none.
    pub(super) async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        let found = match &self.target {
            Target::Folder(path, store) => {
                // A link could lead anywhere.
                match tokio::fs::symlink_metadata(path.join(name)).await {
                    Ok(file) if file.is_file() => {}
                    _ => return Ok(None),
                }
                open(path, store).await?.get(&Path::from(name)).await
            }
            Target::Bucket(store, prefix) => store.get(&prefix.clone().join(name)).await,
        };
        match found {
            Ok(found) => found.bytes().await.map(Some).map_err(away),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(away(error)),
        }
    }

    /// Erases a file, if it is there.
    pub(super) async fn delete(&self, name: &str) -> Result<()> {
        let gone = match &self.target {
            Target::Folder(path, store) => open(path, store).await?.delete(&Path::from(name)).await,
            Target::Bucket(store, prefix) => store.delete(&prefix.clone().join(name)).await,
        };
        match gone {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(away(error)),
        }
    }
}

async fn open<'a>(
    folder: &FilePath,
    store: &'a OnceCell<LocalFileSystem>,
) -> Result<&'a LocalFileSystem> {
    let open = || async {
        tokio::fs::create_dir_all(folder)
            .await
            .map_err(Error::internal)?;
        let folder = LocalFileSystem::new_with_prefix(folder).map_err(away)?;
        // The row that refers to a file is on the disk before the answer, so the file has to be.
        Ok(folder.with_fsync(true))
    };
    store.get_or_try_init(open).await
}

fn unusable(error: anyhow::Error) -> ConfigError {
    ConfigError::new(
        "MEDIA_URL cannot be used.",
        format!("{error:#}"),
        "Write it as s3://KEY:SECRET@BUCKET/PREFIX?region=eu-central-1, or as file://FOLDER.",
    )
}

/// `s3://KEY:SECRET@BUCKET/PREFIX?region=eu-central-1&endpoint=https://host`; what stands in it is percent-encoded.
/// Without key and secret the machine's own role counts.
fn bucket(url: &str) -> anyhow::Result<Target> {
    let url = reqwest::Url::parse(url).context("MEDIA_URL is no URL.")?;
    let bucket = url
        .host_str()
        .context("MEDIA_URL names no bucket: s3://KEY:SECRET@BUCKET?region=…")?;
    let decoded = |text: &str| percent_decoded(text).context("MEDIA_URL holds a broken % sign.");
    let retry = RetryConfig {
        max_retries: 2,
        retry_timeout: Duration::from_secs(10),
        ..RetryConfig::default()
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_http_connector(Https)
        .with_disable_bulk_delete(true)
        .with_client_options(ClientOptions::new())
        .with_retry(retry);
    if !url.username().is_empty() {
        builder = builder
            .with_access_key_id(decoded(url.username())?)
            .with_secret_access_key(decoded(url.password().unwrap_or_default())?);
    }
    for (name, value) in url.query_pairs() {
        builder = match &*name {
            "region" => builder.with_region(value),
            "endpoint" => builder
                .with_allow_http(value.starts_with("http://"))
                .with_endpoint(value),
            other => bail!("MEDIA_URL has `{other}`, which is neither `region` nor `endpoint`."),
        };
    }
    let prefix = Path::parse(decoded(url.path().trim_matches('/'))?)
        .context("MEDIA_URL has an odd path.")?;
    let store = builder
        .build()
        .context("MEDIA_URL does not describe a bucket.")?;
    Ok(Target::Bucket(Box::new(store), prefix))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

/// HTTPS with the TLS that the rest of the program uses.
#[derive(Debug)]
struct Https;

impl HttpConnector for Https {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let odd = |source: Box<dyn std::error::Error + Send + Sync>| object_store::Error::Generic {
            store: "S3",
            source,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| odd(error.into()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(3))
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(|error| odd(error.into()))?;
        Ok(HttpClient::new(client))
    }
}

fn away(error: object_store::Error) -> Error {
    Code::DependencyUnavailable
        .with("The storage of pictures is not available.")
        .because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_read_from_its_url() {
        let odd = ["s3://", "s3://b?color=red", "s3://k%2:s@b?region=x"];
        assert!(odd.into_iter().all(|url| bucket(url).is_err()));
        let url =
            "s3://key:a%2Fb@shop/pictures/2026?region=eu-central-1&endpoint=http://127.0.0.1:9000";
        match bucket(url).unwrap() {
            Target::Bucket(_, prefix) => assert_eq!(prefix.as_ref(), "pictures/2026"),
            Target::Folder(..) => panic!("not a folder"),
        }
        assert_eq!(percent_decoded("a%2Fb+c").as_deref(), Some("a/b+c"));
    }
}
