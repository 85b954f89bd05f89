//! Counts how often somebody waits for PostgreSQL: a proxy before it, which sees each change of direction.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Round trips of all connections through the proxy.
#[derive(Clone, Default)]
pub struct Trips(Arc<AtomicUsize>);

impl Trips {
    /// A proxy before the server at `host:port`; where it listens.
    pub async fn before(server: String) -> (Trips, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap().to_string();
        let trips = Trips::default();
        let counted = trips.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                // What is sent before anything came back belongs to the same trip.
                let waiting = Arc::new(AtomicBool::new(false));
                let (asked, answered) = (waiting.clone(), waiting);
                let trips = counted.clone();
                tokio::spawn(pass(from_client, to_server, move || {
                    if !asked.swap(true, Ordering::SeqCst) {
                        trips.0.fetch_add(1, Ordering::SeqCst);
                    }
                }));
                tokio::spawn(pass(from_server, to_client, move || {
                    answered.store(false, Ordering::SeqCst);
                }));
            }
        });
        (trips, at)
    }

    /// How many `work` takes.
    pub async fn of(&self, work: impl Future<Output = ()>) -> usize {
        let before = self.0.load(Ordering::SeqCst);
        work.await;
        self.0.load(Ordering::SeqCst) - before
    }
}

async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    note: impl Fn(),
) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(n) = from.read(&mut bytes).await {
        if n == 0 {
            return;
        }
        note();
        if to.write_all(&bytes[..n]).await.is_err() {
            return;
        }
    }
}
