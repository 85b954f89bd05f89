//! Logins of this node stand in line for the places of their address and their account, in the order they came.
//!
//! The database decides; this saves asking it again and again, and keeps those who wait for one account or one address
//! from taking what others need: a line has an end, all lines together have one, and who waits for an account holds a
//! place of an address only, so that no address fills the lines of accounts.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Known, MOST_OF_ACCOUNT, MOST_OF_ADDRESS, busy};
use crate::accounts::account;
use crate::error::Result;

/// So many may wait in a line.
const WAITING: usize = 16;

pub(in crate::accounts) struct Gate {
    lines: Cache<String, Line>,
    waiting: Arc<Semaphore>,
}

#[derive(Clone)]
struct Line {
    /// For all that are in it, those past the gate too.
    room: Arc<Semaphore>,
    gate: Arc<Semaphore>,
}

/// One of those who may wait at once on this node.
pub(super) struct Waiting {
    _held: OwnedSemaphorePermit,
}

/// Past the gate; the next in line may pass when it is dropped.
pub(super) struct Passed {
    _held: Vec<[OwnedSemaphorePermit; 2]>,
}

impl Gate {
    /// Of `most_requests` that may be in flight, an eighth may wait here.
    pub(in crate::accounts) fn new(most_requests: usize) -> Self {
        let idle = Duration::from_secs(60);
        Gate {
            lines: Cache::builder()
                .max_capacity(100_000)
                .time_to_idle(idle)
                .build(),
            waiting: Arc::new(Semaphore::new((most_requests / 8).max(1))),
        }
    }

    /// # Errors
    /// `overloaded` when too many wait.
    pub(super) fn wait(&self) -> Result<Waiting> {
        let waiting = Arc::clone(&self.waiting).try_acquire_owned();
        Ok(Waiting {
            _held: waiting.map_err(|_| busy())?,
        })
    }

    /// Waits for its turn in the line of the address, then in that of the account.
    ///
    /// # Errors
    /// `overloaded` when one of them is full, or too many wait.
    pub(super) async fn pass(
        &self,
        name: &str,
        network: &str,
        known: Option<Known<'_>>,
    ) -> Result<Passed> {
        let mut held = Vec::with_capacity(2);
        for (line, most) in lines(name, network, known) {
            let line = self.lines.get_with(line, || Line {
                room: Arc::new(Semaphore::new(most + WAITING)),
                gate: Arc::new(Semaphore::new(most)),
            });
            // Neither is ever closed.
            let room = line.room.try_acquire_owned().map_err(|_| busy())?;
            let gate = match Arc::clone(&line.gate).try_acquire_owned() {
                Ok(gate) => gate,
                Err(_) => {
                    let _waiting = self.wait()?;
                    line.gate.acquire_owned().await.map_err(|_| busy())?
                }
            };
            held.push([room, gate]);
        }
        Ok(Passed { _held: held })
    }
}

/// By what is typed: nothing was looked up yet. Those who are known here have lines of their own, each person for
/// himself, in which nobody else stands.
fn lines(name: &str, network: &str, known: Option<Known<'_>>) -> [(String, usize); 2] {
    let (address, account) = match known {
        None => (
            format!("stranger:{network}"),
            format!("name:{}", account::key(name)),
        ),
        Some(Known::Device(device)) => (format!("known:{}", device.user), device.name()),
        Some(Known::Session { user, session }) => {
            (format!("known:{user}"), format!("session:{session}"))
        }
    };
    [(address, MOST_OF_ADDRESS), (account, MOST_OF_ACCOUNT)]
}
