//! Exact decimal rates (taxes, discounts, exchange) and named rounding.

use crate::{Currency, Money, MoneyError, integer, split_decimal};

/// An exact decimal factor: `Rate::parse("0.19")` is 19 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// The factor is `units` / 10^`scale`, in lowest terms.
    units: i64,
    scale: u32,
}

/// What becomes of half a minor unit, and of anything else that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest, halves away from zero: what most tax laws print.
    HalfUp,
    /// To the nearest, halves to the even neighbour: no drift over many sums.
    HalfEven,
    /// Towards zero.
    Down,
    /// Away from zero.
    Up,
}

/// Finer rates than this are refused, so that no product can leave `i128`.
const MOST_DECIMALS: usize = 12;

impl Rate {
    /// Reads a factor, `digits[.digits]` with an optional leading `-` and at most 12 decimals.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let (negative, whole, decimals) = split_decimal(text)?;
        let decimals = decimals.trim_end_matches('0');
        if decimals.len() > MOST_DECIMALS {
            return Err(MoneyError::OutOfRange);
        }
        let units = integer(negative, whole.bytes().chain(decimals.bytes()))?;
        Ok(Self {
            units,
            scale: u32::try_from(decimals.len()).map_err(|_| MoneyError::OutOfRange)?,
        })
    }

    /// This rate's part of `amount`: a tax on top of a net price, a discount.
    pub fn of(self, amount: Money, rounding: Rounding) -> Result<Money, MoneyError> {
        let product = i128::from(amount.minor) * i128::from(self.units);
        Ok(Money {
            minor: divide(product, self.one(), rounding)?,
            ..amount
        })
    }

    /// The part of a gross `amount` that is this rate on its net: `amount × rate / (1 + rate)`.
    pub fn within(self, amount: Money, rounding: Rounding) -> Result<Money, MoneyError> {
        let whole = self.one() + i128::from(self.units);
        if whole <= 0 {
            return Err(MoneyError::OutOfRange);
        }
        let product = i128::from(amount.minor) * i128::from(self.units);
        Ok(Money {
            minor: divide(product, whole, rounding)?,
            ..amount
        })
    }

    /// `amount` in another currency; the rate is major units of `to` for one major unit of the amount's currency.
    pub fn exchange(
        self,
        amount: Money,
        to: Currency,
        rounding: Rounding,
    ) -> Result<Money, MoneyError> {
        let product = (i128::from(amount.minor) * i128::from(self.units))
            .checked_mul(i128::from(to.minor_per_major()))
            .ok_or(MoneyError::OutOfRange)?;
        let divisor = self.one() * i128::from(amount.currency.minor_per_major());
        Ok(Money {
            minor: divide(product, divisor, rounding)?,
            currency: to,
        })
    }

    fn one(self) -> i128 {
        10_i128.pow(self.scale)
    }
}

/// `dividend / divisor` (above zero), rounded.
fn divide(dividend: i128, divisor: i128, rounding: Rounding) -> Result<i64, MoneyError> {
    let (quotient, rest) = (dividend / divisor, (dividend % divisor).abs());
    let away = match rounding {
        Rounding::Down => false,
        Rounding::Up => rest > 0,
        Rounding::HalfUp => rest >= divisor - rest,
        Rounding::HalfEven => {
            rest > divisor - rest || (rest == divisor - rest && quotient % 2 != 0)
        }
    };
    let rounded = if away {
        quotient + dividend.signum()
    } else {
        quotient
    };
    i64::try_from(rounded).map_err(|_| MoneyError::OutOfRange)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::parse("USD").unwrap())
    }

    fn rate(text: &str) -> Rate {
        Rate::parse(text).unwrap()
    }

    #[test]
    fn each_rounding_does_what_its_name_says() {
        // 5 % of 10, 30 and 31 cents: 0.5, 1.5 and 1.55 cents.
        for (rounding, expected) in [
            (Rounding::HalfUp, [1, 2, 2]),
            (Rounding::HalfEven, [0, 2, 2]),
            (Rounding::Down, [0, 1, 1]),
            (Rounding::Up, [1, 2, 2]),
        ] {
            for (minor, expected) in [10, 30, 31].into_iter().zip(expected) {
                assert_eq!(
                    rate("0.05").of(usd(minor), rounding),
                    Ok(usd(expected)),
                    "{rounding:?} {minor}"
                );
                assert_eq!(
                    rate("0.05").of(usd(-minor), rounding),
                    Ok(usd(-expected)),
                    "{rounding:?} -{minor}"
                );
            }
        }
    }

    #[test]
    fn tax_within_a_gross_price() {
        assert_eq!(
            rate("0.19").within(usd(11_900), Rounding::HalfUp),
            Ok(usd(1_900))
        );
        assert_eq!(rate("0.20").within(usd(100), Rounding::HalfUp), Ok(usd(17)));
    }

    #[test]
    fn exchange_knows_both_exponents() {
        let yen = Currency::parse("JPY").unwrap();
        assert_eq!(
            rate("155.5").exchange(usd(1_000), yen, Rounding::HalfUp),
            Ok(Money::new(1_555, yen))
        );
        let dinar = Currency::parse("KWD").unwrap();
        assert_eq!(
            rate("0.307").exchange(usd(100), dinar, Rounding::HalfUp),
            Ok(Money::new(307, dinar))
        );
    }

    #[test]
    fn equal_rates_are_equal_however_they_are_written() {
        assert_eq!(rate("0.190"), rate("0.19"));
        assert_eq!(Rate::parse("0.0000000000001"), Err(MoneyError::OutOfRange));
        assert_eq!(Rate::parse("19%"), Err(MoneyError::NotANumber));
    }

    proptest! {
        #[test]
        fn a_rate_never_wraps(minor: i64, units in -1_000_000_000_000_i64..1_000_000_000_000, scale in 0_u32..=12) {
            let rate = Rate { units, scale };
            let exact = i128::from(minor) * i128::from(units);
            if let Ok(part) = rate.of(usd(minor), Rounding::HalfUp) {
                let error = (exact - i128::from(part.minor) * rate.one()).abs();
                prop_assert!(error * 2 <= rate.one());
            }
            let _ = rate.within(usd(minor), Rounding::HalfEven);
        }
    }
}
