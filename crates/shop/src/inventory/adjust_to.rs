//! Sets what can be sold to a figure that somebody counted or decided.

use db::{Conn, Tx};

use super::stock::{Cause, Kind};
use super::store;
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::ids::{UserId, VariantId};

/// Holds the items of variants until the transaction ends: nobody moves them meanwhile.
pub async fn hold(tx: &Tx, variants: &[VariantId]) -> Result<()> {
    let mut sorted = variants.to_vec();
    sorted.sort_unstable();
    store::lock_items(tx, &sorted).await?;
    Ok(())
}

/// What lies on the shelf and what of it is promised, for a variant whose item is held.
pub async fn figures(conn: &Conn, variant: VariantId) -> Result<(i64, i64)> {
    store::figures(conn, variant).await
}

/// Makes on hand − reserved equal to each `sellable`; what is reserved stays reserved. No difference, no movement.
pub async fn adjust_to(
    tx: &Tx,
    figures: &[(VariantId, i64)],
    actor: Option<UserId>,
    reason: &str,
    now: Time,
) -> Result<()> {
    let mut sorted = figures.to_vec();
    sorted.sort_unstable_by_key(|&(variant, _)| variant);
    let variants: Vec<VariantId> = sorted.iter().map(|&(variant, _)| variant).collect();
    // Locked first: the difference is only right as long as nobody else moves.
    let current = store::lock_items(tx, &variants).await?;
    let differences: Vec<(VariantId, i64)> = sorted
        .iter()
        .zip(current)
        .map(|(&(variant, sellable), current)| (variant, sellable - current))
        .filter(|&(_, difference)| difference != 0)
        .collect();
    let cause = Cause {
        kind: Kind::Adjusted,
        order: None,
        actor,
        reason,
    };
    let refused = store::move_stock(tx, cause, &differences, now).await?;
    if refused.is_empty() {
        Ok(())
    } else {
        Err(Error::internal("a locked stock item refused an adjustment"))
    }
}
