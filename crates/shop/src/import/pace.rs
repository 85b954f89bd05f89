//! How much to write at once beside a server that goes on selling: as much as takes some ten milliseconds, and then
//! nothing for as long as that took.

use std::time::{Duration, Instant};

const TOO_LONG: Duration = Duration::from_millis(40);
const SHORT: Duration = Duration::from_millis(15);

pub(super) struct Pace {
    batch: usize,
    most: usize,
}

impl Pace {
    pub(super) fn new(batch: usize, most: usize) -> Self {
        Pace { batch, most }
    }

    /// How many to write next.
    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    /// Waits for a transaction, then for as long as it took, and learns from it.
    pub(super) async fn keep<T>(&mut self, transaction: impl Future<Output = T>) -> T {
        let since = Instant::now();
        let result = transaction.await;
        let took = since.elapsed();
        if took > TOO_LONG {
            self.batch = (self.batch / 2).max(1);
        } else if took < SHORT {
            self.batch = (self.batch * 2).min(self.most);
        }
        tokio::time::sleep(took.min(TOO_LONG)).await;
        result
    }
}
