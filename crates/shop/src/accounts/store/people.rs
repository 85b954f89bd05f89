//! SQL that writes who somebody is: their names, addresses and the like.

use db::{Conn, DbError, Tx, args};

use crate::accounts::ImportedUser;
use crate::accounts::account;
use crate::caller::Role;
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::ids::UserId;

pub(super) const STATEMENTS: &[&str] = &[
    NAMES_TAKEN,
    ADD_USER,
    IMPORT_USER,
    UPDATE_PROFILE,
    SPELL_EMAIL,
];

const NAMES_TAKEN: &str = "\
    SELECT EXISTS (SELECT 1 FROM users WHERE email_key = $1), \
    EXISTS (SELECT 1 FROM users WHERE username_key = CAST($2 AS TEXT))";

/// Are the address and the username in use? Saves the work; the unique keys decide.
pub(in crate::accounts) async fn names_taken(
    conn: &Conn,
    email: &str,
    username: Option<&str>,
) -> Result<(bool, bool)> {
    Ok(conn
        .one(
            NAMES_TAKEN,
            args![account::key(email), username.map(account::key)],
        )
        .await?)
}

/// A row of `users` to be.
pub(in crate::accounts) struct NewUser<'a> {
    pub email: &'a str,
    pub username: Option<&'a str>,
    pub password_hash: &'a str,
    pub first_name: &'a str,
    pub last_name: &'a str,
    pub phone: &'a str,
    pub address: &'a str,
    pub role: Role,
    pub email_verified_at: Option<Time>,
}

const ADD_USER: &str = "\
    INSERT INTO users (email, email_key, username, username_key, password_hash, first_name, last_name, phone, address, \
    role, email_verified_at, created_at, updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) RETURNING id";

const IMPORT_USER: &str = "\
    INSERT INTO users (email, email_key, username, username_key, password_hash, first_name, last_name, phone, address, \
    role, is_active, email_verified_at, created_at, updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (email_key) DO NOTHING";

/// `false` when somebody has the address.
pub(in crate::accounts) async fn import_user(
    tx: &Tx,
    user: &ImportedUser,
    username: Option<&str>,
    now: Time,
) -> Result<bool> {
    let joined = user.joined.unwrap_or(now);
    let args = args![
        &*user.email,
        account::key(&user.email),
        username,
        username.map(account::key),
        &user.password_hash,
        &user.first_name,
        &user.last_name,
        &user.phone,
        &user.address,
        user.role,
        user.is_active,
        user.email_verified.then_some(now),
        joined,
        now,
    ];
    Ok(tx.execute(IMPORT_USER, args).await? == 1)
}

/// # Errors
/// Names the field when the address or the username is taken.
pub(in crate::accounts) async fn add_user(
    tx: &Tx,
    user: &NewUser<'_>,
    now: Time,
) -> Result<UserId> {
    tx.one(
        ADD_USER,
        args![
            user.email,
            account::key(user.email),
            user.username,
            user.username.map(account::key),
            user.password_hash,
            user.first_name,
            user.last_name,
            user.phone,
            user.address,
            user.role,
            user.email_verified_at,
            now,
        ],
    )
    .await
    .map_err(taken)
}

/// What to change in a profile; what is absent stays.
#[derive(Debug, Default)]
pub(in crate::accounts) struct ProfileChange {
    /// Empty: takes the username away.
    pub username: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub phone: Option<String>,
    pub address: Option<String>,
}

const UPDATE_PROFILE: &str = "\
    UPDATE users SET \
    username = CASE WHEN CAST($2 AS BOOLEAN) THEN CAST($3 AS TEXT) ELSE username END, \
    username_key = CASE WHEN CAST($2 AS BOOLEAN) THEN CAST($4 AS TEXT) ELSE username_key END, \
    first_name = COALESCE(CAST($5 AS TEXT), first_name), last_name = COALESCE(CAST($6 AS TEXT), last_name), \
    phone = COALESCE(CAST($7 AS TEXT), phone), address = COALESCE(CAST($8 AS TEXT), address), updated_at = $9 \
    WHERE id = $1";

/// # Errors
/// Names the field when the username is taken.
pub(in crate::accounts) async fn update_profile(
    tx: &Tx,
    user: UserId,
    change: &ProfileChange,
    now: Time,
) -> Result<()> {
    let username = change.username.as_deref().filter(|name| !name.is_empty());
    tx.execute(
        UPDATE_PROFILE,
        args![
            user,
            change.username.is_some(),
            username,
            username.map(account::key),
            change.first_name.as_ref(),
            change.last_name.as_ref(),
            change.phone.as_ref(),
            change.address.as_ref(),
            now,
        ],
    )
    .await
    .map_err(taken)
    .map(drop)
}

const SPELL_EMAIL: &str =
    "UPDATE users SET email = $2, updated_at = $3 WHERE id = $1 AND email_key = $4";

/// Writes the same address with other capitals.
pub(in crate::accounts) async fn spell_email(
    tx: &Tx,
    user: UserId,
    email: &str,
    now: Time,
) -> Result<()> {
    tx.execute(SPELL_EMAIL, args![user, email, now, account::key(email)])
        .await?;
    Ok(())
}

fn taken(error: DbError) -> Error {
    if error.is_unique("users.email_key") {
        Error::faults(vec![account::email_taken()])
    } else if error.is_unique("users.username_key") {
        Error::faults(vec![account::username_taken()])
    } else {
        error.into()
    }
}
