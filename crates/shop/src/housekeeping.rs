//! What is thrown away by and by. Runs now and then beside a busy shop, so each part works in small transactions.

use crate::app::App;
use crate::error::Result;
use crate::{accounts, cart, idempotency, media, privacy};

/// How many rows went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub idempotency_keys: u64,
    pub guest_carts: u64,
    pub login_attempts: u64,
    pub mail_links: u64,
    pub erased_accounts: u64,
    pub pictures: u64,
}

/// Forgets answers kept for repeated requests after 24 hours, guest carts untouched for 30 days, login attempts and
/// links of mails after 90 days, pictures that nothing has shown for an hour; and erases again what came back with a
/// restore.
pub async fn sweep(app: &App) -> Result<Swept> {
    Ok(Swept {
        idempotency_keys: idempotency::forget_old(app).await?,
        guest_carts: cart::sweep_carts(app).await?,
        login_attempts: accounts::attempts::forget_old(app).await?,
        mail_links: accounts::links::forget_old(app).await?,
        pictures: media::sweep(app).await?,
        erased_accounts: privacy::repeat_erasures(app).await?,
    })
}
