//! Connections to the world outside, and whom they believe: the certificates of the system, and those of
//! `PROVIDERS_CA_FILE`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::config::Config;

const CONNECT: Duration = Duration::from_secs(3);
/// Connections that wait for the next call are closed after this.
const IDLE: Duration = Duration::from_secs(20);

pub(crate) type Connections = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A pool of them, over HTTP and HTTPS.
///
/// # Errors
/// `PROVIDERS_CA_FILE` cannot be read.
pub(crate) fn connections(config: &Config) -> anyhow::Result<Connections> {
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls(config)?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .pool_timer(TokioTimer::new())
        .build(connector))
}

/// The cause, without addresses of ours.
pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn tls(config: &Config) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(config)?);
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// All that are believed.
///
/// # Errors
/// As [`connections`].
pub(crate) fn certificates(config: &Config) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let mut all = rustls_native_certs::load_native_certs().certs;
    if let Some(file) = &config.providers_ca_file {
        for certificate in CertificateDer::pem_file_iter(file)? {
            all.push(certificate?);
        }
    }
    Ok(all)
}
