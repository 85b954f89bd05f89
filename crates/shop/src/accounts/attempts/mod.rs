//! Guessing passwords is made slow: an account takes 3 failed logins in 15 minutes, an address 5, then both are locked
//! until the oldest of them is 15 minutes old. The same for accounts that do not exist.
//!
//! An attempt counts before its password is hashed, so that a burst cannot slip through: it takes one of the places
//! that are left, and gives it back when the password was right. Who finds no place free waits until it is known what
//! became of those that hold them: first in `gate.rs` (attempts of this node), then at the database (of all). Whoever
//! waits holds no turn at hashing, so that nobody else waits for it.
//! A device on which somebody signed in before (`known_device.rs`) has places of its own for that account, so that
//! nobody can be locked out by strangers; and so has each session, for the password that is said again in it. To use
//! a session or a refresh token none is needed.

mod buckets;
mod gate;
pub(super) mod known_device;
pub(super) mod store;

use std::time::Duration;

use db::Tx;
use tokio::time::{Instant, timeout_at};

use buckets::{Bucket, Buckets, hold, judge, of_address, of_nobody, of_user};
pub(super) use gate::Gate;
use gate::Passed;
use known_device::KnownDevice;
pub use store::STATEMENTS;

use super::account;
use super::hashing::Turn;
use super::store::Credentials;
use crate::app::App;
use crate::caller::Client;
use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::ids::{LoginAttemptId, SessionId, UserId};
use crate::{limits, transact};

pub const WINDOW: Duration = Duration::from_secs(15 * 60);
pub const MOST_OF_ACCOUNT: usize = 3;
pub const MOST_OF_ADDRESS: usize = 5;

/// How long a login waits for those before it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long attempts can be looked at.
const KEPT_FOR: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Between two looks at the database, which grow from the one to the other.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

crate::words! {
    pub enum Outcome {
        /// The password is being checked.
        Pending = "pending",
        Succeeded = "succeeded",
        Failed = "failed",
        /// Not looked at: there were too many before.
        Locked = "locked",
        /// Not let in for a reason that is no guess, such as an address that is not verified.
        Refused = "refused",
    }
}

/// An attempt that was counted and must be decided.
pub(super) struct Attempt {
    id: LoginAttemptId,
    buckets: Buckets,
    _passed: Passed,
}

/// What is proven of an attempt before its password is looked at: it has places of its own then, and strangers cannot
/// take them.
#[derive(Clone, Copy)]
pub(super) enum Known<'a> {
    Device(&'a KnownDevice),
    /// A session of the account: somebody says the password again.
    Session {
        user: UserId,
        session: SessionId,
    },
}

/// What is known of an attempt before its password is looked at.
pub(super) struct NewAttempt<'a> {
    pub user: Option<UserId>,
    /// Empty when no e-mail address was typed: what was typed may be a password.
    pub email_key: String,
    pub client: &'a Client,
}

/// An attempt that may be counted: it is past the gate and has a turn at hashing.
pub(super) struct Admitted {
    passed: Passed,
    turn: Turn,
    until: Instant,
}

/// Stands in line, before anything is looked up: who is refused here costs the database nothing. `name` is what was
/// typed; who is known here is known by that.
///
/// # Errors
/// `overloaded` when too many wait for this account, this address, or to be hashed.
pub(super) async fn line_up(
    app: &App,
    name: &str,
    client: &Client,
    known: Option<Known<'_>>,
) -> Result<Admitted> {
    let until = Instant::now() + PATIENCE;
    let network = limits::network(client.ip);
    let passed = timeout_at(until, app.accounts.gate.pass(name, &network, known));
    Ok(Admitted {
        passed: passed.await.map_err(|_| busy())??,
        turn: app.accounts.hasher.admit()?,
        until,
    })
}

/// Counts an attempt to sign in as `name`, who may be `found`, and gives the turn for its password.
///
/// # Errors
/// `login_locked` with the time to wait; `overloaded` when it is not known for too long what became of others.
pub(super) async fn begin(
    app: &App,
    admitted: Admitted,
    name: &str,
    found: Option<&Credentials>,
    client: &Client,
    known: Option<Known<'_>>,
) -> Result<(Attempt, Turn)> {
    let key = account::key(name);
    let buckets = Buckets::of(&key, found, client, known);
    let new = NewAttempt {
        user: found.map(|user| user.id),
        email_key: if key.contains('@') {
            key
        } else {
            String::new()
        },
        client,
    };
    let Admitted {
        passed,
        mut turn,
        until,
    } = admitted;
    let counting = async {
        let (mut pause, mut waiting) = (PAUSE, None);
        loop {
            let now = app.clock.now();
            match transact!(app.db, tx => { count(tx, &new, &buckets, now).await })? {
                Counted::Free(id) => return Ok((id, turn)),
                Counted::Locked(wait) => return Err(locked(wait)),
                Counted::Undecided => {}
            }
            // It may take long, and others need the turn meanwhile.
            drop(turn);
            if waiting.is_none() {
                waiting = Some(app.accounts.gate.wait()?);
            }
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(2 * pause);
            turn = app.accounts.hasher.admit()?;
        }
    };
    let (id, turn) = timeout_at(until, counting).await.map_err(|_| busy())??;
    let attempt = Attempt {
        id,
        buckets,
        _passed: passed,
    };
    Ok((attempt, turn))
}

fn busy() -> Error {
    Code::Overloaded
        .with("Too many sign-ins at the moment. Try again shortly.")
        .retry_after(1)
}

fn locked(wait: Duration) -> Error {
    Code::LoginLocked
        .with("Too many failed login attempts. Please try again later.")
        .retry_after(limits::seconds(wait))
}

enum Counted {
    Free(LoginAttemptId),
    Locked(Duration),
    /// All places are taken by attempts of which it is not known whether they fail.
    Undecided,
}

/// Takes a place in each bucket, or notes the attempt as locked. Who comes here holds the rows of the buckets, so that
/// no two take the same place.
async fn count(tx: &Tx, attempt: &NewAttempt<'_>, buckets: &Buckets, now: Time) -> Result<Counted> {
    hold(tx, buckets, now).await?;
    let of_account = store::counted_by_account(tx, &buckets.account, now - WINDOW).await?;
    let of_address = match &buckets.address {
        Some(address) => store::counted_by_address(tx, address, now - WINDOW).await?,
        None => Vec::new(),
    };
    let states = [
        ("account", judge(&of_account, MOST_OF_ACCOUNT, now)),
        ("address", judge(&of_address, MOST_OF_ADDRESS, now)),
    ];
    let wait = |state: &Bucket| match state {
        Bucket::Locked(wait) => Some(*wait),
        _ => None,
    };
    if let Some((reason, wait)) = states
        .iter()
        .filter_map(|(reason, state)| Some((*reason, wait(state)?)))
        .max_by_key(|(_, wait)| *wait)
    {
        let noted = (Outcome::Locked, Some(reason));
        store::add_attempt(tx, attempt, noted, None, None, now).await?;
        return Ok(Counted::Locked(wait));
    }
    if states
        .iter()
        .any(|(_, state)| matches!(state, Bucket::Undecided))
    {
        return Ok(Counted::Undecided);
    }
    let (account, address) = (Some(&*buckets.account), buckets.address.as_deref());
    let noted = (Outcome::Pending, None);
    let id = store::add_attempt(tx, attempt, noted, account, address, now).await?;
    Ok(Counted::Free(id))
}

impl Attempt {
    /// The password was wrong, or there is no such account: the attempt keeps its places.
    pub(super) async fn failed(self, app: &App, reason: &'static str) -> Result<()> {
        transact!(app.db, tx => {
            store::decide(tx, self.id, Outcome::Failed, Some(reason), true).await
        })
    }

    /// The right password of somebody who was signed in before: the places are free again.
    pub(super) async fn proved(self, app: &App) -> Result<()> {
        transact!(app.db, tx => {
            store::decide(tx, self.id, Outcome::Succeeded, Some("password_again"), false).await
        })
    }

    /// It ended without a decision on the password, or with the right one: the places are free again.
    pub(super) async fn refused(self, app: &App, reason: &'static str) -> Result<()> {
        transact!(app.db, tx => {
            store::decide(tx, self.id, Outcome::Refused, Some(reason), false).await
        })
    }

    /// Signed in: the places are free again, and what failed before is forgiven to the account (not to the address,
    /// or an own account would buy guesses at others).
    pub(super) async fn succeeded(&self, tx: &Tx, user: UserId, now: Time) -> Result<()> {
        hold(tx, &self.buckets, now).await?;
        store::decide(tx, self.id, Outcome::Succeeded, None, false).await?;
        store::forgive_user(tx, user).await
    }
}

/// Forgives an account its failed logins: its password was reset, or an admin says so.
pub(super) async fn clear_account(tx: &Tx, user: UserId, now: Time) -> Result<()> {
    store::hold_bucket(tx, &of_user(user), now).await?;
    store::forgive_user(tx, user).await
}

/// The same for a name that belongs to no account.
pub(super) async fn clear_name(tx: &Tx, name: &str) -> Result<()> {
    store::forgive_account_bucket(tx, &of_nobody(&account::key(name))).await
}

/// The same for an address (by [`limits::network`]).
pub(super) async fn clear_address(tx: &Tx, network: &str) -> Result<()> {
    store::forgive_address_bucket(tx, &of_address(network)).await
}

/// Forgets attempts after 90 days, and buckets that hold nothing any more.
pub async fn forget_old(app: &App) -> Result<u64> {
    const BATCH: i64 = 500;
    let now = app.clock.now();
    let (oldest, settled) = (now - KEPT_FOR, now - 2 * WINDOW);
    let mut gone = 0;
    loop {
        let batch = transact!(app.db, tx => { store::sweep_attempts(tx, oldest, BATCH).await })?;
        let buckets = transact!(app.db, tx => { store::sweep_buckets(tx, settled, BATCH).await })?;
        gone += batch;
        if batch.max(buckets) < BATCH.unsigned_abs() {
            return Ok(gone);
        }
    }
}
