//! What the database was asked, and how long it took. Each number costs a few nanoseconds where it is taken.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Microseconds: half a millisecond to five seconds.
const TIMES: &[u64] = &[
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 5_000_000,
];
const SIZES: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256];

/// Of one [`Db`](crate::Db), since it was opened. Times are in microseconds.
pub struct Stats {
    /// Statements that return rows. Those of SQLite's readers include the wait for a reader.
    pub queries: Histogram,
    /// Statements that write; those sent together count as one.
    pub writes: Histogram,
    /// Until a COMMIT was durable; SQLite's stand for all the transactions that shared them.
    pub commits: Histogram,
    /// Transactions that shared a COMMIT of SQLite.
    pub batches: Histogram,
    /// Until a connection, or SQLite's writer, was free.
    pub waits: Histogram,
    /// Statements that ended with an error, also those that were meant to: a key that was taken.
    pub failed: AtomicU64,
    pub(crate) writer_waiting: AtomicUsize,
    slow: Duration,
}

impl Stats {
    pub(crate) fn new(slow: Duration) -> Self {
        Stats {
            queries: Histogram::new(TIMES),
            writes: Histogram::new(TIMES),
            commits: Histogram::new(TIMES),
            batches: Histogram::new(SIZES),
            waits: Histogram::new(TIMES),
            failed: AtomicU64::new(0),
            writer_waiting: AtomicUsize::new(0),
            slow,
        }
    }

    /// Notes a statement in `of`, tells the log when it was slow, and whoever watches the request ([`watched`]).
    /// Called when it has ended: a future around each statement would be moved more than it does.
    pub(crate) fn statement(&self, of: &Histogram, sql: &str, begun: Instant, went_well: bool) {
        let took = begun.elapsed();
        of.observe_time(took);
        if !went_well {
            self.failed.fetch_add(1, Relaxed);
        }
        let _ = SPENT.try_with(|spent| {
            let Spent { statements, time } = spent.get();
            spent.set(Spent {
                statements: statements + 1,
                time: time + took,
            });
        });
        recorded_step(|| Step {
            what: What::Statement(shortened(one_line(sql))),
            begun,
            took,
            went_well,
        });
        if !self.slow.is_zero() && took >= self.slow {
            let statement = one_line(sql);
            let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(ms, statement, "slow statement, {ms} ms: {statement}");
        }
    }
}

/// The text alone: arguments never stand in it.
fn one_line(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Bytes that are kept of a statement's text in a step: lists of rows make some texts very long.
const LONGEST: usize = 2_000;

fn shortened(mut text: String) -> String {
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push('…');
        text.shrink_to_fit();
    }
    text
}

/// How many were how large: an upper bound for each bucket, and one without.
pub struct Histogram {
    bounds: &'static [u64],
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    fn new(bounds: &'static [u64]) -> Self {
        Histogram {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    pub(crate) fn observe(&self, value: u64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(at) {
            count.fetch_add(1, Relaxed);
        }
        self.sum.fetch_add(value, Relaxed);
    }

    pub(crate) fn observe_time(&self, time: Duration) {
        self.observe(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// Each bucket's upper bound, `None` for the last, and how many fell into it alone.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<u64>, u64)> {
        let counts = self.counts.iter().map(|count| count.load(Relaxed));
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        bounds.zip(counts)
    }

    pub fn sum(&self) -> u64 {
        self.sum.load(Relaxed)
    }
}

/// What is used of a pool at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolState {
    /// `connections`, `replica`, `readers` or `writer`.
    pub name: &'static str,
    pub size: usize,
    pub in_use: usize,
    /// Who stands in line.
    pub waiting: usize,
}

/// What one request asked of the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    pub statements: u32,
    /// The sum over the statements: those in flight together count each.
    pub time: Duration,
}

tokio::task_local! {
    static SPENT: Cell<Spent>;
}

/// Adds up what the statements take that `work` awaits itself.
pub async fn watched<T>(work: impl Future<Output = T>) -> (T, Spent) {
    let counted = async {
        let output = work.await;
        (output, SPENT.try_with(Cell::get).unwrap_or_default())
    };
    SPENT.scope(Cell::new(Spent::default()), counted).await
}

/// Something in the database that a request waited for.
#[derive(Debug)]
pub struct Step {
    pub what: What,
    pub begun: Instant,
    pub took: Duration,
    pub went_well: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub enum What {
    /// Its text on one line, without arguments; of a very long one the beginning, and "…".
    Statement(String),
    /// Until it was durable.
    Commit,
    /// For a connection, or SQLite's writer.
    Wait,
}

/// Steps that are kept of one request.
const MOST: usize = 256;

tokio::task_local! {
    static STEPS: RefCell<Vec<Step>>;
}

/// Writes down what `work` itself awaits of the database, the first 256 steps of it.
pub async fn recorded<T>(work: impl Future<Output = T>) -> (T, Vec<Step>) {
    let written = async {
        let output = work.await;
        (output, STEPS.try_with(RefCell::take).unwrap_or_default())
    };
    STEPS.scope(RefCell::default(), written).await
}

/// Made only when somebody wants it.
pub(crate) fn recorded_step(step: impl FnOnce() -> Step) {
    let _ = STEPS.try_with(|steps| {
        let mut steps = steps.borrow_mut();
        if steps.len() < MOST {
            steps.push(step());
        }
    });
}

/// Counts one more for as long as it lives, also when whoever waits gives up.
pub(crate) struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    pub(crate) fn in_line(number: &'a AtomicUsize) -> Self {
        number.fetch_add(1, Relaxed);
        Counted(number)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_statement_the_beginning_is_kept() {
        let short = "SELECT 'é' FROM a".to_owned();
        assert_eq!(shortened(short.clone()), short);
        let long = shortened(format!("SELECT {}", "é".repeat(LONGEST)));
        assert!(long.starts_with("SELECT é") && long.ends_with("é…"));
        assert!(
            (LONGEST - 1..=LONGEST + 3).contains(&long.len()),
            "{}",
            long.len()
        );
    }

    #[test]
    fn a_value_falls_into_the_first_bucket_that_holds_it() {
        let histogram = Histogram::new(SIZES);
        for value in [1, 2, 3, 256, 257] {
            histogram.observe(value);
        }
        let filled: Vec<_> = histogram
            .buckets()
            .filter(|(_, count)| *count > 0)
            .collect();
        assert_eq!(
            filled,
            [
                (Some(1), 1),
                (Some(2), 1),
                (Some(4), 1),
                (Some(256), 1),
                (None, 1)
            ]
        );
        assert_eq!(histogram.sum(), 519);
    }
}
