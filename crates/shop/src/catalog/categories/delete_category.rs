//! Deletes a category that nothing stands in.

use db::DbError;
use serde_json::Value;

use super::category::Placed;
use super::save_category::still_as;
use super::store;
use crate::app::App;
use crate::audit::{self, Action};
use crate::caller::Admin;
use crate::catalog;
use crate::error::{Code, Error, Result};
use crate::precondition::AsSeen;
use crate::transact;
use crate::values::Key;

/// 409 `in_use` when it has products (hidden ones too) or children.
pub(in crate::catalog) async fn delete_category(
    app: &App,
    by: &Admin,
    key: &Key,
    seen: AsSeen<'_, Placed>,
) -> Result<()> {
    let now = app.clock.now();
    transact!(app.db, tx => {
        catalog::store::bump_generation(tx).await?;
        still_as(tx, key, seen).await?;
        let category = store::find_category(tx, key).await?.ok_or_else(Error::not_found)?;
        match store::delete_category(tx, category.id).await {
            Ok(true) => {
                let change = (category.audited(), Value::Null);
                audit::record(tx, by, Action::CategoryDeleted, category.id, change, now).await
            }
            Ok(false) | Err(DbError::ForeignKey(_)) => {
                Err(Code::InUse.with(format!("\"{}\" still has products or sub-categories.", category.name)))
            }
            Err(error) => Err(error.into()),
        }
    })?;
    Ok(())
}
