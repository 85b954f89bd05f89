//! argon2id on threads of its own, one a core, behind all other work. A short queue waits, the rest is refused:
//! sign-ins must not starve the shop, and each hash takes 19 MiB.

mod threads;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use super::django_hashes;
use super::tokens::random_bytes;
use crate::error::{Code, Error, Result};
use threads::Threads;

/// How many may wait for their turn.
pub(super) const QUEUE: usize = 64;

/// OWASP's recommendation for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Hashes and checks passwords. Clones share the threads.
#[derive(Clone)]
pub(super) struct Hasher {
    threads: Arc<Threads>,
    admitted: Arc<Semaphore>,
    work: Arc<Work>,
}

/// KiB that were gone through.
#[derive(Default)]
struct Work(AtomicU64);

impl Hasher {
    /// `threads` hashes at once.
    pub(super) fn new(threads: usize) -> Self {
        Hasher {
            threads: Arc::new(Threads::new(threads)),
            admitted: Arc::new(Semaphore::new(threads + QUEUE)),
            work: Arc::default(),
        }
    }

    /// How much has been hashed so far, in KiB of memory gone through.
    pub(super) fn work(&self) -> u64 {
        self.work.0.load(Ordering::Relaxed)
    }

    /// A turn, taken before anything else is done for a stranger: who finds none costs nothing.
    ///
    /// # Errors
    /// `overloaded` when the queue is full.
    pub(super) fn admit(&self) -> Result<Turn> {
        let permit =
            Arc::clone(&self.admitted)
                .try_acquire_owned()
                .map_err(|error| match error {
                    TryAcquireError::NoPermits => Code::Overloaded
                        .with("Too many sign-ins at the moment. Try again shortly.")
                        .retry_after(1),
                    TryAcquireError::Closed => Error::internal(error),
                })?;
        Ok(Turn {
            hasher: self.clone(),
            permit: Arc::new(permit),
        })
    }

    /// [`Turn::hash`], in a turn of its own.
    ///
    /// # Errors
    /// `overloaded` when the queue is full.
    pub(super) async fn hash(&self, password: &str) -> Result<String> {
        self.admit()?.hash(password).await
    }
}

/// A place among those who hash or wait for it, for one hash after the other.
pub(super) struct Turn {
    hasher: Hasher,
    permit: Arc<OwnedSemaphorePermit>,
}

impl Turn {
    /// The hash of a new password, with its salt and parameters (PHC string).
    pub(super) async fn hash(&self, password: &str) -> Result<String> {
        let (password, work) = (password.to_owned(), Arc::clone(&self.hasher.work));
        self.run(move || hash(&password, &work)).await?
    }

    /// Is this the password of that hash? Without a hash (nobody has that name) the answer is no, and takes as long.
    pub(super) async fn verify(&self, password: &str, stored: Option<&str>) -> Result<bool> {
        let (password, stored) = (password.to_owned(), stored.map(str::to_owned));
        let work = Arc::clone(&self.hasher.work);
        self.run(move || {
            let matches = verify(&password, stored.as_deref().unwrap_or(NOBODY), &work);
            matches && stored.is_some()
        })
        .await
    }

    /// The permit goes with the work: a client that hangs up does not make room before its turn.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let permit = Arc::clone(&self.permit);
        let work = move || {
            let _held = permit;
            work()
        };
        self.hasher.threads.run(work).await
    }
}

/// Was it made otherwise than new ones are?
pub(super) fn is_outdated(stored: &str) -> bool {
    !stored.starts_with(&format!(
        "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"
    ))
}

impl Work {
    fn add(&self, params: &Params) {
        let kib = u64::from(params.m_cost()) * u64::from(params.t_cost());
        self.0.fetch_add(kib, Ordering::Relaxed);
    }
}

fn hash(password: &str, work: &Work) -> Result<String> {
    let internal = |error: argon2::password_hash::Error| Error::internal(error.to_string());
    let salt = SaltString::encode_b64(&random_bytes::<16>()?).map_err(internal)?;
    let argon2 = argon2()?;
    work.add(argon2.params());
    Ok(argon2
        .hash_password(password.as_bytes(), &salt)
        .map_err(internal)?
        .to_string())
}

fn verify(password: &str, stored: &str, work: &Work) -> bool {
    if let Some(matches) = django_hashes::verify(password, stored) {
        return matches;
    }
    // The parameters are those of the stored hash. What is none matches nothing, and takes as long.
    let Ok(stored) = PasswordHash::new(stored) else {
        let _ = verify(password, NOBODY, work);
        return false;
    };
    if let Ok(params) = Params::try_from(&stored) {
        work.add(&params);
    }
    Argon2::default()
        .verify_password(password.as_bytes(), &stored)
        .is_ok()
}

fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .map_err(|error| Error::internal(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// A hash with today's parameters of a password that nobody was told.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$Y2FydHdyaWdodC1ub2JvZHk$LrPLDgxAsRtigvWdXeC2rPL4+IkGc7hF6H3J8KsgqPQ";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_matches_itself_and_nothing_like_it() {
        let hasher = Hasher::new(2);
        let password = format!(
            "{} 🛒 with spaces ",
            "long enough to pass seventy-two bytes ".repeat(3)
        );
        let stored = hasher.hash(&password).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(
            hasher
                .admit()
                .unwrap()
                .verify(&password, Some(&stored))
                .await
                .unwrap()
        );
        for other in [
            password.trim(),
            &password[..72],
            &password.to_uppercase(),
            "",
        ] {
            assert!(
                !hasher
                    .admit()
                    .unwrap()
                    .verify(other, Some(&stored))
                    .await
                    .unwrap(),
                "{other}"
            );
        }
    }

    #[tokio::test]
    async fn nobody_has_no_password() {
        assert!(
            !Hasher::new(1)
                .admit()
                .unwrap()
                .verify("nobody", None)
                .await
                .unwrap()
        );
        let costs = |hash: &str| hash.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(
            costs(NOBODY),
            costs(&hash("anything", &Work::default()).unwrap())
        );
        assert!(PasswordHash::new(NOBODY).is_ok());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn only_as_many_run_as_there_are_permits_and_a_full_queue_refuses() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let (hasher, running, most) = (
            Hasher::new(2),
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicUsize::new(0)),
        );
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let jobs: Vec<_> = (0..2 + QUEUE)
            .map(|_| {
                let (hasher, running, most) =
                    (hasher.clone(), Arc::clone(&running), Arc::clone(&most));
                let gate = Arc::clone(&gate);
                let work = move || {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let _ = gate.lock().map(|gate| gate.recv());
                    running.fetch_sub(1, Ordering::SeqCst);
                };
                tokio::spawn(async move { hasher.admit()?.run(work).await })
            })
            .collect();
        while hasher.admitted.available_permits() > 0 || running.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }

        let refused = hasher.hash("one too many").await.unwrap_err();

        assert_eq!(
            (refused.code(), refused.retry_after_seconds()),
            (Code::Overloaded, Some(1))
        );
        drop(open);
        for job in jobs {
            job.await.unwrap().unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), 2);
        assert_eq!(hasher.admitted.available_permits(), 2 + QUEUE);
    }
}
