//! The job that sends a link: it makes the token, notes its hash, and puts the token into the mail.

use db::Tx;
use jobs::Runner;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{LinkToken, Purpose, store};
use crate::accounts::tokens::RefreshToken;
use crate::app::App;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::MailLinkId;
use crate::mail::{self, Letter};
use crate::transact;

const JOB: &str = "mail_link";

#[derive(Serialize, Deserialize)]
struct Payload {
    /// None: nobody was found. The job is there all the same, so that asking costs the same.
    link: Option<MailLinkId>,
}

/// Has the mail of a link sent once the transaction is committed.
pub(in crate::accounts) async fn enqueue(
    tx: &Tx,
    link: Option<MailLinkId>,
    now: Time,
) -> Result<()> {
    Ok(jobs::enqueue(tx, JOB, &Payload { link }, now.0).await?)
}

/// Adds what sends the links of the queue.
pub fn jobs(app: &App, runner: Runner) -> Runner {
    let app = app.clone();
    runner.on_aside(JOB, move |payload: Payload| {
        let app = app.clone();
        async move {
            match payload.link {
                Some(link) => send(&app, link).await,
                None => Ok(()),
            }
        }
    })
}

async fn send(app: &App, link: MailLinkId) -> anyhow::Result<()> {
    let waiting = store::waiting(&app.db.read().await?, link).await?;
    // Asked for again, or no longer needed, while the mail server was away.
    let Some(waiting) = waiting else {
        return Ok(());
    };
    let token = LinkToken(RefreshToken::random()?);
    let lifetime = waiting.purpose.lifetime();
    let expires = app.clock.now() + lifetime;
    if !transact!(app.db, tx => { store::arm(tx, link, &token, expires).await })? {
        return Ok(());
    }
    let minutes = lifetime.as_secs() / 60;
    let values = json!({
        "link": url(app, waiting.purpose, &token),
        "minutes": minutes,
        "hours": minutes / 60,
        "address": waiting.ip,
    });
    let letter = Letter::new(&waiting.email, waiting.purpose.template(), values);
    mail::post(app, &letter).await
}

/// Where the link leads: to the shop's own front end, or to us.
fn url(app: &App, purpose: Purpose, token: &LinkToken) -> String {
    let page = match purpose {
        Purpose::ResetPassword => "reset-password",
        Purpose::VerifyEmail | Purpose::ChangeEmail => "verify-email",
    };
    let token = token.0.reveal();
    match &app.config.storefront_url {
        Some(storefront) => format!("{storefront}/{page}/{token}"),
        None => format!("{}/api/v1/auth/{page}/{token}/", app.config.public_url),
    }
}
