//! Who waits for whom, and for how long at most.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::time::{Duration, Instant};

use db::migrate::Run;
use db::{Db, DbError, Migration, Options, Scratch};

const SCHEMA: Migration = Migration {
    name: "0001_things",
    sqlite: "CREATE TABLE things (id {{id}});",
    postgres: "CREATE TABLE things (id {{id}});",
};
const RUN: Run<'static> = Run {
    version: "1.2.3",
    now: 1,
};
const ENDLESS: &str =
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n";

async fn scratch(server: &str, name: &str) -> (Scratch, Options) {
    let name = format!("bounds_{name}_{}", std::process::id());
    let scratch = Scratch::create(&Options::new(server), &name).await.unwrap();
    let options = Options::new(&scratch.url);
    (scratch, options)
}

/// As the command line does at the start of each verb, beside a shop in which somebody writes.
#[tokio::test]
async fn a_start_with_nothing_to_apply_does_not_wait_for_a_writer() {
    let (scratch, options) = scratch("sqlite://", "start").await;
    let db = Db::connect(&options).await.unwrap();
    db.migrate(&[SCHEMA], &RUN).await.unwrap();
    let path = options.url.strip_prefix("sqlite://").unwrap();
    let rival = rusqlite::Connection::open(path).unwrap();
    rival
        .execute_batch("BEGIN IMMEDIATE; INSERT INTO things DEFAULT VALUES")
        .unwrap();

    let begun = Instant::now();
    let applied = db.migrate(&[SCHEMA], &RUN).await;

    assert!(applied.unwrap().is_empty());
    assert!(begun.elapsed() < Duration::from_secs(30));
    rival.execute_batch("COMMIT").unwrap();
    drop(db);
    scratch.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finds_no_reader_free_is_told_so_in_time() {
    let (scratch, options) = scratch("sqlite://", "readers").await;
    let options = Options {
        pool_size: 1,
        acquire_timeout: Duration::from_millis(200),
        statement_timeout: Duration::from_secs(3),
        ..options
    };
    let db = Db::connect(&options).await.unwrap();
    let long = tokio::spawn({
        let db = db.clone();
        async move { db.read().await?.one::<i64>(ENDLESS, &[]).await }
    });
    let busy = || {
        db.pools()
            .iter()
            .any(|pool| pool.name == "readers" && pool.in_use == 1)
    };
    while !busy() {
        tokio::task::yield_now().await;
    }

    let refused = db.read().await.unwrap().one::<i64>("SELECT 1", &[]).await;

    assert!(
        matches!(refused, Err(DbError::Unavailable(_))),
        "{refused:?}"
    );
    // What has begun in time has the limit of its own.
    let ended = long.await.unwrap().unwrap_err();
    assert!(!ended.to_string().contains("no reader"), "{ended}");
    drop(db);
    scratch.remove().await.unwrap();
}

#[tokio::test]
async fn who_still_reads_when_the_database_is_closed_is_told_so_at_once() {
    let (scratch, options) = scratch("sqlite://", "closed").await;
    let db = Db::connect(&options).await.unwrap();
    let conn = db.read().await.unwrap();
    drop(db);

    let answer = tokio::time::timeout(Duration::from_secs(1), conn.all::<i64>("SELECT 1", &[]));

    let refused = answer.await.unwrap();
    assert!(
        matches!(refused, Err(DbError::Unavailable(_))),
        "{refused:?}"
    );
    scratch.remove().await.unwrap();
}

#[tokio::test]
async fn a_snapshot_may_rest_between_two_statements() {
    let server = std::env::vars().find(|(key, _)| key == "CARTWRIGHT_TEST_POSTGRES");
    let (_, server) = server.unwrap();
    let (scratch, options) = scratch(&server, "snapshot").await;
    let db = Db::connect(&options).await.unwrap();
    for (limit, snapshot) in [
        ("idle_in_transaction_session_timeout", "0"),
        ("statement_timeout", "0"),
    ] {
        let show = format!("SELECT current_setting('{limit}')");
        let shown: String = db.snapshot().await.unwrap().one(&show, &[]).await.unwrap();
        assert_eq!(shown, snapshot, "{limit}");
        let usual: String = db.read().await.unwrap().one(&show, &[]).await.unwrap();
        assert_ne!(usual, "0", "{limit}");
    }
    drop(db);
    scratch.remove().await.unwrap();
}
