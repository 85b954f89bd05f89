//! Work that happens later: a queue in the database, and the runner that empties it.
//!
//! A job is a row of the table `jobs`, written in the transaction of the fact that causes it; it runs when that is
//! committed, on whichever node takes it first, under a lease. A job that fails is tried again with growing
//! pauses and stays in the table, with its error, when its tries are used up or no try would help. It may run more than once (a node
//! can die between doing and saying so): what it does must bear that.
//!
//! Jobs are done one after the other, but for those of kinds that wait for strangers, such as mails: these have a lane
//! of their own, or one mail server that says nothing would hold up all else.

mod lanes;
mod store;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use db::{Db, DbError, Tx, transact};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Instrument;

use lanes::Lane;
use store::Kinds;

/// How long a node may keep a job before another one takes it over.
const LEASE: Duration = Duration::from_secs(60);
/// Tries before a job is set aside.
const TRIES: i64 = 10;

/// A failure that no further try would mend: the job is set aside at once.
#[derive(Debug)]
pub struct Hopeless(pub String);

impl std::fmt::Display for Hopeless {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Hopeless {}

/// Microseconds UTC, from the clock that the application hands in.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;
type Work =
    Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>> + Send + Sync>;

/// Hears of each job that ended: its kind, whether it went well, and how long it took.
pub type Heard = Arc<dyn Fn(&str, bool, Duration) + Send + Sync>;

/// Writes a job into the queue, to be done at `run_at` (microseconds UTC) or soon after.
///
/// # Errors
/// What the database says.
pub async fn enqueue<P: Serialize + Sync>(
    tx: &Tx,
    kind: &str,
    payload: &P,
    run_at: i64,
) -> Result<(), DbError> {
    let payload = serde_json::to_string(payload).map_err(|e| DbError::Other(e.into()))?;
    store::insert(tx, kind, &payload, None, run_at).await
}

/// Takes the jobs of a kind out of the queue whose payload, as JSON, holds this text; also those set aside.
///
/// # Errors
/// What the database says.
pub async fn forget(tx: &Tx, kind: &str, text: &str) -> Result<(), DbError> {
    store::forget(tx, kind, text).await
}

/// Deletes up to so many jobs that were set aside before then (microseconds UTC), and says how many those were.
///
/// # Errors
/// What the database says.
pub async fn sweep(tx: &Tx, before: i64, most: i64) -> Result<u64, DbError> {
    store::sweep(tx, before, most).await
}

/// Runs what is due.
#[derive(Clone)]
pub struct Runner {
    db: Db,
    now: Now,
    kinds: HashMap<&'static str, Work>,
    /// Kinds of the lane aside.
    aside: Vec<&'static str>,
    periods: Vec<(&'static str, Duration)>,
    heard: Option<Heard>,
}

impl Runner {
    pub fn new(db: Db, now: Now) -> Self {
        Runner {
            db,
            now,
            kinds: HashMap::new(),
            aside: Vec::new(),
            periods: Vec::new(),
            heard: None,
        }
    }

    /// Tells `heard` of each job that ended.
    #[must_use]
    pub fn telling(self, heard: Heard) -> Self {
        Runner {
            heard: Some(heard),
            ..self
        }
    }

    /// Jobs of this kind are done by `work`, which gets the payload that was enqueued.
    #[must_use]
    pub fn on<P, F>(
        mut self,
        kind: &'static str,
        work: impl Fn(P) -> F + Send + Sync + 'static,
    ) -> Self
    where
        P: DeserializeOwned,
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let work: Work = Arc::new(move |payload| match serde_json::from_str(&payload) {
            Ok(payload) => Box::pin(work(payload)),
            Err(error) => Box::pin(async move { Err(error.into()) }),
        });
        self.kinds.insert(kind, work);
        self
    }

    /// The same for work that may take long because it waits for others: it does not hold up other kinds.
    #[must_use]
    pub fn on_aside<P, F>(
        mut self,
        kind: &'static str,
        work: impl Fn(P) -> F + Send + Sync + 'static,
    ) -> Self
    where
        P: DeserializeOwned,
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.aside.push(kind);
        self.on(kind, work)
    }

    /// Does `work` once a period, on one node.
    #[must_use]
    pub fn every<F>(
        mut self,
        period: Duration,
        kind: &'static str,
        work: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.periods.push((kind, period));
        self.on(kind, move |(): ()| work())
    }

    /// Does all that is due now, and says how many jobs that were.
    ///
    /// # Errors
    /// What the database says; a failing job is no error here.
    pub async fn run_due(&self) -> Result<usize, DbError> {
        let mut done = 0;
        while self.run_next(Lane::All).await? {
            done += 1;
        }
        Ok(done)
    }

    /// Does the next job that is due, if there is one.
    async fn run_next(&self, lane: Lane) -> Result<bool, DbError> {
        let kinds = match lane {
            Lane::All => Kinds::All,
            Lane::Common => Kinds::AllBut(&self.aside),
            Lane::Aside => Kinds::Only(&self.aside),
        };
        if lane != Lane::Aside {
            for (kind, _) in &self.periods {
                store::ensure(&self.db, kind, (self.now)()).await?;
            }
        }
        let now = (self.now)();
        if !store::is_due(&self.db, kinds, now).await? {
            return Ok(false);
        }
        let Some(job) = store::claim(&self.db, kinds, now, now + micros(LEASE)).await? else {
            return Ok(false);
        };
        self.run_one(job).await?;
        Ok(true)
    }

    async fn run_one(&self, job: store::Job) -> Result<(), DbError> {
        let begun = Instant::now();
        let outcome = match self.kinds.get(job.kind.as_str()) {
            Some(work) => {
                let span = tracing::error_span!("job", id = job.id, kind = job.kind);
                // A panic in one job must not end the runner.
                let task = tokio::spawn(work(job.payload.clone()).instrument(span));
                task.await.unwrap_or_else(|error| Err(error.into()))
            }
            None => Err(anyhow::anyhow!("nobody does jobs of this kind")),
        };
        if let (Some(heard), true) = (&self.heard, self.kinds.contains_key(job.kind.as_str())) {
            heard(&job.kind, outcome.is_ok(), begun.elapsed());
        }
        let now = (self.now)();
        let period = self
            .periods
            .iter()
            .find(|(kind, _)| *kind == job.kind)
            .map(|(_, period)| *period);
        match (outcome, period) {
            (Ok(()), None) => {
                transact!(DbError, self.db, tx => { store::delete(tx, &job).await })
            }
            (Ok(()), Some(period)) => {
                transact!(DbError, self.db, tx => { store::postpone(tx, &job, now + micros(period), 0, None).await })
            }
            (Err(error), period) => {
                let hopeless = error.is::<Hopeless>();
                let error = format!("{error:#}");
                tracing::warn!(
                    job = job.id,
                    kind = job.kind,
                    attempt = job.attempts,
                    error,
                    "a job failed"
                );
                let again = now + micros(pause(job.attempts));
                transact!(DbError, self.db, tx => {
                    if (hopeless || job.attempts >= TRIES) && period.is_none() {
                        store::set_aside(tx, &job, now, &error).await
                    } else {
                        store::postpone(tx, &job, again, job.attempts, Some(&error)).await
                    }
                })
            }
        }
    }
}

/// 5 s, 10 s, 20 s, … at most an hour.
fn pause(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(10);
    Duration::from_secs((5 << doublings).min(3600))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour() {
        let seconds: Vec<u64> = [1, 2, 3, 10, 60].map(|n| pause(n).as_secs()).to_vec();
        assert_eq!(seconds, [5, 10, 20, 2560, 3600]);
    }
}
