//! The file of the copy. Whoever holds the lock beside it is the only one who has it open.

use std::fs::{self, DirBuilder, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use db::{Db, Options};

use super::store::{self, Position};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Threads that search.
const READERS: usize = 4;

pub(super) struct File {
    pub(super) db: Db,
    _lock: fs::File,
}

impl File {
    /// The file of before and how far it goes or, where there is none that can be used, a new one.
    pub(super) async fn open(folder: &Path, anew: bool) -> Result<(Self, Option<Position>)> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let lock = fs::File::create(folder.join("lock"))?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => return Err("another process has it open".into()),
            other => other?,
        }
        let last = numbers(folder)?.into_iter().max();
        if let Some(last) = last
            && !anew
            && let Ok(db) = open(folder, last).await
            && let Ok(Some(position)) = store::copied(&db).await
        {
            return Ok((File { db, _lock: lock }, Some(position)));
        }
        // Under another name, as somebody may still search in the old one.
        let next = last.map_or(1, |last| last + 1);
        clear(folder)?;
        let db = open(folder, next).await?;
        Ok((File { db, _lock: lock }, None))
    }
}

async fn open(folder: &Path, number: u64) -> Result<Db> {
    let url = format!("sqlite://{}", folder.join(format!("{number}.db")).display());
    let db = Db::connect(&Options {
        pool_size: READERS,
        ..Options::new(url)
    })
    .await?;
    store::make_tables(&db).await?;
    Ok(db)
}

fn numbers(folder: &Path) -> Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".db"));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    Ok(numbers)
}

/// The lock stays: another one of that name would lock nobody out.
fn clear(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() != "lock" {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
