//! From where a request came: the address behind trusted proxies, and the program.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use crate::app::App;
use crate::caller::Client;
use crate::config::Config;

/// More hops than any honest chain of proxies has.
const MAX_HOPS: usize = 32;

impl FromRequestParts<App> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(client(
            &parts.headers,
            parts.extensions.get::<ConnectInfo<SocketAddr>>(),
            &app.config,
        ))
    }
}

/// Who asks: the address behind trusted proxies, and the program.
fn client(headers: &HeaderMap, peer: Option<&ConnectInfo<SocketAddr>>, config: &Config) -> Client {
    let nobody = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
    let ip = client_ip(headers, peer.map_or(nobody, |peer| peer.0), config);
    let agent = headers
        .get(header::USER_AGENT)
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let user_agent = agent
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(400)
        .collect();
    Client { ip, user_agent }
}

/// The address of whoever asks through this peer.
pub(in crate::http) fn client_ip(headers: &HeaderMap, peer: SocketAddr, config: &Config) -> IpAddr {
    address_behind(headers, peer.ip().to_canonical(), config)
}

/// The address behind trusted proxies: the rightmost hop that is none of them.
pub(crate) fn address_behind(headers: &HeaderMap, peer: IpAddr, config: &Config) -> IpAddr {
    let trusted = |ip: IpAddr| {
        config
            .trusted_proxies
            .iter()
            .any(|network| network.contains(ip))
    };
    let mut ip = peer;
    if trusted(peer) {
        let hops = headers
            .get_all("x-forwarded-for")
            .iter()
            .rev()
            .filter_map(|value| value.to_str().ok());
        for hop in hops.flat_map(|value| value.rsplit(',')).take(MAX_HOPS) {
            // A hop that is no address ends what can be believed.
            let Some(hop) = parse_hop(hop.trim()) else {
                break;
            };
            ip = hop;
            if !trusted(hop) {
                break;
            }
        }
    }
    ip
}

/// `1.2.3.4`, `1.2.3.4:5`, `::1`, `[::1]:5`.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let address = text
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    address
        .ok()
        .or_else(bracketed)
        .map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let flags = [
            ("ENVIRONMENT", "testing"),
            ("TRUSTED_PROXIES", "10.0.0.0/8"),
        ];
        let config = Config::from_sources(&Sources::from_flags(&flags)).unwrap();
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let peer = ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1));
        client(&headers, Some(&peer), &config).ip.to_string()
    }

    #[test]
    fn forwarding_headers_count_only_from_trusted_proxies() {
        assert_eq!(seen("203.0.113.9", &["1.2.3.4"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["1.2.3.4"]), "1.2.3.4");
        assert_eq!(seen("::ffff:10.0.0.1", &["1.2.3.4"]), "1.2.3.4");
    }

    #[test]
    fn the_rightmost_untrusted_hop_counts() {
        assert_eq!(seen("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.9.9.9"]), "1.2.3.4");
        assert_eq!(
            seen("10.0.0.1", &["6.6.6.6", "1.2.3.4:99", "10.9.9.9"]),
            "1.2.3.4"
        );
        assert_eq!(
            seen("10.0.0.1", &["6.6.6.6, [2001:db8::1]:80"]),
            "2001:db8::1"
        );
        assert_eq!(seen("10.0.0.1", &["6.6.6.6, ::ffff:1.2.3.4"]), "1.2.3.4");
    }

    #[test]
    fn garbage_and_endless_chains_are_harmless() {
        assert_eq!(seen("10.0.0.1", &["6.6.6.6, garbage"]), "10.0.0.1");
        assert_eq!(
            seen("10.0.0.1", &["6.6.6.6, garbage, 10.0.0.7"]),
            "10.0.0.7"
        );
        let long = vec!["10.0.0.2"; 1000].join(",");
        assert_eq!(seen("10.0.0.1", &[&format!("1.2.3.4,{long}")]), "10.0.0.2");
    }
}
