//! Time-based one-time passwords (RFC 6238): HMAC-SHA1, six digits, half minutes, as authenticator apps take them.

use data_encoding::BASE32_NOPAD;
use ring::hmac;
use subtle::ConstantTimeEq;

use crate::clock::Time;

/// Bytes of a secret (RFC 4226, section 4).
pub(super) const SECRET: usize = 20;

const STEP_SECONDS: i64 = 30;
const DIGITS: usize = 6;

/// Clocks may be a step apart, in both directions.
const SKEW: i64 = 1;

/// Six digits, also in groups.
pub(super) fn parse(text: &str) -> Option<u32> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let plain = digits.len() == DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// The half minute that the code is of, if it is of one around now.
pub(super) fn step_of(secret: &[u8], code: u32, now: Time) -> Option<i64> {
    let present = now.seconds() / STEP_SECONDS;
    let fits = |step: &i64| bool::from(code_of(secret, *step).ct_eq(&code));
    // The latest first: what is before it is used up with it.
    (present - SKEW..=present + SKEW).rev().find(fits)
}

/// RFC 4226, section 5.3.
fn code_of(secret: &[u8], step: i64) -> u32 {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag.last().copied().unwrap_or_default() & 0x0f);
    let bytes = tag.iter().skip(at).take(4);
    let number = bytes.fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
    (number & 0x7fff_ffff) % 10_u32.pow(6)
}

/// As it is typed into an app.
pub(super) fn secret_text(secret: &[u8]) -> String {
    BASE32_NOPAD.encode(secret)
}

/// What stands in the QR code (Key URI Format).
pub(super) fn uri(secret: &[u8], issuer: &str, account: &str) -> String {
    format!(
        "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}",
        secret_text(secret),
        issuer = encoded(issuer),
        account = encoded(account),
    )
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, of which the last six digits count here.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = b"12345678901234567890";
        for (seconds, code) in [
            (59, 287_082),
            (1_111_111_109, 81_804),
            (1_111_111_111, 50_471),
            (1_234_567_890, 5_924),
            (2_000_000_000, 279_037),
            (20_000_000_000, 353_130),
        ] {
            assert_eq!(code_of(secret, seconds / STEP_SECONDS), code, "{seconds}");
        }
    }

    #[test]
    fn a_code_is_good_a_step_around_its_own() {
        let secret = b"12345678901234567890";
        let at = |seconds: i64| step_of(secret, 287_082, Time(seconds * 1_000_000));
        assert_eq!(
            (at(59), at(30), at(0), at(89)),
            (Some(1), Some(1), Some(1), Some(1))
        );
        assert_eq!((at(90), at(1000)), (None, None));
    }

    #[test]
    fn only_six_digits_are_a_code() {
        assert_eq!(
            (parse("081804"), parse(" 081 804 ")),
            (Some(81_804), Some(81_804))
        );
        for bad in ["", "81804", "0818040", "08180a", "٠٨١٨٠٤", "-81804"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_address_for_apps_is_escaped() {
        let uri = uri(b"12345678901234567890", "My Shop", "a+b@example.org");
        assert_eq!(
            uri,
            "otpauth://totp/My%20Shop:a%2Bb@example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=My%20Shop\
             &algorithm=SHA1&digits=6&period=30"
        );
    }
}
