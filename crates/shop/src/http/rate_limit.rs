//! `RATE_LIMIT` for each client address: the refusal, and the headers that say what is left
//! (draft-ietf-httpapi-ratelimit-headers).

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::app::App;
use crate::config::Rate;
use crate::error::{Code, Error};
use crate::limits::{Left, network, seconds};

pub(super) struct RateLimit {
    policy: HeaderValue,
}

impl RateLimit {
    pub(super) fn new(rate: Rate) -> Self {
        let policy = format!("\"client\";q={};w={}", rate.requests, rate.window.as_secs());
        RateLimit {
            policy: HeaderValue::from_str(&policy).unwrap_or_else(|_| HeaderValue::from_static("")),
        }
    }

    /// Takes one request off the allowance of an address.
    pub(super) async fn take(&self, app: &App, ip: IpAddr) -> Result<Option<Left>, Error> {
        let taken = app.limits.take_request(&network(ip), app.clock.now()).await;
        taken.map_err(|wait| {
            Code::RateLimited
                .with("Too many requests from this address.")
                .retry_after(seconds(wait))
        })
    }

    pub(super) fn tell(&self, headers: &mut HeaderMap, left: Option<Left>) {
        let (requests, after) = left.map_or((0, 1), |left| (left.requests, seconds(left.full_in)));
        if let Ok(value) = HeaderValue::from_str(&format!("\"client\";r={requests};t={after}")) {
            headers.insert(HeaderName::from_static("ratelimit"), value);
        }
        headers.insert(
            HeaderName::from_static("ratelimit-policy"),
            self.policy.clone(),
        );
    }
}
