//! Password hashes as Django keeps them: checked once more, and replaced by one of ours at the first sign-in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// More work than any honest hash asks for.
const MOST_ROUNDS: u32 = 5_000_000;
const MOST_MEMORY_KIB: u32 = 512 * 1024;
const MOST_COST: u32 = 16;

/// What no password matches: Django's mark for an account without one.
pub(super) const UNUSABLE: &str = "!";

/// The hash as it is stored here.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn adopt(hash: &str) -> Result<String, String> {
    if hash.starts_with(UNUSABLE) {
        return Ok(UNUSABLE.to_owned());
    }
    let hash = hash
        .strip_prefix("argon2$")
        .map_or(hash.to_owned(), |phc| format!("${phc}"));
    let fits = match algorithm(&hash) {
        Some(Algorithm::Argon2) => argon2_fits(&hash),
        Some(Algorithm::Pbkdf2) => Pbkdf2::parse(&hash).is_some(),
        Some(Algorithm::BcryptSha256(bcrypt) | Algorithm::Bcrypt(bcrypt)) => bcrypt_fits(bcrypt),
        None => {
            let name = hash.split('$').next().unwrap_or_default();
            let name: String = name
                .chars()
                .filter(|c| c.is_alphanumeric() || *c == '_')
                .take(20)
                .collect();
            return Err(format!(
                "password hashes of the kind `{name}` are not known"
            ));
        }
    };
    if fits {
        Ok(hash)
    } else {
        Err("the password hash is broken or asks for too much work".to_owned())
    }
}

/// Is this the password? Nothing for what is no hash of Django's own.
pub(super) fn verify(password: &str, stored: &str) -> Option<bool> {
    match algorithm(stored)? {
        Algorithm::Argon2 => None,
        Algorithm::Pbkdf2 => Some(Pbkdf2::parse(stored)?.matches(password)),
        Algorithm::BcryptSha256(hash) => {
            let digest = Sha256::digest(password.as_bytes());
            let hex = digest
                .iter()
                .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
            Some(bcrypt::verify(hex, hash).unwrap_or(false))
        }
        // bcrypt itself looks at 72 bytes: so did the shop that the hash comes from.
        Algorithm::Bcrypt(hash) => Some(bcrypt::verify(password, hash).unwrap_or(false)),
    }
}

enum Algorithm<'a> {
    Argon2,
    Pbkdf2,
    BcryptSha256(&'a str),
    Bcrypt(&'a str),
}

fn algorithm(hash: &str) -> Option<Algorithm<'_>> {
    if hash.starts_with("$argon2") {
        Some(Algorithm::Argon2)
    } else if hash.starts_with("pbkdf2_sha256$") {
        Some(Algorithm::Pbkdf2)
    } else if let Some(hash) = hash.strip_prefix("bcrypt_sha256$") {
        Some(Algorithm::BcryptSha256(hash))
    } else {
        hash.strip_prefix("bcrypt$").map(Algorithm::Bcrypt)
    }
}

struct Pbkdf2<'a> {
    rounds: u32,
    salt: &'a str,
    key: Vec<u8>,
}

impl<'a> Pbkdf2<'a> {
    /// `pbkdf2_sha256$600000$salt$key in base64`
    fn parse(hash: &'a str) -> Option<Self> {
        let mut parts = hash.split('$').skip(1);
        let rounds = parts
            .next()?
            .parse()
            .ok()
            .filter(|n| (1..=MOST_ROUNDS).contains(n))?;
        let salt = parts.next()?;
        let key = STANDARD
            .decode(parts.next()?)
            .ok()
            .filter(|key| key.len() == 32)?;
        parts
            .next()
            .is_none()
            .then_some(Pbkdf2 { rounds, salt, key })
    }

    fn matches(&self, password: &str) -> bool {
        let mut key = [0u8; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(
            password.as_bytes(),
            self.salt.as_bytes(),
            self.rounds,
            &mut key,
        );
        key.ct_eq(&self.key).into()
    }
}

fn argon2_fits(hash: &str) -> bool {
    let Ok(hash) = argon2::password_hash::PasswordHash::new(hash) else {
        return false;
    };
    let params = argon2::Params::try_from(&hash);
    let fits =
        params.is_ok_and(|params| params.m_cost() <= MOST_MEMORY_KIB && params.t_cost() <= 20);
    fits && hash.hash.is_some() && hash.salt.is_some()
}

fn bcrypt_fits(hash: &str) -> bool {
    let parts = hash.parse::<bcrypt::HashParts>();
    parts.is_ok_and(|parts| parts.get_cost() <= MOST_COST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_checked_is_refused_with_its_reason() {
        for (hash, reason) in [
            ("md5$salt$5f4dcc3b5aa765d61d8327deb882cf99", "`md5`"),
            ("plain text", "not known"),
            ("", "not known"),
            ("pbkdf2_sha256$x$salt$AAAA", "broken"),
            (
                "pbkdf2_sha256$99999999999$salt$47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                "broken",
            ),
            (
                "bcrypt$$2b$31$abcdefghijklmnopqrstuuAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                "too much",
            ),
            (
                "argon2$argon2id$v=19$m=99999999,t=2,p=8$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
                "too much",
            ),
        ] {
            let fault = adopt(hash).unwrap_err();
            assert!(fault.contains(reason), "{hash}: {fault}");
        }
        assert_eq!(adopt("!kLm3N"), Ok("!".to_owned()));
        assert_eq!(verify("anything", "!"), None);
    }
}
