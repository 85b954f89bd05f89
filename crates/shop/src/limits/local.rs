//! Limits in the memory of this node: the moments of the last tries, for so many keys.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::sync::Cache;

use super::{MOST_KEYS, Rule};
use crate::clock::Time;

pub(super) struct Local(Cache<String, Arc<Tries>>);

struct Tries {
    within: Duration,
    moments: Mutex<Vec<Time>>,
}

/// Tries are forgotten when the last of them counts no longer, by the rule that they are of.
struct ByRule;

impl Expiry<String, Arc<Tries>> for ByRule {
    fn expire_after_create(&self, _: &String, tries: &Arc<Tries>, _: Instant) -> Option<Duration> {
        Some(tries.within)
    }

    fn expire_after_read(
        &self,
        _: &String,
        tries: &Arc<Tries>,
        _: Instant,
        _: Option<Duration>,
        _: Instant,
    ) -> Option<Duration> {
        Some(tries.within)
    }
}

impl Local {
    pub(super) fn new() -> Self {
        let tries = Cache::builder().max_capacity(MOST_KEYS);
        Local(tries.expire_after(ByRule).build())
    }

    /// Counts a try; or says how long to wait, and does not count it.
    pub(super) fn take(&self, rule: Rule, key: &str, now: Time) -> Option<Duration> {
        let fresh = || {
            Arc::new(Tries {
                within: rule.within,
                moments: Mutex::default(),
            })
        };
        let tries = self.0.get_with(format!("{}:{key}", rule.name), fresh);
        let mut tries = tries.moments.lock().unwrap_or_else(PoisonError::into_inner);
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
            let mut moments = tries.moments.lock().unwrap_or_else(PoisonError::into_inner);
            moments.pop();
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

    #[test]
    fn what_still_counts_is_remembered_as_long_as_it_does() {
        let tries = Arc::new(Tries {
            within: Duration::from_secs(7 * 24 * 60 * 60),
            moments: Mutex::default(),
        });
        let (key, now) = (String::new(), Instant::now());
        let kept = [
            ByRule.expire_after_create(&key, &tries, now),
            ByRule.expire_after_read(&key, &tries, now, None, now),
        ];
        assert_eq!(kept, [Some(tries.within); 2]);
    }
}
