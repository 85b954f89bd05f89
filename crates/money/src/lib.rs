//! Exact money: integer minor units with their ISO 4217 currency, rates, rounding and splitting. No floats, no I/O.
//!
//! An amount is an `i64` of *minor units*: cents for USD, yen for JPY, fils (1/1000) for KWD. Every operation that can
//! leave the range of `i64`, mix currencies or lose a decimal returns a [`MoneyError`] instead.

mod allocate;
mod amount;
mod currency;
mod rate;

pub use allocate::allocate;
pub use amount::Money;
pub use currency::Currency;
pub use rate::{Rate, Rounding};

/// Why an amount, a currency or a rate was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("not a decimal number, such as 1299.99")]
    NotANumber,
    #[error("{currency} has {} decimals", .currency.exponent())]
    TooManyDecimals { currency: Currency },
    #[error("the amount is out of range")]
    OutOfRange,
    #[error("{0} and {1} cannot be mixed")]
    CurrencyMismatch(Currency, Currency),
    #[error("not an ISO 4217 currency with minor units")]
    UnknownCurrency,
    #[error("an amount cannot be split over weights that are all zero")]
    NoWeights,
}

/// Digits of `digits[.digits]` with an optional leading `-`: (negative, whole part, decimals).
fn split_decimal(text: &str) -> Result<(bool, &str, &str), MoneyError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(decimals) {
        return Err(MoneyError::NotANumber);
    }
    Ok((negative, whole, decimals))
}

/// The signed integer that `digits` spell. Accumulates below zero, so that `i64::MIN` fits.
fn integer(negative: bool, digits: impl Iterator<Item = u8>) -> Result<i64, MoneyError> {
    let below = digits.into_iter().try_fold(0_i64, |sum, digit| {
        sum.checked_mul(10)?.checked_sub(i64::from(digit - b'0'))
    });
    let below = below.ok_or(MoneyError::OutOfRange)?;
    if negative {
        Ok(below)
    } else {
        below.checked_neg().ok_or(MoneyError::OutOfRange)
    }
}
