//! The pictures of products, in the order shown. `media` has the files; here stands what shows them.

mod add_image;
pub(super) mod api;
mod delete_image;
mod put_first;
pub(super) mod store;

pub use add_image::add_image;
pub(super) use api::ImageOut;
pub use delete_image::delete_image;
pub(super) use put_first::put_first;

use super::products::Product;
use crate::app::App;
use crate::error::{Error, Result};
use crate::ids::ImageId;
use crate::media;

/// How many pictures a product may have.
const MAX_IMAGES: usize = 50;

/// A picture of a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductImage {
    pub id: ImageId,
    /// What it shows, for those who cannot see it.
    pub alt: String,
    pub file: media::File,
}

/// Refuses one more picture of a product that has enough of them.
fn has_room(product: &Product) -> Result<()> {
    if product.images.len() < MAX_IMAGES {
        return Ok(());
    }
    let detail = format!("A product has at most {MAX_IMAGES} images.");
    Err(Error::field("image", "max_length", detail))
}

pub(super) fn url_of(app: &App, images: &[ProductImage], id: ImageId) -> Option<String> {
    let image = images.iter().find(|image| image.id == id)?;
    Some(media::shown(&app.config, &image.file.path()).into_owned())
}
