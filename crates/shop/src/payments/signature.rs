//! Signatures by a shared secret, compared in constant time.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::{Code, Error};

/// `signature`, in hexadecimal digits, is that of `message` under one of `secrets`. An empty secret signs nothing.
pub(crate) fn is_signed(secrets: &[&str], message: &[&[u8]], signature: &str) -> bool {
    let Some(signature) = from_hex(signature) else {
        return false;
    };
    secrets
        .iter()
        .filter(|secret| !secret.is_empty())
        .any(|secret| {
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
                return false;
            };
            message.iter().for_each(|part| mac.update(part));
            mac.verify_slice(&signature).is_ok()
        })
}

/// The signature of `message`, in hexadecimal digits.
pub(crate) fn sign(secret: &str, message: &[&[u8]]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    message.iter().for_each(|part| mac.update(part));
    to_hex(&mac.finalize().into_bytes())
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        (byte as char)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let pairs = text.as_bytes().chunks(2);
    if text.is_empty() {
        return None;
    }
    pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

/// 400 `invalid_signature`, which says no more than that.
pub(crate) fn invalid() -> Error {
    Code::InvalidSignature.with("The signature is missing or does not fit.")
}

#[cfg(test)]
pub(super) use tests::library_signatures;

#[cfg(test)]
mod tests {
    use super::*;

    /// What a provider's own library signed, where `PROVIDER_SIGNATURES` names a file of it.
    pub(in crate::payments) fn library_signatures(by: &str) -> Vec<serde_json::Value> {
        let Some(file) = std::env::var_os("PROVIDER_SIGNATURES") else {
            return Vec::new();
        };
        let text = std::fs::read_to_string(file).unwrap();
        let all = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let found: Vec<_> = all.filter(|line| line["by"] == by).collect();
        assert!(!found.is_empty());
        found
    }

    const SIGNED: &str = "149f0921b8dab66ba5504a4de4e376f5e30470d680899c30ffda46ef7391a360";

    #[test]
    fn a_published_signature_fits_and_one_flipped_bit_does_not() {
        let body = br#"{"event":"payment.captured"}"#;
        assert!(is_signed(
            &["other", "test_webhook_secret"],
            &[body],
            SIGNED
        ));
        assert_eq!(sign("test_webhook_secret", &[body]), SIGNED);
        let flipped = SIGNED.replacen('1', "0", 1);
        assert!(!is_signed(&["test_webhook_secret"], &[body], &flipped));
        assert!(!is_signed(
            &["test_webhook_secret"],
            &[br#"{"event":"payment.captured"} "#],
            SIGNED
        ));
    }

    #[test]
    fn an_empty_secret_signs_nothing_and_garbage_is_no_signature() {
        assert!(!is_signed(&[""], &[b"x"], &sign("", &[b"x"])));
        for garbage in ["", "zz", "abc", "ü", &SIGNED[..62]] {
            assert!(
                !is_signed(&["test_webhook_secret"], &[b"x"], garbage),
                "{garbage}"
            );
        }
    }

    /// `.ci/run` lets razorpay's own library sign.
    #[test]
    fn what_is_signed_by_the_library_fits() {
        for line in library_signatures("razorpay") {
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            let (secret, body, signed) = (text("secret"), text("body"), text("signed"));
            assert!(is_signed(&[&secret], &[body.as_bytes()], &signed), "{line}");
            let flipped = if signed.starts_with('0') { "1" } else { "0" };
            let flipped = format!("{flipped}{}", &signed[1..]);
            assert!(!is_signed(&[&secret], &[body.as_bytes()], &flipped));
        }
    }
}
