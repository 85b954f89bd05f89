//! After several failures in a row a provider is not asked for a while; then one call may try.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::payment::Provider;
use crate::clock::Time;

const FAILURES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(15);

#[derive(Default)]
pub(crate) struct Breakers(Mutex<HashMap<Provider, Breaker>>);

#[derive(Clone, Copy, Default)]
struct Breaker {
    failures: u32,
    open_until: Option<Time>,
}

impl Breakers {
    /// Seconds until the provider may be asked again. When they are over one caller gets through, the others wait for
    /// what it finds.
    pub(crate) fn pause(&self, provider: Provider, now: Time) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let breaker = all.entry(provider).or_default();
        let until = breaker.open_until?;
        if until > now {
            return Some(until.since(now).as_secs().max(1));
        }
        breaker.open_until = Some(now + PAUSE);
        None
    }

    /// As [`Breakers::pause`], without taking the one call that may get through.
    pub(crate) fn is_paused(&self, provider: Provider, now: Time) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = all.get(&provider).and_then(|breaker| breaker.open_until);
        until.is_some_and(|until| until > now)
    }

    pub(crate) fn note(&self, provider: Provider, now: Time, well: bool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let breaker = all.entry(provider).or_default();
        if well {
            *breaker = Breaker::default();
            return;
        }
        breaker.failures += 1;
        if breaker.failures >= FAILURES {
            breaker.open_until = Some(now + PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_make_a_pause_and_one_success_ends_it() {
        let (breakers, now) = (Breakers::default(), Time(0));
        let (one, other) = (Provider::named("one"), Provider::named("other"));
        for _ in 0..FAILURES {
            assert_eq!(breakers.pause(one, now), None);
            breakers.note(one, now, false);
        }
        assert_eq!(breakers.pause(one, now), Some(15));
        assert_eq!(breakers.pause(other, now), None);
        let later = now + PAUSE;
        assert_eq!(breakers.pause(one, later), None, "one may try");
        assert_eq!(breakers.pause(one, later), Some(15), "and only one");
        breakers.note(one, later, true);
        assert_eq!(breakers.pause(one, later), None);
    }
}
