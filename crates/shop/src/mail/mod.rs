//! Mails. A *letter* (to whom, by which template, with which values) is written into the job queue in the transaction
//! that causes it, and sent by the job runner: at once when all is well, again and again when the mail server is away.
//!
//! Text, HTML and subject come from `templates/`; a file of the same name in `EMAIL_TEMPLATES` takes the place of one of
//! these. To add a mail: a line in `templates.rs` and its two files. What people tell of themselves stands in no mail to
//! an address that is not proven to be theirs: strangers would use the shop to send words of their own.
//! Links lead to `PUBLIC_URL` or `STOREFRONT_URL` and never to where a request says that it was sent.

mod letter;
mod templates;
mod transport;

use db::Tx;
use jobs::Runner;
use lettre::message::Mailbox;

pub use letter::Letter;
pub use templates::Template;

use crate::app::App;
use crate::clock::Time;
use crate::config::Config;
use crate::error::Result;

const JOB: &str = "mail";

/// What mails are made and sent with.
pub struct Mailer {
    from: Mailbox,
    /// The part of a message's id behind the `@`.
    host: String,
    templates: templates::Templates,
    transport: transport::Transport,
}

impl Mailer {
    /// # Errors
    /// `EMAIL_URL` makes no sense, or a template of `EMAIL_TEMPLATES` is faulty.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let host = config.email_from.email.domain().to_owned();
        let url = config.email_url.as_ref().map(|url| url.expose());
        Ok(Mailer {
            transport: transport::Transport::new(url, &host)?,
            templates: templates::Templates::new(config)?,
            from: config.email_from.clone(),
            host,
        })
    }
}

/// Writes a letter into the queue; it leaves when the transaction is committed.
pub async fn enqueue(tx: &Tx, letter: &Letter, now: Time) -> Result<()> {
    Ok(jobs::enqueue(tx, JOB, letter, now.0).await?)
}

/// Takes letters to somebody out of the queue, also those that could not be sent.
pub async fn forget(tx: &Tx, email: &str) -> Result<()> {
    Ok(jobs::forget(tx, JOB, &format!("\"to\":\"{email}\"")).await?)
}

/// Sends a letter now. For jobs: it takes as long as the mail server likes, up to 45 seconds.
///
/// # Errors
/// What the mail server says; [`jobs::Hopeless`] when it will never take this letter.
pub async fn post(app: &App, letter: &Letter) -> anyhow::Result<()> {
    let mailer = &app.mailer;
    let now = app.clock.now();
    let message = letter.message(mailer, now)?;
    mailer.transport.send(message, now).await
}

/// Adds what sends the letters of the queue.
pub fn jobs(app: &App, runner: Runner) -> Runner {
    let app = app.clone();
    runner.on_aside(JOB, move |letter: Letter| {
        let app = app.clone();
        async move { post(&app, &letter).await }
    })
}
