//! SQLite: one writer whose transactions share their COMMIT, and a pool of reading threads.
//!
//! Group commit. Transactions run one after the other as savepoints of one open transaction. The first that ends
//! wakes the committer, which queues for the writer like everybody else: whoever queued before it is in the batch,
//! whoever comes later waits for the next. So a batch closes when those who waited are done, never on a timer, and
//! while one COMMIT waits for the disk the next batch gathers. Whoever used the writer, be it to roll back or only to
//! look, is answered after that COMMIT, because it saw rows of others that were not yet durable. If the COMMIT
//! fails, nothing of the batch is kept and all of it answers [`DbError::Unavailable`].
//!
//! Statements of a transaction run in place: they are short. What may take long has a thread: reading, waiting
//! for another process, the COMMIT and its fsync.

mod migrations;
mod readers;
mod values;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::OwnedMutexGuard;

pub(crate) use self::readers::{Readers, Snapshot};
pub(crate) use self::values::{cell, is_damage};
use self::values::{is_busy, numbered};
pub(crate) use self::writer::Lease;
use self::writer::{Committer, Writer};
use crate::stats::{Counted, Stats};
use crate::{DbError, Options, PoolState, Result};

/// Named CHECKs can be altered from here on.
const OLDEST: i32 = 3_053_000;
const STATEMENTS_KEPT: usize = 256;
const MOST_KEPT_KIB: i64 = 24_000;

pub(crate) struct Sqlite {
    path: PathBuf,
    readers: Arc<Readers>,
    writer: Arc<tokio::sync::Mutex<Writer>>,
    committer: Arc<Committer>,
    acquire_timeout: Duration,
    busy_timeout: Duration,
    stats: Arc<Stats>,
}

impl Sqlite {
    pub(crate) fn open(path: &Path, options: &Options, stats: &Arc<Stats>) -> Result<Self> {
        if rusqlite::version_number() < OLDEST {
            return Err(DbError::other(format!(
                "SQLite {} is too old, 3.53 is needed",
                rusqlite::version()
            )));
        }
        let conn = open_writer(path)?;
        let writer = Arc::new(tokio::sync::Mutex::new(Writer {
            path: path.to_owned(),
            conn,
            open: false,
            waiting: Vec::new(),
            stats: stats.clone(),
        }));
        let committer = Committer::start(&writer)?;
        Ok(Sqlite {
            path: path.to_owned(),
            readers: Readers::start(path, options)?,
            writer,
            committer,
            acquire_timeout: options.acquire_timeout,
            // Whoever queues behind a wait for another process must not give up before it ends.
            busy_timeout: options.acquire_timeout / 2,
            stats: stats.clone(),
        })
    }

    pub(crate) fn pools(&self) -> Vec<PoolState> {
        let writer = PoolState {
            name: "writer",
            size: 1,
            in_use: usize::from(self.writer.try_lock().is_err()),
            waiting: self.stats.writer_waiting.load(Ordering::Relaxed),
        };
        vec![self.readers.state(), writer]
    }

    pub(crate) fn readers(&self) -> Arc<Readers> {
        self.readers.clone()
    }

    /// Queues for the writer and opens a savepoint.
    pub(crate) async fn begin(&self) -> Result<Lease> {
        let in_line = Counted::in_line(&self.stats.writer_waiting);
        let mut writer =
            tokio::time::timeout(self.acquire_timeout, self.writer.clone().lock_owned())
                .await
                .map_err(|_| DbError::unavailable("the writer is busy"))?;
        drop(in_line);
        if writer.lost() {
            writer.fail_batch("SQLite gave the open transaction up");
        }
        if !writer.open {
            writer = self.open_transaction(writer).await?;
        }
        if let Err(error) = writer.savepoint() {
            self.committer.want();
            return Err(error.into());
        }
        Ok(Lease {
            inner: Some(Mutex::new(writer)),
            failed: AtomicBool::new(false),
            committer: self.committer.clone(),
        })
    }

    /// `BEGIN IMMEDIATE`; waits on a thread of its own when another process writes.
    async fn open_transaction(
        &self,
        mut writer: OwnedMutexGuard<Writer>,
    ) -> Result<OwnedMutexGuard<Writer>> {
        match writer.begin() {
            Err(error) if is_busy(&error) => {
                let (busy_timeout, committer) = (self.busy_timeout, self.committer.clone());
                tokio::task::spawn_blocking(move || {
                    writer.conn.busy_timeout(busy_timeout)?;
                    let begun = writer.begin();
                    writer.conn.busy_timeout(Duration::ZERO)?;
                    // The request may be gone by now: nobody else would close what was opened.
                    committer.want();
                    begun.map(|()| writer)
                })
                .await
                .map_err(|_| DbError::unavailable("the process is ending"))?
                .map_err(DbError::from)
            }
            Err(error) => {
                writer.reopen();
                Err(error.into())
            }
            Ok(()) => Ok(writer),
        }
    }

    pub(crate) fn snapshot(&self) -> Result<Snapshot> {
        let conn = open(&self.path)?;
        conn.busy_timeout(self.busy_timeout)?;
        conn.execute_batch("BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1")?;
        Ok(Snapshot(Arc::new(Mutex::new(conn))))
    }

    pub(crate) fn prepare(&self, sql: &str) -> Result<()> {
        open(&self.path)?.prepare(&numbered(sql))?;
        Ok(())
    }
}

/// A connection as this program wants it.
fn open(path: &Path) -> Result<Connection> {
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // Plans that look at bound values (of `LIMIT ?`, or beside a partial index) expire when those are cleared, so a
    // cached statement would be compiled anew at each use.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.busy_timeout(Duration::from_secs(5))?;
    conn.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    conn.pragma_update(None, "cache_size", -cache_kib(path))?;
    conn.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; \
         PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864",
    )?;
    Ok(conn)
}

/// What a connection keeps of the file: a part of a large one, so that who looks up thousands of rows everywhere in
/// a table seldom asks the system for a page.
fn cache_kib(path: &Path) -> i64 {
    let bytes = std::fs::metadata(path).map_or(0, |file| file.len());
    i64::try_from(bytes / 1024 / 16).map_or(MOST_KEPT_KIB, |part| part.clamp(8_000, MOST_KEPT_KIB))
}

/// The writer never waits in place for another process: see [`Sqlite::open_transaction`].
fn open_writer(path: &Path) -> Result<Connection> {
    let conn = open(path)?;
    // SQLite opens what may not be written for reading, and says so only at the first write.
    if conn.is_readonly("main")? {
        return Err(DbError::other("the file may not be written"));
    }
    conn.busy_timeout(Duration::ZERO)?;
    Ok(conn)
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.committer.end();
        self.readers.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failing_commit_is_told_to_all_of_its_batch_and_keeps_nothing() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("commit_{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).map_err(|e| DbError::Other(e.into()))?;
        let sqlite = Sqlite::open(
            &folder.join("t.db"),
            &Options::new(""),
            &Arc::new(Stats::new(Duration::ZERO)),
        )?;
        let setup = sqlite.begin().await?;
        setup.execute("CREATE TABLE things (name TEXT)", &[])?;
        setup.finish(true).await?;

        let keep = sqlite.begin().await?;
        // The next COMMIT fails, as it does when the disk reports an error.
        keep.writer()?.conn.commit_hook(Some(|| true))?;
        keep.execute("INSERT INTO things VALUES ('kept')", &[])?;
        let second = async {
            let undo = sqlite.begin().await?;
            assert_eq!(undo.all::<i64>("SELECT COUNT(*) FROM things", &[])?, [1]);
            undo.finish(false).await
        };
        // The second is in the queue before the first ends, so they share the batch.
        let (undone, kept) = tokio::join!(second, async { keep.finish(true).await });
        assert!(matches!(kept, Err(DbError::Unavailable(_))), "{kept:?}");
        assert!(matches!(undone, Err(DbError::Unavailable(_))), "{undone:?}");

        let after = sqlite.begin().await?;
        assert_eq!(after.all::<i64>("SELECT COUNT(*) FROM things", &[])?, [0]);
        after.execute("INSERT INTO things VALUES ('next')", &[])?;
        after.finish(true).await?;
        assert_eq!(
            sqlite
                .readers()
                .all::<i64>("SELECT COUNT(*) FROM things", &[])
                .await?,
            [1]
        );
        let _ = std::fs::remove_dir_all(folder);
        Ok(())
    }
}
