//! The HTTP face of the audit log: admins read it, nobody writes it.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::Action;
use super::store::{self, Entry, Filter};
use crate::app::App;
use crate::caller::Admin;
use crate::clock::Time;
use crate::error::Result;
use crate::http::extract::{Query, Since, Until};
use crate::http::{Op, Routes, ok};
use crate::ids::{AuditId, UserId};
use crate::paging::Paging;
use crate::query;

pub fn routes() -> Routes {
    let list_op = Op::new("list_audit_log", "What staff changed, the newest first")
        .admin()
        .query::<AuditQuery>()
        .lists::<EntryOut>();
    Routes::tag("admin").get("/admin/audit-log/", list, list_op)
}

query! {
    struct AuditQuery {
        /// Who did it.
        actor: Option<UserId>,
        action: Option<Action>,
        /// `product`, `category`, `order`, `user` or `logins`.
        subject_type: Option<String>,
        subject_id: Option<String>,
        request_id: Option<String>,
        /// A day in the shop's time zone (`2026-01-31`, from its start) or a moment.
        date_from: Option<Since>,
        /// A day (to its end) or a moment.
        date_to: Option<Until>,
        paging: Paging,
    }
}

async fn list(
    State(app): State<App>,
    _: Admin,
    Query(query): Query<AuditQuery>,
) -> Result<Response> {
    let filter = Filter {
        actor: query.actor,
        action: query.action,
        subject_type: query.subject_type,
        subject_id: query.subject_id,
        request_id: query.request_id,
        from: query.date_from.map(|since| since.0),
        until: query.date_to.map(|until| until.0),
    };
    let page = store::list_entries(&app.db.read().await?, &filter, &query.paging).await?;
    Ok(ok(&page.map(EntryOut::from)))
}

#[derive(Serialize, ToSchema)]
struct EntryOut {
    id: AuditId,
    at: Time,
    actor_id: UserId,
    /// Null when the account is gone.
    actor_email: Option<String>,
    action: &'static str,
    subject_type: String,
    subject_id: String,
    /// The members that were changed, as they were.
    #[schema(value_type = Option<Object>)]
    before: Option<Box<RawValue>>,
    /// The same as they became.
    #[schema(value_type = Option<Object>)]
    after: Option<Box<RawValue>>,
    request_id: String,
}

impl From<Entry> for EntryOut {
    fn from(entry: Entry) -> Self {
        let raw = |text: Option<String>| text.and_then(|text| RawValue::from_string(text).ok());
        EntryOut {
            id: entry.id,
            at: entry.at,
            actor_id: entry.actor_id,
            actor_email: entry.actor_email,
            action: entry.action.as_str(),
            subject_type: entry.subject_type,
            subject_id: entry.subject_id,
            before: raw(entry.before),
            after: raw(entry.after),
            request_id: entry.request_id,
        }
    }
}
