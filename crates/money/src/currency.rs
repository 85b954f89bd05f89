//! ISO 4217 currencies that have minor units.

use std::fmt;

use crate::MoneyError;

/// A currency of [ISO 4217](https://www.iso.org/iso-4217-currency-codes.html) with a known number of decimals.
///
/// Precious metals, accounting units without decimals and the test code have none and are refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency {
    iso: iso_currency::Currency,
    exponent: u8,
}

impl Currency {
    /// Parses an alphabetic code, exactly as ISO 4217 spells it: three capital letters.
    pub fn parse(code: &str) -> Result<Self, MoneyError> {
        let iso = iso_currency::Currency::from_code(code).ok_or(MoneyError::UnknownCurrency)?;
        let exponent = iso.exponent().and_then(|e| u8::try_from(e).ok());
        Ok(Self {
            iso,
            exponent: exponent.ok_or(MoneyError::UnknownCurrency)?,
        })
    }

    /// The alphabetic code, such as `USD`.
    pub fn code(self) -> &'static str {
        self.iso.code()
    }

    /// Decimals of the major unit: 2 for USD, 0 for JPY, 3 for KWD.
    pub fn exponent(self) -> u8 {
        self.exponent
    }

    /// Minor units in one major unit: 10 to the power of [`exponent`](Self::exponent).
    pub fn minor_per_major(self) -> i64 {
        10_i64.pow(u32::from(self.exponent))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_follow_iso_4217() {
        for (code, exponent) in [
            ("USD", 2),
            ("BDT", 2),
            ("INR", 2),
            ("JPY", 0),
            ("KWD", 3),
            ("CLF", 4),
            ("ISK", 0),
        ] {
            assert_eq!(
                Currency::parse(code).unwrap().exponent(),
                exponent,
                "{code}"
            );
        }
    }

    #[test]
    fn what_is_no_currency_is_refused() {
        for code in ["", "usd", "US", "XXX", "XAU", "DOLLAR"] {
            assert_eq!(
                Currency::parse(code),
                Err(MoneyError::UnknownCurrency),
                "{code}"
            );
        }
    }
}
