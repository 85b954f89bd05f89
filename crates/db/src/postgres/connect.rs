//! Reaching PostgreSQL: the pool, the limits of a session, TLS by rustls as libpq's `sslmode` has it.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod, Runtime, Timeouts,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{DbError, Options, Result};

pub(super) fn pool_of(url: &str, options: &Options) -> Result<Pool> {
    let (config, tls) = target(url)?;
    let manager = Manager::from_config(
        config,
        tls,
        ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        },
    );
    let settings = format!("{}; SET synchronous_commit = on", limits("SET", options));
    let prepared = options.prepared_statements;
    let connected = Hook::async_fn(move |client, _| {
        let settings = settings.clone();
        Box::pin(async move {
            // Behind PgBouncer a session is not ours to set.
            if prepared {
                client
                    .batch_execute(&settings)
                    .await
                    .map_err(HookError::Backend)?;
            }
            Ok(())
        })
    });
    Pool::builder(manager)
        .max_size(options.pool_size)
        // The one used last has its caches warm.
        .queue_mode(QueueMode::Lifo)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts {
            wait: Some(options.acquire_timeout),
            create: Some(options.acquire_timeout.max(Duration::from_secs(3))),
            recycle: Some(options.acquire_timeout),
        })
        .post_create(connected)
        .build()
        .map_err(|e| DbError::Other(e.into()))
}

pub(super) fn limits(set: &str, options: &Options) -> String {
    let (statement, lock) = (
        options.statement_timeout.as_millis(),
        options.lock_timeout.as_millis(),
    );
    format!(
        "{set} statement_timeout = {statement}; {set} lock_timeout = {lock}; \
         {set} idle_in_transaction_session_timeout = 10000"
    )
}

/// Reads the URL, with libpq's meaning of `sslmode`: TLS is checked against the certificate only when asked to.
fn target(url: &str) -> Result<(tokio_postgres::Config, MakeRustlsConnect)> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut kept, mut mode, mut root_file) = (Vec::new(), "prefer", None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = value,
            Some(("sslrootcert", value)) => root_file = Some(value),
            _ => kept.push(pair),
        }
    }
    let url = if kept.is_empty() {
        base.to_owned()
    } else {
        format!("{base}?{}", kept.join("&"))
    };
    let mut config: tokio_postgres::Config = url
        .parse()
        .map_err(|e: tokio_postgres::Error| DbError::Other(e.into()))?;
    config.ssl_mode(match mode {
        "disable" | "allow" => SslMode::Disable,
        "prefer" => SslMode::Prefer,
        "require" | "verify-ca" | "verify-full" => SslMode::Require,
        other => return Err(DbError::other(format!("unknown sslmode {other}"))),
    });
    config
        .application_name("cartwright")
        .connect_timeout(Duration::from_secs(3))
        // What was used last is used first, so some rest for long: what a router has dropped must not look alive.
        .keepalives_idle(Duration::from_secs(60))
        .tcp_user_timeout(Duration::from_secs(15));
    Ok((
        config,
        MakeRustlsConnect::new(tls(mode.starts_with("verify"), root_file)?),
    ))
}

fn tls(verify: bool, root_file: Option<&str>) -> Result<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| DbError::Other(e.into()))?;
    if !verify {
        let any = Arc::new(AnyCertificate(provider));
        return Ok(builder
            .dangerous()
            .with_custom_certificate_verifier(any)
            .with_no_client_auth());
    }
    let mut roots = rustls::RootCertStore::empty();
    match root_file {
        Some(file) => {
            let certs =
                CertificateDer::pem_file_iter(file).map_err(|e| DbError::Other(e.into()))?;
            roots.add_parsable_certificates(certs.filter_map(Result::ok));
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// `sslmode=prefer` and `require`: encrypted, the other side unchecked, as libpq does.
#[derive(Debug)]
struct AnyCertificate(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
