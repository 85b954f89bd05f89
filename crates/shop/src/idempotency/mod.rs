//! Repeated requests: the same `Idempotency-Key` and body get the first answer again.
//!
//! Words: the *scope* is the caller (`user:7`, `guest:…`), the *operation* what is asked for (`place_order`).
//! The record commits with the effect, so a crash in between leaves neither; a twin waits for the first and
//! replays its answer. Where something outside is asked, the claim commits first ([`around`]) and a twin is told that
//! the first is still running. Only 2xx answers are kept, for 24 hours: an error rolls the claim back with everything.

pub mod store;

use std::time::Duration;

use db::Tx;

use crate::app::App;
use crate::clock::Time;
use crate::error::{Code, Result};

const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// A claim that was committed before its effect and has no answer after this was left behind by a crash.
const ABANDONED: Duration = Duration::from_secs(60);

/// A key that a client sent, with the hash of what it asked for.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    pub key: String,
    pub request_hash: [u8; 32],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Do it, then [`keep`] the answer in the same transaction.
    New,
    /// It was done: answer this again, with `Idempotency-Replayed: true`.
    Replay { status: u16, answer: String },
}

/// Forgets all that a caller was answered.
pub async fn forget(tx: &Tx, scope: &str) -> Result<()> {
    store::forget_scope(tx, scope).await
}

/// Claims the key for this transaction; 422 when it was used for another request.
pub async fn claim(
    tx: &Tx,
    scope: &str,
    operation: &str,
    key: &IdempotencyKey,
    now: Time,
) -> Result<Claim> {
    let name = store::Name {
        scope,
        operation,
        key: &key.key,
    };
    if store::claim(tx, &name, &key.request_hash, now, now - KEPT_FOR).await? {
        return Ok(Claim::New);
    }
    match store::find(tx, &name).await? {
        Some((hash, _, _)) if hash != key.request_hash => Err(Code::IdempotencyKeyReused.with(
            "This Idempotency-Key was used with another body. Use a new key for a new request.",
        )),
        Some((_, status, answer)) if status > 0 => Ok(Claim::Replay {
            status: u16::try_from(status).unwrap_or(200),
            answer,
        }),
        _ => Err(Code::IdempotencyInProgress.into()),
    }
}

/// Keeps the answer beside its effect. It should hold no secret: those are derived again at a replay.
pub async fn keep(
    tx: &Tx,
    scope: &str,
    operation: &str,
    key: &IdempotencyKey,
    status: u16,
    answer: &str,
) -> Result<()> {
    store::keep(
        tx,
        &store::Name {
            scope,
            operation,
            key: &key.key,
        },
        status,
        answer,
    )
    .await
}

/// What [`around`] brought.
pub struct Done {
    pub status: u16,
    pub answer: String,
    pub is_replay: bool,
}

/// For work that asks somebody outside, and so cannot be one transaction: the claim is committed first, then the work is
/// done, then its answer is kept. An error gives the key back. After a crash in between the key is free again in a
/// minute, and the work itself has to bear being done a second time.
pub async fn around(
    app: &App,
    scope: &str,
    operation: &str,
    key: Option<&IdempotencyKey>,
    work: impl Future<Output = Result<(u16, String)>>,
) -> Result<Done> {
    let now = app.clock.now();
    if let Some(key) = key {
        let claimed = crate::transact!(app.db, tx => {
            store::drop_abandoned(tx, &store::Name { scope, operation, key: &key.key }, now - ABANDONED).await?;
            claim(tx, scope, operation, key, now).await
        })?;
        if let Claim::Replay { status, answer } = claimed {
            return Ok(Done {
                status,
                answer,
                is_replay: true,
            });
        }
    }
    let result = work.await;
    if let Some(key) = key {
        let name = store::Name {
            scope,
            operation,
            key: &key.key,
        };
        crate::transact!(app.db, tx => {
            match &result {
                Ok((status, answer)) => store::keep(tx, &name, *status, answer).await,
                Err(_) => store::give_up(tx, &name).await,
            }
        })?;
    }
    let (status, answer) = result?;
    Ok(Done {
        status,
        answer,
        is_replay: false,
    })
}

/// Forgets what is older than 24 hours, in small transactions that let other writers in between. Returns how many.
pub async fn forget_old(app: &App) -> Result<u64> {
    const BATCH: u32 = 500;
    let oldest = app.clock.now() - KEPT_FOR;
    let mut gone = 0;
    loop {
        let batch = crate::transact!(app.db, tx => { store::forget_all_old(tx, oldest, BATCH.into()).await })?;
        gone += batch;
        if batch < u64::from(BATCH) {
            return Ok(gone);
        }
    }
}
