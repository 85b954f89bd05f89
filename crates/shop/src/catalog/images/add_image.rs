//! Adds an uploaded picture to a product.

use bytes::Bytes;

use super::{ProductImage, has_room, store};
use crate::app::App;
use crate::audit::{self, Action};
use crate::caller::Admin;
use crate::catalog;
use crate::catalog::products::{Product, claim_product, find_product, still_as};
use crate::error::Result;
use crate::precondition::AsSeen;
use crate::values::Key;
use crate::{media, transact};

/// Behind those that are there; the main one where there was none.
///
/// # Errors
/// 404, 400 `invalid_image`, 412, 413, 503, or a product that has enough of them.
pub async fn add_image(
    app: &App,
    by: &Admin,
    key: &Key,
    alt: &str,
    upload: Bytes,
    seen: AsSeen<'_, Product>,
) -> Result<ProductImage> {
    find_product(app, key, true).await?;
    let file = media::keep_picture(app, upload).await?;
    let now = app.clock.now();
    let image = transact!(app.db, tx => {
        catalog::store::bump_generation(tx).await?;
        still_as(tx, key, seen).await?;
        let old = claim_product(tx, key, now).await?;
        has_room(&old)?;
        let id = store::insert(tx, old.id, &file, alt, now).await?;
        if old.image_url.is_none() {
            store::set_main(tx, old.id, Some(&file.path())).await?;
        }
        let image = ProductImage { id, alt: alt.to_owned(), file: file.clone() };
        let mut new = old.clone();
        new.image_url.get_or_insert_with(|| file.path());
        new.images.push(image.clone());
        audit::record(tx, by, Action::ProductUpdated, old.id, (old.audited(), new.audited()), now).await?;
        Ok(image)
    })?;
    Ok(image)
}
