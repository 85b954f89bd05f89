//! Threads that read, each with a connection of its own.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::open;
use super::values::rows;
use crate::{DbError, FromRow, Options, PoolState, Result, Value};

type Work = Box<dyn FnOnce(&Connection) + Send>;

/// Threads that read, each with its own connection.
pub(crate) struct Readers {
    queue: Mutex<Queue>,
    wake: Condvar,
    acquire_timeout: Duration,
    threads: usize,
    busy: AtomicUsize,
}

#[derive(Default)]
struct Queue {
    work: VecDeque<Work>,
    ended: bool,
}

impl Readers {
    pub(super) fn start(path: &Path, options: &Options) -> Result<Arc<Self>> {
        let threads = options.pool_size.clamp(
            1,
            std::thread::available_parallelism().map_or(4, |n| n.get() * 2),
        );
        let readers = Arc::new(Readers {
            queue: Mutex::default(),
            wake: Condvar::new(),
            acquire_timeout: options.acquire_timeout,
            threads,
            busy: AtomicUsize::new(0),
        });
        for _ in 0..threads {
            let mut conn = open(path)?;
            conn.pragma_update(None, "query_only", true)?;
            let (this, limit) = (readers.clone(), options.statement_timeout);
            std::thread::Builder::new()
                .name("read".into())
                .spawn(move || this.serve(&mut conn, limit))
                .map_err(|e| DbError::Unavailable(e.into()))?;
        }
        Ok(readers)
    }

    fn serve(&self, conn: &mut Connection, limit: Duration) {
        // The handler runs every some thousand steps of a statement and ends one that takes too long.
        let start = Instant::now();
        let deadline = Arc::new(AtomicU64::new(u64::MAX));
        let seen = deadline.clone();
        let ticks = move || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let watched =
            conn.progress_handler(10_000, Some(move || ticks() > seen.load(Ordering::Relaxed)));
        if let Err(error) = watched {
            tracing::error!(%error, "reading statements have no time limit");
        }
        while let Some(work) = self.next() {
            let end = start.elapsed() + limit;
            deadline.store(
                u64::try_from(end.as_millis()).unwrap_or(u64::MAX),
                Ordering::Relaxed,
            );
            self.busy.fetch_add(1, Ordering::Relaxed);
            // What reads a row may panic; the thread is needed for the next.
            if catch_unwind(AssertUnwindSafe(|| work(conn))).is_err() {
                tracing::error!("reading rows panicked");
            }
            self.busy.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn next(&self) -> Option<Work> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let mut queue = self
            .wake
            .wait_while(queue, |q| q.work.is_empty() && !q.ended)
            .unwrap_or_else(PoisonError::into_inner);
        // Also after the end: somebody waits for it.
        queue.work.pop_front()
    }

    pub(super) fn state(&self) -> PoolState {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        PoolState {
            name: "readers",
            size: self.threads,
            in_use: self.busy.load(Ordering::Relaxed),
            waiting: queue.work.len(),
        }
    }

    pub(super) fn end(&self) {
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .ended = true;
        self.wake.notify_all();
    }

    pub(crate) async fn all<T: FromRow>(&self, sql: &str, args: &[Value]) -> Result<Vec<T>> {
        let (sender, mut receiver) = oneshot::channel();
        let (sql, args) = (sql.to_owned(), args.to_vec());
        let begun = Arc::new(AtomicBool::new(false));
        let begins = begun.clone();
        let work: Work = Box::new(move |conn| {
            begins.store(true, Ordering::Release);
            if !sender.is_closed() {
                let _ = sender.send(rows(conn, &sql, &args));
            }
        });
        {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.ended {
                return Err(closing());
            }
            queue.work.push_back(work);
        }
        self.wake.notify_one();
        let answer = match tokio::time::timeout(self.acquire_timeout, &mut receiver).await {
            Ok(answer) => answer,
            // Reading has its own limit; this one is for waiting until a thread is free.
            Err(_) if begun.load(Ordering::Acquire) => receiver.await,
            Err(_) => return Err(DbError::unavailable("no reader was free")),
        };
        answer.map_err(|_| closing())?
    }
}

fn closing() -> DbError {
    DbError::unavailable("the database is closing")
}

/// One connection inside one reading transaction.
pub(crate) struct Snapshot(pub(super) Arc<Mutex<Connection>>);

impl Snapshot {
    pub(crate) async fn all<T: FromRow>(&self, sql: &str, args: &[Value]) -> Result<Vec<T>> {
        let (conn, sql, args) = (self.0.clone(), sql.to_owned(), args.to_vec());
        tokio::task::spawn_blocking(move || {
            rows(
                &conn.lock().unwrap_or_else(PoisonError::into_inner),
                &sql,
                &args,
            )
        })
        .await
        .map_err(|_| DbError::unavailable("the process is ending"))?
    }
}
