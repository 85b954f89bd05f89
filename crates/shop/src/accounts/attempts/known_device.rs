//! A cookie that says: on this device that person signed in before. It opens nothing; logins with it are counted by
//! themselves, so that strangers cannot lock somebody out (OWASP, "device cookies"). One person a device: the last.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

use crate::accounts::tokens::{hmac, random_bytes};
use crate::clock::Time;
use crate::error::Result;
use crate::ids::UserId;

pub(in crate::accounts) const COOKIE: &str = "known_device";

const LIFETIME_DAYS: i64 = 180;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::accounts) struct KnownDevice {
    pub user: UserId,
    device: [u8; 12],
    since: i64,
}

/// The key that the cookies are signed with.
pub(in crate::accounts) struct DeviceKey([u8; 32]);

impl DeviceKey {
    pub(in crate::accounts) fn new(secret: &[u8]) -> Self {
        DeviceKey(hmac(secret, b"cartwright known device"))
    }

    /// What a client sent, if it is ours and not too old.
    pub(in crate::accounts) fn read(&self, cookie: &str, now: Time) -> Option<KnownDevice> {
        let bytes = URL_SAFE_NO_PAD.decode(cookie).ok()?;
        let (text, signature) = bytes.split_at_checked(28)?;
        if !bool::from(hmac(&self.0, text).ct_eq(signature)) {
            return None;
        }
        let number = |at: usize| {
            text.get(at..at + 8)?
                .try_into()
                .ok()
                .map(i64::from_be_bytes)
        };
        let (user, since) = (UserId(number(0)?), number(8)?);
        let device = text.get(16..28)?.try_into().ok()?;
        let old = now.seconds().saturating_sub(since) > LIFETIME_DAYS * 86_400;
        (!old).then_some(KnownDevice {
            user,
            device,
            since,
        })
    }

    fn write(&self, known: &KnownDevice) -> String {
        let mut bytes = Vec::with_capacity(60);
        bytes.extend(known.user.0.to_be_bytes());
        bytes.extend(known.since.to_be_bytes());
        bytes.extend(known.device);
        let signature = hmac(&self.0, &bytes);
        bytes.extend(signature);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The value of `Set-Cookie` for somebody who just signed in; the device keeps its name.
    pub(in crate::accounts) fn set_cookie(
        &self,
        user: UserId,
        before: Option<&KnownDevice>,
        secure: bool,
        now: Time,
    ) -> Result<String> {
        let device = match before.filter(|known| known.user == user) {
            Some(known) => known.device,
            None => random_bytes()?,
        };
        let value = self.write(&KnownDevice {
            user,
            device,
            since: now.seconds(),
        });
        let age = LIFETIME_DAYS * 86_400;
        let secure = if secure { "; Secure" } else { "" };
        Ok(format!(
            "{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}"
        ))
    }
}

impl KnownDevice {
    /// Within the account.
    pub(super) fn name(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_767_225_600_000_000);

    fn value(set_cookie: &str) -> &str {
        set_cookie.split(['=', ';']).nth(1).unwrap()
    }

    #[test]
    fn a_cookie_of_ours_names_its_user_for_half_a_year() {
        let key = DeviceKey::new(b"a secret");
        let first = key.set_cookie(UserId(7), None, true, NOW).unwrap();
        let known = key.read(value(&first), NOW).unwrap();
        assert_eq!(known.user, UserId(7));
        assert!(first.contains("HttpOnly") && first.ends_with("; Secure"));

        let again = key.set_cookie(UserId(7), Some(&known), true, NOW).unwrap();
        assert_eq!(again, first);
        let other = key.set_cookie(UserId(8), Some(&known), true, NOW).unwrap();
        assert_ne!(key.read(value(&other), NOW).unwrap().device, known.device);

        let later = |days: i64| Time(NOW.0 + days * 86_400 * 1_000_000);
        assert!(key.read(value(&first), later(180)).is_some());
        assert!(key.read(value(&first), later(181)).is_none());
    }

    #[test]
    fn others_cannot_make_one() {
        let key = DeviceKey::new(b"a secret");
        let forged = DeviceKey::new(b"another")
            .set_cookie(UserId(7), None, false, NOW)
            .unwrap();
        for text in [
            value(&forged),
            "",
            "x",
            "é",
            "AAAA",
            &"A".repeat(80),
            &"A".repeat(5000),
        ] {
            assert_eq!(key.read(text, NOW), None, "{text}");
        }
    }
}
