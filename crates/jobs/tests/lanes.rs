//! What holds up no other job.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use db::migrate::Run;
use db::{Db, DbError, Migration, Options, Scratch, transact};
use jobs::Runner;
use tokio::sync::Notify;

const FOUNDATION: &str = include_str!("../../../migrations/0001_foundation.sql");

#[tokio::test]
async fn a_lane_that_breaks_begins_anew() {
    let name = format!("jobs_{}", std::process::id());
    let scratch = Scratch::create(&Options::new("sqlite://"), &name)
        .await
        .unwrap();
    let db = Db::connect(&Options::new(&scratch.url)).await.unwrap();
    let schema = Migration {
        name: "0001_foundation",
        sqlite: FOUNDATION,
        postgres: FOUNDATION,
    };
    db.migrate(
        &[schema],
        &Run {
            version: "1.2.3",
            now: 1,
        },
    )
    .await
    .unwrap();
    transact!(DbError, db, tx => {
        jobs::enqueue(tx, "first", &(), 1).await?;
        jobs::enqueue(tx, "second", &(), 2).await
    })
    .unwrap();
    let (broke, done) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let tell = Arc::clone(&done);
    let runner = Runner::new(db.clone(), Arc::new(|| 10))
        .on("first", |(): ()| async { Ok(()) })
        .on("second", move |(): ()| {
            tell.notify_one();
            async { Ok(()) }
        })
        .telling(Arc::new(move |_, _, _| {
            assert!(
                broke.swap(true, Ordering::SeqCst),
                "whoever hears of the first breaks"
            );
        }));

    // It would wait for ever.
    runner.run(done.notified()).await;

    drop(db);
    scratch.remove().await.unwrap();
}
