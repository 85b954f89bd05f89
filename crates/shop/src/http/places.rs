//! Places for requests: so many are answered at once. While the body of a request is on its way it has none, so that
//! clients who do not send what they announced keep nobody out. How many bodies may be on their way has limits of its
//! own, in all and for one client: that bounds the memory they take.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::shares::{Full, Shares};

/// So many bodies may be on their way for each request that may be answered.
const BODIES: usize = 4;
/// The part of the places that one client's bodies may have.
const PART: usize = 8;

pub(super) struct Places {
    answering: Arc<Semaphore>,
    bodies: Shares,
    bodies_of_one: usize,
    request_timeout: Duration,
    body_timeout: Duration,
}

/// One request's place; free when it and its copies are dropped.
#[derive(Clone)]
pub(super) struct Place(Arc<Inner>);

struct Inner {
    places: Arc<Places>,
    client: IpAddr,
    /// When the time for the whole request is over.
    until: Instant,
    held: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Places {
    pub(super) fn new(config: &Config) -> Self {
        let most = config.max_requests_in_flight;
        Places {
            answering: Arc::new(Semaphore::new(most)),
            bodies: Shares::new(most * BODIES),
            bodies_of_one: (most / PART).max(1),
            request_timeout: config.request_timeout,
            body_timeout: config.body_timeout,
        }
    }

    /// A place for a request of this client, or one beside the others: they need no permit who ask how the service is.
    pub(super) fn place(
        self: &Arc<Self>,
        client: IpAddr,
        held: Option<OwnedSemaphorePermit>,
    ) -> Place {
        Place(Arc::new(Inner {
            places: self.clone(),
            client,
            until: Instant::now() + self.request_timeout,
            held: Mutex::new(held),
        }))
    }

    /// Leave to answer one more request. 503 when too many are answered.
    pub(super) fn permit(&self) -> Result<OwnedSemaphorePermit> {
        self.answering.clone().try_acquire_owned().map_err(|_| {
            Code::Overloaded
                .with("Too many requests are being answered.")
                .retry_after(1)
        })
    }
}

impl Place {
    /// Waits for a body without holding the place.
    ///
    /// # Errors
    /// What `body` says; 429 or 503 when too many bodies are on their way or, after it, too many requests are answered.
    pub(super) async fn waiting<T>(&self, body: impl Future<Output = Result<T>>) -> Result<T> {
        let places = &self.0.places;
        let share = places.bodies.take(self.0.client, places.bodies_of_one);
        let share = share.map_err(|full| too_many(&full))?;
        let left = self.hold(None);
        let is_counted = left.is_some();
        drop(left);
        let body = body.await?;
        drop(share);
        if is_counted {
            self.hold(Some(places.permit()?));
        }
        Ok(body)
    }

    /// How long the next bytes of a body are waited for.
    pub(super) fn patience(&self) -> Instant {
        self.0
            .until
            .min(Instant::now() + self.0.places.body_timeout)
    }

    /// Puts another permit in the place of the one held.
    fn hold(&self, permit: Option<OwnedSemaphorePermit>) -> Option<OwnedSemaphorePermit> {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *held, permit)
    }
}

fn too_many(full: &Full) -> Error {
    let error = match full {
        Full::Total => Code::Overloaded.with("Too many bodies are on their way."),
        Full::Client => Code::RateLimited.with("Too many bodies of yours are on their way."),
    };
    error.retry_after(1)
}
