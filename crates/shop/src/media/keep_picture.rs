//! Takes an upload in.

use bytes::Bytes;

use super::picture::{self, Picture};
use super::{File, store};
use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::transact;
use crate::values::MAX_UPLOAD;

/// Decodes an upload, writes it anew and keeps its files. Nothing shows them until something refers to the row.
///
/// # Errors
/// 400 `invalid_image`, 413, or 503 `overloaded` when too many uploads wait already.
pub async fn keep_picture(app: &App, upload: Bytes) -> Result<File> {
    if upload.len() > MAX_UPLOAD {
        return Err(
            Code::BodyTooLarge.with(format!("A picture has at most {} MiB.", MAX_UPLOAD >> 20))
        );
    }
    keep_ready(app, read(app, upload).await?).await
}

/// The same for a picture of our own making.
pub async fn keep_ready(app: &App, picture: Picture) -> Result<File> {
    let now = app.clock.now();
    let file = picture.file;
    let ours = transact!(app.db, tx => { store::claim(tx, &file, now).await })?;
    if !ours {
        return Err(Code::Overloaded
            .with("This picture is just being erased.")
            .retry_after(2));
    }
    for (name, bytes) in picture.files {
        app.media.put(&name, bytes).await?;
    }
    Ok(file)
}

/// As many at once as there are cores, a few more in line; whoever comes then is sent away.
async fn read(app: &App, upload: Bytes) -> Result<Picture> {
    let full = || {
        Code::Overloaded
            .with("Too many pictures are being read.")
            .retry_after(2)
    };
    let _in_line = app.media.queue.try_acquire().map_err(|_| full())?;
    let _desk = app.media.desks.acquire().await.map_err(Error::internal)?;
    // A decoder that panics has met a picture that is none.
    let read = tokio::task::spawn_blocking(move || picture::read(&upload)).await;
    read.unwrap_or(Err("The picture is damaged."))
        .map_err(|why| {
            Code::InvalidImage
                .with(why)
                .and("image", "invalid_image", why)
        })
}
