//! Adds to what can be sold, or takes from it, whatever is sold meanwhile.

use db::Tx;

use super::stock::{Kind, Movement, in_order};
use super::store;
use crate::clock::Time;
use crate::error::{Code, Result};
use crate::ids::{UserId, VariantId};

/// # Errors
/// 409 `conflict` when less is left of a variant than shall be taken: nothing may be committed then.
pub async fn adjust_by(
    tx: &Tx,
    deltas: &[(VariantId, i64)],
    actor: Option<UserId>,
    reason: &str,
    now: Time,
) -> Result<()> {
    let movements: Vec<Movement<'_>> = in_order(deltas)
        .into_iter()
        .map(|(variant, quantity)| Movement {
            variant,
            kind: Kind::Adjusted,
            quantity,
            order: None,
            actor,
            reason,
        })
        .collect();
    match store::move_stock(tx, &movements, now).await?.is_empty() {
        true => Ok(()),
        false => {
            Err(Code::Conflict
                .with("Something was sold meanwhile. Nothing was changed: try again."))
        }
    }
}
