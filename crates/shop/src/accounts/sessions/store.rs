//! SQL of the lists of sessions.

use db::{Conn, Select, Tx, args};

use crate::clock::Time;
use crate::error::Result;
use crate::ids::{SessionId, UserId};
use crate::paging::{Page, Paging, newest};

pub fn statements() -> Vec<String> {
    let full = Filter {
        user: Some(UserId(1)),
        email: Some("a@b.c".into()),
        ip: Some("::1".into()),
        active: Some(true),
    };
    let heads = [SELECT_SESSIONS, COUNT_SESSIONS];
    let mut all: Vec<String> = heads
        .map(|head| full.on(Select::new(head), Time(0)).sql().to_owned())
        .to_vec();
    let ended = Filter {
        active: Some(false),
        ..Filter::default()
    };
    all.push(
        ended
            .on(Select::new(COUNT_SESSIONS), Time(0))
            .sql()
            .to_owned(),
    );
    all.extend([END_OWN_SESSION, SWEEP_SESSIONS].map(str::to_owned));
    all
}

db::record! {
    pub struct SessionRow {
        pub id: SessionId,
        pub user_id: UserId,
        pub email: String,
        pub ip: String,
        pub user_agent: String,
        pub created_at: Time,
        pub last_seen_at: Time,
        pub expires_at: Time,
        pub ended_at: Option<Time>,
        pub end_reason: Option<String>,
    }
}

const SELECT_SESSIONS: &str = "\
    SELECT s.id, s.user_id, u.email, s.ip, s.user_agent, s.created_at, s.last_seen_at, s.expires_at, s.ended_at, \
    s.end_reason FROM sessions s JOIN users u ON u.id = s.user_id";
const COUNT_SESSIONS: &str = "SELECT COUNT(*) FROM sessions s JOIN users u ON u.id = s.user_id";

#[derive(Default)]
pub(in crate::accounts) struct Filter {
    pub user: Option<UserId>,
    /// The key of an address.
    pub email: Option<String>,
    pub ip: Option<String>,
    pub active: Option<bool>,
}

impl Filter {
    fn on(&self, select: Select, now: Time) -> Select {
        let select = select
            .filter_some("s.user_id = ?", self.user)
            .filter_some("u.email_key = ?", self.email.as_ref())
            .filter_some("s.ip = ?", self.ip.as_ref());
        // Without a token that can be exchanged it will not come back.
        let living = "s.ended_at IS NULL AND s.expires_at > ? AND EXISTS (SELECT 1 FROM refresh_tokens t \
             WHERE t.session_id = s.id AND t.used_at IS NULL AND t.expires_at > ?)";
        match self.active {
            None => select,
            Some(true) => select.filter(living, [now.into(), now.into()]),
            Some(false) => select.filter(&format!("NOT ({living})"), [now.into(), now.into()]),
        }
    }
}

/// The newest first.
pub(in crate::accounts) async fn list_sessions(
    conn: &Conn,
    filter: &Filter,
    paging: &Paging,
    now: Time,
) -> Result<Page<SessionRow>> {
    let rows = filter.on(Select::new(SELECT_SESSIONS), now);
    let count = filter.on(Select::new(COUNT_SESSIONS), now);
    newest(conn, rows, count, "s.id", paging, |row: &SessionRow| {
        row.id.into()
    })
    .await
}

const END_OWN_SESSION: &str = "\
    UPDATE sessions SET ended_at = $1, end_reason = $2 WHERE id = $3 AND user_id = $4 AND ended_at IS NULL";

/// `false` when the user has no such session, or it had ended before.
pub(super) async fn end_own_session(
    tx: &Tx,
    user: UserId,
    session: SessionId,
    reason: &str,
    now: Time,
) -> Result<bool> {
    let args = args![now, reason, session, user];
    Ok(tx.execute(END_OWN_SESSION, args).await? == 1)
}

// None was seen after its end: there is an index for when it was.
const SWEEP_SESSIONS: &str = "\
    DELETE FROM sessions WHERE id IN (SELECT id FROM sessions \
    WHERE last_seen_at < $1 AND (ended_at < $1 OR expires_at < $1) ORDER BY last_seen_at LIMIT $2)";

/// Deletes up to so many sessions that were over before then, and with each its refresh tokens.
pub(super) async fn sweep_sessions(tx: &Tx, before: Time, most: i64) -> Result<u64> {
    Ok(tx.execute(SWEEP_SESSIONS, args![before, most]).await?)
}
