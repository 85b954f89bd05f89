//! Signatures by a certificate that the message names: fetched from where the provider keeps its own, looked through
//! (chain, dates, name), then used.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, ServerName,
    SignatureVerificationAlgorithm, TrustAnchor, UnixTime, alg_id,
};
use webpki::ring as algorithms;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::outward;
use crate::payments::client::{self, Trouble};
use crate::payments::signature;

/// Files that are kept, by address.
const KEPT: usize = 16;

/// What this node keeps of them.
#[derive(Default)]
pub(crate) struct Certificates {
    files: Mutex<HashMap<String, Vec<u8>>>,
    anchors: OnceLock<Vec<TrustAnchor<'static>>>,
}

pub(crate) struct Signed<'a> {
    /// Of the certificate; the caller has looked at its host.
    pub url: &'a str,
    /// Whose certificate it must be: any of these.
    pub names: &'a [&'a str],
    pub message: &'a [u8],
    pub signature: &'a [u8],
    pub sha1: bool,
}

/// 400 `invalid_signature` when it does not fit; 503 when the certificate cannot be had.
pub(crate) async fn check(app: &App, signed: &Signed<'_>) -> Result<()> {
    let kept = {
        let files = app
            .payments
            .certificates
            .files
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        files.get(signed.url).cloned()
    };
    let (file, fresh) = match kept {
        Some(file) => (file, false),
        None => (fetch(app, signed).await?, true),
    };
    fits(app, signed, &file).ok_or_else(signature::invalid)?;
    if fresh {
        let mut files = app
            .payments
            .certificates
            .files
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if files.len() >= KEPT {
            files.clear();
        }
        files.insert(signed.url.to_owned(), file);
    }
    Ok(())
}

async fn fetch(app: &App, signed: &Signed<'_>) -> Result<Vec<u8>> {
    client::fetch(app, signed.url)
        .await
        .map_err(|trouble| match trouble {
            // There is no such file: the address was made up.
            Trouble::Refused { .. } | Trouble::Impossible(_) | Trouble::Broken(_) => {
                signature::invalid()
            }
            other => Error::from(Code::DependencyUnavailable)
                .retry_after(30)
                .because(other),
        })
}

fn fits(app: &App, signed: &Signed<'_>, file: &[u8]) -> Option<()> {
    let chain: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(file)
        .collect::<Result<_, _>>()
        .ok()?;
    let (end, between) = chain.split_first()?;
    let end = EndEntityCert::try_from(end).ok()?;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(
        u64::try_from(app.clock.now().seconds()).ok()?,
    ));
    let chains: &[&dyn SignatureVerificationAlgorithm] = &[
        algorithms::RSA_PKCS1_2048_8192_SHA256,
        algorithms::RSA_PKCS1_2048_8192_SHA384,
        algorithms::RSA_PKCS1_2048_8192_SHA512,
        algorithms::ECDSA_P256_SHA256,
        algorithms::ECDSA_P384_SHA384,
    ];
    end.verify_for_usage(
        chains,
        anchors(app)?,
        between,
        now,
        KeyUsage::server_auth(),
        None,
        None,
    )
    .ok()?;
    let named = |name: &&str| {
        ServerName::try_from(*name)
            .is_ok_and(|name| end.verify_is_valid_for_subject_name(&name).is_ok())
    };
    if !signed.names.iter().any(named) {
        return None;
    }
    let by: &dyn SignatureVerificationAlgorithm = if signed.sha1 {
        &Sha1
    } else {
        algorithms::RSA_PKCS1_2048_8192_SHA256
    };
    end.verify_signature(by, signed.message, signed.signature)
        .ok()
}

fn anchors(app: &App) -> Option<&[TrustAnchor<'static>]> {
    let kept = &app.payments.certificates.anchors;
    if kept.get().is_none() {
        let all = outward::certificates(&app.config).ok()?;
        let read = all.iter().filter_map(|one| {
            anchor_from_trusted_cert(one)
                .ok()
                .map(|anchor| anchor.to_owned())
        });
        let _ = kept.set(read.collect());
    }
    kept.get().map(Vec::as_slice)
}

/// Amazon's first way of signing, which topics still use by default.
#[derive(Debug)]
struct Sha1;

impl SignatureVerificationAlgorithm for Sha1 {
    fn verify_signature(
        &self,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let by = &ring::signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY;
        ring::signature::UnparsedPublicKey::new(by, key)
            .verify(message, signature)
            .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_PKCS1_SHA256
    }
}
