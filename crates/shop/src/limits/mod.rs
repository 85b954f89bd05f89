//! How often something may be done: the limits beside that on logging in, which the database keeps
//! (`accounts/attempts.rs`). To add one: a line in `RULES`, and a call of [`check`] where it is done.

mod local;

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use local::Local;

use crate::app::App;
use crate::clock::Time;
use crate::error::{Code, Result};

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
        Some(wait) => Err(Code::RateLimited
            .with("Too many requests. Try again later.")
            .retry_after(seconds(wait))),
    }
}

/// What counts as one address: with IPv6 a network of 64 bits, which is one customer of its provider.
pub fn network(ip: IpAddr) -> String {
    match ip {
        IpAddr::V6(ip) => {
            let network = Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX));
            format!("{network}/64")
        }
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

/// What is counted, on this node.
pub struct Limits {
    local: Local,
}

impl Limits {
    #[expect(clippy::new_without_default, reason = "it will take settings")]
    pub fn new() -> Self {
        Limits {
            local: Local::new(),
        }
    }

    /// Nothing, or how long to wait.
    #[expect(clippy::unused_async, reason = "other nodes will be asked")]
    async fn take(&self, rule: Rule, key: &str, now: Time) -> Option<Duration> {
        self.local.take(rule, key, now)
    }
}
