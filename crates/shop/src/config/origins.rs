//! Which browsers' origins and which host names are this shop's own.

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    /// `https://shop.example`, lower case, no slash at the end.
    pub listed: Vec<String>,
    /// Any port of localhost, over http: development.
    pub any_localhost: bool,
}

impl Origins {
    pub fn allows(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        self.listed.contains(&origin) || (self.any_localhost && is_localhost(&origin))
    }
}

pub(super) fn allows_host(allowed: &[String], host: &str) -> bool {
    let host = without_port(host)
        .trim_end_matches('.')
        .to_ascii_lowercase();
    allowed.iter().any(|rule| match rule.strip_prefix('.') {
        Some(domain) => {
            host == domain
                || host
                    .strip_suffix(domain)
                    .is_some_and(|sub| sub.ends_with('.'))
        }
        None => rule == "*" || *rule == host,
    })
}

fn is_localhost(origin: &str) -> bool {
    let Some(authority) = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"))
    else {
        return false;
    };
    let host = without_port(authority);
    let port = authority.get(host.len()..).unwrap_or_default();
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
        && (port.is_empty() || port[1..].parse::<u16>().is_ok())
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, _)) if !host.contains(':') || host.ends_with(']') => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_true_localhost_counts_as_localhost() {
        let origins = Origins {
            listed: vec!["https://shop.example".into()],
            any_localhost: true,
        };
        for origin in [
            "http://localhost:3000",
            "http://127.0.0.1:5173",
            "http://[::1]:3000",
            "http://localhost",
            "https://SHOP.example",
        ] {
            assert!(origins.allows(origin), "{origin}");
        }
        for origin in [
            "http://localhost.evil.example",
            "http://localhost:3000.evil.example",
            "http://evil.example",
            "null",
            "http://localhost@evil.example",
            "https://shop.example:444",
            "http://127.0.0.1:",
        ] {
            assert!(!origins.allows(origin), "{origin}");
        }
    }

    #[test]
    fn hosts_are_compared_without_port_and_case() {
        let allowed = ["localhost", "[::1]", ".shop.example"].map(String::from);
        for host in [
            "localhost",
            "LOCALHOST:8000",
            "[::1]:8000",
            "[::1]",
            "shop.example",
            "www.shop.example:443",
            "shop.example.",
        ] {
            assert!(allows_host(&allowed, host), "{host}");
        }
        for host in [
            "evil.example",
            "notshop.example",
            "localhost.evil.example",
            "",
        ] {
            assert!(!allows_host(&allowed, host), "{host}");
        }
    }
}
