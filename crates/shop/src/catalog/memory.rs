//! What a node remembers of the catalog: the tree of categories, how long the lists are, and what answers rest on.
//!
//! Writes of this node are known at once, from the marks of its transactions ([`db::Marks`]). Those of other processes
//! are asked for every 0.8 seconds: the generation that every write of the catalog raises, and the movements of stock.

mod others;
mod rests_on;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use db::Since;
use tokio::sync::{Mutex, OnceCell};

pub(super) use rests_on::Reading;
pub use rests_on::RestsOn;

use super::categories::category::Tree;
use super::categories::{self};
use super::products::facets::Facets;
use super::search_copy::SearchCopy;
use super::store;
use crate::app::App;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::CategoryId;
use others::Others;

/// How long it is believed that no other process has written: with the asking, less than a second.
pub(super) const FRESH: Duration = Duration::from_millis(800);

/// How long a count is good that stock may change, and again the answer that was made of it.
const COUNTED: Duration = Duration::from_millis(400);

/// How long an estimate is good.
const ESTIMATED: Duration = Duration::from_secs(10);

#[derive(Default)]
pub struct Memory {
    known: RwLock<Option<Known>>,
    /// Held by whoever asks the database; the others wait for what it says.
    others: Mutex<Others>,
    pub(super) search_copy: SearchCopy,
}

#[derive(Clone)]
struct Known {
    snapshot: Arc<Snapshot>,
    since: Since,
    checked: Time,
}

/// What a count is remembered under, a digest of its question: short, however long the question is.
pub(super) type CountOf = [u8; 32];

/// How many counts are remembered: with all that goes with them, less than 2 MB.
const MOST_COUNTS: u64 = 10_000;

/// How many facets are remembered; each has some kilobytes.
const MOST_FACETS: u64 = 500;

/// The catalog at one generation.
pub(super) struct Snapshot {
    generation: i64,
    pub(super) tree: Tree,
    totals: OnceCell<Vec<i64>>,
    counts: moka::sync::Cache<CountOf, (Time, i64)>,
    facets: moka::sync::Cache<CountOf, (Since, Time, Arc<Facets>)>,
}

impl Memory {
    /// Is what this node searches in a copy of its own? See [`super::search_copy`].
    pub fn has_search_copy(&self) -> bool {
        self.search_copy.is_used()
    }

    /// Is there no need to ask what others have written?
    fn is_current(&self, app: &App) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().is_some_and(|known| known.holds(app))
    }

    fn known(&self) -> Option<Known> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }
}

impl Known {
    fn holds(&self, app: &App) -> bool {
        app.db.marks().all_hold(self.since) && app.clock.now().apart(self.checked) < FRESH
    }
}

/// The catalog as it is, or was less than a second ago.
pub(super) async fn current(app: &App) -> Result<Arc<Snapshot>> {
    let memory = &app.catalog;
    let holding = || memory.known().filter(|known| known.holds(app));
    if let Some(known) = holding() {
        return Ok(known.snapshot);
    }
    let mut others = memory.others.lock().await;
    if let Some(known) = holding() {
        return Ok(known.snapshot);
    }
    // A replica may not have heard yet of the write that is asked about.
    let conn = app.db.read().await?;
    let (marks, checked) = (app.db.marks(), app.clock.now());
    others
        .listen(&conn, app.db.engine(), marks, checked)
        .await?;
    // Read before the database is: a write that commits meanwhile makes the answer old again.
    let mut since = marks.now();
    let generation = store::generation(&conn).await?;
    let same = |known: &Known| known.snapshot.generation == generation;
    let snapshot = match memory.known().filter(same) {
        Some(known) => known.snapshot,
        None => {
            // Whatever was read before now may be of the generation before.
            marks.all_changed();
            since = marks.now();
            Arc::new(Snapshot {
                generation,
                tree: Tree::new(categories::store::list_categories(&conn).await?),
                totals: OnceCell::new(),
                counts: moka::sync::Cache::new(MOST_COUNTS),
                facets: moka::sync::Cache::new(MOST_FACETS),
            })
        }
    };
    let known = Known {
        snapshot: Arc::clone(&snapshot),
        since,
        checked,
    };
    *memory.known.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
    Ok(snapshot)
}

impl Snapshot {
    /// How many products each category of the tree shows, with those below it.
    pub(super) async fn totals(&self, app: &App) -> Result<&[i64]> {
        let totals = self.totals.get_or_try_init(|| async {
            let conn = app.db.read().await?;
            let own: HashMap<CategoryId, i64> = categories::store::count_products(&conn)
                .await?
                .into_iter()
                .collect();
            Ok::<_, crate::error::Error>(self.tree.totals(&own))
        });
        Ok(totals.await?)
    }

    /// Facets that are remembered under `name` until stock moves, and for a moment after it: they are counts, and orders
    /// move stock all the time. Estimates are no better for being new. What `find` reads is of `since` or newer.
    pub(super) async fn facets(
        &self,
        app: &App,
        name: CountOf,
        since: Since,
        find: impl Future<Output = Result<Facets>>,
    ) -> Result<Arc<Facets>> {
        let now = app.clock.now();
        if let Some((since, at, facets)) = self.facets.get(&name) {
            let lag = now.apart(at);
            let unmoved = app.db.marks().nothing_changed(since)
                && (app.config.database_read_url.is_none() || lag < COUNTED);
            let good_for = if facets.approximate {
                ESTIMATED
            } else {
                COUNTED
            };
            if unmoved || lag < good_for {
                return Ok(facets);
            }
        }
        let facets = Arc::new(find.await?);
        let known = (since, now, Arc::clone(&facets));
        self.facets.insert(name, known);
        Ok(facets)
    }

    /// A count that is remembered under `name`: until the catalog changes or, where stock or a replica that comes
    /// late may change it, for a moment.
    pub(super) async fn count(
        &self,
        app: &App,
        name: CountOf,
        moves_with_stock: bool,
        count: impl Future<Output = Result<i64>>,
    ) -> Result<i64> {
        let now = app.clock.now();
        if let Some((at, count)) = self.counts.get(&name)
            && (!(moves_with_stock || app.config.database_read_url.is_some())
                || now.apart(at) < COUNTED)
        {
            return Ok(count);
        }
        let count = count.await?;
        self.counts.insert(name, (now, count));
        Ok(count)
    }
}
