//! How much to write at once beside a server that goes on selling. SQLite has one writer at a time: as much as takes
//! some ten milliseconds, and then nothing for as long as that took. On PostgreSQL only those wait for each other who
//! write the same rows; as all who write the catalog do, at the row of its generation, batches are small there too.
//! A database that is busy or away for a moment is asked again.

use std::time::{Duration, Instant};

use db::Engine;

use crate::error::{Code, Result};

const TOO_LONG: Duration = Duration::from_millis(40);
const SHORT: Duration = Duration::from_millis(15);

/// Others have had their turn by then, however long a transaction took.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// Waits before what a busy database refused is tried again; then it is given up.
const WAITS: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

pub(super) struct Pace {
    batch: usize,
    least: usize,
    most: usize,
    rests: bool,
}

impl Pace {
    /// From `least` rows at a time, of which fewer would not take much less time, to `most`.
    pub(super) fn new(engine: Engine, least: usize, most: usize) -> Self {
        Pace {
            batch: least,
            least,
            most,
            rests: engine == Engine::Sqlite,
        }
    }

    /// How many to write next.
    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    /// Waits for a transaction, then, beside other writers of SQLite, for as long as it took, and learns from it.
    pub(super) async fn keep<T, F: Future<Output = Result<T>>>(
        &mut self,
        transaction: impl Fn() -> F,
    ) -> Result<T> {
        let timed = || async {
            let since = Instant::now();
            let result = transaction().await?;
            Ok((result, since.elapsed()))
        };
        let (result, took) = patiently(timed).await?;
        if took > TOO_LONG {
            self.batch = (self.batch / 2).max(self.least);
        } else if took < SHORT {
            self.batch = (self.batch * 2).min(self.most);
        }
        if self.rests {
            tokio::time::sleep(took.min(LONGEST_REST)).await;
        }
        Ok(result)
    }
}

/// Does it, again and again while the database is too busy. What is done must bear being done twice.
pub(super) async fn patiently<T, F: Future<Output = Result<T>>>(task: impl Fn() -> F) -> Result<T> {
    for wait in WAITS {
        match task().await {
            Err(error) if error.code() == Code::DependencyUnavailable => {
                tokio::time::sleep(wait).await;
            }
            other => return other,
        }
    }
    task().await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::error::Error;

    #[tokio::test]
    async fn a_busy_database_is_asked_again() {
        for busy in [0, 1] {
            let asked = Cell::new(0);
            let result = patiently(async || {
                asked.set(asked.get() + 1);
                match asked.get() > busy {
                    true => Ok(()),
                    false => Err(Code::DependencyUnavailable.into()),
                }
            })
            .await;
            assert_eq!((result.is_ok(), asked.get()), (true, busy + 1));
        }
    }

    #[tokio::test]
    async fn between_two_transactions_others_have_as_long_as_these_take() {
        const LONG: Duration = Duration::from_millis(100);
        let mut pace = Pace::new(Engine::Sqlite, 200, 400);
        let mut ended = None;
        for _ in 0..4 {
            let free = ended.map(|ended: Instant| ended.elapsed());
            assert!(free.is_none_or(|free| free >= LONG), "{free:?}");
            let transaction = async || {
                tokio::time::sleep(LONG).await;
                Ok(Instant::now())
            };
            ended = Some(pace.keep(transaction).await.unwrap());
        }
    }

    #[tokio::test]
    async fn other_errors_are_told_at_once() {
        let asked = Cell::new(0);
        let result: Result<()> = patiently(async || {
            asked.set(asked.get() + 1);
            Err(Error::not_found())
        })
        .await;
        assert_eq!((result.is_err(), asked.get()), (true, 1));
    }
}
