//! SQL of what admins see of accounts and logins.

use db::{Conn, Select, Tx, args};

use crate::accounts::attempts::{MOST_OF_ACCOUNT, MOST_OF_ADDRESS, Outcome, WINDOW};
use crate::caller::Role;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::{LoginAttemptId, UserId};
use crate::paging::{Page, Paging, newest};

pub fn statements() -> Vec<String> {
    let users = UserFilter {
        search: Some("a".into()),
        role: Some(Role::Admin),
        is_active: Some(true),
        email_verified: Some(false),
    };
    let attempts = AttemptFilter {
        user: Some(UserId(1)),
        email: Some("a@b.c".into()),
        ip: Some("::1".into()),
        outcome: Some(Outcome::Failed),
        from: Some(Time(0)),
        until: Some(Time(0)),
    };
    let mut all: Vec<String> = [
        HOLD_ADMINS,
        HAS_OTHER_ADMIN,
        FIND_USER,
        UPDATE_USER,
        BY_HOUR,
        TOP_ADDRESSES,
    ]
    .map(str::to_owned)
    .to_vec();
    all.extend([LOCKED_ACCOUNTS, LOCKED_ADDRESSES, ACTIVE_SESSIONS].map(str::to_owned));
    all.extend(
        [SELECT_USERS, COUNT_USERS].map(|head| users.on(Select::new(head)).sql().to_owned()),
    );
    all.extend(
        [SELECT_ATTEMPTS, COUNT_ATTEMPTS]
            .map(|head| attempts.on(Select::new(head)).sql().to_owned()),
    );
    all
}

// ---- accounts

db::record! {
    #[derive(Clone, Debug)]
    pub struct UserRow {
        pub id: UserId,
        pub email: String,
        pub username: Option<String>,
        pub first_name: String,
        pub last_name: String,
        pub phone: String,
        pub role: Role,
        pub is_active: bool,
        pub email_verified_at: Option<Time>,
        pub last_login_at: Option<Time>,
        pub created_at: Time,
        pub updated_at: Time,
        pub erased_at: Option<Time>,
    }
}

const SELECT_USERS: &str = "\
    SELECT id, email, username, first_name, last_name, phone, role, is_active, email_verified_at, last_login_at, \
    created_at, updated_at, erased_at FROM users";
const COUNT_USERS: &str = "SELECT COUNT(*) FROM users";
const FIND_USER: &str = "\
    SELECT id, email, username, first_name, last_name, phone, role, is_active, email_verified_at, last_login_at, \
    created_at, updated_at, erased_at FROM users WHERE id = $1";

#[derive(Default)]
pub(super) struct UserFilter {
    pub search: Option<String>,
    pub role: Option<Role>,
    pub is_active: Option<bool>,
    pub email_verified: Option<bool>,
}

impl UserFilter {
    fn on(&self, mut select: Select) -> Select {
        if let Some(search) = &self.search {
            let pattern = contains(&search.trim().to_lowercase());
            select = select.filter(
                "email_key LIKE ? ESCAPE '!' OR username_key LIKE ? ESCAPE '!' \
                 OR LOWER(first_name || ' ' || last_name) LIKE ? ESCAPE '!'",
                [(&pattern).into(), (&pattern).into(), (&pattern).into()],
            );
        }
        let verified = self.email_verified.map(|verified| match verified {
            true => "email_verified_at IS NOT NULL",
            false => "email_verified_at IS NULL",
        });
        select = verified
            .into_iter()
            .fold(select, |select, condition| select.filter(condition, []));
        select
            .filter_some("role = ?", self.role)
            .filter_some("is_active = ?", self.is_active)
    }
}

/// A pattern of LIKE (with `!` to escape) for a text anywhere.
fn contains(text: &str) -> String {
    let escaped = text
        .replace('!', "!!")
        .replace('%', "!%")
        .replace('_', "!_");
    format!("%{escaped}%")
}

pub(super) async fn list_users(
    conn: &Conn,
    filter: &UserFilter,
    paging: &Paging,
) -> Result<Page<UserRow>> {
    let (rows, count) = (
        filter.on(Select::new(SELECT_USERS)),
        filter.on(Select::new(COUNT_USERS)),
    );
    newest(conn, rows, count, "id", paging, |row: &UserRow| {
        row.id.into()
    })
    .await
}

pub(super) async fn find_user(conn: &Conn, user: UserId) -> Result<Option<UserRow>> {
    Ok(conn.optional(FIND_USER, args![user]).await?)
}

const HOLD_ADMINS: &str = "UPDATE generations SET value = value + 1 WHERE area = 'admins'";

/// Whoever else wants to take an admin away waits until this transaction ends. To be called before anything is read.
pub(in crate::accounts) async fn hold_admins(tx: &Tx) -> Result<()> {
    tx.execute(HOLD_ADMINS, args![]).await?;
    Ok(())
}

const HAS_OTHER_ADMIN: &str = "\
    SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND is_active = TRUE AND erased_at IS NULL AND id <> $1)";

/// Would an active admin be left without this one? Only while [`hold_admins`] holds.
pub(in crate::accounts) async fn has_other_admin(tx: &Tx, user: UserId) -> Result<bool> {
    Ok(tx.one(HAS_OTHER_ADMIN, args![user]).await?)
}

const UPDATE_USER: &str = "UPDATE users SET role = $2, is_active = $3, updated_at = $4 WHERE id = $1 AND (role <> $2 OR is_active <> $3)";

pub(super) async fn update_user(
    tx: &Tx,
    user: UserId,
    role: Role,
    is_active: bool,
    now: Time,
) -> Result<()> {
    tx.execute(UPDATE_USER, args![user, role, is_active, now])
        .await?;
    Ok(())
}

// ---- logins

db::record! {
    pub struct AttemptRow {
        pub id: LoginAttemptId,
        pub at: Time,
        pub user_id: Option<UserId>,
        pub email: Option<String>,
        pub email_key: String,
        pub ip: String,
        pub user_agent: String,
        pub outcome: Outcome,
        pub reason: Option<String>,
    }
}

const SELECT_ATTEMPTS: &str = "\
    SELECT a.id, a.at, a.user_id, u.email, a.email_key, a.ip, a.user_agent, a.outcome, a.reason \
    FROM login_attempts a LEFT JOIN users u ON u.id = a.user_id";
const COUNT_ATTEMPTS: &str =
    "SELECT COUNT(*) FROM login_attempts a LEFT JOIN users u ON u.id = a.user_id";

#[derive(Default)]
pub(super) struct AttemptFilter {
    pub user: Option<UserId>,
    /// The key of an address: as it was typed, or of the account.
    pub email: Option<String>,
    pub ip: Option<String>,
    pub outcome: Option<Outcome>,
    pub from: Option<Time>,
    pub until: Option<Time>,
}

impl AttemptFilter {
    fn on(&self, mut select: Select) -> Select {
        if let Some(email) = &self.email {
            select = select.filter(
                "a.email_key = ? OR u.email_key = ?",
                [email.into(), email.into()],
            );
        }
        select
            .filter_some("a.user_id = ?", self.user)
            .filter_some("a.ip = ?", self.ip.as_ref())
            .filter_some("a.outcome = ?", self.outcome)
            .filter_some("a.at >= ?", self.from)
            .filter_some("a.at < ?", self.until)
    }
}

pub(super) async fn list_attempts(
    conn: &Conn,
    filter: &AttemptFilter,
    paging: &Paging,
) -> Result<Page<AttemptRow>> {
    let (rows, count) = (
        filter.on(Select::new(SELECT_ATTEMPTS)),
        filter.on(Select::new(COUNT_ATTEMPTS)),
    );
    newest(conn, rows, count, "a.id", paging, |row: &AttemptRow| {
        row.id.into()
    })
    .await
}

const BY_HOUR: &str = "\
    SELECT at / 3600000000, outcome, COUNT(*) FROM login_attempts WHERE at >= $1 GROUP BY at / 3600000000, outcome";

/// Hours since 1970, outcome, and how many.
pub(super) async fn attempts_by_hour(conn: &Conn, since: Time) -> Result<Vec<(i64, Outcome, i64)>> {
    Ok(conn.all(BY_HOUR, args![since]).await?)
}

const TOP_ADDRESSES: &str = "\
    SELECT ip, COUNT(*) AS failures FROM login_attempts WHERE at >= $1 AND outcome IN ('failed', 'locked') \
    GROUP BY ip ORDER BY COUNT(*) DESC, ip LIMIT 10";

pub(super) async fn top_addresses(conn: &Conn, since: Time) -> Result<Vec<(String, i64)>> {
    Ok(conn.all(TOP_ADDRESSES, args![since]).await?)
}

db::record! {
    pub struct LockedRow {
        pub bucket: String,
        pub user_id: Option<UserId>,
        pub email: Option<String>,
        /// The oldest failure that counts.
        pub since: Time,
    }
}

// A device that is known has a bucket of its own, and so has a session: they lock nobody else.
const LOCKED_ACCOUNTS: &str = "\
    SELECT a.account_bucket AS bucket, MAX(a.user_id) AS user_id, MAX(COALESCE(u.email, a.email_key)) AS email, \
    MIN(a.at) AS since FROM login_attempts a LEFT JOIN users u ON u.id = a.user_id \
    WHERE a.account_bucket IS NOT NULL AND a.at > $1 AND a.outcome = 'failed' AND a.account_bucket NOT LIKE 'user:%:%' \
    GROUP BY a.account_bucket HAVING COUNT(*) >= $2 ORDER BY MIN(a.at) DESC, a.account_bucket LIMIT 100";
const LOCKED_ADDRESSES: &str = "\
    SELECT a.address_bucket AS bucket, CAST(NULL AS BIGINT) AS user_id, CAST(NULL AS TEXT) AS email, MIN(a.at) AS since \
    FROM login_attempts a WHERE a.address_bucket IS NOT NULL AND a.at > $1 AND a.outcome = 'failed' \
    GROUP BY a.address_bucket HAVING COUNT(*) >= $2 ORDER BY MIN(a.at) DESC, a.address_bucket LIMIT 100";

pub(super) async fn locked_accounts(conn: &Conn, now: Time) -> Result<Vec<LockedRow>> {
    Ok(conn
        .all(LOCKED_ACCOUNTS, args![now - WINDOW, count(MOST_OF_ACCOUNT)])
        .await?)
}

pub(super) async fn locked_addresses(conn: &Conn, now: Time) -> Result<Vec<LockedRow>> {
    Ok(conn
        .all(
            LOCKED_ADDRESSES,
            args![now - WINDOW, count(MOST_OF_ADDRESS)],
        )
        .await?)
}

fn count(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

const ACTIVE_SESSIONS: &str = "SELECT COUNT(*) FROM sessions WHERE last_seen_at >= $1 AND ended_at IS NULL AND expires_at > $2";

/// Sessions in use since then.
pub(super) async fn sessions_in_use(conn: &Conn, since: Time, now: Time) -> Result<i64> {
    Ok(conn.one(ACTIVE_SESSIONS, args![since, now]).await?)
}
