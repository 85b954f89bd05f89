//! Asking for a link with nothing but an e-mail address: the verification mail once more, or a new password.

use super::{Purpose, send, store};
use crate::accounts::account;
use crate::app::App;
use crate::caller::Client;
use crate::error::{Error, Result};
use crate::limits::{self, Limit, network};
use crate::transact;

/// Sends the verification mail again, if there is such an account that needs it.
///
/// # Errors
/// The address is none; `rate_limited`.
pub(super) async fn resend_verification(
    app: &App,
    email: Option<&str>,
    client: &Client,
) -> Result<()> {
    let limits = (Limit::ResendByAddress, Limit::ResendByAccount);
    ask(app, Purpose::VerifyEmail, limits, email, client).await
}

/// Sends a link for a new password, if there is such an account.
///
/// # Errors
/// The address is none; `rate_limited`.
pub(super) async fn ask_for_reset(app: &App, email: Option<&str>, client: &Client) -> Result<()> {
    let limits = (Limit::ResetByAddress, Limit::ResetByAccount);
    ask(app, Purpose::ResetPassword, limits, email, client).await
}

async fn ask(
    app: &App,
    purpose: Purpose,
    (by_address, by_account): (Limit, Limit),
    email: Option<&str>,
    client: &Client,
) -> Result<()> {
    let email = account::parse_email(email).map_err(|fault| Error::faults(vec![fault]))?;
    limits::check(app, by_address, &network(client.ip)).await?;
    limits::check(app, by_account, &account::key(&email)).await?;
    let now = app.clock.now();
    transact!(app.db, tx => {
        store::end_links_by_email(tx, purpose, &email, now).await?;
        let link = store::add_link_by_email(tx, purpose, &email, client, now).await?;
        send::enqueue(tx, link, now).await
    })
}
