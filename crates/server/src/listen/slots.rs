//! How many connections there may be: in all, and for one client.

use std::net::IpAddr;

use shop::config::{Config, Network};
use shop::error::Code;
use shop::shares::{Full, Share, Shares};

pub(super) struct Slots {
    all: Shares,
    per_client: usize,
    /// A proxy brings many clients; only the total holds for it.
    proxies: Vec<Network>,
}

impl Slots {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            all: Shares::new(config.max_connections),
            per_client: config.max_connections_per_ip,
            proxies: config.trusted_proxies.clone(),
        }
    }

    pub(super) fn take(&self, ip: IpAddr) -> Result<Share, Full> {
        let per_client = match self.proxies.iter().any(|proxy| proxy.contains(ip)) {
            true => usize::MAX,
            false => self.per_client,
        };
        self.all.take(ip, per_client)
    }
}

/// A whole HTTP answer, written without reading the request.
pub(super) fn answer(full: &Full) -> String {
    let (code, reason, detail) = match full {
        Full::Total => (
            Code::Overloaded,
            "Service Unavailable",
            "There are too many connections; try again in a second.",
        ),
        Full::Client => (
            Code::RateLimited,
            "Too Many Requests",
            "You have too many connections; close some or use them again.",
        ),
    };
    let body = serde_json::json!({
        "type": format!("/problems/{}", code.as_str()), "title": code.title(), "status": code.status(),
        "code": code.as_str(), "detail": detail, "request_id": "",
    })
    .to_string();
    format!(
        "HTTP/1.1 {} {reason}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nRetry-After: 1\r\nConnection: close\r\n\r\n{body}",
        code.status(),
        body.len(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_clients_count_by_network_and_proxies_only_in_total() {
        let mut config = Config::for_tests();
        (config.max_connections, config.max_connections_per_ip) = (10, 1);
        config.trusted_proxies = vec![Network::parse("10.0.0.1").unwrap()];
        let slots = Slots::new(&config);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();

        let _one = slots.take(ip("2001:db8::1")).ok().unwrap();
        assert_eq!(slots.take(ip("2001:db8::2")).err(), Some(Full::Client));
        assert!(slots.take(ip("2001:db8:0:1::1")).is_ok());
        let proxied: Vec<_> = (0..3).map(|_| slots.take(ip("10.0.0.1"))).collect();
        assert!(proxied.iter().all(Result::is_ok));
    }
}
