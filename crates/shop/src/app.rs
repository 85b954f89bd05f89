//! What every part of the shop works with: the database, the settings, the clock, and what features keep on this node.

use std::ops::Deref;
use std::sync::Arc;

use db::Db;
use money::{Currency, Money};

use crate::accounts::Accounts;
use crate::catalog;
use crate::clock::Clock;
use crate::config::Config;
use crate::http::Answers;
use crate::limits::Limits;
use crate::mail::Mailer;
use crate::media::Media;
use crate::metrics::Metrics;
use crate::payments::Payments;
use crate::settings;
use crate::traces::Traces;

/// Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

pub struct Parts {
    pub db: Db,
    pub config: Config,
    pub clock: Clock,
    /// The shop's; all amounts are in it.
    pub currency: Currency,
    pub limits: Limits,
    pub mailer: Mailer,
    pub accounts: Accounts,
    pub catalog: catalog::Memory,
    pub payments: Payments,
    pub media: Media,
    pub answers: Answers,
    pub metrics: Metrics,
    pub traces: Traces,
}

impl App {
    /// # Errors
    /// The database is away, or the shop has another currency than `config` says.
    pub async fn new(config: Config, db: Db, clock: Clock) -> anyhow::Result<App> {
        settings::ensure_currency(&db, config.currency).await?;
        let currency = config.currency;
        let accounts = Accounts::new(&config);
        let limits = Limits::new(&config)?;
        let mailer = Mailer::new(&config)?;
        let media = Media::new(&config)?;
        let answers = Answers::new(config.catalog_memory);
        let metrics = Metrics::new(&db, crate::VERSION);
        let traces = Traces::start(&config, db.engine(), metrics.dropped_traces.clone())?;
        Ok(App(Arc::new(Parts {
            db,
            config,
            clock,
            currency,
            limits,
            mailer,
            accounts,
            catalog: catalog::Memory::default(),
            payments: Payments::default(),
            media,
            answers,
            metrics,
            traces,
        })))
    }

    /// `129999` as `"1299.99"`, as amounts stand in answers.
    pub fn amount(&self, minor: i64) -> String {
        Money::new(minor, self.currency).format()
    }
}

impl Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}
