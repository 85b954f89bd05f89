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

use std::borrow::Cow;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, ffi};
use tokio::sync::{OwnedMutexGuard, oneshot};

use crate::migrate::{self, MigrateError, Migration};
use crate::{Cell, DbError, FromRow, Options, Result, Row, Value};

/// Named CHECKs can be altered from here on.
const OLDEST: i32 = 3_053_000;
const STATEMENTS_KEPT: usize = 256;

pub(crate) struct Sqlite {
    path: PathBuf,
    readers: Arc<Readers>,
    writer: Arc<tokio::sync::Mutex<Writer>>,
    committer: Arc<Committer>,
    acquire_timeout: Duration,
    busy_timeout: Duration,
}

impl Sqlite {
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self> {
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
        })
    }

    pub(crate) fn readers(&self) -> Arc<Readers> {
        self.readers.clone()
    }

    /// Queues for the writer and opens a savepoint.
    pub(crate) async fn begin(&self) -> Result<Lease> {
        let mut writer =
            tokio::time::timeout(self.acquire_timeout, self.writer.clone().lock_owned())
                .await
                .map_err(|_| DbError::unavailable("the writer is busy"))?;
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

    pub(crate) fn pending(
        &self,
        migrations: &[Migration],
        run: &migrate::Run<'_>,
    ) -> Result<Vec<String>, MigrateError> {
        let conn = open(&self.path)?;
        let pending = migrate::pending(migrations, &applied(&conn)?, run)?;
        Ok(pending.iter().map(|m| m.name.to_owned()).collect())
    }

    /// One transaction for all: a failing migration leaves nothing behind, and two processes take turns.
    pub(crate) fn migrate(
        &self,
        migrations: &[Migration],
        run: &migrate::Run<'_>,
    ) -> Result<Vec<String>, MigrateError> {
        let mut conn = open(&self.path)?;
        conn.busy_timeout(Duration::from_secs(60))
            .map_err(DbError::from)?;
        conn.pragma_update(None, "foreign_keys", false)
            .map_err(DbError::from)?;
        let tx = conn
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(DbError::from)?;
        tx.execute_batch(&migrate::expand(crate::Engine::Sqlite, migrate::TABLE))
            .map_err(DbError::from)?;
        let mut names = Vec::new();
        for migration in migrate::pending(migrations, &applied(&tx)?, run)? {
            let sql = migration.sql(crate::Engine::Sqlite);
            tx.execute_batch(&migrate::expand(crate::Engine::Sqlite, sql))
                .map_err(|e| migration.failed(e.into()))?;
            let record = migration.record(run);
            tx.execute(
                &numbered(migrate::RECORD),
                rusqlite::params_from_iter(&record),
            )
            .map_err(DbError::from)?;
            names.push(migration.name.to_owned());
        }
        let broken: i64 = tx
            .query_row("SELECT COUNT(*) FROM pragma_foreign_key_check", [], |row| {
                row.get(0)
            })
            .map_err(DbError::from)?;
        if broken > 0 {
            return Err(DbError::other(format!(
                "{broken} rows would point to nothing after the migration"
            ))
            .into());
        }
        tx.commit().map_err(DbError::from)?;
        Ok(names)
    }
}

fn applied(conn: &Connection) -> Result<Vec<migrate::Applied>, MigrateError> {
    let exists: bool = conn
        .query_row(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'schema_migrations')",
            [],
            |row| row.get(0),
        )
        .map_err(DbError::from)?;
    if !exists {
        return Ok(Vec::new());
    }
    Ok(rows(conn, migrate::APPLIED, &[])?)
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
    conn.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -8000; \
         PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864",
    )?;
    Ok(conn)
}

/// The writer never waits in place for another process: see [`Sqlite::open_transaction`].
fn open_writer(path: &Path) -> Result<Connection> {
    let conn = open(path)?;
    conn.busy_timeout(Duration::ZERO)?;
    Ok(conn)
}

// ---- the writer ------------------------------------------------------------------------------------------------

struct Writer {
    path: PathBuf,
    conn: Connection,
    /// A transaction is open: `waiting` are those whose answer rests on its COMMIT.
    open: bool,
    waiting: Vec<oneshot::Sender<Result<()>>>,
}

impl Writer {
    fn begin(&mut self) -> rusqlite::Result<()> {
        self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        self.open = true;
        Ok(())
    }

    fn savepoint(&self) -> rusqlite::Result<()> {
        self.conn
            .prepare_cached("SAVEPOINT t")?
            .execute([])
            .map(drop)
    }

    /// SQLite ends a whole transaction by itself on errors such as a full disk.
    fn lost(&self) -> bool {
        self.open && self.conn.is_autocommit()
    }

    fn commit(&mut self) {
        if !self.open {
            return;
        }
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

    fn fail_batch(&mut self, why: &str) {
        self.open = false;
        for waiter in self.waiting.drain(..) {
            let _ = waiter.send(Err(DbError::unavailable(why.to_owned())));
        }
    }

    /// After an I/O error the connection is not trusted any more.
    fn reopen(&mut self) {
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
struct Committer {
    wanted: Mutex<Wanted>,
    wake: Condvar,
}

#[derive(Default)]
struct Wanted {
    commit: bool,
    end: bool,
}

impl Committer {
    fn start(writer: &Arc<tokio::sync::Mutex<Writer>>) -> Result<Arc<Self>> {
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

    fn want(&self) {
        self.wanted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .commit = true;
        self.wake.notify_one();
    }

    fn end(&self) {
        self.wanted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .end = true;
        self.wake.notify_one();
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.committer.end();
        self.readers.end();
    }
}

/// A transaction's hold on the writer.
pub(crate) struct Lease {
    inner: Option<Mutex<OwnedMutexGuard<Writer>>>,
    /// A statement failed: as on PostgreSQL, only a rollback is possible.
    failed: AtomicBool,
    committer: Arc<Committer>,
}

impl Lease {
    fn writer(&self) -> Result<MutexGuard<'_, OwnedMutexGuard<Writer>>> {
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

// ---- readers ---------------------------------------------------------------------------------------------------

type Work = Box<dyn FnOnce(&Connection) + Send>;

/// Threads that read, each with its own connection.
pub(crate) struct Readers {
    queue: Mutex<Queue>,
    wake: Condvar,
    acquire_timeout: Duration,
}

#[derive(Default)]
struct Queue {
    work: VecDeque<Work>,
    ended: bool,
}

impl Readers {
    fn start(path: &Path, options: &Options) -> Result<Arc<Self>> {
        let readers = Arc::new(Readers {
            queue: Mutex::default(),
            wake: Condvar::new(),
            acquire_timeout: options.acquire_timeout,
        });
        let threads = options.pool_size.clamp(
            1,
            std::thread::available_parallelism().map_or(4, |n| n.get() * 2),
        );
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
            // What reads a row may panic; the thread is needed for the next.
            if catch_unwind(AssertUnwindSafe(|| work(conn))).is_err() {
                tracing::error!("reading rows panicked");
            }
        }
    }

    fn next(&self) -> Option<Work> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let mut queue = self
            .wake
            .wait_while(queue, |q| q.work.is_empty() && !q.ended)
            .unwrap_or_else(PoisonError::into_inner);
        if queue.ended {
            None
        } else {
            queue.work.pop_front()
        }
    }

    fn end(&self) {
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .ended = true;
        self.wake.notify_all();
    }

    pub(crate) async fn all<T: FromRow>(&self, sql: &str, args: &[Value]) -> Result<Vec<T>> {
        let (sender, receiver) = oneshot::channel();
        let (sql, args) = (sql.to_owned(), args.to_vec());
        let work: Work = Box::new(move |conn| {
            if !sender.is_closed() {
                let _ = sender.send(rows(conn, &sql, &args));
            }
        });
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .work
            .push_back(work);
        self.wake.notify_one();
        // Reading has its own limit; this one is for waiting until a thread is free.
        tokio::time::timeout(self.acquire_timeout + Duration::from_secs(10), receiver)
            .await
            .map_err(|_| DbError::unavailable("no reader was free"))?
            .map_err(|_| DbError::unavailable("the database is closing"))?
    }
}

/// One connection inside one reading transaction.
pub(crate) struct Snapshot(Arc<Mutex<Connection>>);

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

// ---- statements, values, errors --------------------------------------------------------------------------------

fn rows<T: FromRow>(conn: &Connection, sql: &str, args: &[Value]) -> Result<Vec<T>> {
    let mut statement = conn.prepare_cached(&numbered(sql))?;
    let mut rows = statement.query(rusqlite::params_from_iter(args))?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(T::from_row(&Row::Sqlite(row))?);
    }
    Ok(out)
}

/// `$1` is a *name* to SQLite, numbered by first appearance; `?1` is the number that PostgreSQL means.
fn numbered(sql: &str) -> Cow<'_, str> {
    if !sql.contains('$') {
        return Cow::Borrowed(sql);
    }
    let mut quoted = false;
    let mut text = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = rest.find(['$', '\'']) {
        let (before, found) = rest.split_at(at);
        quoted ^= found.starts_with('\'');
        let is_number = found.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
        text.push_str(before);
        text.push_str(if found.starts_with('$') && is_number && !quoted {
            "?"
        } else {
            &found[..1]
        });
        rest = &found[1..];
    }
    text.push_str(rest);
    Cow::Owned(text)
}

pub(crate) fn cell<'a>(row: &'a rusqlite::Row<'_>, at: usize) -> Result<Cell<'a>> {
    Ok(match row.get_ref(at)? {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(v) => Cell::Int(v),
        ValueRef::Real(v) => Cell::Real(v),
        ValueRef::Text(v) => {
            Cell::Text(std::str::from_utf8(v).map_err(|e| DbError::Other(e.into()))?)
        }
        ValueRef::Blob(v) => Cell::Bytes(v),
    })
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(v) => ValueRef::Integer(*v),
            Value::Bool(v) => ValueRef::Integer(i64::from(*v)),
            Value::Real(v) => ValueRef::Real(*v),
            Value::Text(v) => ValueRef::Text(v.as_bytes()),
            Value::Bytes(v) => ValueRef::Blob(v),
        }))
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(failure, message) = &error else {
            return DbError::Other(error.into());
        };
        let after_colon = || {
            message
                .as_deref()
                .and_then(|m| m.split_once(": "))
                .map_or("", |(_, rest)| rest)
                .to_owned()
        };
        match failure.extended_code {
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => {
                DbError::Unique(one_form(&after_colon()))
            }
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY => DbError::ForeignKey(String::new()),
            ffi::SQLITE_CONSTRAINT_CHECK => DbError::Check(after_colon()),
            _ => match failure.code {
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::OutOfMemory
                | ErrorCode::OperationInterrupted => DbError::Unavailable(error.into()),
                _ => DbError::Other(error.into()),
            },
        }
    }
}

/// `carts.user_id, carts.key` is called `carts.user_id,key`.
fn one_form(columns: &str) -> String {
    let mut parts = columns.split(", ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, column| {
        name + "," + column.rsplit('.').next().unwrap_or(column)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_outside_of_text() {
        assert_eq!(
            numbered("SELECT '$1', $2 || 'é$3', $10"),
            "SELECT '$1', ?2 || 'é$3', ?10"
        );
        assert_eq!(numbered("SELECT 1"), "SELECT 1");
    }

    #[test]
    fn constraints_have_one_form() {
        assert_eq!(one_form("carts.user_id"), "carts.user_id");
        assert_eq!(
            one_form("lines.cart_id, lines.variant_id"),
            "lines.cart_id,variant_id"
        );
    }

    #[tokio::test]
    async fn a_failing_commit_is_told_to_all_of_its_batch_and_keeps_nothing() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("commit_{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).map_err(|e| DbError::Other(e.into()))?;
        let sqlite = Sqlite::open(&folder.join("t.db"), &Options::new(""))?;
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
