//! Counts how often somebody waits for PostgreSQL: a proxy before it, as far away as another machine, which sees each
//! change of direction.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How long an answer is on its way: time enough for all that is sent without waiting for it.
const DISTANCE: Duration = Duration::from_millis(5);

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
                tokio::spawn(pass(from_client, to_server, async move || {
                    if !asked.swap(true, Ordering::SeqCst) {
                        trips.0.fetch_add(1, Ordering::SeqCst);
                    }
                }));
                tokio::spawn(pass(from_server, to_client, async move || {
                    tokio::time::sleep(DISTANCE).await;
                    answered.store(false, Ordering::SeqCst);
                }));
            }
        });
        (trips, at)
    }

    /// How many there were.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    before: impl AsyncFn(),
) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(n) = from.read(&mut bytes).await {
        if n == 0 {
            return;
        }
        before().await;
        if to.write_all(&bytes[..n]).await.is_err() {
            return;
        }
    }
}
