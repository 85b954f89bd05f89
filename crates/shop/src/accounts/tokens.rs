//! The two kinds of tokens. Access: a JWT (HS256, `at+jwt`) that names a user and a session, for a quarter of an hour.
//! Refresh: 256 random bits, used once; the database knows only their SHA-256.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::ids::{SessionId, UserId};

const ISSUER: &str = "cartwright";
const AUDIENCE: &str = "cartwright-api";
const TYPE: &str = "at+jwt";

/// How far the clocks of two nodes may be apart, in seconds. An expired token gets none of it.
const LEEWAY: i64 = 5;

/// The keys that tokens are made and checked with.
pub(super) struct TokenKeys {
    sign: EncodingKey,
    /// Names the key in the head of a token.
    kid: String,
    verify: DecodingKey,
    /// The key before this one, whose tokens count until they expire.
    previous: Option<(String, DecodingKey)>,
    validation: Validation,
    successor: [u8; 32],
    access_ttl: Duration,
}

/// Whom an access token names. Says nothing about whether the session still lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AccessClaims {
    pub user: UserId,
    pub session: SessionId,
}

/// RFC 9068, section 2.2, and the session.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    jti: String,
    sid: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

impl TokenKeys {
    /// `secret` signs access tokens as it is, so that others who know it can check them.
    pub(super) fn new(secret: &[u8], previous: Option<&[u8]>, access_ttl: Duration) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
        // Times are compared below, by the clock that was handed in.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        TokenKeys {
            sign: EncodingKey::from_secret(secret),
            kid: kid(secret),
            verify: DecodingKey::from_secret(secret),
            previous: previous.map(|secret| (kid(secret), DecodingKey::from_secret(secret))),
            validation,
            successor: hmac(secret, b"cartwright refresh token successor"),
            access_ttl,
        }
    }

    /// A new access token.
    pub(super) fn issue_access(&self, claims: AccessClaims, now: Time) -> Result<String> {
        let issued = now.seconds();
        let header = Header {
            typ: Some(TYPE.to_owned()),
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::HS256)
        };
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: claims.user.to_string(),
            jti: URL_SAFE_NO_PAD.encode(random_bytes::<16>()?),
            sid: claims.session.to_string(),
            iat: issued,
            nbf: issued,
            exp: (now + self.access_ttl).seconds(),
        };
        jsonwebtoken::encode(&header, &claims, &self.sign).map_err(Error::internal)
    }

    /// Whom the token names.
    ///
    /// # Errors
    /// `token_expired` when it is ours but old; `token_invalid` when it is anything else.
    pub(super) fn read_access(&self, token: &str, now: Time) -> Result<AccessClaims> {
        let invalid = || Error::from(Code::TokenInvalid);
        let key = self.key_of(token);
        let token =
            jsonwebtoken::decode::<Claims>(token, key, &self.validation).map_err(|_| invalid())?;
        if token.header.typ.as_deref() != Some(TYPE) {
            return Err(invalid());
        }
        let claims = token.claims;
        let id = |text: &str| text.parse::<i64>().map_err(|_| invalid());
        let (user, session) = (UserId(id(&claims.sub)?), SessionId(id(&claims.sid)?));
        if claims.nbf > now.seconds() + LEEWAY {
            return Err(invalid());
        }
        if claims.exp <= now.seconds() {
            return Err(Code::TokenExpired.into());
        }
        Ok(AccessClaims { user, session })
    }

    /// The head of a token chooses between two keys and nothing else.
    fn key_of(&self, token: &str) -> &DecodingKey {
        let Some((old, key)) = &self.previous else {
            return &self.verify;
        };
        let header = jsonwebtoken::decode_header(token).ok();
        match header.and_then(|header| header.kid) {
            Some(kid) if kid == *old => key,
            _ => &self.verify,
        }
    }

    /// The one token that follows `token`. It can be made again, for a client that lost the answer, without being stored.
    pub(super) fn successor(&self, token: &RefreshToken) -> RefreshToken {
        RefreshToken(hmac(&self.successor, &token.0))
    }
}

/// A refresh token, as the client holds it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct RefreshToken([u8; 32]);

impl RefreshToken {
    pub(super) fn random() -> Result<Self> {
        random_bytes().map(RefreshToken)
    }

    /// Reads what a client sent; nothing when it cannot be one of ours.
    pub(super) fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD
            .decode(text)
            .ok()?
            .try_into()
            .ok()
            .map(RefreshToken)
    }

    /// What the client gets.
    pub(super) fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What the database keeps.
    pub(super) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0).to_vec()
    }
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshToken(…)")
    }
}

/// The name of a key, which says nothing of it.
fn kid(secret: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(&hmac(secret, b"cartwright key id")[..6])
}

/// Bytes from the operating system's generator.
pub(super) fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(Error::internal)?;
    Ok(bytes)
}

pub(super) fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length.
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac.chain_update(message).finalize().into_bytes().into(),
        Err(_) => unreachable!("HMAC refused a key"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &[u8] = b"a secret of at least thirty-two bytes";
    const NOW: Time = Time(1_767_225_600_000_000);
    const ANN: AccessClaims = AccessClaims {
        user: UserId(7),
        session: SessionId(9),
    };

    fn keys() -> TokenKeys {
        TokenKeys::new(SECRET, None, Duration::from_secs(900))
    }

    fn code(result: Result<AccessClaims>) -> Code {
        result.unwrap_err().code()
    }

    /// A token with our key, a header and claims changed as told.
    fn forged(header: Value, change: impl FnOnce(&mut Value)) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let issued = NOW.seconds();
        let mut claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "7", "jti": "x", "sid": "9", "iat": issued, "nbf": issued, "exp": issued + 900,
        });
        change(&mut claims);
        let message = format!("{}.{}", encode(&header), encode(&claims));
        let signature = match header["alg"].as_str() {
            Some("none" | "None") => String::new(),
            _ => URL_SAFE_NO_PAD.encode(hmac(SECRET, message.as_bytes())),
        };
        format!("{message}.{signature}")
    }

    #[test]
    fn a_token_of_ours_names_its_user_and_session() {
        let token = keys().issue_access(ANN, NOW).unwrap();
        assert_eq!(keys().read_access(&token, NOW).unwrap(), ANN);
        let header = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!(
            (header.typ.as_deref(), header.alg),
            (Some(TYPE), Algorithm::HS256)
        );
        assert_eq!(
            keys()
                .read_access(&forged(json!({"alg": "HS256", "typ": TYPE}), |_| ()), NOW)
                .unwrap(),
            ANN
        );
    }

    #[test]
    fn only_one_algorithm_and_one_type_are_taken() {
        for header in [
            json!({"alg": "none", "typ": TYPE}),
            json!({"alg": "None", "typ": TYPE}),
            json!({"alg": "HS384", "typ": TYPE}),
            json!({"alg": "HS512", "typ": TYPE}),
            json!({"alg": "RS256", "typ": TYPE}),
            json!({"typ": TYPE}),
            json!({"alg": "HS256"}),
            json!({"alg": "HS256", "typ": "JWT"}),
            json!({"alg": "HS256", "typ": "rt+jwt"}),
        ] {
            assert_eq!(
                code(keys().read_access(&forged(header.clone(), |_| ()), NOW)),
                Code::TokenInvalid,
                "{header}"
            );
        }
    }

    #[test]
    fn claims_must_be_there_ours_and_of_their_type() {
        let header = || json!({"alg": "HS256", "typ": TYPE});
        for name in ["iss", "aud", "sub", "jti", "sid", "iat", "nbf", "exp"] {
            let token = forged(header(), |claims| {
                _ = claims.as_object_mut().unwrap().remove(name)
            });
            assert_eq!(
                code(keys().read_access(&token, NOW)),
                Code::TokenInvalid,
                "without {name}"
            );
        }
        for (name, value) in [
            ("iss", json!("another shop")),
            ("aud", json!("another service")),
            ("sub", json!("seven")),
            ("sub", json!(7)),
            ("exp", json!("2099-01-01")),
            ("exp", json!(4e9)),
            ("nbf", json!("now")),
            ("nbf", json!(NOW.seconds() + 6)),
        ] {
            let token = forged(header(), |claims| claims[name] = value.clone());
            assert_eq!(
                code(keys().read_access(&token, NOW)),
                Code::TokenInvalid,
                "{name} = {value}"
            );
        }
    }

    #[test]
    fn a_signature_of_another_key_is_no_signature() {
        let other = TokenKeys::new(
            b"another secret of thirty-two bytes.",
            None,
            Duration::from_secs(900),
        );
        let token = other.issue_access(ANN, NOW).unwrap();
        assert_eq!(code(keys().read_access(&token, NOW)), Code::TokenInvalid);
        for text in [
            "",
            ".",
            "..",
            "a.b.c",
            "é",
            &RefreshToken::random().unwrap().reveal(),
        ] {
            assert_eq!(
                code(keys().read_access(text, NOW)),
                Code::TokenInvalid,
                "{text}"
            );
        }
    }

    #[test]
    fn tokens_of_the_key_before_count_until_they_expire() {
        let token = keys().issue_access(ANN, NOW).unwrap();
        let new = b"the next secret of thirty-two bytes";
        let rotated = TokenKeys::new(new, Some(SECRET), Duration::from_secs(900));
        assert_eq!(rotated.read_access(&token, NOW).unwrap(), ANN);
        let fresh = rotated.issue_access(ANN, NOW).unwrap();
        assert_eq!(rotated.read_access(&fresh, NOW).unwrap(), ANN);
        assert_eq!(code(keys().read_access(&fresh, NOW)), Code::TokenInvalid);
        let later = NOW + Duration::from_secs(900);
        assert_eq!(code(rotated.read_access(&token, later)), Code::TokenExpired);
        let done = TokenKeys::new(new, None, Duration::from_secs(900));
        assert_eq!(code(done.read_access(&token, NOW)), Code::TokenInvalid);
    }

    #[test]
    fn a_token_expires_to_the_second() {
        let token = keys().issue_access(ANN, NOW).unwrap();
        assert!(
            keys()
                .read_access(&token, NOW + Duration::from_secs(899))
                .is_ok()
        );
        assert_eq!(
            code(keys().read_access(&token, NOW + Duration::from_secs(900))),
            Code::TokenExpired
        );
    }

    #[test]
    fn a_refresh_token_has_one_successor_that_only_we_can_make() {
        let first = RefreshToken::random().unwrap();
        let second = keys().successor(&first);
        assert_eq!(keys().successor(&first), second);
        assert_ne!(
            TokenKeys::new(b"another secret", None, Duration::ZERO).successor(&first),
            second
        );
        assert_eq!(RefreshToken::parse(&second.reveal()), Some(second.clone()));
        assert_ne!(first.hash(), second.hash());
        assert!(RefreshToken::parse("too-short").is_none() && RefreshToken::parse("é").is_none());
    }
}
