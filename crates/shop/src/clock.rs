//! The only place that reads the time. Tests hand in a clock that stands still until it is moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use db::{Cell, Column, Value};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment: microseconds since 1970, UTC. On the wire RFC 3339 with `Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

#[derive(Clone, Debug)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    pub fn system() -> Self {
        Clock(None)
    }

    /// A clock that shows `micros` until it is moved. Clones are moved together.
    pub fn fixed(micros: i64) -> Self {
        Clock(Some(Arc::new(AtomicI64::new(micros))))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the Clock")]
    pub fn now(&self) -> Time {
        Time(match &self.0 {
            Some(micros) => micros.load(Ordering::SeqCst),
            None => jiff::Timestamp::now().as_microsecond(),
        })
    }

    /// Moves a fixed clock; the system's goes by itself.
    pub fn advance(&self, by: Duration) {
        if let Some(micros) = &self.0 {
            micros.fetch_add(micros_of(by), Ordering::SeqCst);
        }
    }
}

impl Time {
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The day it falls on in the time zone of the shop.
    pub fn day(self, zone: &jiff::tz::TimeZone) -> jiff::civil::Date {
        self.timestamp().to_zoned(zone.clone()).date()
    }

    pub fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// How long after `earlier` it is; nothing when it is not.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// How far the two lie apart: for what is good for a moment, also when the clock is set back.
    pub fn apart(self, other: Time) -> Duration {
        Duration::from_micros(self.0.abs_diff(other.0))
    }
}

impl From<jiff::Timestamp> for Time {
    fn from(timestamp: jiff::Timestamp) -> Self {
        Time(timestamp.as_microsecond())
    }
}

fn micros_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl std::ops::Add<Duration> for Time {
    type Output = Time;
    fn add(self, by: Duration) -> Time {
        Time(self.0.saturating_add(micros_of(by)))
    }
}

impl std::ops::Sub<Duration> for Time {
    type Output = Time;
    fn sub(self, by: Duration) -> Time {
        Time(self.0.saturating_sub(micros_of(by)))
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.timestamp().fmt(f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        jiff::Timestamp::deserialize(deserializer).map(Time::from)
    }
}

impl From<Time> for Value {
    fn from(time: Time) -> Value {
        Value::Int(time.0)
    }
}

impl Column for Time {
    fn read(cell: Cell<'_>) -> db::Result<Self> {
        i64::read(cell).map(Time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_written_as_rfc_3339_in_utc() {
        assert_eq!(
            Time(1_767_225_600_000_000).to_string(),
            "2026-01-01T00:00:00Z"
        );
        assert_eq!(
            Time(1_767_225_600_120_000).to_string(),
            "2026-01-01T00:00:00.12Z"
        );
    }

    #[test]
    fn a_fixed_clock_moves_only_when_told() {
        let clock = Clock::fixed(5);
        let clone = clock.clone();
        clock.advance(Duration::from_secs(1));
        assert_eq!(clone.now(), Time(1_000_005));
    }
}
