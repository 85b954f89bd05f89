//! The HTTP face of accounts for admins.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::store::{self, AttemptFilter, AttemptRow, LockedRow, UserFilter, UserRow};
use super::unlock::{self, Locked};
use super::update_user::{self, UserChange};
use crate::accounts::account;
use crate::accounts::attempts::{Outcome, WINDOW};
use crate::accounts::sessions::device;
use crate::accounts::sessions::store::{self as sessions, SessionRow};
use crate::app::App;
use crate::caller::{Admin, Role};
use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::http::extract::{Id, In, Query, Since, Until};
use crate::http::{Op, Routes, ok};
use crate::ids::{LoginAttemptId, SessionId, UserId};
use crate::paging::Paging;
use crate::{input, query};

pub fn routes() -> Routes {
    let list_op = Op::new("list_users", "Accounts, the newest first")
        .admin()
        .query::<UserQuery>()
        .lists::<UserOut>();
    let show_op = Op::new("show_user", "An account")
        .admin()
        .answers::<UserOut>(200);
    let update_op = Op::new(
        "update_user",
        "Change a role, close an account or open it again",
    )
    .admin()
    .body::<UserIn>()
    .answers::<UserOut>(200)
    .errors(&[Code::LastAdmin]);
    let attempts_op = Op::new(
        "list_login_attempts",
        "Logins that were tried, the newest first",
    )
    .admin()
    .query::<AttemptQuery>()
    .lists::<AttemptOut>();
    let sessions_op = Op::new(
        "list_all_sessions",
        "Sessions of everybody, the newest first",
    )
    .admin()
    .query::<SessionQuery>()
    .lists::<AdminSessionOut>();
    let summary_op = Op::new(
        "show_security_summary",
        "Logins of the last 24 hours, and who is locked out now",
    )
    .admin()
    .answers::<SummaryOut>(200);
    let unlock_op = Op::new("unlock_logins", "Let an account or an address try again")
        .admin()
        .body::<UnlockIn>()
        .answers::<UnlockedOut>(200);
    Routes::tag("admin")
        .get("/admin/users/", list_users, list_op)
        .get("/admin/users/{id}/", show_user, show_op)
        .patch("/admin/users/{id}/", change_user, update_op)
        .get(
            "/admin/security/login-attempts/",
            list_attempts,
            attempts_op,
        )
        .get("/admin/security/sessions/", list_sessions, sessions_op)
        .get("/admin/security/summary/", summary, summary_op)
        .post("/admin/security/unlock/", unlock, unlock_op)
}

query! {
    struct UserQuery {
        /// Part of the email address, the username or the name.
        search: Option<String>,
        role: Option<Role>,
        is_active: Option<bool>,
        email_verified: Option<bool>,
        paging: Paging,
    }
}

async fn list_users(
    State(app): State<App>,
    _: Admin,
    Query(query): Query<UserQuery>,
) -> Result<Response> {
    let filter = UserFilter {
        search: query.search,
        role: query.role,
        is_active: query.is_active,
        email_verified: query.email_verified,
    };
    let page = store::list_users(&app.db.read().await?, &filter, &query.paging).await?;
    Ok(ok(&page.map(UserOut::from)))
}

async fn show_user(State(app): State<App>, _: Admin, Id(user): Id<UserId>) -> Result<Response> {
    let user = store::find_user(&app.db.read().await?, user).await?;
    Ok(ok(&UserOut::from(user.ok_or_else(Error::not_found)?)))
}

input! {
    /// Body of `PATCH admin/users/{id}/`: what is left out stays as it is.
    struct UserIn {
        role: Option<Role>,
        /// A closed account cannot sign in; its sessions end at once.
        is_active: Option<bool>,
    }
}

async fn change_user(
    State(app): State<App>,
    admin: Admin,
    Id(user): Id<UserId>,
    In(body): In<UserIn>,
) -> Result<Response> {
    let change = UserChange {
        role: body.role,
        is_active: body.is_active,
    };
    let user = update_user::update_user(&app, &admin, user, change).await?;
    Ok(ok(&UserOut::from(user)))
}

query! {
    struct AttemptQuery {
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

async fn list_attempts(
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
    struct SessionQuery {
        user: Option<UserId>,
        email: Option<String>,
        ip_address: Option<IpAddr>,
        /// Those that have not ended.
        active: Option<bool>,
        paging: Paging,
    }
}

async fn list_sessions(
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

async fn summary(State(app): State<App>, _: Admin) -> Result<Response> {
    const HOUR: i64 = 3600 * 1_000_000;
    let now = app.clock.now();
    let this_hour = now.0.div_euclid(HOUR);
    let since = Time((this_hour - 23) * HOUR);
    let conn = app.db.read().await?;
    let counts = store::attempts_by_hour(&conn, since).await?;
    let total = |wanted: Outcome| {
        counts
            .iter()
            .filter(|(_, outcome, _)| *outcome == wanted)
            .map(|(_, _, count)| count)
            .sum()
    };
    let at = |hour: i64, wanted: Outcome| {
        let here = counts
            .iter()
            .find(|(at, outcome, _)| *at == hour && *outcome == wanted);
        here.map_or(0, |(_, _, count)| *count)
    };
    let by_hour = (this_hour - 23..=this_hour).map(|hour| HourOut {
        hour: Time(hour * HOUR),
        failed: at(hour, Outcome::Failed),
        locked: at(hour, Outcome::Locked),
        succeeded: at(hour, Outcome::Succeeded),
    });
    let top = store::top_addresses(&conn, since).await?;
    Ok(ok(&SummaryOut {
        since,
        succeeded: total(Outcome::Succeeded),
        failed: total(Outcome::Failed),
        locked: total(Outcome::Locked),
        by_hour: by_hour.collect(),
        locked_accounts: store::locked_accounts(&conn, now)
            .await?
            .into_iter()
            .map(LockedAccountOut::from)
            .collect(),
        locked_addresses: store::locked_addresses(&conn, now)
            .await?
            .into_iter()
            .map(LockedAddressOut::from)
            .collect(),
        top_addresses: top
            .into_iter()
            .map(|(ip_address, failures)| AddressOut {
                ip_address,
                failures,
            })
            .collect(),
        sessions_last_hour: store::sessions_in_use(&conn, now - Duration::from_secs(3600), now)
            .await?,
    }))
}

input! {
    /// Body of `POST admin/security/unlock/`: one of the two.
    struct UnlockIn {
        /// Of an account, or what was typed for one; a username will do.
        email: Option<String>,
        ip_address: Option<String>,
    }
}

async fn unlock(State(app): State<App>, admin: Admin, In(body): In<UnlockIn>) -> Result<Response> {
    let given = |text: Option<String>| {
        text.map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    };
    let locked = match (given(body.email), given(body.ip_address)) {
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
struct UserOut {
    id: UserId,
    email: String,
    username: Option<String>,
    first_name: String,
    last_name: String,
    phone: String,
    /// `admin` or `customer`.
    role: &'static str,
    is_active: bool,
    email_verified: bool,
    last_login: Option<Time>,
    date_joined: Time,
    updated_at: Time,
}

impl From<UserRow> for UserOut {
    fn from(row: UserRow) -> Self {
        UserOut {
            id: row.id,
            email: row.email,
            username: row.username,
            first_name: row.first_name,
            last_name: row.last_name,
            phone: row.phone,
            role: row.role.as_str(),
            is_active: row.is_active,
            email_verified: row.email_verified_at.is_some(),
            last_login: row.last_login_at,
            date_joined: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct AttemptOut {
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
struct AdminSessionOut {
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
struct SummaryOut {
    /// The start of the first hour; all counts but `locked_…` begin here.
    since: Time,
    succeeded: i64,
    failed: i64,
    /// Tries that were not looked at.
    locked: i64,
    by_hour: Vec<HourOut>,
    locked_accounts: Vec<LockedAccountOut>,
    locked_addresses: Vec<LockedAddressOut>,
    /// With the most failed and locked tries.
    top_addresses: Vec<AddressOut>,
    sessions_last_hour: i64,
}

#[derive(Serialize, ToSchema)]
struct HourOut {
    hour: Time,
    failed: i64,
    locked: i64,
    succeeded: i64,
}

#[derive(Serialize, ToSchema)]
struct LockedAccountOut {
    user_id: Option<UserId>,
    email: String,
    locked_until: Time,
}

impl From<LockedRow> for LockedAccountOut {
    fn from(row: LockedRow) -> Self {
        LockedAccountOut {
            user_id: row.user_id,
            email: row.email.unwrap_or_default(),
            locked_until: row.since + WINDOW,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct LockedAddressOut {
    /// An IPv4 address, or a network of IPv6.
    ip_address: String,
    locked_until: Time,
}

impl From<LockedRow> for LockedAddressOut {
    fn from(row: LockedRow) -> Self {
        LockedAddressOut {
            ip_address: row.bucket.trim_start_matches("address:").to_owned(),
            locked_until: row.since + WINDOW,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct AddressOut {
    ip_address: String,
    failures: i64,
}

#[derive(Serialize, ToSchema)]
struct UnlockedOut {
    message: &'static str,
}
