//! Erases the files that nothing refers to.

use std::time::Duration;

use super::picture::SIZES;
use super::{PATH, store};
use crate::app::App;
use crate::error::Result;
use crate::transact;

/// Between the writing of a file and the row that refers to it lies less than a request may take.
const GRACE: Duration = Duration::from_secs(3600);

/// Erases what nothing has referred to for an hour: first marked, so that nobody takes it up again, then its files,
/// then its row. What breaks off in between is finished by the next run. Returns how many pictures went.
pub async fn sweep(app: &App) -> Result<u64> {
    let before = app.clock.now() - GRACE;
    transact!(app.db, tx => { store::mark(tx, before).await })?;
    let leaving = store::leaving(&app.db.read().await?).await?;
    let mut gone = 0;
    for file in leaving {
        let thumbnails = SIZES.map(|(size, _)| file.thumbnail_path(size));
        for path in thumbnails.into_iter().chain([file.path()]) {
            app.media.delete(path.trim_start_matches(PATH)).await?;
        }
        gone += transact!(app.db, tx => { store::forget(tx, &file).await })?;
    }
    Ok(gone)
}
