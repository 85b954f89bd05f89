//! The file of the copy. Whoever holds the lock beside it is the only one who has it open.

use std::fs::{self, DirBuilder, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use db::{Db, DbError, MigrateError, Options};

use super::store::{self, Position};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Threads that search.
const READERS: usize = 4;

pub(super) struct File {
    pub(super) db: Db,
    pub(super) number: u64,
    folder: PathBuf,
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
            && let Some((db, position)) = found(folder, last).await?
        {
            return Ok((File::new(db, last, folder, lock), Some(position)));
        }
        // Under another name, as somebody may still search in the old one.
        let next = last.map_or(1, |last| last + 1);
        clear(folder)?;
        let db = open(folder, next).await?;
        Ok((File::new(db, next, folder, lock), None))
    }

    fn new(db: Db, number: u64, folder: &Path, lock: fs::File) -> Self {
        File {
            db,
            number,
            folder: folder.to_owned(),
            _lock: lock,
        }
    }

    /// Gives its place on the disk back. The name stays taken, as somebody may still have it open.
    pub(super) fn empty(&self) {
        let name = path(&self.folder, self.number);
        let emptied = clear(&self.folder).and_then(|()| Ok(fs::File::create(name)?));
        if let Err(error) = emptied {
            tracing::warn!(%error, "a search copy that is of no use could not be removed");
        }
    }
}

/// What is there already, where it can be used. Where it cannot be opened just now it may be good yet.
async fn found(folder: &Path, number: u64) -> Result<Option<(Db, Position)>> {
    let db = match connect(folder, number).await {
        Err(error) if error.is_damage() => return Ok(None),
        connected => connected?,
    };
    let position = match store::make_tables(&db).await {
        Err(MigrateError::Db(error)) => Err(error),
        Err(_) => Ok(None),
        Ok(()) => store::copied(&db).await,
    };
    match position {
        Err(error @ DbError::Unavailable(_)) if !error.is_damage() => Err(error.into()),
        position => Ok(position.ok().flatten().map(|position| (db, position))),
    }
}

async fn open(folder: &Path, number: u64) -> Result<Db> {
    let db = connect(folder, number).await?;
    store::make_tables(&db).await?;
    Ok(db)
}

async fn connect(folder: &Path, number: u64) -> db::Result<Db> {
    let url = format!("sqlite://{}", path(folder, number).display());
    let options = Options {
        pool_size: READERS,
        ..Options::new(url)
    };
    Db::connect(&options).await
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number}.db"))
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
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.contains(".db")) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
