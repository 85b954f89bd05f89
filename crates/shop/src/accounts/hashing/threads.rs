//! The threads on which passwords are hashed. They stand back: whatever else the server has to do goes before them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use tokio::sync::oneshot;

use crate::error::{Error, Result};

type Work = Box<dyn FnOnce() + Send>;

/// A fixed number of threads, which end with this.
pub(super) struct Threads {
    queue: mpsc::Sender<Work>,
}

impl Threads {
    pub(super) fn new(count: usize) -> Self {
        let (queue, work) = mpsc::channel();
        let work = Arc::new(Mutex::new(work));
        for _ in 0..count {
            let work = Arc::clone(&work);
            let begun = thread::Builder::new()
                .name("hashing".to_owned())
                .spawn(move || {
                    stand_back();
                    take_turns(&work);
                });
            if let Err(error) = begun {
                tracing::error!(%error, "a thread for hashing passwords cannot be started");
            }
        }
        Threads { queue }
    }

    /// Does `work` when a thread is free, unless the caller has gone by then.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let work = move || {
            if !answer.is_closed() {
                let _ = answer.send(work());
            }
        };
        self.queue
            .send(Box::new(work))
            .map_err(|error| Error::internal(error.to_string()))?;
        answered.await.map_err(Error::internal)
    }
}

fn take_turns(queue: &Mutex<mpsc::Receiver<Work>>) {
    let next = || queue.lock().ok()?.recv().ok();
    while let Some(work) = next() {
        // A panic costs its caller the answer, and nobody else the thread.
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            tracing::error!("hashing a password panicked");
        }
    }
}

/// The least of the processor. Elsewhere than on Linux, niceness belongs to the whole process.
fn stand_back() {
    #[cfg(target_os = "linux")]
    {
        use thread_priority::{
            NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
            set_thread_priority_and_policy, thread_native_id,
        };
        let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
        let set = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
        if let Err(error) = set {
            tracing::warn!(%error, "hashing passwords goes before other work");
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hashing_stands_back_and_survives_a_panic() {
        let threads = Threads::new(1);
        let nice = || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            // Behind the name, which ends the second field: niceness is the nineteenth.
            let fields = stat.rsplit(") ").next().unwrap();
            fields.split(' ').nth(16).unwrap().to_owned()
        };
        assert_eq!(threads.run(nice).await.unwrap(), "19");
        assert!(threads.run(|| panic!("as a test")).await.is_err());
        assert_eq!(threads.run(nice).await.unwrap(), "19");
    }
}
