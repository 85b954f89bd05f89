//! What is thrown away by and by. Runs now and then beside a busy shop, so each part works in small transactions.

use std::time::Duration;

use crate::app::App;
use crate::error::Result;
use crate::{accounts, cart, catalog, idempotency, media, privacy, transact};

/// How long it can be looked up why a job failed. Those of mails hold addresses.
const FAILED_JOBS_KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How many rows went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub idempotency_keys: u64,
    pub guest_carts: u64,
    pub login_attempts: u64,
    pub sessions: u64,
    pub mail_links: u64,
    pub failed_jobs: u64,
    pub erased_accounts: u64,
    pub pictures: u64,
    pub product_changes: u64,
}

/// Forgets answers kept for repeated requests after 24 hours, guest carts untouched for 30 days, jobs that
/// failed for good after 30 days, login attempts, sessions that are over and links of mails after 90 days, pictures that
/// nothing has shown for an hour, changes that the search has heard of after a day; and erases again what came back with a restore.
pub async fn sweep(app: &App) -> Result<Swept> {
    Ok(Swept {
        idempotency_keys: idempotency::forget_old(app).await?,
        guest_carts: cart::sweep_carts(app).await?,
        login_attempts: accounts::attempts::forget_old(app).await?,
        sessions: accounts::sessions::forget_old(app).await?,
        mail_links: accounts::links::forget_old(app).await?,
        failed_jobs: forget_failed_jobs(app).await?,
        pictures: media::sweep(app).await?,
        erased_accounts: privacy::repeat_erasures(app).await?,
        product_changes: catalog::search_copy::forget_changes(app).await?,
    })
}

async fn forget_failed_jobs(app: &App) -> Result<u64> {
    const BATCH: i64 = 500;
    let before = app.clock.now() - FAILED_JOBS_KEPT_FOR;
    let mut gone = 0;
    loop {
        let batch = transact!(app.db, tx => { Ok(jobs::sweep(tx, before.0, BATCH).await?) })?;
        gone += batch;
        if batch < BATCH.unsigned_abs() {
            return Ok(gone);
        }
    }
}
