//! An amount of money and its arithmetic.

use crate::{Currency, MoneyError, integer, split_decimal};

/// `minor` minor units of `currency`: `Money { minor: 129_999, currency: USD }` is $1299.99.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

impl Money {
    pub fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    pub fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// Reads major units, `digits[.digits]` with an optional leading `-`, exactly.
    ///
    /// Decimals beyond the currency's are refused with [`MoneyError::TooManyDecimals`], unless they are zeros.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let (negative, whole, decimals) = split_decimal(text)?;
        let places = usize::from(currency.exponent());
        let (kept, beyond) = decimals.split_at(places.min(decimals.len()));
        if beyond.bytes().any(|digit| digit != b'0') {
            return Err(MoneyError::TooManyDecimals { currency });
        }
        let zeros = std::iter::repeat_n(b'0', places - kept.len());
        let minor = integer(negative, whole.bytes().chain(kept.bytes()).chain(zeros))?;
        Ok(Self { minor, currency })
    }

    /// Major units with exactly the currency's number of decimals, and no code: `1299.99`, `-0.05`, `500` (JPY).
    pub fn format(self) -> String {
        let places = usize::from(self.currency.exponent());
        if places == 0 {
            return self.minor.to_string();
        }
        let sign = if self.minor < 0 { "-" } else { "" };
        let per_major = self.currency.minor_per_major().unsigned_abs();
        let (whole, rest) = (
            self.minor.unsigned_abs() / per_major,
            self.minor.unsigned_abs() % per_major,
        );
        format!("{sign}{whole}.{rest:0places$}")
    }

    /// The sum; both must be of one currency.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.combine(other, i64::checked_add)
    }

    /// The difference; both must be of one currency.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.combine(other, i64::checked_sub)
    }

    /// The price of `quantity` pieces.
    pub fn checked_mul(self, quantity: i64) -> Result<Self, MoneyError> {
        let minor = self
            .minor
            .checked_mul(quantity)
            .ok_or(MoneyError::OutOfRange)?;
        Ok(Self { minor, ..self })
    }

    fn combine(
        self,
        other: Self,
        operation: fn(i64, i64) -> Option<i64>,
    ) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch(self.currency, other.currency));
        }
        let minor = operation(self.minor, other.minor).ok_or(MoneyError::OutOfRange)?;
        Ok(Self { minor, ..self })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::parse(code).unwrap()
    }

    fn parse(text: &str, code: &str) -> Result<i64, MoneyError> {
        Money::parse(text, currency(code)).map(|money| money.minor)
    }

    #[test]
    fn amounts_are_read_exactly() {
        for (text, code, minor) in [
            ("1299.99", "USD", 129_999),
            ("129900.00", "INR", 12_990_000),
            ("0.1", "USD", 10),
            ("7", "USD", 700),
            ("-0.05", "USD", -5),
            ("1.5000", "USD", 150),
            ("500", "JPY", 500),
            ("500.0", "JPY", 500),
            ("1.234", "KWD", 1_234),
            ("92233720368547758.07", "USD", i64::MAX),
            ("-92233720368547758.08", "USD", i64::MIN),
            ("0000000000000000000000000001", "USD", 100),
        ] {
            assert_eq!(parse(text, code), Ok(minor), "{text} {code}");
        }
    }

    #[test]
    fn what_is_no_plain_decimal_is_refused() {
        for text in [
            "", "-", ".", "1.", ".5", "+1", "--1", "1e3", "1,5", " 1", "1 ", "1.2.3", "NaN", "٣",
            "0x1",
        ] {
            assert_eq!(parse(text, "USD"), Err(MoneyError::NotANumber), "{text}");
        }
    }

    #[test]
    fn decimals_that_would_be_lost_are_refused() {
        assert_eq!(
            parse("1.005", "USD"),
            Err(MoneyError::TooManyDecimals {
                currency: currency("USD")
            })
        );
        assert_eq!(
            parse("1.5", "JPY"),
            Err(MoneyError::TooManyDecimals {
                currency: currency("JPY")
            })
        );
    }

    #[test]
    fn amounts_beyond_the_range_are_refused() {
        for text in [
            "92233720368547758.08",
            "-92233720368547758.09",
            "99999999999999999999999999999999999999999",
        ] {
            assert_eq!(parse(text, "USD"), Err(MoneyError::OutOfRange), "{text}");
        }
    }

    #[test]
    fn arithmetic_never_wraps_and_never_mixes_currencies() {
        let (usd, jpy) = (currency("USD"), currency("JPY"));
        let most = Money::new(i64::MAX, usd);
        assert_eq!(
            most.checked_add(Money::new(1, usd)),
            Err(MoneyError::OutOfRange)
        );
        assert_eq!(most.checked_mul(2), Err(MoneyError::OutOfRange));
        assert_eq!(
            Money::new(i64::MIN, usd).checked_sub(Money::new(1, usd)),
            Err(MoneyError::OutOfRange)
        );
        assert_eq!(
            most.checked_add(Money::zero(jpy)),
            Err(MoneyError::CurrencyMismatch(usd, jpy))
        );
        assert_eq!(
            Money::new(999, usd).checked_mul(3),
            Ok(Money::new(2_997, usd))
        );
    }

    proptest! {
        #[test]
        fn what_is_formatted_reads_back_the_same(minor: i64, code in prop::sample::select(vec!["USD", "JPY", "KWD", "CLF"])) {
            let money = Money::new(minor, currency(code));
            prop_assert_eq!(Money::parse(&money.format(), money.currency), Ok(money));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = Money::parse(&text, currency("USD"));
        }

        #[test]
        fn sums_agree_with_wider_integers(a: i64, b: i64, quantity: i64) {
            let (x, y) = (Money::new(a, currency("USD")), Money::new(b, currency("USD")));
            let narrow = |wide: i128| i64::try_from(wide).map_err(|_| MoneyError::OutOfRange);
            let (a, b, quantity) = (i128::from(a), i128::from(b), quantity);
            prop_assert_eq!(x.checked_add(y).map(|m| m.minor), narrow(a + b));
            prop_assert_eq!(x.checked_sub(y).map(|m| m.minor), narrow(a - b));
            prop_assert_eq!(x.checked_mul(quantity).map(|m| m.minor), narrow(a * i128::from(quantity)));
        }
    }
}
