//! Puts a picture before the others of a product.

use db::Tx;

use super::{has_room, store};
use crate::catalog::products::Product;
use crate::clock::Time;
use crate::error::Result;
use crate::media;

/// One that the product has already comes to the front. The caller makes it the main one.
///
/// # Errors
/// The product has enough of them.
pub(in crate::catalog) async fn put_first(
    tx: &Tx,
    product: &Product,
    file: &media::File,
    now: Time,
) -> Result<()> {
    match product.images.iter().position(|image| image.file == *file) {
        Some(0) => Ok(()),
        Some(at) => store::move_first(tx, product.id, product.images[at].id).await,
        None => {
            has_room(product)?;
            store::insert_first(tx, product.id, file, now).await
        }
    }
}
