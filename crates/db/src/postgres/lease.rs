//! A connection in use: statements in the order of asking, many in flight at once.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use deadpool_postgres::Object;
use futures_util::TryStreamExt;
use futures_util::future::{join, try_join_all};
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::Statement;

use super::Mode;
use super::values::typed;
use crate::{DbError, FromRow, Result, Row, Value};

const STATEMENTS_KEPT: usize = 512;

pub(crate) struct Lease {
    client: Option<Object>,
    mode: Mode,
    transaction: bool,
    pub(super) begun: AtomicBool,
    failed: AtomicBool,
    /// Statements that were sent and not yet answered.
    running: AtomicUsize,
    /// Held while a statement is prepared and put on the wire. Without it one that has yet to be prepared would be
    /// overtaken by those behind it.
    turn: Mutex<()>,
}

impl Lease {
    pub(super) fn new(client: Object, mode: Mode, transaction: bool) -> Self {
        let (begun, failed) = (AtomicBool::new(false), AtomicBool::new(false));
        Lease {
            client: Some(client),
            mode,
            transaction,
            begun,
            failed,
            running: AtomicUsize::new(0),
            turn: Mutex::new(()),
        }
    }

    pub(super) fn client(&self) -> Result<&Object> {
        self.client
            .as_ref()
            .ok_or_else(|| DbError::other("the transaction has ended"))
    }

    /// Runs a statement; the first of a transaction travels behind its BEGIN.
    async fn run<T>(
        &self,
        statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        self.running.fetch_add(1, Ordering::Relaxed);
        let result = if self.transaction && !self.begun.swap(true, Ordering::Relaxed) {
            // `join` polls in this order, and a first poll puts the message on the wire.
            match join(self.client()?.batch_execute(&self.mode.begin), statement).await {
                (Ok(()), result) => result,
                (Err(error), _) => Err(error),
            }
        } else {
            statement.await
        };
        self.running.fetch_sub(1, Ordering::Relaxed);
        result.map_err(|error| {
            self.failed.store(true, Ordering::Relaxed);
            error.into()
        })
    }

    pub(crate) async fn all<T: FromRow>(&self, sql: &str, args: &[Value]) -> Result<Vec<T>> {
        let client = self.client()?;
        let rows = self
            .run(async {
                let turn = self.turn.lock().await;
                if self.mode.prepared {
                    let statement = prepare(client, sql).await?;
                    sent(turn, client.query_raw(&statement, args))
                        .await?
                        .try_collect::<Vec<_>>()
                        .await
                } else {
                    sent(turn, client.query_typed(sql, &typed(args))).await
                }
            })
            .await?;
        rows.iter()
            .map(|row| T::from_row(&Row::Postgres(row)))
            .collect()
    }

    pub(crate) async fn execute(&self, sql: &str, args: &[Value]) -> Result<u64> {
        let client = self.client()?;
        self.run(async {
            let turn = self.turn.lock().await;
            if self.mode.prepared {
                let statement = prepare(client, sql).await?;
                sent(turn, client.execute_raw(&statement, args)).await
            } else {
                sent(turn, client.execute_typed(sql, &typed(args))).await
            }
        })
        .await
    }

    pub(crate) async fn execute_each(&self, sql: &str, rows: &[Vec<Value>]) -> Result<Vec<u64>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let client = self.client()?;
        self.run(async {
            let turn = self.turn.lock().await;
            if self.mode.prepared {
                let statement = prepare(client, sql).await?;
                let all = rows.iter().map(|args| client.execute_raw(&statement, args));
                sent(turn, try_join_all(all)).await
            } else {
                let all = rows
                    .iter()
                    .map(|args| async { client.execute_typed(sql, &typed(args)).await });
                sent(turn, try_join_all(all)).await
            }
        })
        .await
    }

    pub(crate) async fn commit(mut self) -> Result<()> {
        let begun = self.begun.load(Ordering::Relaxed);
        if begun && self.failed.load(Ordering::Relaxed) {
            self.rollback().await;
            return Err(DbError::other(
                "a statement failed, so the transaction was rolled back",
            ));
        }
        if begun {
            self.client()?.batch_execute("COMMIT").await?;
        }
        self.begun.store(false, Ordering::Relaxed);
        self.client.take();
        Ok(())
    }

    pub(crate) async fn rollback(mut self) {
        if self.begun.swap(false, Ordering::Relaxed)
            && let Some(client) = self.client.take()
            && client.batch_execute("ROLLBACK").await.is_err()
        {
            drop(Object::take(client));
        }
    }
}

/// Prepares once a connection. Lists have many texts, one for each combination of filters: past a number the
/// connection forgets them all and begins anew, or its memory would grow with the curiosity of clients.
async fn prepare(client: &Object, sql: &str) -> Result<Statement, tokio_postgres::Error> {
    if client.statement_cache.size() >= STATEMENTS_KEPT {
        client.statement_cache.clear();
    }
    client.prepare_cached(sql).await
}

/// Gives the turn on as soon as `statement` is on the wire, which is at its first poll.
async fn sent<F: Future>(turn: MutexGuard<'_, ()>, statement: F) -> F::Output {
    let mut turn = Some(turn);
    let mut statement = pin!(statement);
    poll_fn(|context| {
        let polled = statement.as_mut().poll(context);
        turn.take();
        polled
    })
    .await
}

impl Drop for Lease {
    fn drop(&mut self) {
        // The request was given up in the middle: the connection must not go back with an open transaction, or with
        // a statement that the next request would wait for.
        if (self.begun.load(Ordering::Relaxed) || self.running.load(Ordering::Relaxed) > 0)
            && let Some(client) = self.client.take()
        {
            drop(Object::take(client));
        }
    }
}
