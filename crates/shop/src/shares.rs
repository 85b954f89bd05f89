//! Places of which there are so many in all, and so many of them for one client.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::address::network;

/// All the places.
pub struct Shares {
    total: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    total: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// One place; free again when dropped.
pub struct Share {
    client: IpAddr,
    taken: Arc<Mutex<Taken>>,
}

/// Why there is no place.
#[derive(Debug, PartialEq, Eq)]
pub enum Full {
    /// All are taken.
    Total,
    /// The client has its part.
    Client,
}

impl Shares {
    /// So many in all.
    pub fn new(total: usize) -> Self {
        Shares {
            total,
            taken: Arc::default(),
        }
    }

    /// A place for a client (a network, when it has an IPv6 address), which has at most so many of them.
    ///
    /// # Errors
    /// There is none left, in all or for this client.
    pub fn take(&self, ip: IpAddr, most: usize) -> Result<Share, Full> {
        let client = network(ip);
        let mut taken = lock(&self.taken);
        if taken.total >= self.total {
            return Err(Full::Total);
        }
        if taken.by_client.get(&client).copied().unwrap_or(0) >= most {
            return Err(Full::Client);
        }
        *taken.by_client.entry(client).or_default() += 1;
        taken.total += 1;
        let taken = self.taken.clone();
        Ok(Share { client, taken })
    }
}

impl Drop for Share {
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

fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    // The counts are whole after every statement, also after one that panicked.
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_given_back_can_be_taken_again() {
        let shares = Shares::new(2);
        let take = |ip: &str| shares.take(ip.parse().unwrap(), 1);

        let one = take("192.0.2.1").ok().unwrap();
        assert_eq!(take("::ffff:192.0.2.1").err(), Some(Full::Client));
        let two = take("192.0.2.2").ok().unwrap();
        assert_eq!(take("192.0.2.3").err(), Some(Full::Total));
        drop(one);
        assert!(take("192.0.2.1").is_ok());
        drop(two);
        assert!(lock(&shares.taken).by_client.is_empty());
    }
}
