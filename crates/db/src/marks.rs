//! Says whether something that was read before is still true, as far as writes of this process go.
//!
//! A transaction says what it changes ([`Tx::mark`](crate::Tx::mark)); once it has committed, and before it is
//! answered, whatever rests on that and was read before counts as old. Reading takes the time first:
//! `let since = marks.now(); … read …; marks.hold(since, &keys)`. Writes of other processes are for the reader to find.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// Keys share places: a neighbour's write can make something look old that is not, never the reverse.
const PLACES: usize = 4096;

/// When what was last changed, in ticks of a counter.
pub struct Marks {
    tick: AtomicU64,
    /// Everything at once.
    all: AtomicU64,
    /// Anything at all.
    any: AtomicU64,
    places: Box<[AtomicU64]>,
}

/// What a transaction will have changed.
#[derive(Default)]
pub(crate) struct Changes {
    pub(crate) all: bool,
    pub(crate) keys: Vec<i64>,
}

/// A moment before something was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub struct Since(u64);

impl Default for Marks {
    fn default() -> Self {
        Marks {
            tick: AtomicU64::new(0),
            all: AtomicU64::new(0),
            any: AtomicU64::new(0),
            places: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Marks {
    pub fn now(&self) -> Since {
        Since(self.tick.load(SeqCst))
    }

    /// Has everything been changed at once since then? See [`Tx::mark_all`](crate::Tx::mark_all).
    pub fn all_hold(&self, since: Since) -> bool {
        self.all.load(SeqCst) <= since.0
    }

    /// Has nothing been changed since then, of whatever key?
    pub fn nothing_changed(&self, since: Since) -> bool {
        self.all_hold(since) && self.any.load(SeqCst) <= since.0
    }

    /// Have these keys, as [`Marks::places`] gives them, not been changed since then?
    pub fn hold(&self, since: Since, places: &[u16]) -> bool {
        let unchanged = |place: &u16| {
            let place = self.places.get(usize::from(*place));
            place.is_none_or(|changed| changed.load(SeqCst) <= since.0)
        };
        self.all_hold(since) && places.iter().all(unchanged)
    }

    /// Where the changes of these keys are noted.
    pub fn places(keys: impl IntoIterator<Item = i64>) -> Box<[u16]> {
        let mut places: Vec<u16> = keys.into_iter().map(place_of).collect();
        places.sort_unstable();
        places.dedup();
        places.into()
    }

    /// These keys have been changed: by others than this process, whose own transactions say so themselves.
    pub fn changed(&self, keys: &[i64]) {
        if keys.is_empty() {
            return;
        }
        let now = self.tick.fetch_add(1, SeqCst) + 1;
        for &key in keys {
            if let Some(place) = self.places.get(usize::from(place_of(key))) {
                place.fetch_max(now, SeqCst);
            }
        }
        self.any.fetch_max(now, SeqCst);
    }

    /// As [`Marks::changed`], of all keys.
    pub fn every_key_changed(&self) {
        let now = self.tick.fetch_add(1, SeqCst) + 1;
        for place in &self.places {
            place.fetch_max(now, SeqCst);
        }
        self.any.fetch_max(now, SeqCst);
    }

    /// Everything has been changed, with a key and without.
    pub fn all_changed(&self) {
        let now = self.tick.fetch_add(1, SeqCst) + 1;
        self.all.fetch_max(now, SeqCst);
    }

    pub(crate) fn apply(&self, changes: &Changes) {
        self.changed(&changes.keys);
        if changes.all {
            self.all_changed();
        }
    }
}

fn place_of(key: i64) -> u16 {
    (key.unsigned_abs() % PLACES as u64) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_change_is_old() {
        let marks = Marks::default();
        let (seven, nine) = (Marks::places([7]), Marks::places([9, 9]));
        let since = marks.now();
        assert!(marks.hold(since, &seven) && marks.nothing_changed(since));
        marks.changed(&[7]);
        assert!(!marks.hold(since, &seven), "it was read before");
        assert!(marks.hold(since, &nine) && !marks.nothing_changed(since));
        assert!(marks.hold(marks.now(), &seven), "it is read anew");
        marks.all_changed();
        assert!(!marks.hold(since, &nine) && !marks.all_hold(since));
        assert!(marks.hold(marks.now(), &nine) && marks.all_hold(marks.now()));
    }
}
