//! Processes of the shop that die in the middle of what they do.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use db::{Db, Engine, Histogram};
use tokio::runtime::Builder;

use super::TestShop;

/// After so many of a process' steps at the database (statements, waits for a connection, commits), and so many turns of
/// its runtime later: what was to be sent next is then still here, on its way, or done without anybody hearing of it.
#[derive(Clone, Copy, Debug)]
pub struct CrashPoint {
    pub steps: u64,
    pub turns: u64,
}

impl TestShop {
    /// Another process on the same database does `work` and dies at this point; when it is done before, it dies then.
    /// All that it began dies with it, also what goes on when a client hangs up.
    pub async fn dies_at<W>(&self, point: CrashPoint, work: W)
    where
        W: AsyncFnOnce(TestShop) + Send + 'static,
    {
        let (config, options) = (self.app.config.clone(), self.options());
        let clock = self.clock.clone();
        let life = move || {
            // One thread, and one task a turn: nothing happens between the point and the end.
            let runtime = Builder::new_current_thread()
                .enable_all()
                .event_interval(1)
                .build()
                .unwrap();
            runtime.block_on(async {
                let node = TestShop::open(config, &options, clock).await;
                let db = node.app.db.clone();
                let until = steps(&db) + point.steps;
                let mut work = pin!(work(node));
                let mut turns = 0;
                poll_fn(|context| {
                    if steps(&db) >= until {
                        if turns == point.turns {
                            return Poll::Ready(());
                        }
                        turns += 1;
                    }
                    context.waker().wake_by_ref();
                    work.as_mut().poll(context)
                })
                .await;
            });
            runtime.shutdown_background();
        };
        tokio::task::spawn_blocking(life).await.unwrap();
        self.has_settled().await;
    }

    /// A commit that was on its way when its process died arrives, or never does, before anybody looks.
    async fn has_settled(&self) {
        let db = &self.app.db;
        if db.engine() == Engine::Sqlite {
            // The thread that writes outlives its process here; who begins waits for it.
            drop(db.begin().await.unwrap());
            return;
        }
        let working = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()
          AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'";
        let since = std::time::Instant::now();
        while db
            .read()
            .await
            .unwrap()
            .one::<i64>(working, &[])
            .await
            .unwrap()
            > 0
        {
            assert!(
                since.elapsed() < Duration::from_secs(60),
                "somebody never ends"
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn steps(db: &Db) -> u64 {
    let stats = db.stats();
    let count = |of: &Histogram| of.buckets().map(|(_, count)| count).sum::<u64>();
    [&stats.queries, &stats.writes, &stats.waits, &stats.commits]
        .map(count)
        .iter()
        .sum()
}
