//! Answering a mail: the address is proven, be it the one of the account or the one it is to have.

use db::Tx;
use serde_json::json;

use super::{LinkToken, Purpose, Purposes, end_links, gone, store, use_up};
use crate::accounts::log_in::SignedIn;
use crate::accounts::second_factor;
use crate::accounts::sign_in::open_session;
use crate::accounts::store::account;
use crate::app::App;
use crate::caller::{CartToken, Client};
use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::ids::UserId;
use crate::mail::{self, Letter, Template};
use crate::transact;

pub(super) const PURPOSES: Purposes = (Purpose::VerifyEmail, Some(Purpose::ChangeEmail));

/// Uses the link up and signs its owner in.
///
/// # Errors
/// `token_used_or_expired`; `otp_required`, with the address verified, when there is a second factor; `duplicate` when the new address belongs to somebody else by now.
pub(super) async fn verify_email(
    app: &App,
    token: &str,
    client: &Client,
    cart: Option<&CartToken>,
) -> Result<SignedIn> {
    let token = LinkToken::parse(token)?;
    let now = app.clock.now();
    let (account, session) = transact!(app.db, tx => {
        let user = confirm(app, tx, &token, now).await?;
        if second_factor::is_enabled(tx, user).await? {
            return Ok(None);
        }
        let session = open_session(app, tx, user, client, cart, now).await?;
        Ok(Some((account(tx, user).await?, session)))
    })?
    .ok_or_else(|| {
        Code::OtpRequired.with("The address is verified. Sign in with your password and a code.")
    })?;
    let tokens = session.tokens(app, account.id, now)?;
    Ok(SignedIn {
        account,
        tokens,
        cart_adjustments: session.cart_adjustments,
    })
}

/// Uses the link up and signs nobody in: for the page, which could not keep the tokens.
///
/// # Errors
/// As [`verify_email`].
pub(super) async fn confirm_email(app: &App, token: &str) -> Result<()> {
    let token = LinkToken::parse(token)?;
    let now = app.clock.now();
    transact!(app.db, tx => { confirm(app, tx, &token, now).await.map(drop) })
}

async fn confirm(app: &App, tx: &Tx, token: &LinkToken, now: Time) -> Result<UserId> {
    let user = prove(tx, token, now).await?;
    for hook in crate::ON_VERIFY {
        hook(app, tx, user).await?;
    }
    Ok(user)
}

async fn prove(tx: &Tx, token: &LinkToken, now: Time) -> Result<UserId> {
    let link = use_up(tx, token, PURPOSES, now).await?;
    let user = link.user_id;
    if link.purpose == Purpose::VerifyEmail {
        if !store::verify_email(tx, &link, now).await? {
            return Err(gone());
        }
        end_links(tx, user, &[Purpose::VerifyEmail], "verified", now).await?;
        return Ok(user);
    }
    let before = account(tx, user).await?;
    let changed = store::change_email(tx, &link, now).await;
    match changed {
        Ok(true) => {}
        Ok(false) => return Err(gone()),
        Err(error) if error.is_unique("users.email_key") => {
            return Err(Code::Duplicate.with("Another account has this address by now."));
        }
        Err(error) => return Err(Error::from(error)),
    }
    // What was sent to the address before opens nothing any more.
    end_links(tx, user, Purpose::ALL, "email_changed", now).await?;
    let values = json!({"email": link.email});
    let letter = Letter::new(&before.email, Template::EmailChanged, values);
    mail::enqueue(tx, &letter, now).await?;
    Ok(user)
}
