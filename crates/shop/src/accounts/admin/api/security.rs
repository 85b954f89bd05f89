//! Logins that were tried, sessions of everybody, and letting somebody in again.

use std::net::IpAddr;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::account::{self, MOST_OF_NAME};
use crate::accounts::admin::store::{self, AttemptFilter, AttemptRow};
use crate::accounts::admin::unlock::{self, Locked};
use crate::accounts::attempts::Outcome;
use crate::accounts::sessions::device;
use crate::accounts::sessions::store::{self as sessions, SessionRow};
use crate::app::App;
use crate::caller::Admin;
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::http::extract::{In, Query, Since, Until};
use crate::http::ok;
use crate::ids::{LoginAttemptId, SessionId, UserId};
use crate::paging::Paging;
use crate::values::Line;
use crate::{input, query};

query! {
    pub(super) struct AttemptQuery {
        user: Option<UserId>,
        email: Option<String>,
        ip_address: Option<IpAddr>,
        outcome: Option<Outcome>,
        /// A day in the shop's time zone (`2026-01-31`, from its start) or a moment.
        date_from: Option<Since>,
        /// A day (to its end) or a moment.
        date_to: Option<Until>,
        paging: Paging,
    }
}

pub(super) async fn list_attempts(
    State(app): State<App>,
    _: Admin,
    Query(query): Query<AttemptQuery>,
) -> Result<Response> {
    let filter = AttemptFilter {
        user: query.user,
        email: query.email.as_deref().map(account::key),
        ip: query.ip_address.map(|ip| ip.to_string()),
        outcome: query.outcome,
        from: query.date_from.map(|since| since.0),
        until: query.date_to.map(|until| until.0),
    };
    let page = store::list_attempts(&app.db.read().await?, &filter, &query.paging).await?;
    Ok(ok(&page.map(AttemptOut::from)))
}

query! {
    pub(super) struct SessionQuery {
        user: Option<UserId>,
        email: Option<String>,
        ip_address: Option<IpAddr>,
        /// Those that have not ended.
        active: Option<bool>,
        paging: Paging,
    }
}

pub(super) async fn list_sessions(
    State(app): State<App>,
    _: Admin,
    Query(query): Query<SessionQuery>,
) -> Result<Response> {
    let filter = sessions::Filter {
        user: query.user,
        email: query.email.as_deref().map(account::key),
        ip: query.ip_address.map(|ip| ip.to_string()),
        active: query.active,
    };
    let now = app.clock.now();
    let page = sessions::list_sessions(&app.db.read().await?, &filter, &query.paging, now).await?;
    Ok(ok(&page.map(AdminSessionOut::from)))
}

input! {
    /// Body of `POST admin/security/unlock/`: one of the two.
    pub(super) struct UnlockIn {
        /// Of an account, or what was typed for one; a username will do.
        email: Option<Line<MOST_OF_NAME>>,
        ip_address: Option<String>,
    }
}

pub(super) async fn unlock(
    State(app): State<App>,
    admin: Admin,
    In(body): In<UnlockIn>,
) -> Result<Response> {
    let given = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let name = body.email.map(String::from).and_then(given);
    let locked = match (name, body.ip_address.and_then(given)) {
        (Some(name), None) => Locked::Account(name),
        (None, Some(ip)) => Locked::Address(parse_address(&ip)?),
        _ => {
            return Err(Error::field(
                "email",
                "required",
                "Give either an email or an ip_address.",
            ));
        }
    };
    unlock::unlock(&app, &admin, &locked).await?;
    Ok(ok(&UnlockedOut {
        message: "Unlocked.",
    }))
}

/// An address, or a network of IPv6 as the summary names it.
fn parse_address(text: &str) -> Result<IpAddr> {
    let address = text.strip_suffix("/64").unwrap_or(text).parse::<IpAddr>();
    let fault = || {
        Error::field(
            "ip_address",
            "invalid",
            "Enter a valid IPv4 or IPv6 address.",
        )
    };
    address.map(|ip| ip.to_canonical()).map_err(|_| fault())
}

#[derive(Serialize, ToSchema)]
pub(super) struct AttemptOut {
    id: LoginAttemptId,
    at: Time,
    /// Null when there is no such account.
    user_id: Option<UserId>,
    /// Of the account, or as it was typed; empty when what was typed is no address.
    email: String,
    ip_address: String,
    user_agent: String,
    /// `succeeded`, `failed`, `locked` (not looked at), `refused` (no guess) or `pending`.
    outcome: &'static str,
    /// `wrong_password`, `unknown_account`, `account_closed`; `account` or `address` when locked; else the code of the
    /// answer.
    reason: Option<String>,
}

impl From<AttemptRow> for AttemptOut {
    fn from(row: AttemptRow) -> Self {
        AttemptOut {
            id: row.id,
            at: row.at,
            user_id: row.user_id,
            email: row.email.unwrap_or(row.email_key),
            ip_address: row.ip,
            user_agent: row.user_agent,
            outcome: row.outcome.as_str(),
            reason: row.reason,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct AdminSessionOut {
    id: SessionId,
    user_id: UserId,
    email: String,
    device: String,
    ip_address: String,
    user_agent: String,
    created_at: Time,
    last_seen_at: Time,
    expires_at: Time,
    ended_at: Option<Time>,
    end_reason: Option<String>,
}

impl From<SessionRow> for AdminSessionOut {
    fn from(row: SessionRow) -> Self {
        AdminSessionOut {
            id: row.id,
            user_id: row.user_id,
            email: row.email,
            device: device::label(&row.user_agent),
            ip_address: row.ip,
            user_agent: row.user_agent,
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
            expires_at: row.expires_at,
            ended_at: row.ended_at,
            end_reason: row.end_reason,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct UnlockedOut {
    message: &'static str,
}
