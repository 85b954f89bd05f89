//! `Id<T>` and `Slug`: what a path names. What cannot be anything's name is 404, as what names nothing.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::app::App;
use crate::error::{Error, Result};
use crate::ids::DbId;
use crate::values::Key;

/// `{id}` of the path.
pub struct Id<T>(pub T);

impl<T: DbId> FromRequestParts<App> for Id<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        match segment(parts, app, "id")
            .await
            .as_deref()
            .and_then(Key::parse)
        {
            Some(Key::Id(id)) if id > 0 => Ok(Id(T::from_i64(id))),
            _ => Err(Error::not_found()),
        }
    }
}

/// `{id}`, or whatever the path's only name is: an id or a name.
pub struct PathKey(pub Key);

impl FromRequestParts<App> for PathKey {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        segment(parts, app, "id")
            .await
            .filter(|text| !text.contains('\0'))
            .as_deref()
            .and_then(Key::parse)
            .map(PathKey)
            .ok_or_else(Error::not_found)
    }
}

/// The second id of the path: `{image_id}` of `/products/{id}/images/{image_id}/`.
pub struct SubId<T>(pub T);

impl<T: DbId> FromRequestParts<App> for SubId<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let Path(all) = Path::<HashMap<String, String>>::from_request_parts(parts, app)
            .await
            .map_err(|_| Error::not_found())?;
        let id = all.iter().find(|(name, _)| name.ends_with("_id"));
        match id.and_then(|(_, text)| Key::parse(text)) {
            Some(Key::Id(id)) if id > 0 => Ok(SubId(T::from_i64(id))),
            _ => Err(Error::not_found()),
        }
    }
}

/// A text of the path, such as a token.
pub struct PathText(pub String);

impl FromRequestParts<App> for PathText {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let text = segment(parts, app, "")
            .await
            .filter(|text| text.len() <= 1024 && !text.contains('\0'));
        text.map(PathText).ok_or_else(Error::not_found)
    }
}

/// The part called `name`, or the only one.
async fn segment(parts: &mut Parts, app: &App, name: &str) -> Option<String> {
    let Path(mut all) = Path::<HashMap<String, String>>::from_request_parts(parts, app)
        .await
        .ok()?;
    match all.remove(name) {
        Some(text) => Some(text),
        None if all.len() == 1 => all.into_values().next(),
        None => None,
    }
}
