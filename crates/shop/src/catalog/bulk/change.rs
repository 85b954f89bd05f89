//! What shall happen to prices and stock, without a database.

use crate::catalog::products::MAX_PRICE;
use crate::ids::{ProductId, VariantId};
use crate::inventory::MAX_STOCK;
use crate::values::Key;

/// Which variants.
#[derive(Clone, Debug)]
pub enum Selection {
    /// All variants of these.
    Products(Vec<ProductId>),
    Variants(Vec<VariantId>),
    Skus(Vec<String>),
    /// All variants of the products that a list with these filters would show.
    Filter(Box<Filter>),
}

/// The filters of the product list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub category: Option<Key>,
    pub search: Option<String>,
    pub min_price: Option<i64>,
    pub max_price: Option<i64>,
    pub in_stock: Option<bool>,
    pub is_active: Option<bool>,
    pub is_featured: Option<bool>,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Change {
    pub price: Option<PriceChange>,
    pub stock: Option<StockChange>,
}

/// In minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceChange {
    Set(i64),
    /// More or less by so many ten-thousandths of a percent; halves go away from zero.
    Percent(i64),
    Delta(i64),
}

/// Of what can be sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StockChange {
    Set(i64),
    Delta(i64),
}

const WHOLE: i128 = 100 * 10_000;

impl PriceChange {
    /// `None` when that is no price.
    pub(super) fn of(self, old: i64) -> Option<i64> {
        let new = match self {
            PriceChange::Set(new) => new,
            PriceChange::Delta(delta) => old.checked_add(delta)?,
            PriceChange::Percent(percent) => {
                let scaled = i128::from(old) * (WHOLE + i128::from(percent));
                let half = if scaled < 0 { -WHOLE / 2 } else { WHOLE / 2 };
                i64::try_from((scaled + half) / WHOLE).ok()?
            }
        };
        (0..=MAX_PRICE).contains(&new).then_some(new)
    }
}

impl StockChange {
    /// `None` when that is no stock.
    pub(super) fn of(self, old: i64) -> Option<i64> {
        let new = match self {
            StockChange::Set(new) => new,
            StockChange::Delta(delta) => old.checked_add(delta)?,
        };
        (0..=MAX_STOCK).contains(&new).then_some(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_are_exact_and_halves_go_away_from_zero() {
        let percent = |percent, old| PriceChange::Percent(percent).of(old);
        assert_eq!(percent(-100_000, 1999), Some(1799));
        assert_eq!(percent(100_000, 1995), Some(2195));
        assert_eq!(percent(125_000, 100), Some(113));
        assert_eq!(percent(-1_000_000, 1999), Some(0));
        assert_eq!(percent(-1_000_001, 1_000_000_000), None);
        assert_eq!(percent(1_000_000, MAX_PRICE), None);
        assert_eq!(percent(0, MAX_PRICE), Some(MAX_PRICE));
    }

    #[test]
    fn what_would_be_no_price_or_no_stock_is_none() {
        assert_eq!(PriceChange::Delta(-5).of(4), None);
        assert_eq!(PriceChange::Delta(i64::MAX).of(4), None);
        assert_eq!(StockChange::Delta(-5).of(5), Some(0));
        assert_eq!(StockChange::Delta(-6).of(5), None);
        assert_eq!(StockChange::Set(MAX_STOCK + 1).of(0), None);
    }
}
