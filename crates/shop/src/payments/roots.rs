//! Whom we believe: the certificates of the system, and those of `PROVIDERS_CA_FILE`.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::config::Config;

/// For calls to providers.
pub(crate) fn tls(config: &Config) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(config)?);
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

pub(crate) fn certificates(config: &Config) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let mut all = rustls_native_certs::load_native_certs().certs;
    if let Some(file) = &config.providers_ca_file {
        for certificate in CertificateDer::pem_file_iter(file)? {
            all.push(certificate?);
        }
    }
    Ok(all)
}
