//! Logins of this node stand in line for the places of their account and their address, in the order they came.
//! The database decides; this saves asking it again and again.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{MOST_OF_ACCOUNT, MOST_OF_ADDRESS};

pub(in crate::accounts) struct Gate(Cache<String, Arc<Semaphore>>);

/// Free again when it is dropped.
pub(super) struct Places {
    _held: Vec<OwnedSemaphorePermit>,
}

impl Gate {
    pub(in crate::accounts) fn new() -> Self {
        let idle = Duration::from_secs(60);
        Gate(
            Cache::builder()
                .max_capacity(100_000)
                .time_to_idle(idle)
                .build(),
        )
    }

    pub(super) async fn enter(&self, account: &str, address: Option<&str>) -> Places {
        let mut held = Vec::with_capacity(2);
        let all = [(Some(account), MOST_OF_ACCOUNT), (address, MOST_OF_ADDRESS)];
        for (bucket, places) in all {
            let Some(bucket) = bucket else { continue };
            let line = self
                .0
                .get_with_by_ref(bucket, || Arc::new(Semaphore::new(places)));
            // It is never closed.
            held.extend(line.acquire_owned().await);
        }
        Places { _held: held }
    }
}
