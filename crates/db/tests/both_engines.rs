//! What the surface promises, on both engines. `CARTWRIGHT_TEST_POSTGRES` names a PostgreSQL server (`./test` starts one).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on panics"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use db::migrate::Run;
use db::{Conn, Db, DbError, Engine, Migration, Options, Select, args, args_vec, transact};

const SCHEMA: Migration = Migration {
    name: "0001_things",
    sqlite: "CREATE TABLE things (id {{id}}, name TEXT NOT NULL, size BIGINT, part BIGINT, ok BOOLEAN NOT NULL DEFAULT TRUE, data {{bytes}},
        CONSTRAINT things_name_key UNIQUE (name), CONSTRAINT things_size_part_key UNIQUE (size, part),
        CONSTRAINT things_size_check CHECK (size >= 0)){{hot}};",
    postgres: "CREATE TABLE things (id {{id}}, name TEXT NOT NULL, size BIGINT, part BIGINT, ok BOOLEAN NOT NULL DEFAULT TRUE, data {{bytes}},
        CONSTRAINT things_name_key UNIQUE (name), CONSTRAINT things_size_part_key UNIQUE (size, part),
        CONSTRAINT things_size_check CHECK (size >= 0)){{hot}};",
};
const RUN: Run<'static> = Run {
    version: "1.2.3",
    now: 1,
};

/// A database of the test's own; removed when dropped.
struct Scratch {
    db: Db,
    options: Options,
    _folder: Option<Folder>,
}
struct Folder(std::path::PathBuf);
impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

static NEXT: AtomicU32 = AtomicU32::new(0);

async fn scratch(engine: Engine) -> Scratch {
    let name = format!(
        "db_test_{}_{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let (options, folder) = match engine {
        Engine::Sqlite => {
            let folder = std::env::temp_dir().join(&name);
            std::fs::create_dir_all(&folder).unwrap();
            (
                Options::new(format!("sqlite://{}/t.db", folder.display())),
                Some(Folder(folder)),
            )
        }
        Engine::Postgres => {
            let server = std::env::vars()
                .find(|(key, _)| key == "CARTWRIGHT_TEST_POSTGRES")
                .map(|(_, url)| url);
            let server = server.expect(
                "CARTWRIGHT_TEST_POSTGRES is not set: run ./test, which starts a PostgreSQL",
            );
            let (client, connection) = tokio_postgres::connect(&server, tokio_postgres::NoTls)
                .await
                .unwrap();
            tokio::spawn(connection);
            client
                .batch_execute(&format!("CREATE DATABASE {name}"))
                .await
                .unwrap();
            let (base, _) = server.rsplit_once('/').unwrap();
            (Options::new(format!("{base}/{name}?sslmode=disable")), None)
        }
    };
    let db = Db::connect(&options).await.unwrap();
    db.migrate(&[SCHEMA], &RUN).await.unwrap();
    Scratch {
        db,
        options,
        _folder: folder,
    }
}

/// Each test runs once an engine.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($s:ident) $body:block)*) => {
        $(mod $name {
            use super::*;
            async fn test($s: Scratch) $body
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() { test(scratch(Engine::Sqlite).await).await }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() { test(scratch(Engine::Postgres).await).await }
        })*
    };
}

async fn count(conn: &Conn) -> i64 {
    conn.one("SELECT COUNT(*) FROM things", &[]).await.unwrap()
}

async fn add(db: &Db, name: &str) -> Result<i64, DbError> {
    transact!(DbError, db, tx => {
        tx.one("INSERT INTO things (name) VALUES ($1) RETURNING id", args![name]).await
    })
}

on_both! {
    async fn values_come_back_as_they_went_in(s) {
        let (text, bytes) = ("é '$1' \u{1F6D2}", vec![0u8, 255]);
        let row: (i64, String, Option<i64>, bool, Option<Vec<u8>>) = transact!(DbError, s.db, tx => {
            tx.one(
                "INSERT INTO things (name, size, ok, data) VALUES ($2, $1, $3, $4) RETURNING id, name, size, ok, data",
                args![i64::MAX, text, false, bytes.clone()],
            ).await
        }).unwrap();
        assert_eq!(row, (1, text.to_owned(), Some(i64::MAX), false, Some(bytes.clone())));
        let none: Option<(i64, Option<Vec<u8>>)> =
            s.db.read().await.unwrap().optional("SELECT id, data FROM things WHERE size IS NULL", &[]).await.unwrap();
        assert_eq!(none, None);
    }

    async fn only_commit_keeps(s) {
        let tx = s.db.begin().await.unwrap();
        tx.execute("INSERT INTO things (name) VALUES ('dropped')", &[]).await.unwrap();
        drop(tx);
        let tx = s.db.begin().await.unwrap();
        tx.execute("INSERT INTO things (name) VALUES ('undone')", &[]).await.unwrap();
        tx.rollback().await.unwrap();
        assert_eq!(count(&s.db.read().await.unwrap()).await, 0);
        add(&s.db, "kept").await.unwrap();
        assert_eq!(count(&s.db.read().await.unwrap()).await, 1);
    }

    async fn a_statement_alone_is_a_transaction_of_its_own(s) {
        let insert = "INSERT INTO things (name) VALUES ($1) RETURNING name";
        let names: Vec<String> = s.db.at_once(insert, args!["a"]).await.unwrap();
        assert_eq!(names, ["a"]);
        let again = s.db.at_once::<String>(insert, args!["a"]).await;
        assert!(matches!(again, Err(DbError::Unique(_))), "{again:?}");
        assert_eq!(count(&s.db.read().await.unwrap()).await, 1);
    }

    async fn ids_are_never_used_again(s) {
        add(&s.db, "a").await.unwrap();
        let last = add(&s.db, "b").await.unwrap();
        transact!(DbError, s.db, tx => { tx.execute("DELETE FROM things WHERE id = $1", args![last]).await }).unwrap();
        assert!(add(&s.db, "c").await.unwrap() > last);
    }

    async fn constraints_are_named_alike(s) {
        add(&s.db, "a").await.unwrap();
        assert!(add(&s.db, "a").await.unwrap_err().is_unique("things.name"));
        let pair = "INSERT INTO things (name, size, part) VALUES ($1, 1, 2)";
        let add_pair = async |name: &str| transact!(DbError, s.db, tx => { tx.execute(pair, args![name]).await });
        add_pair("b").await.unwrap();
        assert!(add_pair("c").await.unwrap_err().is_unique("things.size,part"));
        let negative = transact!(DbError, s.db, tx => { tx.execute("UPDATE things SET size = -1", &[]).await });
        assert!(negative.unwrap_err().is_check("things_size_check"));
    }

    async fn a_failed_statement_leaves_only_rollback(s) {
        add(&s.db, "a").await.unwrap();
        let tx = s.db.begin().await.unwrap();
        tx.execute("INSERT INTO things (name) VALUES ('b')", &[]).await.unwrap();
        tx.execute("INSERT INTO things (name) VALUES ('a')", &[]).await.unwrap_err();
        tx.commit().await.unwrap_err();
        assert_eq!(count(&s.db.read().await.unwrap()).await, 1);
    }

    async fn many_rows_in_one_call(s) {
        let rows: Vec<_> = (0..100).map(|n| args_vec![format!("n{n}"), i64::from(n)]).collect();
        transact!(DbError, s.db, tx => {
            let done = tx.execute_each("INSERT INTO things (name, size) VALUES ($1, $2)", &rows).await?;
            assert_eq!(done, vec![1; 100]);
            let guarded: Vec<_> = (0..100i64).map(|n| args_vec![n]).collect();
            let done = tx.execute_each("UPDATE things SET size = size - 50 WHERE size = $1 AND size >= 50", &guarded).await?;
            assert_eq!(done.iter().sum::<u64>(), 50);
            Ok(())
        }).unwrap();
        let conn = s.db.read().await.unwrap();
        let some: Vec<i64> = Select::new("SELECT size FROM things").filter_in("name", ["n3", "n99"]).order("size").all(&conn).await.unwrap();
        assert_eq!(some, [3, 49]);
    }

    async fn statements_awaited_together_run_in_one_transaction(s) {
        let undone: Result<(), DbError> = transact!(DbError, s.db, tx => {
            futures_util::try_join!(
                tx.execute("INSERT INTO things (name) VALUES ('x')", &[]),
                tx.execute("INSERT INTO things (name) VALUES ('y')", &[]),
            )?;
            Err(DbError::NoRow)
        });
        assert!(matches!(undone, Err(DbError::NoRow)));
        assert_eq!(count(&s.db.read().await.unwrap()).await, 0);
    }

    async fn guarded_updates_never_go_below(s) {
        transact!(DbError, s.db, tx => { tx.execute("INSERT INTO things (name, size) VALUES ('stock', 20)", &[]).await }).unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let db = s.db.clone();
            tasks.spawn(async move {
                transact!(DbError, db, tx => {
                    tx.execute("UPDATE things SET size = size - 1 WHERE name = 'stock' AND size >= 1", &[]).await
                })
            });
        }
        let sold: u64 = tasks.join_all().await.into_iter().map(|r| r.unwrap()).sum();
        assert_eq!(sold, 20);
    }

    async fn a_snapshot_does_not_move(s) {
        let snapshot = s.db.snapshot().await.unwrap();
        assert_eq!(count(&snapshot).await, 0);
        add(&s.db, "later").await.unwrap();
        assert_eq!(count(&snapshot).await, 0);
    }

    async fn migrations_run_once_and_never_backwards(s) {
        assert!(s.db.migrate(&[SCHEMA], &RUN).await.unwrap().is_empty());
        let more = Migration { name: "0002_more", sqlite: "CREATE TABLE more (id {{id}})", postgres: "CREATE TABLE more (id {{id}})" };
        assert_eq!(s.db.pending(&[SCHEMA, more], &RUN).await.unwrap(), ["0002_more"]);
        let both = [SCHEMA, more];
        let (a, b) = tokio::join!(s.db.migrate(&both, &RUN), async {
            let other = Db::connect(&s.options).await.unwrap();
            other.migrate(&both, &RUN).await
        });
        assert_eq!(a.unwrap().len() + b.unwrap().len(), 1);
        let older = s.db.migrate(&[SCHEMA], &Run { version: "1.0.0", now: 2 }).await.unwrap_err();
        assert_eq!(older.to_string(), "this database was written by 1.2.3 (migration 0002_more), you run 1.0.0");
        let changed = Migration { sqlite: "CREATE TABLE other (id {{id}})", ..SCHEMA };
        assert!(s.db.migrate(&[changed, more], &RUN).await.unwrap_err().to_string().contains("was changed"));
    }

    async fn a_failing_migration_leaves_nothing(s) {
        let bad = "CREATE TABLE half (id {{id}}); CREATE TABLE nonsense (";
        let bad = Migration { name: "0002_bad", sqlite: bad, postgres: bad };
        s.db.migrate(&[SCHEMA, bad], &RUN).await.unwrap_err();
        let conn = s.db.read().await.unwrap();
        assert!(conn.all::<i64>("SELECT id FROM half", &[]).await.is_err());
        assert_eq!(s.db.pending(&[SCHEMA, bad], &RUN).await.unwrap(), ["0002_bad"]);
    }

    async fn a_given_up_request_frees_what_it_held(s) {
        for _ in 0..40 {
            let db = s.db.clone();
            let hung = tokio::spawn(async move {
                let tx = db.begin().await.unwrap();
                tx.execute("INSERT INTO things (name) VALUES ('hung')", &[]).await.unwrap();
                std::future::pending::<()>().await;
            });
            tokio::task::yield_now().await;
            hung.abort();
            let _ = hung.await;
        }
        add(&s.db, "next").await.unwrap();
        assert_eq!(count(&s.db.read().await.unwrap()).await, 1);
    }

    async fn a_slow_statement_is_ended(s) {
        let options = Options { statement_timeout: std::time::Duration::from_millis(100), ..s.options.clone() };
        let db = Db::connect(&options).await.unwrap();
        let endless = "WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT COUNT(*) FROM n";
        let ended = db.read().await.unwrap().one::<i64>(endless, &[]).await;
        assert!(matches!(ended, Err(DbError::Unavailable(_))), "{ended:?}");
    }
}

#[tokio::test]
async fn a_serialization_failure_is_tried_again() {
    let s = scratch(Engine::Postgres).await;
    let runs = AtomicU32::new(0);
    let done: Result<u32, DbError> = transact!(DbError, s.db, tx => {
        let run = runs.fetch_add(1, Ordering::Relaxed);
        if run < 2 {
            tx.execute("DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$", &[]).await?;
        }
        Ok(run)
    });
    assert_eq!(done.unwrap(), 2);
    let runs = AtomicU32::new(0);
    let lost: Result<u64, DbError> = transact!(DbError, s.db, tx => {
        runs.fetch_add(1, Ordering::Relaxed);
        tx.execute("DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40P01'; END $$", &[]).await
    });
    assert!(matches!(lost, Err(DbError::Conflict(_))));
    assert_eq!(runs.load(Ordering::Relaxed), 1 + db::RETRIES);
}

#[tokio::test]
async fn without_prepared_statements_all_works_too() {
    let s = scratch(Engine::Postgres).await;
    let db = Db::connect(&Options {
        prepared_statements: false,
        ..s.options.clone()
    })
    .await
    .unwrap();
    transact!(DbError, db, tx => {
        let none: Option<i64> = None;
        tx.execute("INSERT INTO things (name, size, ok) VALUES ($1, $2, $3)", args!["a", none, true]).await?;
        let rows = vec![args_vec!["b", 1i64], args_vec!["c", 2i64]];
        tx.execute_each("INSERT INTO things (name, size) VALUES ($1, $2)", &rows).await?;
        Ok(())
    }).unwrap();
    let names: Vec<String> = db
        .read()
        .await
        .unwrap()
        .all(
            "SELECT name FROM things WHERE $1 ORDER BY name",
            args![true],
        )
        .await
        .unwrap();
    assert_eq!(names, ["a", "b", "c"]);
    let lock: Vec<String> = db
        .at_once("SELECT current_setting('lock_timeout')", &[])
        .await
        .unwrap();
    assert_eq!(lock, ["2s"]);
    let lock: String = {
        let tx = db.begin().await.unwrap();
        tx.one("SELECT current_setting('lock_timeout')", &[])
            .await
            .unwrap()
    };
    assert_eq!(lock, "2s");
}

// ---- group commit, SQLite alone --------------------------------------------------------------------------------

/// Another process that holds the write lock of the file.
fn rival(options: &Options) -> rusqlite::Connection {
    let path = options.url.strip_prefix("sqlite://").unwrap();
    let conn = rusqlite::Connection::open(path).unwrap();
    conn.busy_timeout(std::time::Duration::from_secs(5))
        .unwrap();
    conn
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_share_a_commit_and_an_undone_one_waits_too() {
    let s = scratch(Engine::Sqlite).await;
    // The first transaction holds the writer while the others queue: they land in its batch.
    let first = s.db.begin().await.unwrap();
    first
        .execute("INSERT INTO things (name) VALUES ('first')", &[])
        .await
        .unwrap();
    let mut second = {
        let db = s.db.clone();
        Box::pin(async move {
            let tx = db.begin().await?;
            // It sees the first, which is not durable yet ...
            let seen: i64 = tx.one("SELECT COUNT(*) FROM things", &[]).await?;
            // ... and so it may not answer before that is, though it only rolls back.
            tx.rollback().await.map(|()| seen)
        })
    };
    assert!(
        futures_util::poll!(&mut second).is_pending(),
        "the writer is taken"
    );
    let outside = s.db.read().await.unwrap();
    let first = tokio::spawn(first.commit());
    let seen = second.await.unwrap();
    assert_eq!(seen, 1);
    assert_eq!(
        count(&outside).await,
        1,
        "when the second is answered, the first is durable"
    );
    first.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_need_few_commits() {
    let s = scratch(Engine::Sqlite).await;
    let wal = s.options.url.strip_prefix("sqlite://").unwrap().to_owned() + "-wal";
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..400 {
        let db = s.db.clone();
        tasks.spawn(async move { add(&db, &format!("n{n}")).await });
    }
    for done in tasks.join_all().await {
        done.unwrap();
    }
    assert_eq!(count(&s.db.read().await.unwrap()).await, 400);
    // Each COMMIT writes each page that it changed once: alone, 400 rows would write over 800 pages.
    let pages = std::fs::metadata(wal).unwrap().len() / 4120;
    assert!(pages < 400, "{pages} pages were written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_may_write_in_between() {
    let s = scratch(Engine::Sqlite).await;
    let other = rival(&s.options);
    other
        .execute_batch("BEGIN IMMEDIATE; INSERT INTO things (name) VALUES ('theirs')")
        .unwrap();
    let mine = tokio::spawn({
        let db = s.db.clone();
        async move { add(&db, "mine").await }
    });
    // Reading goes on meanwhile, on the same runtime.
    assert_eq!(count(&s.db.read().await.unwrap()).await, 0);
    other.execute_batch("COMMIT").unwrap();
    mine.await.unwrap().unwrap();
    assert_eq!(count(&s.db.read().await.unwrap()).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_given_up_while_another_process_writes_leaves_no_lock_behind() {
    let s = scratch(Engine::Sqlite).await;
    let other = rival(&s.options);
    other
        .execute_batch("BEGIN IMMEDIATE; INSERT INTO things (name) VALUES ('theirs')")
        .unwrap();
    for _ in 0..3 {
        let db = s.db.clone();
        let waiting = tokio::spawn(async move { db.begin().await.map(drop) });
        tokio::time::timeout(std::time::Duration::from_millis(20), waiting)
            .await
            .unwrap_err();
    }
    other
        .execute_batch("COMMIT; BEGIN IMMEDIATE; COMMIT")
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_runs_in_a_transaction_after_a_statement_failed() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let s = scratch(engine).await;
        let tx = s.db.begin().await.unwrap();
        tx.execute("INSERT INTO things (name, size) VALUES ('a', -1)", &[])
            .await
            .unwrap_err();
        tx.execute("INSERT INTO things (name) VALUES ('b')", &[])
            .await
            .unwrap_err();
        tx.rollback().await.unwrap();
        assert_eq!(count(&s.db.read().await.unwrap()).await, 0);
    }
}

#[tokio::test]
async fn endless_kinds_of_lists_do_not_fill_a_connection() {
    let s = scratch(Engine::Postgres).await;
    let options = Options {
        pool_size: 1,
        ..s.options.clone()
    };
    let db = Db::connect(&options).await.unwrap();
    for n in 0..600 {
        let sql = format!("SELECT CAST({n} AS BIGINT)");
        assert_eq!(
            db.read()
                .await
                .unwrap()
                .one::<i64>(&sql, &[])
                .await
                .unwrap(),
            n
        );
    }
    let kept = "SELECT COUNT(*) FROM pg_prepared_statements";
    let kept: i64 = db.read().await.unwrap().one(kept, &[]).await.unwrap();
    assert!(kept < 520, "{kept} statements are kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_batch_stays_open_when_its_last_member_gives_up() {
    let s = scratch(Engine::Sqlite).await;
    let tx = s.db.begin().await.unwrap();
    tx.execute("INSERT INTO things (name) VALUES ('a')", &[])
        .await
        .unwrap();
    let waiting = tokio::spawn({
        let db = s.db.clone();
        async move { db.begin().await.map(drop) }
    });
    tokio::task::yield_now().await;
    waiting.abort();
    drop(tx);
    // The file's write lock comes free without anybody asking for the writer again.
    rival(&s.options)
        .execute_batch("BEGIN IMMEDIATE; COMMIT")
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_what_was_answered_is_there_and_nothing_else() {
    let s = scratch(Engine::Sqlite).await;
    let limit = async |pages: u32| {
        transact!(DbError, s.db, tx => { tx.one::<i64>(&format!("PRAGMA max_page_count = {pages}"), &[]).await }).unwrap()
    };
    limit(60).await;
    let mut tried = tokio::task::JoinSet::new();
    for n in 0..60 {
        let (db, name) = (s.db.clone(), format!("{n}{}", "x".repeat(9000)));
        tried.spawn(async move { add(&db, &name).await.map(|_| name) });
    }
    let (mut kept, mut refused) = (Vec::new(), 0);
    for result in tried.join_all().await {
        match result {
            Ok(name) => kept.push(name),
            Err(DbError::Unavailable(_)) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(
        !kept.is_empty() && refused > 0,
        "{} kept, {refused} refused",
        kept.len()
    );
    let mut there: Vec<String> =
        s.db.read()
            .await
            .unwrap()
            .all("SELECT name FROM things", &[])
            .await
            .unwrap();
    kept.sort();
    there.sort();
    assert!(kept == there);
    limit(100_000).await;
    add(&s.db, "room again").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_and_readers_never_see_a_locked_database() {
    let s = Arc::new(scratch(Engine::Sqlite).await);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..32 {
        let s = s.clone();
        tasks.spawn(async move {
            for i in 0..20 {
                add(&s.db, &format!("{n}-{i}")).await?;
                s.db.read()
                    .await?
                    .one::<i64>("SELECT COUNT(*) FROM things", &[])
                    .await?;
            }
            Ok::<_, DbError>(())
        });
    }
    for done in tasks.join_all().await {
        done.unwrap();
    }
    assert_eq!(count(&s.db.read().await.unwrap()).await, 640);
}
