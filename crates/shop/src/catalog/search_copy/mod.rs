//! A node that runs on PostgreSQL searches in a small SQLite database of its own: products with two beginnings of words
//! are found there in milliseconds, and by way of GIN in half a second. It holds what can be made anew at any time.
//!
//! It follows `product_changes`, which triggers fill. Its position is a snapshot of PostgreSQL's transactions, so what
//! commits late is not missed; it stands in the file in the transaction of the rows that it covers, so no crash parts
//! the two. It is searched only when it is as new as what the node knows ([`super::memory`]): few changes are brought
//! in first, many in the background. Meanwhile, and whenever something is wrong with it, PostgreSQL answers.

mod file;
mod follow;
mod store;

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use db::{Conn, Db, Engine, Since};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::memory::FRESH;
use crate::app::App;
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::transact;
use follow::{Broken, Follower};

pub(super) use store::STATEMENTS;

/// How long a search waits for another one that brings the copy in step,
const PATIENCE: Duration = Duration::from_millis(250);
/// and how long that may take: whoever is slower has none for a while.
const MOST: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct SearchCopy {
    in_step: RwLock<Option<InStep>>,
    /// Held by whoever brings it in step; the others wait for that.
    keeper: Mutex<Keeper>,
}

#[derive(Clone)]
struct InStep {
    db: Db,
    since: Since,
    checked: Time,
}

struct Keeper {
    state: State,
    /// It was said in the log that there is none.
    told: bool,
}

enum State {
    Closed { until: Time, anew: bool },
    Open(Follower),
    CatchingUp(JoinHandle<Result<Follower, Broken>>),
}

impl Default for Keeper {
    fn default() -> Self {
        Keeper {
            state: State::CLOSED,
            told: false,
        }
    }
}

/// A connection to the copy, which knows all that this node knows of; none when the shop's own database is to be
/// searched.
pub(super) async fn in_step(app: &App) -> Option<Conn> {
    if app.db.engine() == Engine::Sqlite || !app.config.search_copy {
        return None;
    }
    let copy = &app.catalog.search_copy;
    let found = match copy.holding(app) {
        Some(found) => found,
        None => copy.brought_in_step(app).await?,
    };
    found.db.read().await.ok()
}

/// A search of the copy failed: when the file is damaged another one is made.
pub(super) async fn failed(app: &App, error: &Error) {
    if error.database().is_some_and(db::DbError::is_damage) {
        let copy = &app.catalog.search_copy;
        if let Ok(mut keeper) = copy.keeper.try_lock() {
            copy.set(None);
            keeper.close(app, Broken::here(error.to_string()));
        }
    }
}

/// Throws changes away that every copy has long heard of; one that has not is made anew.
pub(crate) async fn forget_changes(app: &App) -> Result<u64> {
    const BATCH: i64 = 5_000;
    if app.db.engine() == Engine::Sqlite {
        return Ok(0);
    }
    let mut gone = 0;
    transact!(app.db, tx => { store::outdate(tx).await })?;
    loop {
        let batch = transact!(app.db, tx => { store::forget_old(tx, BATCH).await })?;
        gone += batch;
        if batch < BATCH.unsigned_abs() {
            return Ok(gone);
        }
    }
}

impl SearchCopy {
    fn holding(&self, app: &App) -> Option<InStep> {
        let found = self.in_step.read().unwrap_or_else(PoisonError::into_inner);
        let holds = |found: &&InStep| {
            app.db.marks().nothing_changed(found.since)
                && app.clock.now().since(found.checked) < FRESH
        };
        found.as_ref().filter(holds).cloned()
    }

    /// By this request, or by one that began to look after this one came. Who waits too long searches in PostgreSQL.
    async fn brought_in_step(&self, app: &App) -> Option<InStep> {
        let (since, asked) = (app.db.marks().now(), app.clock.now());
        let mut keeper = timeout(PATIENCE, self.keeper.lock()).await.ok()?;
        let meanwhile = self
            .in_step
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match meanwhile.filter(|found| found.since >= since && found.checked >= asked) {
            Some(found) => Some(found),
            None => {
                let found = keeper.bring_in_step(app).await;
                self.set(found.clone());
                found
            }
        }
    }

    fn set(&self, found: Option<InStep>) {
        *self.in_step.write().unwrap_or_else(PoisonError::into_inner) = found;
    }

    /// Was it in step the last time that somebody searched?
    pub(super) fn is_used(&self) -> bool {
        let found = self.in_step.read().unwrap_or_else(PoisonError::into_inner);
        found.is_some()
    }
}

impl Keeper {
    async fn bring_in_step(&mut self, app: &App) -> Option<InStep> {
        let found = timeout(MOST, self.state.bring_in_step(app)).await;
        match found.unwrap_or_else(|late| Err(Broken::there(late))) {
            Ok(found) => {
                self.told &= found.is_none();
                found
            }
            Err(broken) => {
                self.close(app, broken);
                None
            }
        }
    }

    fn close(&mut self, app: &App, broken: Broken) {
        if !std::mem::replace(&mut self.told, true) {
            tracing::warn!(error = %broken.why, "there is no search copy, searches take longer");
        }
        self.state = State::Closed {
            until: app.clock.now() + broken.pause,
            anew: broken.anew,
        };
    }
}

impl State {
    const CLOSED: State = State::Closed {
        until: Time(0),
        anew: false,
    };

    async fn bring_in_step(&mut self, app: &App) -> Result<Option<InStep>, Broken> {
        if let State::CatchingUp(task) = self {
            if !task.is_finished() {
                return Ok(None);
            }
            *self = State::Open(task.await.map_err(Broken::here)??);
        }
        if let State::Closed { until, anew } = *self {
            if app.clock.now() < until {
                return Ok(None);
            }
            *self = State::Open(Follower::open(app, anew).await?);
        }
        let State::Open(copy) = self else {
            return Ok(None);
        };
        // Before it is asked what has changed: a write that commits meanwhile is asked for again.
        let (since, checked) = (app.db.marks().now(), app.clock.now());
        if copy.take_in_few(app).await? {
            let db = copy.db();
            return Ok(Some(InStep { db, since, checked }));
        }
        if let State::Open(copy) = std::mem::replace(self, State::CLOSED) {
            *self = State::CatchingUp(tokio::spawn(copy.catch_up(app.clone())));
        }
        Ok(None)
    }
}
