//! SQL of what is known of a person.

use db::{Conn, Tx, args};

use crate::accounts::attempts::Outcome;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::UserId;

pub const STATEMENTS: &[&str] = &[
    SESSIONS,
    LOGINS,
    IS_WORKING_ADMIN,
    FORGET_LOGINS,
    FORGET_SESSIONS,
    ERASE_USER,
    ERASED_ACCOUNTS,
    FIND_ERASABLE,
];

db::record! {
    pub struct SessionRecord {
        pub ip: String,
        pub user_agent: String,
        pub created_at: Time,
        pub last_seen_at: Time,
        pub ended_at: Option<Time>,
    }
}

const SESSIONS: &str = "\
    SELECT ip, user_agent, created_at, last_seen_at, ended_at FROM sessions WHERE user_id = $1 ORDER BY id DESC LIMIT 10000";

/// The newest first.
pub async fn sessions(conn: &Conn, user: UserId) -> Result<Vec<SessionRecord>> {
    Ok(conn.all(SESSIONS, args![user]).await?)
}

db::record! {
    pub struct LoginRecord {
        pub at: Time,
        pub ip: String,
        pub user_agent: String,
        pub outcome: Outcome,
    }
}

// Strangers may have filled it.
const LOGINS: &str = "\
    SELECT at, ip, user_agent, outcome FROM login_attempts WHERE user_id = $1 ORDER BY id DESC LIMIT 10000";

/// The newest first.
pub async fn logins(conn: &Conn, user: UserId) -> Result<Vec<LoginRecord>> {
    Ok(conn.all(LOGINS, args![user]).await?)
}

const IS_WORKING_ADMIN: &str =
    "SELECT EXISTS (SELECT 1 FROM users WHERE id = $1 AND role = 'admin' AND is_active = TRUE)";

pub(super) async fn is_working_admin(conn: &Conn, user: UserId) -> Result<bool> {
    Ok(conn.one(IS_WORKING_ADMIN, args![user]).await?)
}

const FORGET_LOGINS: &str = "\
    DELETE FROM login_attempts WHERE user_id = $1 \
    OR (email_key <> '' AND email_key = (SELECT email_key FROM users WHERE id = $1))";

pub(super) async fn forget_logins(tx: &Tx, user: UserId) -> Result<()> {
    tx.execute(FORGET_LOGINS, args![user]).await?;
    Ok(())
}

const FORGET_SESSIONS: &str = "DELETE FROM sessions WHERE user_id = $1";

pub(super) async fn forget_sessions(tx: &Tx, user: UserId) -> Result<()> {
    tx.execute(FORGET_SESSIONS, args![user]).await?;
    Ok(())
}

// No address that anybody could have, and no hash that any password has.
const ERASE_USER: &str = "\
    UPDATE users SET email = $2, email_key = $2, username = NULL, username_key = NULL, password_hash = '!', \
    first_name = '', last_name = '', phone = '', address = '', role = 'customer', is_active = FALSE, \
    email_verified_at = NULL, last_login_at = NULL, updated_at = $3, erased_at = $3 \
    WHERE id = $1 AND erased_at IS NULL";

/// `false` when it was done before.
pub(super) async fn erase_user(tx: &Tx, user: UserId, now: Time) -> Result<bool> {
    let args = args![user, format!("erased-{user}"), now];
    Ok(tx.execute(ERASE_USER, args).await? == 1)
}

db::record! {
    /// Which account it was. Ids begin again after a restore; nobody else has both.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Erased {
        pub id: UserId,
        pub created_at: Time,
    }
}

const ERASED_ACCOUNTS: &str =
    "SELECT id, created_at FROM users WHERE erased_at IS NOT NULL ORDER BY id";

pub async fn erased_accounts(conn: &Conn) -> Result<Vec<Erased>> {
    Ok(conn.all(ERASED_ACCOUNTS, args![]).await?)
}

const FIND_ERASABLE: &str =
    "SELECT id FROM users WHERE id = $1 AND created_at = $2 AND erased_at IS NULL";

/// The account, if it is back.
pub async fn find_erasable(conn: &Conn, erased: Erased) -> Result<Option<UserId>> {
    let args = args![erased.id, erased.created_at];
    Ok(conn.optional(FIND_ERASABLE, args).await?)
}
