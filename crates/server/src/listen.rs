//! Takes connections: as many as the settings allow, each watched, until the program is told to stop.
//! hyper reads and writes HTTP; `connection.rs` holds what it does not do: deadlines for silent peers.

mod connection;
mod slots;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{extract::Request, response::Response};
use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto::Builder,
};
use shop::app::App;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};

use slots::Slots;

/// More than our own limit of 100, so that one header too many gets our error body.
const MAX_HEADERS: usize = 128;
const MAX_HEADER_LIST: u32 = 64 * 1024;
const MAX_BUFFER: usize = 128 * 1024;
const MAX_STREAMS: u32 = 100;
/// Streams that a client opens and resets before they are served (CVE-2023-44487 and its kin).
const MAX_RESETS: usize = 20;

/// `A` answers a request from an address.
pub(crate) struct Listener<A> {
    socket: TcpListener,
    shared: Arc<Shared<A>>,
    slots: Slots,
    app: App,
}

struct Shared<A> {
    answer: A,
    http: Builder<TokioExecutor>,
    header_timeout: Duration,
    idle_timeout: Duration,
}

pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|e| {
        let (ip, port) = (address.ip(), address.port());
        anyhow::Error::msg(match e.kind() {
            io::ErrorKind::AddrInUse => format!(
                "Port {port} on {ip} is taken.\nAnother program listens there, perhaps a second cartwright.\n\
                 Stop it, or choose another port: cartwright serve --port {}",
                port.checked_add(1).unwrap_or(8000)
            ),
            io::ErrorKind::PermissionDenied => format!(
                "Port {port} on {ip} may not be opened.\nPorts below 1024 are for privileged programs.\n\
                 Choose another port: cartwright serve --port 8000"
            ),
            _ => format!(
                "{address} cannot be listened on.\nThe system says: {e}.\nSet BIND to an address of this machine, like 127.0.0.1:8000"
            ),
        })
    })
}

impl<A, F> Listener<A>
where
    A: Fn(Request, SocketAddr) -> F + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    pub(crate) fn new(socket: TcpListener, answer: A, app: &App) -> Self {
        let config = &app.config;
        let mut http = Builder::new(TokioExecutor::new());
        // No timer for http1: `connection.rs` watches for slow heads without one timer a request.
        http.http1()
            .header_read_timeout(None)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_BUFFER);
        http.http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEADER_LIST)
            .max_pending_accept_reset_streams(MAX_RESETS)
            .max_local_error_reset_streams(MAX_RESETS);
        let shared = Shared {
            answer,
            http,
            header_timeout: config.header_timeout,
            idle_timeout: config.idle_timeout,
        };
        Self {
            socket,
            shared: Arc::new(shared),
            slots: Slots::new(config),
            app: app.clone(),
        }
    }

    /// Serves until `stop` turns true, then lets the requests in flight end, within the limit.
    pub(crate) async fn serve(self, mut stop: watch::Receiver<bool>) {
        // Every connection holds a sender: when all are dropped, the last connection has ended.
        let (alive, mut all_ended) = mpsc::channel::<()>(1);
        loop {
            let accepted = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.take(stream, peer, &alive, &stop),
                Err(e) if is_of_one_connection(&e) => {}
                Err(e) => {
                    // Out of file descriptors or memory: others must end first.
                    tracing::warn!(error = %e, "no connection can be taken");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop((self.socket, alive));
        if tokio::time::timeout(self.app.config.shutdown_timeout, all_ended.recv())
            .await
            .is_err()
        {
            tracing::warn!("some requests did not end in time and were cut off");
        }
    }

    fn take(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        alive: &mpsc::Sender<()>,
        stop: &watch::Receiver<bool>,
    ) {
        // Small answers must not wait for more to send. Fails only on a socket that is gone already.
        let _ = stream.set_nodelay(true);
        match self.slots.take(peer.ip()) {
            Ok(slot) => {
                let (shared, alive, stop) = (self.shared.clone(), alive.clone(), stop.clone());
                let open = self.app.metrics.connections.clone();
                open.inc();
                tokio::spawn(async move {
                    connection::serve(stream, peer, &shared, stop).await;
                    open.dec();
                    drop((slot, alive));
                });
            }
            Err(full) => {
                self.app.metrics.refused_connections.inc();
                // As far as the socket takes it at once: nobody waits for a client that is refused.
                let _ = stream.try_write(slots::answer(&full).as_bytes());
            }
        }
    }
}

fn is_of_one_connection(e: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        e.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}
