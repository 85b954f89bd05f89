//! All SQL of the audit log: it is written and read.

use db::{Conn, Select, Tx, args};

use super::Action;
use crate::caller::RequestId;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::{AuditId, UserId};
use crate::paging::{Page, Paging, newest};

pub fn statements() -> Vec<String> {
    let full = Filter {
        actor: Some(UserId(1)),
        action: Some(Action::UserUpdated),
        subject_type: Some("user".into()),
        subject_id: Some("1".into()),
        request_id: Some("x".into()),
        from: Some(Time(0)),
        until: Some(Time(0)),
    };
    let selects =
        [SELECT_ENTRIES, COUNT_ENTRIES].map(|head| full.on(Select::new(head)).sql().to_owned());
    [
        selects.to_vec(),
        [ADD_ENTRY, LAST_ENTRY].map(str::to_owned).to_vec(),
    ]
    .concat()
}

const ADD_ENTRY: &str = "\
    INSERT INTO audit_log (at, actor_id, action, subject_type, subject_id, before, after, request_id) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

pub(super) struct NewEntry<'a> {
    pub action: Action,
    pub subject_type: &'a str,
    pub subject_id: &'a str,
    pub before: Option<String>,
    pub after: Option<String>,
}

pub(super) async fn add_entry(
    tx: &Tx,
    (actor, request): (UserId, RequestId),
    entry: &NewEntry<'_>,
    now: Time,
) -> Result<()> {
    let args = args![
        now,
        actor,
        entry.action,
        entry.subject_type,
        entry.subject_id,
        entry.before.as_ref(),
        entry.after.as_ref(),
        request.as_str(),
    ];
    tx.execute(ADD_ENTRY, args).await?;
    Ok(())
}

const LAST_ENTRY: &str = "\
    SELECT at FROM audit_log WHERE subject_type = $1 AND subject_id = $2 AND action = $3 ORDER BY id DESC LIMIT 1";

pub(super) async fn last_entry(conn: &Conn, action: Action, subject: &str) -> Result<Option<Time>> {
    let args = args![action.subject(), subject, action];
    Ok(conn.optional(LAST_ENTRY, args).await?)
}

db::record! {
    pub struct Entry {
        pub id: AuditId,
        pub at: Time,
        pub actor_id: UserId,
        pub actor_email: Option<String>,
        pub action: Action,
        pub subject_type: String,
        pub subject_id: String,
        pub before: Option<String>,
        pub after: Option<String>,
        pub request_id: String,
    }
}

const SELECT_ENTRIES: &str = "\
    SELECT a.id, a.at, a.actor_id, u.email AS actor_email, a.action, a.subject_type, a.subject_id, a.before, a.after, \
    a.request_id FROM audit_log a LEFT JOIN users u ON u.id = a.actor_id";
const COUNT_ENTRIES: &str = "SELECT COUNT(*) FROM audit_log a";

#[derive(Default)]
pub(super) struct Filter {
    pub actor: Option<UserId>,
    pub action: Option<Action>,
    pub subject_type: Option<String>,
    pub subject_id: Option<String>,
    pub request_id: Option<String>,
    pub from: Option<Time>,
    pub until: Option<Time>,
}

impl Filter {
    fn on(&self, select: Select) -> Select {
        select
            .filter_some("a.actor_id = ?", self.actor)
            .filter_some("a.action = ?", self.action)
            .filter_some("a.subject_type = ?", self.subject_type.as_ref())
            .filter_some("a.subject_id = ?", self.subject_id.as_ref())
            .filter_some("a.request_id = ?", self.request_id.as_ref())
            .filter_some("a.at >= ?", self.from)
            .filter_some("a.at < ?", self.until)
    }
}

/// The newest first.
pub(super) async fn list_entries(
    conn: &Conn,
    filter: &Filter,
    paging: &Paging,
) -> Result<Page<Entry>> {
    let (rows, count) = (
        filter.on(Select::new(SELECT_ENTRIES)),
        filter.on(Select::new(COUNT_ENTRIES)),
    );
    newest(conn, rows, count, "a.id", paging, |entry: &Entry| {
        entry.id.into()
    })
    .await
}
