//! Values that are valid once they exist: they are parsed at the edge and need no second look.

use std::ops::Deref;

/// The largest file that is taken in, in bytes.
pub const MAX_UPLOAD: usize = 5 * 1024 * 1024;

/// A deliverable address, as it was typed. Two that differ only in case are one account: `accounts` compares their
/// keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Bytes of the longest that mail is delivered to (RFC 5321, 4.5.3.1.3).
    pub const MOST: usize = 254;

    pub fn parse(text: &str) -> Option<Email> {
        let (local, domain) = text.rsplit_once('@')?;
        let local_ok = (1..=64).contains(&local.len())
            && local
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b))
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..");
        let label_ok = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let domain_ok =
            domain.len() <= 190 && domain.contains('.') && domain.split('.').all(label_ok);
        (text.len() <= Self::MOST && local_ok && domain_ok).then(|| Email(text.to_owned()))
    }
}

impl Deref for Email {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<Email> for String {
    fn from(email: Email) -> String {
        email.0
    }
}

/// A line of text with at least one visible and at most `MAX` characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// Without the spaces around it. `Err` names the fault: `blank`, `max_length`, or `invalid` for line breaks and
    /// other control characters.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.is_empty() {
            Err("blank")
        } else if text.chars().count() > MAX {
            Err("max_length")
        } else if text.contains(char::is_control) {
            Err("invalid")
        } else {
            Ok(Text(text.to_owned()))
        }
    }
}

impl<const MAX: usize> Deref for Text<MAX> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> From<Text<MAX>> for String {
    fn from(text: Text<MAX>) -> String {
        text.0
    }
}

/// Text of at most `MAX` characters, which may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line<const MAX: usize>(String);

impl<const MAX: usize> Line<MAX> {
    /// Without the spaces around it; `None` when it is too long.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        (text.chars().count() <= MAX).then(|| Line(text.to_owned()))
    }
}

impl<const MAX: usize> From<Line<MAX>> for String {
    fn from(line: Line<MAX>) -> String {
        line.0
    }
}

/// A country by its code of ISO 3166-1 alpha-2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Country(String);

const COUNTRIES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT \
    BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH \
    ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT \
    HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS \
    LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI \
    NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG \
    SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG \
    UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

impl Country {
    /// Of any case.
    pub fn parse(text: &str) -> Option<Country> {
        let code = text.trim().to_ascii_uppercase();
        COUNTRIES
            .split_ascii_whitespace()
            .any(|known| known == code)
            .then_some(Country(code))
    }
}

impl From<Country> for String {
    fn from(country: Country) -> String {
        country.0
    }
}

/// Pieces of something: from 1 to the shop's `CART_MAX_QUANTITY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity(pub i64);

/// Pieces that a line shall have: 0 removes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuantityOrZero(pub i64);

/// An amount in minor units of the shop's currency, of any sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal(pub i64);

/// An amount in minor units of the shop's currency that is not negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price(pub i64);

/// A thing by number or by name: `7`, `"7"`, `"garden-tools"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    Id(i64),
    Name(String),
}

impl Key {
    /// All digits are an id, all else a name. `None` for what can be neither.
    pub fn parse(text: &str) -> Option<Key> {
        if text.is_empty() || text.len() > 255 {
            None
        } else if text.bytes().all(|b| b.is_ascii_digit()) {
            text.parse().ok().map(Key::Id)
        } else {
            Some(Key::Name(text.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails() {
        for good in ["a@b.co", "Test.User+tag@Example.COM", "x_y@sub.example.org"] {
            assert!(Email::parse(good).is_some(), "{good}");
        }
        let long = format!("{}@b.co", "a".repeat(65));
        for bad in [
            "",
            "a",
            "a@",
            "@b.co",
            "a@b",
            "a b@c.de",
            "a@b..co",
            "a@-b.co",
            "a@b.co\r\nBcc: x@y.z",
            ".a@b.co",
            "é@b.co",
            &long,
        ] {
            assert!(Email::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn texts_are_trimmed_and_bounded() {
        assert_eq!(&*Text::<5>::parse(" abc ").unwrap(), "abc");
        assert_eq!(Text::<5>::parse("  "), Err("blank"));
        assert_eq!(Text::<5>::parse("éééééé"), Err("max_length"));
        assert!(Text::<5>::parse("ééééé").is_ok());
        assert_eq!(Text::<5>::parse("a\r\nb"), Err("invalid"));
    }

    #[test]
    fn countries_are_known_by_their_code() {
        assert_eq!(COUNTRIES.split_ascii_whitespace().count(), 249);
        assert_eq!(Country::parse(" ma "), Some(Country("MA".into())));
        for bad in ["", "M", "XX", "Morocco", "USA", "A AE"] {
            assert_eq!(Country::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn keys_are_ids_or_names() {
        assert_eq!(Key::parse("7"), Some(Key::Id(7)));
        assert_eq!(Key::parse("7-up"), Some(Key::Name("7-up".into())));
        assert_eq!(Key::parse("99999999999999999999"), None);
    }
}
