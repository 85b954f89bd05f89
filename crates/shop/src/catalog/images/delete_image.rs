//! Takes a picture away from a product. Its files go later, when nothing shows them.

use super::store;
use crate::app::App;
use crate::audit::{self, Action};
use crate::caller::Admin;
use crate::catalog;
use crate::catalog::products::{Product, claim_product, still_as};
use crate::error::{Error, Result};
use crate::ids::ImageId;
use crate::precondition::AsSeen;
use crate::transact;
use crate::values::Key;

/// Variants lose it too; when it was the main one, the next takes its place.
pub async fn delete_image(
    app: &App,
    by: &Admin,
    key: &Key,
    image: ImageId,
    seen: AsSeen<'_, Product>,
) -> Result<()> {
    let now = app.clock.now();
    transact!(app.db, tx => {
        catalog::store::bump_generation(tx).await?;
        still_as(tx, key, seen).await?;
        let old = claim_product(tx, key, now).await?;
        let gone = old.images.iter().find(|other| other.id == image).ok_or_else(Error::not_found)?;
        store::delete(tx, old.id, image).await?;
        let mut new = old.clone();
        new.images.retain(|other| other.id != image);
        for variant in &mut new.variants {
            variant.image_id.take_if(|id| *id == image);
        }
        if old.image_url == Some(gone.file.path()) {
            new.image_url = new.images.first().map(|next| next.file.path());
            store::set_main(tx, old.id, new.image_url.as_deref()).await?;
        }
        audit::record(tx, by, Action::ProductUpdated, old.id, (old.audited(), new.audited()), now).await?;
        Ok(())
    })?;
    Ok(())
}
