//! Forgets guest carts that nobody has touched for 30 days.

use std::time::Duration;

use super::store;
use crate::app::App;
use crate::error::Result;
use crate::ids::CartId;

const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
const BATCH: i64 = 200;

/// Walks over the carts once, in small transactions that let other writers in between. Returns how many went.
pub async fn sweep_carts(app: &App) -> Result<u64> {
    let before = app.clock.now() - KEPT_FOR;
    let (mut last, mut gone) = (CartId(0), 0);
    loop {
        let stale =
            store::list_stale_guest_carts(&app.db.read().await?, last, before, BATCH).await?;
        let Some(&end) = stale.last() else {
            return Ok(gone);
        };
        gone += crate::transact!(app.db, tx => { store::delete_stale_carts(tx, &stale, before).await })?;
        last = end;
    }
}
