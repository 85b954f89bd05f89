//! Logins of this node stand in line for the places of their account and their address, in the order they came.
//!
//! The database decides; this saves asking it again and again, and keeps those who wait for one account or one address
//! from taking what others need: in line nothing else is held, and a line has an end.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Known, MOST_OF_ACCOUNT, MOST_OF_ADDRESS, busy};
use crate::accounts::account;
use crate::error::Result;

/// So many may wait in a line.
const WAITING: usize = 16;

pub(in crate::accounts) struct Gate(Cache<String, Line>);

#[derive(Clone)]
struct Line {
    /// For all that are in it, those past the gate too.
    room: Arc<Semaphore>,
    gate: Arc<Semaphore>,
}

/// Past the gate; the next in line may pass when it is dropped.
pub(super) struct Passed {
    _held: Vec<[OwnedSemaphorePermit; 2]>,
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

    /// Waits for its turn in the line of the account, then in that of the address.
    ///
    /// # Errors
    /// `overloaded` when one of them is full.
    pub(super) async fn pass(
        &self,
        name: &str,
        network: &str,
        known: Option<Known<'_>>,
    ) -> Result<Passed> {
        let mut held = Vec::with_capacity(2);
        for (line, most) in lines(name, network, known) {
            let line = self.0.get_with(line, || Line {
                room: Arc::new(Semaphore::new(most + WAITING)),
                gate: Arc::new(Semaphore::new(most)),
            });
            // Neither is ever closed.
            let room = line.room.try_acquire_owned().map_err(|_| busy())?;
            let gate = line.gate.acquire_owned().await.map_err(|_| busy())?;
            held.push([room, gate]);
        }
        Ok(Passed { _held: held })
    }
}

/// By what is typed: nothing was looked up yet. Those who are known here have lines of their own, which strangers do
/// not stand in.
fn lines(name: &str, network: &str, known: Option<Known<'_>>) -> [(String, usize); 2] {
    let (account, address) = match known {
        None => (format!("name:{}", account::key(name)), "stranger"),
        Some(Known::Device(device)) => (format!("user:{}", device.user), "known"),
        Some(Known::Session(session)) => (format!("session:{session}"), "known"),
    };
    [
        (account, MOST_OF_ACCOUNT),
        (format!("{address}:{network}"), MOST_OF_ADDRESS),
    ]
}
