//! How single values are spelled: durations, rates, currencies, URLs. Each parser says in words what it wants.

use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};

/// `100/s`, `6000/m` or `1000/h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub requests: u32,
    pub window: Duration,
}

impl Rate {
    /// `off` = None.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, String> {
        let wrong = || format!("`{text}` is no rate like 100/s, 6000/m or 1000/h, nor `off`");
        if text == "off" {
            return Ok(None);
        }
        let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
        let requests = count.parse().ok().filter(|n| *n > 0).ok_or_else(wrong)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(wrong()),
        };
        Ok(Some(Self {
            requests,
            window: Duration::from_secs(seconds),
        }))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl LogFormat {
    pub(super) fn parse(text: &str) -> Result<Option<Self>, String> {
        match text {
            "" => Ok(None),
            "text" => Ok(Some(Self::Text)),
            "json" => Ok(Some(Self::Json)),
            _ => Err(format!("`{text}` is neither `text` nor `json`")),
        }
    }
}

/// `500ms`, `10s`, `15m`, `2h`, `7d`; a bare number is seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration like 30s, 15m, 2h or 7d");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let millis = match &text[digits.len()..] {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    let millis = number.checked_mul(millis).ok_or_else(wrong)?;
    match Duration::from_millis(millis) {
        long if long > Duration::from_secs(3650 * 86_400) => Err(wrong()),
        duration => Ok(duration),
    }
}

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(format!("`{text}` is neither true nor false")),
    }
}

pub(super) fn currency(text: &str) -> Result<money::Currency, String> {
    money::Currency::parse(&text.to_ascii_uppercase())
        .map_err(|_| format!("`{text}` is no ISO 4217 code like USD"))
}

pub(super) fn time_zone(text: &str) -> Result<jiff::tz::TimeZone, String> {
    jiff::tz::TimeZone::get(text)
        .map_err(|_| format!("`{text}` is no IANA time zone like Europe/London"))
}

pub(super) fn log_level(text: &str) -> Result<String, String> {
    match text.to_ascii_lowercase() {
        level if ["error", "warn", "info", "debug", "trace", "off"].contains(&level.as_str()) => {
            Ok(level)
        }
        _ => Err(format!(
            "`{text}` is none of error, warn, info, debug, trace"
        )),
    }
}

/// http or https, with a host, without query, fragment, password or slash at the end.
pub(super) fn url(text: &str) -> Result<String, String> {
    let wrong = || format!("`{text}` is no URL like https://shop.example");
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .ok_or_else(wrong)?;
    let authority = rest.split('/').next().unwrap_or_default();
    let bad = |c: char| {
        c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '@' | '"' | '<' | '>' | '\\')
    };
    if authority.is_empty() || authority.starts_with(':') || rest.contains(bad) {
        return Err(wrong());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// A part of all: 0 to 1.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok();
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| format!("`{text}` is no share from 0 to 1, such as 0.1"))
}

/// Headers as `name=value,name=value`. They stay out of the message: they may hold a password.
pub(super) fn headers(text: &str) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let pairs = text.split(',').filter(|pair| !pair.trim().is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((name.trim().parse().ok()?, value.trim().parse().ok()?))
        })
        .collect::<Option<_>>()
        .ok_or_else(|| "it must be name=value, several with commas between them".to_owned())
}

/// A URL of scheme, host and port only.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let url = url(text)?;
    match url
        .split_once("://")
        .is_some_and(|(_, rest)| rest.contains('/'))
    {
        true => Err(format!(
            "`{text}` must end after the host, like https://shop.example"
        )),
        false => Ok(url.to_ascii_lowercase()),
    }
}

/// One of these schemes with something behind it. The value stays out of the message: it may hold a password.
pub(super) fn with_scheme(text: &str, schemes: &[&str]) -> Result<(), String> {
    let fits = |scheme: &&str| {
        text.strip_prefix(*scheme)
            .is_some_and(|rest| !rest.is_empty() || scheme.ends_with(':'))
    };
    match schemes.iter().any(fits) && !text.contains(char::is_control) {
        true => Ok(()),
        false => Err(format!("it must begin with {}", schemes.join(" or "))),
    }
}

/// The same with the password of `scheme://user:password@host` or `?password=` hidden.
pub(super) fn mask_url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    // Up to the last @ of all: an unescaped / or @ in a password must not show its tail.
    let shown = match rest.rsplit_once('@') {
        Some((who, host)) => format!("{}:****@{host}", who.split(':').next().unwrap_or_default()),
        None => rest.to_owned(),
    };
    match shown.split_once("password=") {
        Some((before, _)) => format!("{scheme}://{before}password=****"),
        None => format!("{scheme}://{shown}"),
    }
}

/// For a user name or password inside a URL.
pub(super) fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(b).to_string()
            }
            _ => format!("%{b:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit() {
        assert_eq!(duration("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "m", "15 m", "-1s", "1.5h", "99999999999999d", "15x"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn passwords_in_urls_are_hidden() {
        assert_eq!(
            mask_url("postgres://me:s3cret@db.example:5432/shop"),
            "postgres://me:****@db.example:5432/shop"
        );
        assert_eq!(
            mask_url("postgres://me:a/b@c@db/shop"),
            "postgres://me:****@db/shop"
        );
        assert_eq!(
            mask_url("postgres:///shop?host=/run&user=me&password=s3cret"),
            "postgres:///shop?host=/run&user=me&password=****"
        );
        assert_eq!(
            mask_url("sqlite://./data/cartwright.db"),
            "sqlite://./data/cartwright.db"
        );
        assert_eq!(mask_url("log:"), "log:");
    }

    #[test]
    fn urls_need_scheme_and_host() {
        assert_eq!(
            url("https://shop.example/"),
            Ok("https://shop.example".into())
        );
        for wrong in [
            "shop.example",
            "https://",
            "ftp://shop.example",
            "https://u:p@shop.example",
            "https://shop.example?x=1",
            "javascript:alert(1)",
            "http://a b",
        ] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
        assert!(origin("https://shop.example/path").is_err());
    }
}
