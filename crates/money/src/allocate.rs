//! Splitting an amount so that the shares sum to it exactly.

use crate::MoneyError;

/// Splits `total` minor units in proportion to `weights` by the largest remainder.
///
/// The shares sum to `total` exactly, none is more than one unit away from its exact share, and a weight of zero gets
/// nothing. Equal remainders are served in order. `total` may be negative (a refund).
///
/// # Errors
/// [`MoneyError::NoWeights`] when something is to be split and no weight is above zero.
pub fn allocate(total: i64, weights: &[u64]) -> Result<Vec<i64>, MoneyError> {
    let sum: u128 = weights.iter().map(|&weight| u128::from(weight)).sum();
    if total == 0 {
        return Ok(vec![0; weights.len()]);
    }
    if sum == 0 {
        return Err(MoneyError::NoWeights);
    }
    let magnitude = u128::from(total.unsigned_abs());
    let mut shares: Vec<u128> = weights
        .iter()
        .map(|&weight| magnitude * u128::from(weight) / sum)
        .collect();
    let left_over = magnitude - shares.iter().sum::<u128>();

    let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
    by_remainder.sort_by_key(|&at| std::cmp::Reverse(magnitude * u128::from(weights[at]) % sum));
    for &at in by_remainder
        .iter()
        .take(usize::try_from(left_over).unwrap_or(usize::MAX))
    {
        shares[at] += 1;
    }
    shares
        .into_iter()
        .map(|share| signed(share, total < 0))
        .collect()
}

fn signed(share: u128, negative: bool) -> Result<i64, MoneyError> {
    let share = i128::try_from(share).map_err(|_| MoneyError::OutOfRange)?;
    i64::try_from(if negative { -share } else { share }).map_err(|_| MoneyError::OutOfRange)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cents_left_over_go_to_the_largest_remainders() {
        assert_eq!(allocate(100, &[1, 1, 1]), Ok(vec![34, 33, 33]));
        assert_eq!(allocate(-100, &[1, 1, 1]), Ok(vec![-34, -33, -33]));
        assert_eq!(allocate(10, &[33, 33, 34]), Ok(vec![3, 3, 4]));
        assert_eq!(allocate(5, &[0, 1, 0]), Ok(vec![0, 5, 0]));
    }

    #[test]
    fn nothing_to_split_or_nobody_to_take_it() {
        assert_eq!(allocate(0, &[0, 0]), Ok(vec![0, 0]));
        assert_eq!(allocate(0, &[]), Ok(vec![]));
        assert_eq!(allocate(1, &[0, 0]), Err(MoneyError::NoWeights));
        assert_eq!(allocate(1, &[]), Err(MoneyError::NoWeights));
    }

    proptest! {
        #[test]
        fn shares_sum_exactly_and_are_fair(total: i64, weights in prop::collection::vec(any::<u64>(), 1..20)) {
            prop_assume!(weights.iter().any(|&weight| weight > 0));
            let shares = allocate(total, &weights).unwrap();
            prop_assert_eq!(shares.iter().map(|&share| i128::from(share)).sum::<i128>(), i128::from(total));
            let sum: u128 = weights.iter().map(|&weight| u128::from(weight)).sum();
            for (&share, &weight) in shares.iter().zip(&weights) {
                let floor = u128::from(total.unsigned_abs()) * u128::from(weight) / sum;
                let share = u128::from(share.unsigned_abs());
                prop_assert!(share == floor || share == floor + 1);
                prop_assert!(weight > 0 || share == 0);
            }
        }
    }
}
