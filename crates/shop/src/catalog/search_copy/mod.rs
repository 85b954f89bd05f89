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

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use db::{Conn, Db, DbError, Engine, Since};
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
/// What fails so often in a row is left alone longer each time.
const OFTEN: u32 = 10;

#[derive(Default)]
pub(super) struct SearchCopy {
    in_step: RwLock<Option<InStep>>,
    /// Held by whoever brings it in step; the others wait for that.
    keeper: Mutex<Keeper>,
}

#[derive(Clone)]
struct InStep {
    db: Db,
    /// Of the file.
    number: u64,
    since: Since,
    checked: Time,
}

struct Keeper {
    state: State,
    /// Until then it is left alone.
    rests_until: Time,
    /// How often in a row it could not be brought in step.
    failures: u32,
    /// Why there is none, as the log was told.
    told: String,
}

enum State {
    Closed { anew: bool },
    Open(Follower),
    CatchingUp(JoinHandle<Result<Follower, Broken>>),
}

impl Default for Keeper {
    fn default() -> Self {
        Keeper {
            state: State::Closed { anew: false },
            rests_until: Time(0),
            failures: 0,
            told: String::new(),
        }
    }
}

/// The copy for one search, to whose end it stays open.
pub(super) struct OpenCopy {
    pub(super) conn: Conn,
    found: InStep,
    failed: AtomicBool,
}

impl OpenCopy {
    /// What it answered. An error is noted: the shop's own database can be asked instead, but not when that one failed.
    pub(super) fn answered<T>(&self, answer: Result<T>) -> Result<T> {
        if answer.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        answer
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

/// The copy, which knows all that this node knows of; none when the shop's own database is to be searched.
pub(super) async fn in_step(app: &App) -> Option<OpenCopy> {
    if app.db.engine() == Engine::Sqlite || !app.config.search_copy {
        return None;
    }
    let copy = &app.catalog.search_copy;
    let found = match copy.holding(app) {
        Some(found) => found,
        None => copy.brought_in_step(app).await?,
    };
    Some(OpenCopy {
        conn: found.db.read().await.ok()?,
        found,
        failed: AtomicBool::new(false),
    })
}

/// A search failed in it: when the file is damaged another one is made.
pub(super) async fn failed(app: &App, open: &OpenCopy, error: &Error) {
    let damaged = match error.database() {
        Some(error) if error.is_damage() => true,
        // A search that no copy could answer shall not cost this one.
        Some(DbError::Other(_)) => store::has_tables(&open.conn).await.is_err(),
        _ => false,
    };
    let copy = &app.catalog.search_copy;
    if damaged
        && let Ok(mut keeper) = copy.keeper.try_lock()
        && keeper.state.is_open(open.found.number)
    {
        copy.set(app, None);
        keeper.rest(app, Broken::damaged(error.to_string()));
    }
}

/// Throws changes away that every copy has long heard of; one that has not is made anew.
pub(crate) async fn forget_changes(app: &App) -> Result<u64> {
    const BATCH: i64 = 5_000;
    if app.db.engine() == Engine::Sqlite {
        return Ok(0);
    }
    let mut gone = 0;
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
                && app.clock.now().apart(found.checked) < FRESH
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
                self.set(app, found.clone());
                found
            }
        }
    }

    fn set(&self, app: &App, found: Option<InStep>) {
        app.metrics.search_copy(found.is_some());
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
        if app.clock.now() < self.rests_until {
            return None;
        }
        let found = timeout(MOST, self.state.bring_in_step(app)).await;
        match found.unwrap_or_else(|late| Err(Broken::there(late))) {
            Ok(found) => {
                if found.is_some() {
                    self.failures = 0;
                    self.told.clear();
                }
                found
            }
            Err(broken) => {
                self.rest(app, broken);
                None
            }
        }
    }

    /// What is open stays so, where it is as good as before.
    fn rest(&mut self, app: &App, broken: Broken) {
        let why = broken.why.to_string();
        if self.told != why {
            tracing::warn!(error = why, "there is no search copy, searches take longer");
            self.told = why;
        }
        self.failures = OFTEN.min(self.failures + 1);
        self.rests_until = app.clock.now() + broken.pause * self.failures;
        if broken.anew {
            self.state = State::Closed { anew: true };
        }
    }
}

impl State {
    /// Is it this file, and not one that was made since?
    fn is_open(&self, number: u64) -> bool {
        matches!(self, State::Open(copy) if copy.number() == number)
    }

    async fn bring_in_step(&mut self, app: &App) -> Result<Option<InStep>, Broken> {
        if let State::CatchingUp(task) = self {
            if !task.is_finished() {
                return Ok(None);
            }
            let ended = task.await;
            *self = State::Closed { anew: false };
            *self = State::Open(ended.map_err(Broken::damaged)??);
        }
        if let State::Closed { anew } = *self {
            *self = State::Open(Follower::open(app, anew).await?);
        }
        let State::Open(copy) = self else {
            return Ok(None);
        };
        // Before it is asked what has changed: a write that commits meanwhile is asked for again.
        let (since, checked) = (app.db.marks().now(), app.clock.now());
        if copy.take_in_few(app).await? {
            return Ok(Some(InStep {
                db: copy.db(),
                number: copy.number(),
                since,
                checked,
            }));
        }
        if let State::Open(copy) = std::mem::replace(self, State::Closed { anew: false }) {
            *self = State::CatchingUp(tokio::spawn(copy.catch_up(app.clone())));
        }
        Ok(None)
    }
}
