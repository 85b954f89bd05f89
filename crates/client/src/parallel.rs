//! Many callers at once, on one thread.

use std::cell::Cell;

use anyhow::Result;
use futures_util::TryStreamExt;
use futures_util::stream::FuturesUnordered;

/// Numbers from 0, each handed out once.
pub struct Jobs {
    next: Cell<usize>,
    end: usize,
}

impl Jobs {
    pub fn next(&self) -> Option<usize> {
        let job = self.next.get();
        (job < self.end).then(|| {
            self.next.set(job + 1);
            job
        })
    }
}

/// Runs `workers` (numbered from 1) until each has nothing more to take from `jobs`.
pub async fn in_parallel<T>(
    workers: usize,
    jobs: usize,
    work: impl AsyncFn(usize, &Jobs) -> Result<T>,
) -> Result<Vec<T>> {
    let jobs = Jobs {
        next: Cell::new(0),
        end: jobs,
    };
    at_once(workers, async |worker| work(worker, &jobs).await).await
}

/// Runs `workers` (numbered from 1) at once, until all have ended; results in the order of their ends.
pub async fn at_once<T>(workers: usize, work: impl AsyncFn(usize) -> Result<T>) -> Result<Vec<T>> {
    let running: FuturesUnordered<_> = (1..=workers).map(|worker| work(worker)).collect();
    running.try_collect().await
}
