//! Limits in the memory of this node: the moments of the last tries, for so many keys.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;

use super::{MOST_KEYS, Rule};
use crate::clock::Time;

pub(super) struct Local(Cache<String, Arc<Mutex<Vec<Time>>>>);

impl Local {
    pub(super) fn new() -> Self {
        let longest = Duration::from_secs(60 * 60);
        Local(
            Cache::builder()
                .max_capacity(MOST_KEYS)
                .time_to_idle(longest)
                .build(),
        )
    }

    /// Counts a try; or says how long to wait, and does not count it.
    pub(super) fn take(&self, rule: Rule, key: &str, now: Time) -> Option<Duration> {
        let tries = self
            .0
            .get_with(format!("{}:{key}", rule.name), Arc::default);
        let mut tries = tries.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back makes tries of the future: they count, but not for longer than they would have.
        for at in tries.iter_mut() {
            *at = (*at).min(now);
        }
        tries.retain(|at| now.since(*at) < rule.within);
        if tries.len() < rule.most {
            tries.push(now);
            return None;
        }
        let oldest = tries.first().copied().unwrap_or(now);
        Some((oldest + rule.within).since(now))
    }

    /// Uncounts the last try, which others refused.
    pub(super) fn give_back(&self, rule: Rule, key: &str) {
        if let Some(tries) = self.0.get(&format!("{}:{key}", rule.name)) {
            tries.lock().unwrap_or_else(PoisonError::into_inner).pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule {
        name: "test",
        most: 3,
        within: Duration::from_secs(60),
    };
    const SECOND: i64 = 1_000_000;

    fn wait(local: &Local, key: &str, at: i64) -> Option<u64> {
        local
            .take(RULE, key, Time(at * SECOND))
            .map(|wait| wait.as_secs())
    }

    #[test]
    fn no_window_holds_more_than_the_limit() {
        let local = Local::new();
        assert_eq!(
            [0, 20, 40].map(|at| wait(&local, "a", at)),
            [None, None, None]
        );
        assert_eq!(wait(&local, "a", 59), Some(1));
        assert_eq!(wait(&local, "b", 59), None);
        assert_eq!([60, 61].map(|at| wait(&local, "a", at)), [None, Some(19)]);
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out_for_long() {
        let local = Local::new();
        for _ in 0..3 {
            wait(&local, "a", 10_000);
        }
        assert_eq!(wait(&local, "a", 100), Some(60));
        assert_eq!(wait(&local, "a", 160), None);
    }

    #[test]
    fn memory_is_bounded() {
        let local = Local::new();
        for key in 0..MOST_KEYS + 5_000 {
            wait(&local, &key.to_string(), 0);
        }
        local.0.run_pending_tasks();
        assert!(local.0.entry_count() <= MOST_KEYS);
    }
}
