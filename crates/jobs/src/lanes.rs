//! The lanes of a runner: jobs are done one after the other in each, until the program stops.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Runner;

/// So many jobs of the lane aside are done at once.
const ASIDE: usize = 3;
/// How often an idle runner looks for work of other nodes.
const POLL: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Lane {
    All,
    /// All but what has a lane of its own.
    Common,
    Aside,
}

impl Runner {
    /// Works until `stop` is done; jobs that have begun are finished first.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let (tell, told) = watch::channel(false);
        let mut lanes = JoinSet::new();
        lanes.spawn(self.clone().keep(Lane::Common, told.clone()));
        for _ in 0..ASIDE {
            lanes.spawn(self.clone().keep(Lane::Aside, told.clone()));
        }
        stop.await;
        tell.send_replace(true);
        while lanes.join_next().await.is_some() {}
    }

    /// A lane that breaks begins anew: what a job does cannot break it, so it is a fault of ours, and mails and orders
    /// of others must not wait for the next start.
    async fn keep(self, lane: Lane, mut stop: watch::Receiver<bool>) {
        loop {
            let work = AssertUnwindSafe(self.clone().work(lane, stop.clone())).catch_unwind();
            let Err(panic) = work.await else { return };
            let reason = panic_text(&*panic);
            tracing::error!(reason, "a lane of jobs broke and begins anew: {reason}");
            if is_told(&mut stop, POLL).await {
                return;
            }
        }
    }

    async fn work(self, lane: Lane, mut stop: watch::Receiver<bool>) {
        loop {
            let idle = match self.run_next(lane).await {
                Ok(found) => !found,
                Err(error) => {
                    tracing::warn!(%error, "the job queue cannot be read");
                    true
                }
            };
            let pause = if idle { POLL } else { Duration::ZERO };
            if is_told(&mut stop, pause).await {
                return;
            }
        }
    }
}

/// Waits for so long, or until it is told to stop.
async fn is_told(stop: &mut watch::Receiver<bool>, pause: Duration) -> bool {
    tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => true,
        () = tokio::time::sleep(pause) => false,
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it panicked")
}
