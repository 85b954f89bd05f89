//! How often something may be done: the limits beside that on logging in, which the database keeps
//! (`accounts/attempts/`). To add one: a line in [`Limit::rule`], and a call of [`check`] where it is done.

mod bucket;
mod local;
mod shared;

use std::net::IpAddr;
use std::time::Duration;

pub(crate) use bucket::Left;
use bucket::{Buckets, Pace};
use local::Local;
use shared::Shared;

use crate::address;
use crate::app::App;
use crate::clock::Time;
use crate::config::Config;
use crate::error::{Code, Error, Result};

/// More keys than this are not remembered; the longest unseen go first.
const MOST_KEYS: u64 = 100_000;

/// What is limited, and by whose doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    SignUpByAddress,
    ResendByAddress,
    ResendByAccount,
    ResetByAddress,
    ResetByAccount,
}

/// So many within any such time.
#[derive(Clone, Copy, Debug)]
struct Rule {
    name: &'static str,
    most: usize,
    within: Duration,
}

impl Limit {
    fn rule(self) -> Rule {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let (name, most, within) = match self {
            Limit::SignUpByAddress => ("sign-up", 10, minutes(60)),
            Limit::ResendByAddress => ("resend-address", 5, minutes(15)),
            Limit::ResendByAccount => ("resend-account", 3, minutes(60)),
            Limit::ResetByAddress => ("reset-address", 5, minutes(15)),
            Limit::ResetByAccount => ("reset-account", 3, minutes(60)),
        };
        Rule { name, most, within }
    }
}

/// Counts one more try of `key`: an address by [`network`], an account by the key of its e-mail address, whether or
/// not there is such an account.
///
/// # Errors
/// `rate_limited` when it is one too many; that try is not counted.
pub async fn check(app: &App, limit: Limit, key: &str) -> Result<()> {
    let rule = limit.rule();
    let now = app.clock.now();
    match app.limits.take(rule, key, now).await {
        None => Ok(()),
        Some(wait) => Err(too_many(wait)),
    }
}

/// `rate_limited` for so long.
pub fn too_many(wait: Duration) -> Error {
    Code::RateLimited
        .with("Too many requests. Try again later.")
        .retry_after(seconds(wait))
}

/// What counts as one address: with IPv6 a network of 64 bits, which is one customer of its provider.
pub fn network(ip: IpAddr) -> String {
    match address::network(ip) {
        IpAddr::V6(network) => format!("{network}/64"),
        IpAddr::V4(ip) => ip.to_string(),
    }
}

/// For `Retry-After`: whole seconds, never too few.
pub fn seconds(wait: Duration) -> u64 {
    wait.as_millis()
        .div_ceil(1000)
        .max(1)
        .try_into()
        .unwrap_or(u64::MAX)
}

/// What is counted: on this node and, with `REDIS_URL`, in Redis for all nodes.
pub struct Limits {
    local: Local,
    requests: Option<(Pace, Buckets)>,
    shared: Option<Shared>,
}

impl Limits {
    /// # Errors
    /// `REDIS_URL` makes no sense.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let pace = config.rate_limit.map(|rate| Pace {
            requests: rate.requests,
            window: rate.window,
        });
        let shared = config
            .redis_url
            .as_ref()
            .map(|url| Shared::new(url.expose()));
        Ok(Limits {
            local: Local::new(),
            requests: pace.map(|pace| (pace, Buckets::new(pace))),
            shared: shared.transpose()?,
        })
    }

    /// Nothing, or how long to wait. This node counts in any case: what it has seen still holds when Redis goes away,
    /// and whom it refuses need not be asked about.
    async fn take(&self, rule: Rule, key: &str, now: Time) -> Option<Duration> {
        let wait = self.local.take(rule, key, now);
        let (None, Some(shared)) = (wait, &self.shared) else {
            return wait;
        };
        let wait = shared.take(rule, key, now).await.flatten();
        if wait.is_some() {
            self.local.give_back(rule, key);
        }
        wait
    }

    /// Takes one request off the allowance of an address, where there is a limit; or says how long to wait.
    pub(crate) async fn take_request(
        &self,
        network: &str,
        now: Time,
    ) -> std::result::Result<Option<Left>, Duration> {
        let Some((pace, buckets)) = &self.requests else {
            return Ok(None);
        };
        let left = buckets.take(*pace, network, now)?;
        let Some(shared) = &self.shared else {
            return Ok(Some(left));
        };
        let of_all = Box::pin(shared.take_request(*pace, network, now)).await;
        of_all.unwrap_or(Ok(left)).map(Some)
    }
}
