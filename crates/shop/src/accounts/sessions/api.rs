//! The HTTP face of somebody's own sessions.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::store::{self, Filter, SessionRow};
use super::{device, end_all_sessions, end_session};
use crate::app::App;
use crate::caller::User;
use crate::clock::Time;
use crate::error::Result;
use crate::http::extract::{Id, In, Query};
use crate::http::{Op, Routes, no_content, ok};
use crate::ids::SessionId;
use crate::input;
use crate::paging::Paging;

pub fn routes() -> Routes {
    let list_op = Op::new(
        "list_sessions",
        "The devices on which you are signed in, the newest first",
    )
    .user()
    .query::<Paging>()
    .lists::<SessionOut>();
    let end_op = Op::new("end_session", "Sign out from one device")
        .user()
        .answers_nothing(204);
    let end_all_op = Op::new("end_all_sessions", "Sign out from all devices")
        .user()
        .body::<EndAllIn>()
        .answers::<EndedOut>(200);
    Routes::tag("auth")
        .get("/auth/sessions/", list, list_op)
        .delete("/auth/sessions/{id}/", end, end_op)
        .post("/auth/sessions/deactivate-all/", end_all, end_all_op)
}

async fn list(
    State(app): State<App>,
    user: User,
    Query(paging): Query<Paging>,
) -> Result<Response> {
    let filter = Filter {
        user: Some(user.id),
        active: Some(true),
        ..Filter::default()
    };
    let now = app.clock.now();
    let page = store::list_sessions(&app.db.read().await?, &filter, &paging, now).await?;
    Ok(ok(&page.map(|row| SessionOut::new(row, user.session))))
}

async fn end(State(app): State<App>, user: User, Id(session): Id<SessionId>) -> Result<Response> {
    end_session(&app, user, session).await?;
    Ok(no_content())
}

input! {
    /// Body of `POST auth/sessions/deactivate-all/`; it may be empty.
    struct EndAllIn {
        /// Stay signed in here.
        keep_current: Option<bool>,
    }
}

async fn end_all(State(app): State<App>, user: User, In(body): In<EndAllIn>) -> Result<Response> {
    let ended = end_all_sessions(&app, user, body.keep_current.unwrap_or(false)).await?;
    Ok(ok(&EndedOut {
        message: "Signed out.",
        ended,
    }))
}

#[derive(Serialize, ToSchema)]
struct SessionOut {
    id: SessionId,
    /// Such as `Firefox on Windows`.
    device: String,
    ip_address: String,
    user_agent: String,
    /// The one that asks.
    is_current: bool,
    created_at: Time,
    /// To the minute.
    last_seen_at: Time,
    expires_at: Time,
}

impl SessionOut {
    fn new(row: SessionRow, current: SessionId) -> Self {
        SessionOut {
            id: row.id,
            device: device::label(&row.user_agent),
            ip_address: row.ip,
            user_agent: row.user_agent,
            is_current: row.id == current,
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
            expires_at: row.expires_at,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct EndedOut {
    message: &'static str,
    /// How many sessions ended.
    ended: u64,
}
