//! Sees to it that what was erased stays erased.

use super::erase_account::{Asked, erase_account};
use super::erased_list;
use crate::accounts::personal_data;
use crate::app::App;
use crate::error::Result;
use crate::orders;

/// Erases again what came back with a restore, and what erased people had ordered once it has arrived. Returns how
/// many accounts that were.
pub async fn repeat_erasures(app: &App) -> Result<u64> {
    let mut again = 0;
    for erased in erased_list::read(app).await? {
        let back = personal_data::find_erasable(&app.db.read().await?, erased).await?;
        if let Some(user) = back {
            erase_account(app, user, Asked::Again).await?;
            again += 1;
        }
    }
    erased_list::complete(app).await?;
    orders::anonymise_finished(app).await?;
    Ok(again)
}
