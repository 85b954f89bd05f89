//! Adds to what can be sold, or takes from it, whatever is sold meanwhile.

use db::Tx;

use super::stock::{Cause, Kind, in_order};
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
    let cause = Cause {
        kind: Kind::Adjusted,
        order: None,
        actor,
        reason,
    };
    let refused = store::move_stock(tx, cause, &in_order(deltas), now).await?;
    if refused.is_empty() {
        return Ok(());
    }
    Err(Code::Conflict.with("Something was sold meanwhile. Nothing was changed: try again."))
}
