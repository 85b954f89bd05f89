//! The shop's API as a caller sees it: where the server is, who asks, and what an answer means.

mod caller;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;

pub use caller::{Ask, Caller};

use crate::dataset;
use crate::http::Client;
use crate::parallel::{Jobs, in_parallel};

pub const PASSWORD: &str = "Bench-Pass-123";

/// Where the server listens. Loopback only: this program loads a server until it is sold out.
#[derive(Clone, Copy, Debug)]
pub struct Server(pub SocketAddrV4);

impl FromStr for Server {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let rest = url
            .strip_prefix("http://")
            .ok_or("the URL must begin with http://")?;
        let rest = rest.trim_end_matches('/').replace("localhost", "127.0.0.1");
        let address: SocketAddrV4 = rest
            .parse()
            .map_err(|_| "the URL must look like http://127.0.0.1:8000".to_owned())?;
        if !address.ip().is_loopback() {
            return Err("this program talks to loopback addresses only".to_owned());
        }
        Ok(Self(address))
    }
}

impl Server {
    pub fn caller(self, number: usize) -> Caller {
        Caller {
            client: Client::new(self.0, source(number)),
            server: self,
            login: None,
            token: None,
        }
    }

    /// An account of its own for caller `number`, made now or by an earlier run.
    pub async fn customer(self, number: usize, email: &str) -> Result<Caller> {
        let mut caller = self.caller(number);
        let body = json!({"email": email, "password": PASSWORD, "first_name": "Bench", "last_name": "Customer"});
        let answer = caller.send(Ask::post("auth/register/", &body)).await?;
        caller.login = Some((email.to_owned(), PASSWORD.to_owned()));
        if answer.status == 201 {
            caller.token = answer.json()["tokens"]["access"]
                .as_str()
                .map(str::to_owned);
        }
        if caller.token.is_none() {
            caller.sign_in().await.with_context(|| {
                format!(
                    "{email} neither registers ({}) nor signs in",
                    answer.reason()
                )
            })?;
        }
        Ok(caller)
    }

    /// The first so many users of the data set, with accounts.
    pub async fn register_users(self, count: usize) -> Result<()> {
        in_parallel(8, count, async |_, jobs: &Jobs| {
            while let Some(at) = jobs.next() {
                self.customer(at + 1, &dataset::user(at + 1)).await?;
            }
            Ok(())
        })
        .await?;
        Ok(())
    }

    pub async fn signed_in(self, email: &str, password: &str) -> Result<Caller> {
        let mut caller = self.caller(0);
        caller.login = Some((email.to_owned(), password.to_owned()));
        caller.sign_in().await?;
        Ok(caller)
    }

    /// Waits for a server that was started a moment ago, ten seconds at most.
    ///
    /// # Errors
    /// It is not there yet.
    pub async fn is_up(self) -> Result<()> {
        self.is_back(Duration::from_secs(10)).await
    }

    /// Waits until the server answers again.
    pub async fn is_back(self, patience: Duration) -> Result<()> {
        let since = Instant::now();
        while since.elapsed() < patience {
            if self
                .caller(0)
                .send(Ask::get("health/"))
                .await
                .is_ok_and(|answer| answer.status == 200)
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!(
            "{} has not answered for {} seconds",
            self.0,
            patience.as_secs()
        )
    }
}

/// Each caller comes from a loopback address of its own; number 0 is nobody in particular.
pub fn source(number: usize) -> Ipv4Addr {
    let octet = |n: usize| u8::try_from(n % 250 + 1).unwrap_or(1);
    match number {
        0 => Ipv4Addr::LOCALHOST,
        n => Ipv4Addr::new(127, octet(n / 62_500 + 1), octet(n / 250), octet(n)),
    }
}

/// The number of a run's first customer, so that runs on one shop do not share addresses: a shop limits how many
/// accounts one address makes in an hour.
pub fn first_customer(run: &str) -> usize {
    let hash = run.bytes().fold(0, |hash: usize, byte| {
        hash.wrapping_mul(31).wrapping_add(byte.into())
    });
    1 + hash % 5_000 * 3_000
}

/// A short name that no earlier run on the same shop had.
pub fn run_name() -> String {
    use std::hash::{BuildHasher, Hasher};
    let random = std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish();
    format!("{:06x}", random & 0xff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_contacted() {
        assert!("http://127.0.0.1:8000/".parse::<Server>().is_ok());
        assert!("http://localhost:8000".parse::<Server>().is_ok());
        for bad in [
            "http://192.168.0.1:80",
            "https://127.0.0.1:8000",
            "http://example.com:80",
            "127.0.0.1:8000",
        ] {
            assert!(bad.parse::<Server>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_caller_has_an_address_of_its_own() {
        let all: std::collections::HashSet<_> = (0..200_000).map(source).collect();
        assert_eq!(all.len(), 200_000);
        assert!(all.iter().all(Ipv4Addr::is_loopback));
    }
}
