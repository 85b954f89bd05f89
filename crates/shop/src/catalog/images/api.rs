//! The paths of a product's pictures, and how one looks from outside.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::ProductImage;
use super::add_image::add_image;
use super::delete_image::delete_image;
use crate::app::App;
use crate::caller::Admin;
use crate::catalog::products::api::as_seen;
use crate::error::{Code, Error, Result};
use crate::http::answer::{created, no_content};
use crate::http::extract::{Form, IfMatch, PathKey, SubId};
use crate::http::{Op, Routes};
use crate::ids::ImageId;
use crate::media::{self, Size};

const MAX_ALT: usize = 300;

pub(in crate::catalog) fn routes() -> Routes {
    Routes::tag("products")
        .post(
            "/products/{id}/images/",
            add,
            Op::new("add_product_image", "Upload a picture of a product")
                .describe("A form with the file as `image`, and with `alt`, what the picture shows. It is written anew, without what cameras add, and gets three thumbnails.")
                .admin()
                .conditional()
                .uploads("image")
                .answers::<ImageOut>(201),
        )
        .delete(
            "/products/{id}/images/{image_id}/",
            delete,
            Op::new("delete_product_image", "Take a picture away from a product")
                .admin()
                .conditional()
                .answers_nothing(204),
        )
}

/// A picture that was uploaded.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImageOut {
    id: ImageId,
    url: String,
    /// What it shows, for those who cannot see it.
    alt: String,
    width: i64,
    height: i64,
    thumbnails: ThumbnailsOut,
}

/// The same within squares of 160, 480 and 960 pixels.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ThumbnailsOut {
    small: String,
    medium: String,
    large: String,
}

impl ImageOut {
    pub(in crate::catalog) fn new(app: &App, image: &ProductImage) -> Self {
        let url = |path: String| media::shown(&app.config, &path).into_owned();
        let thumbnail = |size| url(image.file.thumbnail_path(size));
        ImageOut {
            id: image.id,
            url: url(image.file.path()),
            alt: image.alt.clone(),
            width: image.file.width,
            height: image.file.height,
            thumbnails: ThumbnailsOut {
                small: thumbnail(Size::Small),
                medium: thumbnail(Size::Medium),
                large: thumbnail(Size::Large),
            },
        }
    }
}

async fn add(
    State(app): State<App>,
    admin: Admin,
    PathKey(key): PathKey,
    if_match: IfMatch,
    form: Form,
) -> Result<Response> {
    let alt = form.text("alt").unwrap_or_default().trim();
    let too_long = alt.chars().count() > MAX_ALT;
    match &form.file {
        Some(file) if !too_long => {
            let look = as_seen(&app, &if_match);
            let seen = if_match.given(&look);
            let image = add_image(&app, &admin, &key, alt, file.clone(), seen).await?;
            Ok(created(&ImageOut::new(&app, &image)))
        }
        file => {
            let mut error = Error::from(Code::ValidationError);
            if file.is_none() {
                error = error.and("image", "required", "No file was sent.");
            }
            if too_long {
                let detail = format!("Ensure this field has no more than {MAX_ALT} characters.");
                error = error.and("alt", "max_length", detail);
            }
            Err(error)
        }
    }
}

async fn delete(
    State(app): State<App>,
    admin: Admin,
    PathKey(key): PathKey,
    SubId(image): SubId<ImageId>,
    if_match: IfMatch,
) -> Result<Response> {
    let look = as_seen(&app, &if_match);
    delete_image(&app, &admin, &key, image, if_match.given(&look)).await?;
    Ok(no_content())
}
