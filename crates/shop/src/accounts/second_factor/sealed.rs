//! Secrets of second factors as the database has them: AES-256-GCM, each bound to its account, under a key made from
//! `SECRET_KEY`. What the key before this one sealed can be opened as long as that key is known.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::accounts::tokens::{hmac, random_bytes};
use crate::error::{Code, Error, Result};
use crate::ids::UserId;

const NONCE: usize = 12;

/// Which key a secret was sealed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SealedWith {
    Present,
    Previous,
}

/// The keys that secrets are sealed and opened with.
pub(in crate::accounts) struct SealKeys {
    present: [u8; 32],
    previous: Option<[u8; 32]>,
}

impl SealKeys {
    pub(in crate::accounts) fn new(secret: &[u8], previous: Option<&[u8]>) -> Self {
        let key = |secret: &[u8]| hmac(secret, b"cartwright second factor");
        SealKeys {
            present: key(secret),
            previous: previous.map(key),
        }
    }

    /// The secret as it is stored.
    pub(super) fn seal(&self, user: UserId, secret: &[u8]) -> Result<Vec<u8>> {
        let nonce = random_bytes::<NONCE>()?;
        let mut sealed = secret.to_vec();
        cipher(&self.present)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(user.0.to_be_bytes()),
                &mut sealed,
            )
            .map_err(|_| Error::internal("a secret cannot be sealed"))?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// # Errors
    /// `otp_unreadable`: it was sealed with a key that is not known any more.
    pub(super) fn open(&self, user: UserId, stored: &[u8]) -> Result<(Vec<u8>, SealedWith)> {
        let keys = [
            (Some(&self.present), SealedWith::Present),
            (self.previous.as_ref(), SealedWith::Previous),
        ];
        keys.into_iter()
            .find_map(|(key, which)| Some((open(key?, user, stored)?, which)))
            .ok_or_else(unreadable)
    }
}

fn unreadable() -> Error {
    Code::OtpUnreadable
        .with("The shop cannot check codes of your device any more. Send a recovery code, or have an admin take your second factor away.")
        .because("the second factor was sealed with a SECRET_KEY that is not known: set it as SECRET_KEY_PREVIOUS")
}

fn open(key: &[u8; 32], user: UserId, stored: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = stored.split_first_chunk::<NONCE>()?;
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let mut sealed = sealed.to_vec();
    let bound_to = Aad::from(user.0.to_be_bytes());
    let secret = cipher(key)
        .ok()?
        .open_in_place(nonce, bound_to, &mut sealed);
    secret.ok().map(|secret| secret.to_vec())
}

fn cipher(key: &[u8; 32]) -> Result<LessSafeKey> {
    let key = UnboundKey::new(&AES_256_GCM, key);
    key.map(LessSafeKey::new)
        .map_err(|_| Error::internal("a key cannot be used"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_for_its_account_only() {
        let keys = SealKeys::new(b"a secret", None);
        let sealed = keys.seal(UserId(7), b"12345678901234567890").unwrap();
        assert!(!sealed.windows(4).any(|part| part == b"1234"));
        assert_ne!(
            sealed,
            keys.seal(UserId(7), b"12345678901234567890").unwrap()
        );
        let opened = keys.open(UserId(7), &sealed).unwrap();
        assert_eq!(
            opened,
            (b"12345678901234567890".to_vec(), SealedWith::Present)
        );
        assert!(keys.open(UserId(8), &sealed).is_err());
        assert!(keys.open(UserId(7), &sealed[..20]).is_err());
        assert!(keys.open(UserId(7), &[]).is_err());

        let next = SealKeys::new(b"another", Some(b"a secret"));
        let opened = next.open(UserId(7), &sealed).unwrap();
        assert_eq!(
            opened,
            (b"12345678901234567890".to_vec(), SealedWith::Previous)
        );
        assert!(
            SealKeys::new(b"another", None)
                .open(UserId(7), &sealed)
                .is_err()
        );
    }
}
