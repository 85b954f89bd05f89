//! How many connections there may be: in all, and for one client.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use shop::address::network;
use shop::config::{Config, Network};
use shop::error::Code;

pub(super) struct Slots {
    total: usize,
    per_client: usize,
    /// A proxy brings many clients; only the total holds for it.
    proxies: Vec<Network>,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    total: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// Free again when dropped.
pub(super) struct Slot {
    client: IpAddr,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Full {
    Total,
    Client,
}

impl Slots {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            total: config.max_connections,
            per_client: config.max_connections_per_ip,
            proxies: config.trusted_proxies.clone(),
            taken: Arc::default(),
        }
    }

    pub(super) fn take(&self, ip: IpAddr) -> Result<Slot, Full> {
        let client = network(ip);
        let per_client = match self.proxies.iter().any(|proxy| proxy.contains(ip)) {
            true => usize::MAX,
            false => self.per_client,
        };
        let mut taken = lock(&self.taken);
        if taken.total >= self.total {
            return Err(Full::Total);
        }
        let of_client = taken.by_client.entry(client).or_default();
        if *of_client >= per_client {
            return Err(Full::Client);
        }
        *of_client += 1;
        taken.total += 1;
        Ok(Slot {
            client,
            taken: self.taken.clone(),
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        taken.total -= 1;
        if let Some(count) = taken.by_client.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                taken.by_client.remove(&self.client);
            }
        }
    }
}

impl Full {
    /// A whole HTTP answer, written without reading the request.
    pub(super) fn answer(&self) -> String {
        let (code, reason, detail) = match self {
            Self::Total => (
                Code::Overloaded,
                "Service Unavailable",
                "There are too many connections; try again in a second.",
            ),
            Self::Client => (
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
}

fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    // The counts are whole after every statement, also after one that panicked.
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(total: usize, per_client: usize) -> Slots {
        let mut config = Config::for_tests();
        (config.max_connections, config.max_connections_per_ip) = (total, per_client);
        config.trusted_proxies = vec![Network::parse("10.0.0.1").unwrap()];
        Slots::new(&config)
    }

    #[test]
    fn a_slot_that_is_given_back_can_be_taken_again() {
        let slots = slots(2, 1);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();

        let one = slots.take(ip("192.0.2.1")).ok().unwrap();
        assert_eq!(slots.take(ip("::ffff:192.0.2.1")).err(), Some(Full::Client));
        let two = slots.take(ip("192.0.2.2")).ok().unwrap();
        assert_eq!(slots.take(ip("192.0.2.3")).err(), Some(Full::Total));
        drop(one);
        assert!(slots.take(ip("192.0.2.1")).is_ok());
        drop(two);
        assert!(lock(&slots.taken).by_client.is_empty());
    }

    #[test]
    fn ipv6_clients_count_by_network_and_proxies_only_in_total() {
        let slots = slots(10, 1);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();

        let _one = slots.take(ip("2001:db8::1")).ok().unwrap();
        assert_eq!(slots.take(ip("2001:db8::2")).err(), Some(Full::Client));
        assert!(slots.take(ip("2001:db8:0:1::1")).is_ok());
        let proxied: Vec<_> = (0..3).map(|_| slots.take(ip("10.0.0.1"))).collect();
        assert!(proxied.iter().all(Result::is_ok));
    }
}
