//! Adds categories of two levels in one transaction.

use super::insert;
use crate::app::App;
use crate::catalog;
use crate::error::Result;
use crate::ids::CategoryId;
use crate::transact;

/// Roots with the names of those below them; the ids of the lower ones, in order.
pub(crate) async fn add_tree(app: &App, roots: &[(&str, Vec<&str>)]) -> Result<Vec<CategoryId>> {
    let now = app.clock.now();
    transact!(app.db, tx => {
        catalog::store::bump_generation(tx).await?;
        let mut ids = Vec::new();
        for (root, children) in roots {
            let parent = insert(tx, root, None, "", None, None, now).await?;
            for child in children {
                ids.push(insert(tx, child, None, "", Some(parent), None, now).await?);
            }
        }
        Ok(ids)
    })
}
