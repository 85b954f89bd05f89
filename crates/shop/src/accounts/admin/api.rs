//! The HTTP face of accounts for admins.

mod security;
mod summary;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use security::{
    AdminSessionOut, AttemptOut, AttemptQuery, SessionQuery, UnlockIn, UnlockedOut, list_attempts,
    list_sessions, unlock,
};
use summary::{SummaryOut, show_summary};

use super::store::{self, UserFilter, UserRow};
use super::update_user::{self, UserChange};
use crate::app::App;
use crate::caller::{Admin, Role};
use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::http::extract::{Id, In, Query};
use crate::http::{Op, Routes, ok};
use crate::ids::UserId;
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
        .get("/admin/security/summary/", show_summary, summary_op)
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
