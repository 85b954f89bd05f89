//! Links in mails: an address is proven, a password set anew, an address changed.
//!
//! A *link* is a row from the moment it is asked for. Its token (256 random bits) is made by the job that sends the mail
//! and is nowhere but in that mail: the row has its SHA-256, the queue nothing. A mail that is sent again, because the
//! mail server was away, has another token. A link works once, and a newer one of its purpose ends it.
//! Whether there is such an account makes no difference to who asks: not in the answer, and not in the work done.

mod api;
mod ask_again;
mod reset_password;
mod send;
mod store;
mod verify_email;

use std::time::Duration;

use db::{Conn, Tx};
use futures_util::future::BoxFuture;

pub use api::routes;
pub(super) use send::enqueue;
pub use send::jobs;
pub use store::STATEMENTS;
pub(super) use store::{add_link, end_links, forget_links};

use super::tokens::RefreshToken;
use crate::app::App;
use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::ids::UserId;
use crate::mail::Template;
use crate::transact;

/// How long it can be looked up who asked.
const KEPT_FOR: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// What a later feature does when an address is proven, or turns out to belong to somebody else than who signed up with
/// it (then what the stranger left goes). Inside the transaction; listed in `lib.rs`.
pub type AccountHook = for<'a> fn(&'a App, &'a Tx, UserId) -> BoxFuture<'a, Result<()>>;

crate::words! {
    pub(super) enum Purpose {
        VerifyEmail = "verify_email",
        ResetPassword = "reset_password",
        ChangeEmail = "change_email",
    }
}

/// What a link may be for at one place.
type Purposes = (Purpose, Option<Purpose>);

impl Purpose {
    fn lifetime(self) -> Duration {
        match self {
            Purpose::ResetPassword => Duration::from_secs(60 * 60),
            Purpose::VerifyEmail | Purpose::ChangeEmail => Duration::from_secs(24 * 60 * 60),
        }
    }

    fn template(self) -> Template {
        match self {
            Purpose::VerifyEmail => Template::VerifyEmail,
            Purpose::ResetPassword => Template::ResetPassword,
            Purpose::ChangeEmail => Template::ChangeEmail,
        }
    }
}

db::record! {
    /// A link that works.
    pub(super) struct Link {
        pub user_id: UserId,
        pub purpose: Purpose,
        /// The address that it proves.
        pub email: String,
    }
}

/// The token of a link. Made and kept as a refresh token is, but in another table: neither passes for the other.
struct LinkToken(RefreshToken);

impl LinkToken {
    /// # Errors
    /// `token_used_or_expired` for what cannot be one of ours.
    fn parse(text: &str) -> Result<Self> {
        RefreshToken::parse(text).map(LinkToken).ok_or_else(gone)
    }
}

/// # Errors
/// `token_used_or_expired`
async fn find(conn: &Conn, token: &LinkToken, of: Purposes, now: Time) -> Result<Link> {
    store::find_link(conn, token, of, now)
        .await?
        .ok_or_else(gone)
}

/// Uses a link up.
///
/// # Errors
/// `token_used_or_expired`, also when a twin of this request was first.
async fn use_up(tx: &Tx, token: &LinkToken, of: Purposes, now: Time) -> Result<Link> {
    store::use_link(tx, token, of, now).await?.ok_or_else(gone)
}

fn gone() -> Error {
    Code::TokenUsedOrExpired.with("This link was used or has expired. Ask for a new one.")
}

/// Forgets links after 90 days.
pub async fn forget_old(app: &App) -> Result<u64> {
    const BATCH: i64 = 500;
    let oldest = app.clock.now() - KEPT_FOR;
    let mut gone = 0;
    loop {
        let batch = transact!(app.db, tx => { store::sweep_links(tx, oldest, BATCH).await })?;
        gone += batch;
        if batch < BATCH.unsigned_abs() {
            return Ok(gone);
        }
    }
}
