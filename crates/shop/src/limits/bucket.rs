//! So many requests in a time, coming back evenly (GCRA): one number an address, the moment at which its bucket is full
//! again.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use super::MOST_KEYS;
use crate::clock::Time;

/// So many requests in this time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub requests: u32,
    pub window: Duration,
}

/// What is left of an address's allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub requests: u64,
    pub full_in: Duration,
}

impl Pace {
    /// How long one request takes to come back.
    pub(super) fn one(self) -> Duration {
        (self.window / self.requests.max(1)).max(Duration::from_micros(1))
    }
}

pub(super) fn left(pace: Pace, full_in: Duration) -> Left {
    let rest = pace.window.saturating_sub(full_in);
    let requests = rest.as_micros() / pace.one().as_micros().max(1);
    Left {
        requests: u64::try_from(requests).unwrap_or(u64::MAX),
        full_in,
    }
}

/// The buckets of this node.
pub(super) struct Buckets(Cache<String, Arc<AtomicI64>>);

impl Buckets {
    pub(super) fn new(pace: Pace) -> Self {
        let buckets = Cache::builder().max_capacity(MOST_KEYS);
        Buckets(buckets.time_to_idle(pace.window).build())
    }

    /// Takes one request off, or says how long to wait for it.
    pub(super) fn take(&self, pace: Pace, key: &str, now: Time) -> Result<Left, Duration> {
        let cell = self.0.get_with_by_ref(key, Arc::default);
        let next = |full_at: i64| {
            // No bucket is fuller than full or emptier than empty, also when the clock was set back.
            Time(full_at).max(now).min(now + pace.window) + pace.one()
        };
        let fits = |full_at: i64| {
            let full_at = next(full_at);
            (full_at.since(now) <= pace.window).then_some(full_at.0)
        };
        match cell.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits) {
            Ok(before) => Ok(left(pace, next(before).since(now))),
            Err(full_at) => Err(next(full_at).since(now + pace.window)),
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> u64 {
        self.0.run_pending_tasks();
        self.0.entry_count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;
    const PACE: Pace = Pace {
        requests: 3,
        window: Duration::from_secs(60),
    };

    fn taken(buckets: &Buckets, key: &str, at: i64) -> Result<u64, u64> {
        let taken = buckets.take(PACE, key, Time(at * SECOND));
        taken
            .map(|left| left.requests)
            .map_err(|wait| wait.as_secs())
    }

    #[test]
    fn the_allowance_is_used_up_and_comes_back_evenly() {
        let buckets = Buckets::new(PACE);
        let taken = |key, at| taken(&buckets, key, at);
        assert_eq!(
            [taken("a", 1), taken("a", 1), taken("a", 1)],
            [Ok(2), Ok(1), Ok(0)]
        );
        assert_eq!([taken("a", 1), taken("a", 20)], [Err(20), Err(1)]);
        assert_eq!([taken("a", 21), taken("a", 21)], [Ok(0), Err(20)]);
        assert_eq!(taken("b", 1), Ok(2));
    }

    #[test]
    fn a_clock_that_was_set_back_empties_no_bucket_for_long() {
        let buckets = Buckets::new(PACE);
        assert_eq!(taken(&buckets, "a", 100_000), Ok(2));
        assert_eq!(taken(&buckets, "a", 100), Err(20));
    }

    #[test]
    fn many_addresses_take_bounded_memory() {
        let buckets = Buckets::new(PACE);
        for address in 0..2 * MOST_KEYS {
            let _ = buckets.take(PACE, &address.to_string(), Time(0));
        }
        assert!(buckets.len() <= MOST_KEYS);
    }
}
