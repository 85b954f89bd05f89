//! All SQL of links in mails.

use db::{Conn, Tx, args};

use super::{Link, LinkToken, Purpose, Purposes};
use crate::accounts::account::key;
use crate::caller::Client;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::{MailLinkId, UserId};

pub const STATEMENTS: &[&str] = &[
    ADD_LINK,
    ADD_LINK_BY_EMAIL,
    END_LINKS,
    END_LINKS_BY_EMAIL,
    HOLD_BY_EMAIL,
    WAITING,
    ARM,
    FIND_LINK,
    USE_LINK,
    VERIFY_EMAIL,
    CHANGE_EMAIL,
    RESET_PASSWORD,
    FORGET_PERSON,
    FORGET_LINKS,
    SWEEP_LINKS,
];

const ADD_LINK: &str = "\
    INSERT INTO mail_links (user_id, purpose, email, ip, user_agent, asked_at) \
    VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";

/// The link that somebody asked for, to be sent to `email`.
pub(in crate::accounts) async fn add_link(
    tx: &Tx,
    user: UserId,
    purpose: Purpose,
    email: &str,
    client: &Client,
    now: Time,
) -> Result<MailLinkId> {
    let (ip, agent) = (client.ip.to_string(), &client.user_agent);
    let args = args![user, purpose, email, ip, agent, now];
    Ok(tx.one(ADD_LINK, args).await?)
}

// An address that is verified needs no such link.
const ADD_LINK_BY_EMAIL: &str = "\
    INSERT INTO mail_links (user_id, purpose, email, ip, user_agent, asked_at) \
    SELECT id, $2, email, $3, $4, $5 FROM users WHERE email_key = $1 AND is_active = TRUE \
    AND (CAST($6 AS BOOLEAN) OR email_verified_at IS NULL) RETURNING id";

/// The same for whoever has the address, if it may be.
pub(super) async fn add_link_by_email(
    tx: &Tx,
    purpose: Purpose,
    email: &str,
    client: &Client,
    now: Time,
) -> Result<Option<MailLinkId>> {
    let (ip, agent) = (client.ip.to_string(), &client.user_agent);
    let anybody = purpose != Purpose::VerifyEmail;
    let args = args![key(email), purpose, ip, agent, now, anybody];
    Ok(tx.optional(ADD_LINK_BY_EMAIL, args).await?)
}

const END_LINKS: &str = "\
    UPDATE mail_links SET ended_at = $1, end_reason = $2 \
    WHERE user_id = $3 AND purpose = $4 AND ended_at IS NULL";
const END_LINKS_BY_EMAIL: &str = "\
    UPDATE mail_links SET ended_at = $1, end_reason = $2 \
    WHERE user_id = (SELECT id FROM users WHERE email_key = $3) AND purpose = $4 AND ended_at IS NULL";

/// Ends what was asked for before, sent or not.
pub(in crate::accounts) async fn end_links(
    tx: &Tx,
    user: UserId,
    purposes: &[Purpose],
    reason: &str,
    now: Time,
) -> Result<()> {
    for purpose in purposes {
        tx.execute(END_LINKS, args![now, reason, user, *purpose])
            .await?;
    }
    Ok(())
}

const HOLD_BY_EMAIL: &str = "UPDATE users SET updated_at = updated_at WHERE email_key = $1";

/// The same for whoever has the address. Who asks at the same moment waits here, and then ends the link of this one.
pub(super) async fn end_links_by_email(
    tx: &Tx,
    purpose: Purpose,
    email: &str,
    now: Time,
) -> Result<()> {
    tx.execute(HOLD_BY_EMAIL, args![key(email)]).await?;
    let args = args![now, "replaced", key(email), purpose];
    tx.execute(END_LINKS_BY_EMAIL, args).await?;
    Ok(())
}

db::record! {
    /// A link whose mail is to be sent.
    pub(super) struct Waiting {
        pub purpose: Purpose,
        pub email: String,
        pub ip: String,
    }
}

const WAITING: &str = "\
    SELECT l.purpose, l.email, l.ip FROM mail_links l JOIN users u ON u.id = l.user_id \
    WHERE l.id = $1 AND l.ended_at IS NULL AND u.is_active = TRUE";

pub(super) async fn waiting(conn: &Conn, link: MailLinkId) -> Result<Option<Waiting>> {
    Ok(conn.optional(WAITING, args![link]).await?)
}

const ARM: &str = "\
    UPDATE mail_links SET token_hash = $2, expires_at = $3 WHERE id = $1 AND ended_at IS NULL";

/// From now on this token opens the link; `false` when the link was ended meanwhile.
pub(super) async fn arm(
    tx: &Tx,
    link: MailLinkId,
    token: &LinkToken,
    expires: Time,
) -> Result<bool> {
    let args = args![link, token.0.hash(), expires];
    Ok(tx.execute(ARM, args).await? == 1)
}

const FIND_LINK: &str = "\
    SELECT user_id, purpose, email FROM mail_links \
    WHERE token_hash = $1 AND purpose IN ($2, $3) AND ended_at IS NULL AND expires_at > $4";
const USE_LINK: &str = "\
    UPDATE mail_links SET ended_at = $4, end_reason = 'used' \
    WHERE token_hash = $1 AND purpose IN ($2, $3) AND ended_at IS NULL AND expires_at > $4 \
    RETURNING user_id, purpose, email";

pub(super) async fn find_link(
    conn: &Conn,
    token: &LinkToken,
    of: Purposes,
    now: Time,
) -> Result<Option<Link>> {
    let args = args![token.0.hash(), of.0, of.1, now];
    Ok(conn.optional(FIND_LINK, args).await?)
}

pub(super) async fn use_link(
    tx: &Tx,
    token: &LinkToken,
    of: Purposes,
    now: Time,
) -> Result<Option<Link>> {
    let args = args![token.0.hash(), of.0, of.1, now];
    Ok(tx.optional(USE_LINK, args).await?)
}

const VERIFY_EMAIL: &str = "\
    UPDATE users SET email_verified_at = COALESCE(email_verified_at, $1), updated_at = $1 \
    WHERE id = $2 AND email_key = $3 AND is_active = TRUE";

/// `false` when the account has another address by now, or is closed.
pub(super) async fn verify_email(tx: &Tx, link: &Link, now: Time) -> Result<bool> {
    let args = args![now, link.user_id, key(&link.email)];
    Ok(tx.execute(VERIFY_EMAIL, args).await? == 1)
}

const CHANGE_EMAIL: &str = "\
    UPDATE users SET email = $1, email_key = $2, email_verified_at = $3, updated_at = $3 \
    WHERE id = $4 AND is_active = TRUE";

/// `false` when the account is closed.
///
/// # Errors
/// Of the unique key, when somebody else has the address by now.
pub(super) async fn change_email(tx: &Tx, link: &Link, now: Time) -> db::Result<bool> {
    let args = args![&link.email, key(&link.email), now, link.user_id];
    Ok(tx.execute(CHANGE_EMAIL, args).await? == 1)
}

// Who has read the mail has shown that the address is theirs.
const RESET_PASSWORD: &str = "\
    UPDATE users SET password_hash = $1, email_verified_at = COALESCE(email_verified_at, $2), updated_at = $2 \
    WHERE id = $3 AND email_key = $4 AND is_active = TRUE";

/// `false` when the account has another address by now, or is closed.
pub(super) async fn reset_password(tx: &Tx, link: &Link, hash: &str, now: Time) -> Result<bool> {
    let args = args![hash, now, link.user_id, key(&link.email)];
    Ok(tx.execute(RESET_PASSWORD, args).await? == 1)
}

const FORGET_PERSON: &str = "UPDATE users SET phone = '', address = '' WHERE id = $1";

/// Takes away where things would be sent.
pub(super) async fn forget_person(tx: &Tx, user: UserId) -> Result<()> {
    tx.execute(FORGET_PERSON, args![user]).await?;
    Ok(())
}

const FORGET_LINKS: &str = "DELETE FROM mail_links WHERE user_id = $1";

/// Deletes all that somebody asked for.
pub(in crate::accounts) async fn forget_links(tx: &Tx, user: UserId) -> Result<()> {
    tx.execute(FORGET_LINKS, args![user]).await?;
    Ok(())
}

const SWEEP_LINKS: &str = "\
    DELETE FROM mail_links WHERE id IN (SELECT id FROM mail_links WHERE asked_at < $1 ORDER BY asked_at LIMIT $2)";

/// Deletes up to so many links that are older.
pub(super) async fn sweep_links(tx: &Tx, before: Time, most: i64) -> Result<u64> {
    Ok(tx.execute(SWEEP_LINKS, args![before, most]).await?)
}
