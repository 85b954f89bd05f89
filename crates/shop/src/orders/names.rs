//! How orders are named in public: a number that cannot be guessed, and a token that opens a guest's order.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::error::{Error, Result};

/// Digits and letters that are not mistaken for each other (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// 80 random bits, such as `K7QF-2M9D-8TXV-3HNA`.
pub fn new_order_number() -> Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal(error.to_string()))?;
    let mut number = String::with_capacity(19);
    for (at, byte) in bytes.into_iter().enumerate() {
        if at > 0 && at % 4 == 0 {
            number.push('-');
        }
        number.push(char::from(ALPHABET[usize::from(byte % 32)]));
    }
    Ok(number)
}

/// The token of a guest's order: the same each time it is asked for, so that it need not be kept.
pub fn order_token(app: &App, order_number: &str) -> Result<String> {
    derived(app.config.secret_key.expose().as_bytes(), order_number)
}

fn derived(secret: &[u8], order_number: &str) -> Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret)
        .map_err(|error| Error::internal(error.to_string()))?;
    mac.update(b"order token 1:");
    mac.update(order_number.as_bytes());
    Ok(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// What is stored of an order token, so that it outlives a change of the secret.
pub(super) fn hash_order_token(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable_and_differ() {
        let number = new_order_number().unwrap();
        assert_eq!(number.len(), 19);
        assert!(
            number
                .split('-')
                .all(|part| part.len() == 4 && part.bytes().all(|b| ALPHABET.contains(&b)))
        );
        assert_ne!(number, new_order_number().unwrap());
    }

    #[test]
    fn a_token_is_derived_from_secret_and_number() {
        let token = derived(b"secret", "A").unwrap();
        assert_eq!(token, derived(b"secret", "A").unwrap());
        assert_ne!(token, derived(b"secret", "B").unwrap());
        assert_ne!(token, derived(b"other", "A").unwrap());
        assert_eq!(token.len(), 43);
    }
}
