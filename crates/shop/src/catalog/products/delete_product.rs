//! Takes a product out of the shop.

use serde_json::Value;

use super::create_product::found;
use super::product::Product;
use super::store;
use super::update_product::still_as;
use crate::app::App;
use crate::audit::{self, Action};
use crate::caller::Admin;
use crate::catalog;
use crate::error::{Error, Result};
use crate::precondition::AsSeen;
use crate::transact;
use crate::values::Key;

/// Erases it with its stock, or hides it when an order names it: what was bought stays readable.
pub async fn delete_product(
    app: &App,
    by: &Admin,
    key: &Key,
    seen: AsSeen<'_, Product>,
) -> Result<()> {
    let now = app.clock.now();
    transact!(app.db, tx => {
        catalog::store::bump_generation(tx).await?;
        still_as(tx, key, seen).await?;
        let id = store::claim(tx, key, now).await?.ok_or_else(Error::not_found)?;
        let old = found(tx, Some(id)).await?.audited();
        if store::delete_product(tx, id).await? {
            store::forget_words(tx, app.db.engine(), id).await?;
        } else {
            store::hide_product(tx, id).await?;
        }
        audit::record(tx, by, Action::ProductDeleted, id, (old, Value::Null), now).await?;
        Ok(())
    })?;
    Ok(())
}
