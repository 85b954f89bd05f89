//! At most `RATE_LIMIT` requests for each client address: a bucket that refills evenly (GCRA), one number an address.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use moka::sync::Cache;

use crate::config::Rate;
use crate::error::{Code, Error};

/// More addresses than this are not remembered; the longest unseen go first.
const MOST_ADDRESSES: u64 = 100_000;

pub(super) struct RateLimit {
    rate: Rate,
    started: Instant,
    /// Microseconds after `started` at which the bucket of an address is full again.
    full_at: Cache<IpAddr, Arc<AtomicU64>>,
    policy: HeaderValue,
}

/// What is left of an address's allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    requests: u64,
    full_in: Duration,
}

impl RateLimit {
    pub(super) fn new(rate: Rate) -> Self {
        let policy = format!("\"client\";q={};w={}", rate.requests, rate.window.as_secs());
        RateLimit {
            full_at: Cache::builder()
                .max_capacity(MOST_ADDRESSES)
                .time_to_idle(rate.window)
                .build(),
            policy: HeaderValue::from_str(&policy).unwrap_or_else(|_| HeaderValue::from_static("")),
            started: Instant::now(),
            rate,
        }
    }

    /// Takes one request off the allowance of an address.
    pub(super) fn take(&self, ip: IpAddr) -> Result<Left, Error> {
        self.take_at(ip, micros(self.started.elapsed()))
    }

    fn take_at(&self, ip: IpAddr, now: u64) -> Result<Left, Error> {
        let window = micros(self.rate.window);
        let one = (window / u64::from(self.rate.requests.max(1))).max(1);
        let cell = self.full_at.get_with(network(ip), Arc::default);
        let taken = cell.fetch_update(Ordering::AcqRel, Ordering::Acquire, |full_at| {
            let full_at = full_at.max(now) + one;
            (full_at - now <= window).then_some(full_at)
        });
        match taken {
            Ok(before) => {
                let full_in = before.max(now) + one - now;
                Ok(Left {
                    requests: (window - full_in) / one,
                    full_in: Duration::from_micros(full_in),
                })
            }
            Err(full_at) => {
                let wait = Duration::from_micros(full_at.max(now) + one - now - window);
                Err(Code::RateLimited
                    .with("Too many requests from this address.")
                    .retry_after(wait.as_secs() + 1))
            }
        }
    }

    /// `RateLimit` and `RateLimit-Policy`, as draft-ietf-httpapi-ratelimit-headers has them.
    pub(super) fn tell(&self, headers: &mut HeaderMap, left: Option<Left>) {
        let (requests, seconds) =
            left.map_or((0, 1), |left| (left.requests, left.full_in.as_secs() + 1));
        if let Ok(value) = HeaderValue::from_str(&format!("\"client\";r={requests};t={seconds}")) {
            headers.insert(HeaderName::from_static("ratelimit"), value);
        }
        headers.insert(
            HeaderName::from_static("ratelimit-policy"),
            self.policy.clone(),
        );
    }
}

/// An IPv6 network of 64 bits is one customer of its provider.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn limit() -> RateLimit {
        RateLimit::new(Rate {
            requests: 3,
            window: Duration::from_secs(60),
        })
    }

    fn taken(limit: &RateLimit, ip: &str, at: u64) -> Option<u64> {
        limit
            .take_at(ip.parse().unwrap(), at)
            .ok()
            .map(|left| left.requests)
    }

    #[test]
    fn the_allowance_is_used_up_and_comes_back_evenly() {
        let limit = limit();
        let left: Vec<_> = (0..4).map(|_| taken(&limit, "1.2.3.4", SECOND)).collect();
        assert_eq!(left, [Some(2), Some(1), Some(0), None]);
        assert_eq!(taken(&limit, "1.2.3.4", 20 * SECOND), None);
        assert_eq!(taken(&limit, "1.2.3.4", 21 * SECOND), Some(0));
        assert_eq!(taken(&limit, "1.2.3.5", SECOND), Some(2));
        let refused = limit
            .take_at("1.2.3.4".parse().unwrap(), 21 * SECOND)
            .unwrap_err();
        assert_eq!(
            (refused.code(), refused.retry_after_seconds()),
            (Code::RateLimited, Some(21))
        );
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let limit = limit();
        for last in 1..=3 {
            assert!(taken(&limit, &format!("2001:db8::{last}"), 0).is_some());
        }
        assert_eq!(taken(&limit, "2001:db8::ffff:1", 0), None);
        assert!(taken(&limit, "2001:db8:0:1::1", 0).is_some());
    }
}
