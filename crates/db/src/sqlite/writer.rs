//! The one writer, the thread that commits for all, and a transaction's turn at it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::{OwnedMutexGuard, oneshot};

use super::open_writer;
use super::values::{numbered, rows};
use crate::stats::Stats;
use crate::{DbError, FromRow, Result, Value};

pub(super) struct Writer {
    pub(super) path: PathBuf,
    pub(super) conn: Connection,
    /// A transaction is open: `waiting` are those whose answer rests on its COMMIT.
    pub(super) open: bool,
    pub(super) waiting: Vec<oneshot::Sender<Result<()>>>,
    pub(super) stats: Arc<Stats>,
}

impl Writer {
    pub(super) fn begin(&mut self) -> rusqlite::Result<()> {
        self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        self.open = true;
        Ok(())
    }

    pub(super) fn savepoint(&self) -> rusqlite::Result<()> {
        self.conn
            .prepare_cached("SAVEPOINT t")?
            .execute([])
            .map(drop)
    }

    /// SQLite ends a whole transaction by itself on errors such as a full disk.
    pub(super) fn lost(&self) -> bool {
        self.open && self.conn.is_autocommit()
    }

    pub(super) fn commit(&mut self) {
        if !self.open {
            return;
        }
        let begun = Instant::now();
        let committed = if self.lost() {
            Err("SQLite gave the transaction up".to_owned())
        } else {
            self.conn
                .prepare_cached("COMMIT")
                .and_then(|mut s| s.execute([]))
                .map(drop)
                .map_err(|e| e.to_string())
        };
        match committed {
            Ok(()) => {
                self.open = false;
                self.stats.commits.observe_time(begun.elapsed());
                self.stats.batches.observe(self.waiting.len() as u64);
                for waiter in self.waiting.drain(..) {
                    let _ = waiter.send(Ok(()));
                }
            }
            Err(why) => {
                tracing::error!(
                    error = why,
                    lost = self.waiting.len(),
                    "COMMIT failed, its batch is lost"
                );
                self.fail_batch(&why);
                self.reopen();
            }
        }
    }

    pub(super) fn fail_batch(&mut self, why: &str) {
        self.open = false;
        for waiter in self.waiting.drain(..) {
            let _ = waiter.send(Err(DbError::unavailable(why.to_owned())));
        }
    }

    /// After an I/O error the connection is not trusted any more.
    pub(super) fn reopen(&mut self) {
        if !self.conn.is_autocommit() {
            let _ = self.conn.execute_batch("ROLLBACK");
        }
        match open_writer(&self.path) {
            Ok(conn) => self.conn = conn,
            Err(error) => {
                tracing::error!(%error, "the database file cannot be opened again; trying on")
            }
        }
    }
}

/// The thread that runs COMMIT and waits for the disk.
pub(super) struct Committer {
    wanted: Mutex<Wanted>,
    wake: Condvar,
}

#[derive(Default)]
struct Wanted {
    commit: bool,
    end: bool,
}

impl Committer {
    pub(super) fn start(writer: &Arc<tokio::sync::Mutex<Writer>>) -> Result<Arc<Self>> {
        let committer = Arc::new(Committer {
            wanted: Mutex::default(),
            wake: Condvar::new(),
        });
        let (this, writer) = (committer.clone(), Arc::downgrade(writer));
        std::thread::Builder::new()
            .name("commit".into())
            .spawn(move || {
                while this.next() {
                    let Some(writer) = writer.upgrade() else {
                        return;
                    };
                    writer.blocking_lock().commit();
                }
            })
            .map_err(|e| DbError::Unavailable(e.into()))?;
        Ok(committer)
    }

    /// Waits until a commit is wanted; `false` when the database is closed.
    fn next(&self) -> bool {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wanted = self
            .wake
            .wait_while(wanted, |w| !w.commit && !w.end)
            .unwrap_or_else(PoisonError::into_inner);
        wanted.commit = false;
        !wanted.end
    }

    pub(super) fn want(&self) {
        self.wanted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .commit = true;
        self.wake.notify_one();
    }

    pub(super) fn end(&self) {
        self.wanted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .end = true;
        self.wake.notify_one();
    }
}

/// A transaction's hold on the writer.
pub(crate) struct Lease {
    pub(super) inner: Option<Mutex<OwnedMutexGuard<Writer>>>,
    /// A statement failed: as on PostgreSQL, only a rollback is possible.
    pub(super) failed: AtomicBool,
    pub(super) committer: Arc<Committer>,
}

impl Lease {
    pub(super) fn writer(&self) -> Result<MutexGuard<'_, OwnedMutexGuard<Writer>>> {
        let inner = self
            .inner
            .as_ref()
            .ok_or_else(|| DbError::other("the transaction has ended"))?;
        Ok(inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn run<T>(&self, statement: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        // After some errors SQLite has ended the transaction, and a statement would be kept by itself.
        if self.failed.load(Ordering::Relaxed) {
            return Err(DbError::other(
                "an earlier statement of the transaction failed",
            ));
        }
        let result = statement(&self.writer()?.conn);
        if result.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        result
    }

    pub(crate) fn all<T: FromRow>(&self, sql: &str, args: &[Value]) -> Result<Vec<T>> {
        self.run(|conn| rows(conn, sql, args))
    }

    pub(crate) fn execute(&self, sql: &str, args: &[Value]) -> Result<u64> {
        self.run(|conn| {
            let changed = conn
                .prepare_cached(&numbered(sql))?
                .execute(rusqlite::params_from_iter(args))?;
            Ok(changed as u64)
        })
    }

    /// Ends the savepoint, passes the writer on, and waits for the COMMIT of the batch.
    pub(crate) async fn finish(mut self, keep: bool) -> Result<()> {
        let failed = self.failed.load(Ordering::Relaxed);
        let Some(durable) = self.end(keep && !failed) else {
            return Ok(());
        };
        let outcome = durable
            .await
            .unwrap_or_else(|_| Err(DbError::unavailable("the database is closing")));
        match outcome {
            Ok(()) if keep && failed => Err(DbError::other(
                "a statement failed, so the transaction was rolled back",
            )),
            outcome => outcome,
        }
    }

    fn end(&mut self, keep: bool) -> Option<oneshot::Receiver<Result<()>>> {
        let mut writer = self
            .inner
            .take()?
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let ended = if writer.lost() {
            Err(rusqlite::Error::InvalidQuery)
        } else if keep {
            writer
                .conn
                .prepare_cached("RELEASE t")
                .and_then(|mut s| s.execute([]))
        } else {
            writer
                .conn
                .execute_batch("ROLLBACK TO t; RELEASE t")
                .map(|()| 0)
        };
        let (sender, receiver) = oneshot::channel();
        writer.waiting.push(sender);
        if let Err(error) = ended {
            tracing::error!(%error, "the open transaction was lost");
            writer.fail_batch("SQLite gave the transaction up");
            writer.reopen();
        }
        drop(writer);
        self.committer.want();
        Some(receiver)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Nobody waits for the answer: the request was given up, or its task panicked.
        self.end(false);
    }
}
