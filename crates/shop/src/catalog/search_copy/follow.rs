//! Follows the changes of PostgreSQL.

use std::time::Duration;

use db::{Db, DbError};
use futures_util::try_join;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::file::File;
use super::store::{self, Facts, Position};
use crate::app::App;
use crate::ids::ProductId;
use crate::transact;

/// A search waits for so many changes.
const FEW: usize = 200;
/// In the background so many products are read and written together,
const SOME: usize = 500;
/// and the ids of so many.
const MANY: usize = 50_000;

pub(super) struct Follower {
    file: File,
    /// None: it holds nothing yet.
    position: Option<Position>,
}

/// Why there is no copy, and how long to leave it alone.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) why: Box<dyn std::error::Error + Send + Sync>,
    pub(super) anew: bool,
    pub(super) pause: Duration,
}

impl Broken {
    /// PostgreSQL or another process is in the way: the file is as good as it was.
    pub(super) fn there(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Broken {
            why: why.into(),
            anew: false,
            pause: Duration::from_secs(10),
        }
    }

    /// It is made anew, but not all the time: the disk may be full.
    pub(super) fn here(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Broken {
            why: why.into(),
            anew: true,
            pause: Duration::from_secs(600),
        }
    }

    fn parted() -> Self {
        Broken {
            pause: Duration::ZERO,
            ..Broken::here("it is of another database or too old")
        }
    }
}

impl Follower {
    pub(super) async fn open(app: &App, anew: bool) -> Result<Self, Broken> {
        let folder = app.config.data_dir.join("search");
        let (file, position) = File::open(&folder, anew).await.map_err(|why| Broken {
            anew,
            ..Broken::there(why)
        })?;
        if position.is_none() {
            transact!(app.db, tx => { store::forget_future(tx).await })
                .map_err(|error| Broken::there(error.to_string()))?;
        }
        Ok(Follower { file, position })
    }

    pub(super) fn db(&self) -> Db {
        self.file.db.clone()
    }

    /// Brings in what has changed; false when it is too much to wait for.
    pub(super) async fn take_in_few(&mut self, app: &App) -> Result<bool, Broken> {
        let (now, ids) = self.changed(app, ProductId(0), FEW + 1).await?;
        if ids.len() > FEW {
            return Ok(false);
        }
        if !ids.is_empty() || self.position.is_none() {
            let facts = facts(app, &ids).await?;
            if self.position.is_none() {
                self.clear().await?;
            }
            let written = write(&self.file.db, &ids, &facts, Some(&now)).await;
            written.map_err(Broken::here)?;
        }
        self.position = Some(now);
        Ok(true)
    }

    /// As [`Follower::take_in_few`], however much it is.
    pub(super) async fn catch_up(mut self, app: App) -> Result<Self, Broken> {
        let begun = std::time::Instant::now();
        let (mut reached, mut last, mut products) = (None, ProductId(0), 0);
        if self.position.is_none() {
            self.clear().await?;
        }
        loop {
            let (now, ids) = patiently(|| self.changed(&app, last, MANY)).await?;
            // What changes behind the first look is found by the next one.
            let reached = reached.get_or_insert(now);
            products += ids.len();
            for some in ids.chunks(SOME) {
                let facts = patiently(|| facts(&app, some)).await?;
                self.write_aside(some.to_vec(), facts, None).await?;
            }
            match ids.last() {
                Some(id) if ids.len() == MANY => last = *id,
                _ => {
                    self.write_aside(Vec::new(), Vec::new(), Some(reached.clone()))
                        .await?;
                    self.position = Some(reached.clone());
                    tracing::info!(products, took = ?begun.elapsed(), "the search copy has caught up");
                    return Ok(self);
                }
            }
        }
    }

    /// Of what somebody wrote who was not waited for.
    async fn clear(&self) -> Result<(), Broken> {
        let cleared = async {
            let tx = self.file.db.begin().await?;
            store::clear(&tx).await?;
            tx.commit().await
        };
        cleared.await.map_err(Broken::here)
    }

    /// What is seen now, and what of it has changed since the position.
    async fn changed(
        &self,
        app: &App,
        after: ProductId,
        limit: usize,
    ) -> Result<(Position, Vec<ProductId>), Broken> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let position = self.position.as_ref();
        let conn = app.db.read().await.map_err(Broken::there)?;
        let holds = async {
            match position {
                Some(position) => store::holds(&conn, position).await,
                None => Ok(true),
            }
        };
        // In this order: what commits between two of them is seen again by the next look.
        let changed = store::changed(&conn, position, after, limit);
        let (now, ids, holds) =
            try_join!(store::now(&conn), changed, holds).map_err(Broken::there)?;
        let same = position.is_none_or(|position| position.history == now.history);
        match holds && same {
            true => Ok((now, ids)),
            false => Err(Broken::parted()),
        }
    }

    /// On a thread where nobody waits for it.
    async fn write_aside(
        &self,
        ids: Vec<ProductId>,
        facts: Vec<Facts>,
        position: Option<Position>,
    ) -> Result<(), Broken> {
        let (db, runtime) = (self.db(), Handle::current());
        let written =
            spawn_blocking(move || runtime.block_on(write(&db, &ids, &facts, position.as_ref())));
        let written = written.await.map_err(Broken::here)?;
        written.map_err(Broken::here)
    }
}

/// Many products take minutes: one answer that fails shall not be the end of them all.
async fn patiently<T, F: Future<Output = Result<T, Broken>>>(
    ask: impl Fn() -> F,
) -> Result<T, Broken> {
    for seconds in 1..6 {
        match ask().await {
            Err(broken) if !broken.anew => tokio::time::sleep(Duration::from_secs(seconds)).await,
            answered => return answered,
        }
    }
    ask().await
}

async fn facts(app: &App, ids: &[ProductId]) -> Result<Vec<Facts>, Broken> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let conn = app.db.read().await.map_err(Broken::there)?;
    store::facts(&conn, ids).await.map_err(Broken::there)
}

async fn write(
    db: &Db,
    ids: &[ProductId],
    facts: &[Facts],
    position: Option<&Position>,
) -> Result<(), DbError> {
    let tx = db.begin().await?;
    store::write(&tx, ids, facts).await?;
    if let Some(position) = position {
        store::set_copied(&tx, position).await?;
    }
    tx.commit().await
}
