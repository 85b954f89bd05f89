//! What a node remembers of the catalog: the tree of categories, and how long the lists are.
//!
//! It stays good as long as the generation does, which is asked for once a second, and at once after a write of this
//! node. Numbers that depend on stock change with every order and are kept for a second.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::OnceCell;

use super::categories::category::Tree;
use super::categories::{self};
use super::products::facets::Facets;
use super::store;
use crate::app::App;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::CategoryId;

const FRESH: Duration = Duration::from_secs(1);

#[derive(Default)]
pub struct Memory {
    /// Counts the writes of this node.
    writes: AtomicU64,
    snapshot: RwLock<Option<Arc<Snapshot>>>,
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
    checked: AtomicI64,
    writes: AtomicU64,
    pub(super) tree: Tree,
    totals: OnceCell<Vec<i64>>,
    counts: moka::sync::Cache<CountOf, (Time, i64)>,
    facets: moka::sync::Cache<CountOf, (Time, Arc<Facets>)>,
}

impl Memory {
    /// What is remembered is old: it is asked for again before it is used.
    pub(super) fn forget(&self) {
        self.writes.fetch_add(1, Ordering::SeqCst);
    }
}

/// The catalog as it is, or was less than a second ago.
pub(super) async fn current(app: &App) -> Result<Arc<Snapshot>> {
    let memory = &app.catalog;
    // Read before the database is: a write that commits meanwhile makes the answer old again.
    let writes = memory.writes.load(Ordering::SeqCst);
    let now = app.clock.now();
    let known = memory
        .snapshot
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    if let Some(known) = &known
        && known.writes.load(Ordering::SeqCst) == writes
        && now.since(Time(known.checked.load(Ordering::SeqCst))) < FRESH
    {
        return Ok(Arc::clone(known));
    }
    // A replica may not have heard yet of the write that is asked about.
    let conn = app.db.read().await?;
    let generation = store::generation(&conn).await?;
    if let Some(known) = known
        && known.generation == generation
    {
        known.writes.store(writes, Ordering::SeqCst);
        known.checked.store(now.0, Ordering::SeqCst);
        return Ok(known);
    }
    let snapshot = Arc::new(Snapshot {
        generation,
        checked: AtomicI64::new(now.0),
        writes: AtomicU64::new(writes),
        tree: Tree::new(categories::store::list_categories(&conn).await?),
        totals: OnceCell::new(),
        counts: moka::sync::Cache::new(MOST_COUNTS),
        facets: moka::sync::Cache::new(MOST_FACETS),
    });
    *memory
        .snapshot
        .write()
        .unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&snapshot));
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

    /// Facets that are remembered under `name` for a second: what is in stock changes with every order.
    pub(super) async fn facets(
        &self,
        app: &App,
        name: CountOf,
        find: impl Future<Output = Result<Facets>>,
    ) -> Result<Arc<Facets>> {
        let now = app.clock.now();
        if let Some((at, facets)) = self.facets.get(&name)
            && now.since(at) < FRESH
        {
            return Ok(facets);
        }
        let facets = Arc::new(find.await?);
        self.facets.insert(name, (now, Arc::clone(&facets)));
        Ok(facets)
    }

    /// A count that is remembered under `name`: until the catalog changes or, where stock or a replica that comes
    /// late may change it, for a second.
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
                || now.since(at) < FRESH)
        {
            return Ok(count);
        }
        let count = count.await?;
        self.counts.insert(name, (now, count));
        Ok(count)
    }
}
