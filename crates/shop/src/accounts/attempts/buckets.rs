//! What an attempt counts against, and when that is full.

use std::time::Duration;

use db::Tx;
use sha2::{Digest, Sha256};

use super::{Known, Outcome, WINDOW, store};
use crate::accounts::store::Credentials;
use crate::caller::Client;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::UserId;
use crate::limits;

/// An attempt that nobody finished (the client hung up, the node died) has failed after this.
const PENDING: Duration = Duration::from_secs(30);

/// What an attempt counts against.
#[derive(Clone)]
pub(super) struct Buckets {
    /// What is held while counting: one row for all devices of an account.
    pub(super) held: String,
    pub(super) account: String,
    /// None: a known device or session is not counted by its address.
    pub(super) address: Option<String>,
}

impl Buckets {
    pub(super) fn of(
        key: &str,
        found: Option<&Credentials>,
        client: &Client,
        known: Option<Known<'_>>,
    ) -> Self {
        let own = match known {
            Some(Known::Session { session, .. }) => Some(format!("session:{session}")),
            Some(Known::Device(device)) if found.is_some_and(|user| user.id == device.user) => {
                Some(device.name())
            }
            _ => None,
        };
        let held = found.map_or_else(|| of_nobody(key), |user| of_user(user.id));
        Buckets {
            account: match &own {
                Some(own) => format!("{held}:{own}"),
                None => held.clone(),
            },
            held,
            address: own
                .is_none()
                .then(|| of_address(&limits::network(client.ip))),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bucket {
    Free,
    Undecided,
    Locked(Duration),
}

/// `counted`: moment and outcome, the newest first.
pub(super) fn judge(counted: &[(Time, Outcome)], most: usize, now: Time) -> Bucket {
    let has_failed = |at: Time, outcome| outcome == Outcome::Failed || now.since(at) >= PENDING;
    let mut failed = counted
        .iter()
        .filter(|(at, outcome)| has_failed(*at, *outcome));
    match failed.nth(most - 1) {
        Some((at, _)) => Bucket::Locked((*at + WINDOW).since(now)),
        None if counted.len() >= most => Bucket::Undecided,
        None => Bucket::Free,
    }
}

pub(super) async fn hold(tx: &Tx, buckets: &Buckets, now: Time) -> Result<()> {
    // Always the account's first: two that wait for each other would wait for ever.
    store::hold_bucket(tx, &buckets.held, now).await?;
    if let Some(address) = &buckets.address {
        store::hold_bucket(tx, address, now).await?;
    }
    Ok(())
}

pub(super) fn of_user(user: UserId) -> String {
    format!("user:{user}")
}

pub(super) fn of_nobody(key: &str) -> String {
    let hash = Sha256::digest(key.as_bytes());
    hash[..16].iter().fold(String::from("name:"), |text, byte| {
        format!("{text}{byte:02x}")
    })
}

pub(super) fn of_address(network: &str) -> String {
    format!("address:{network}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_locked_until_the_oldest_failure_that_fills_it_is_too_old() {
        let at = |seconds: i64| Time(seconds * 1_000_000);
        let failed = |seconds| (at(seconds), Outcome::Failed);
        let pending = |seconds| (at(seconds), Outcome::Pending);
        let now = at(1000);
        let locked = |seconds| Bucket::Locked(Duration::from_secs(seconds));

        assert_eq!(judge(&[failed(900), failed(500)], 3, now), Bucket::Free);
        assert_eq!(
            judge(&[failed(900), failed(500), failed(200)], 3, now),
            locked(100)
        );
        assert_eq!(
            judge(
                &[failed(900), failed(500), failed(300), failed(200)],
                3,
                now
            ),
            locked(200)
        );
        assert_eq!(
            judge(&[pending(999), failed(500), failed(200)], 3, now),
            Bucket::Undecided
        );
        assert_eq!(
            judge(&[pending(970), failed(500), failed(200)], 3, now),
            locked(100)
        );
    }
}
