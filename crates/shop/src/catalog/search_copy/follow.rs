//! Follows the changes of PostgreSQL.

use std::collections::BTreeSet;
use std::time::Duration;

use db::{Db, DbError};
use futures_util::try_join;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};

use super::file::File;
use super::store::{self, Change, Facts, Position};
use crate::app::App;
use crate::ids::ProductId;
use crate::transact;

/// A search waits for so many changes.
const FEW: usize = 200;
/// In the background so many products are read and written together,
const SOME: usize = 500;
/// and so many changes looked up.
const MANY: usize = 50_000;

pub(super) struct Follower {
    file: File,
    /// None: it holds nothing yet.
    position: Option<Position>,
}

type Why = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no copy, and how long to leave it alone.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) why: Why,
    /// Another one has to be made.
    pub(super) anew: bool,
    pub(super) pause: Duration,
}

impl Broken {
    /// PostgreSQL is in the way: the file is as good as it was.
    pub(super) fn there(why: impl Into<Why>) -> Self {
        Broken {
            why: why.into(),
            anew: false,
            pause: Duration::from_secs(1),
        }
    }

    /// The file cannot be had just now, perhaps as another process has it.
    fn closed(why: impl Into<Why>) -> Self {
        Broken {
            pause: Duration::from_secs(10),
            ..Broken::there(why)
        }
    }

    fn parted() -> Self {
        Broken {
            anew: true,
            ..Broken::closed("it is of another database or too old")
        }
    }

    pub(super) fn damaged(why: impl Into<Why>) -> Self {
        Broken {
            why: why.into(),
            anew: true,
            pause: Duration::from_secs(600),
        }
    }

    /// It could not be written. A full disk leaves what is there as good as it was.
    fn here(error: DbError) -> Self {
        match error {
            DbError::Unavailable(_) if !error.is_damage() => Broken {
                pause: Duration::from_secs(60),
                ..Broken::there(error)
            },
            _ => Broken::damaged(error),
        }
    }
}

impl Follower {
    pub(super) async fn open(app: &App, anew: bool) -> Result<Self, Broken> {
        let folder = app.config.data_dir.join("search");
        let name = folder.display().to_string();
        let opened = aside(async move { File::open(&folder, anew).await }).await;
        let (file, position) = opened
            .map_err(Why::from)
            .flatten()
            .map_err(|why| Broken::closed(format!("{name}: {why}")))?;
        if position.is_none() {
            transact!(app.db, tx => { store::forget_future(tx).await })
                .map_err(|error| Broken::there(error.to_string()))?;
        }
        Ok(Follower { file, position })
    }

    pub(super) fn db(&self) -> Db {
        self.file.db.clone()
    }

    pub(super) fn number(&self) -> u64 {
        self.file.number
    }

    /// Brings in what has changed; false when it is too much to wait for.
    pub(super) async fn take_in_few(&mut self, app: &App) -> Result<bool, Broken> {
        let (now, changes) = self.changed(app, &Change::default(), FEW + 1).await?;
        if changes.len() > FEW {
            return Ok(false);
        }
        let ids = products(&changes);
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
        let caught_up = self.take_in_all(&app).await;
        if caught_up.is_err() && self.position.is_none() {
            // What was built so far is of no use, and may be what fills the disk.
            self.file.empty();
        }
        caught_up.map(|()| self)
    }

    async fn take_in_all(&mut self, app: &App) -> Result<(), Broken> {
        let begun = std::time::Instant::now();
        let (mut reached, mut last, mut taken) = (None, Change::default(), 0);
        if self.position.is_none() {
            self.clear().await?;
        }
        loop {
            let (now, mut changes) = patiently(|| self.changed(app, &last, MANY)).await?;
            // What changes behind the first look is found by the next one.
            let reached = reached.get_or_insert(now);
            let ids = products(&changes);
            taken += ids.len();
            for some in ids.chunks(SOME) {
                let facts = patiently(|| facts(app, some)).await?;
                self.write_aside(some.to_vec(), facts, None).await?;
            }
            let is_full = changes.len() == MANY;
            match changes.pop() {
                Some(change) if is_full => last = change,
                _ => {
                    self.write_aside(Vec::new(), Vec::new(), Some(reached.clone()))
                        .await?;
                    self.position = Some(reached.clone());
                    tracing::info!(products = taken, took = ?begun.elapsed(), "the search copy has caught up");
                    return Ok(());
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
        after: &Change,
        limit: usize,
    ) -> Result<(Position, Vec<Change>), Broken> {
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
        let (now, changes, holds) =
            try_join!(store::now(&conn), changed, holds).map_err(Broken::there)?;
        let same = position.is_none_or(|position| position.history == now.history);
        match holds && same {
            true => Ok((now, changes)),
            false => Err(Broken::parted()),
        }
    }

    async fn write_aside(
        &self,
        ids: Vec<ProductId>,
        facts: Vec<Facts>,
        position: Option<Position>,
    ) -> Result<(), Broken> {
        let db = self.db();
        let written = aside(async move { write(&db, &ids, &facts, position.as_ref()).await });
        let written = written.await.map_err(Broken::damaged)?;
        written.map_err(Broken::here)
    }
}

/// On a thread where nobody waits for it.
fn aside<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    let runtime = Handle::current();
    spawn_blocking(move || runtime.block_on(work))
}

/// Each once.
fn products(changes: &[Change]) -> Vec<ProductId> {
    let ids: BTreeSet<_> = changes.iter().map(|change| change.product_id).collect();
    ids.into_iter().collect()
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
