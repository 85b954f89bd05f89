//! One connection, and what hyper leaves open: a peer that is silent before its first byte, slow with the head of a
//! request, idle between two, or does not read its answer. One timer a connection watches for all of them.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::{body::Body, response::Response};
use hyper::{Request, Version, body::Incoming, rt, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, sync::watch};

use super::Shared;

/// For a peer to take notice that its connection is being closed.
const FAREWELL: Duration = Duration::from_secs(1);

pub(super) async fn serve<A, F>(
    stream: TcpStream,
    peer: SocketAddr,
    shared: &Shared<A>,
    mut stop: watch::Receiver<bool>,
) where
    A: Fn(axum::extract::Request, SocketAddr) -> F,
    F: Future<Output = Response> + Send + 'static,
{
    let activity = Arc::new(Activity::new());
    let io = Watched {
        io: TokioIo::new(stream),
        activity: activity.clone(),
    };
    let service = service_fn(|request: Request<Incoming>| {
        let running = Running::start(&activity, request.version());
        let answer = (shared.answer)(request.map(Body::new), peer);
        async move {
            let answer = answer.await;
            drop(running);
            Ok::<_, Infallible>(answer)
        }
    });
    let mut connection = pin!(shared.http.serve_connection(io, service));
    let mut timer = pin!(tokio::time::sleep(shared.header_timeout / 2));
    let mut closing = false;
    let mut stopping = false;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(e) = ended {
                    tracing::debug!(%peer, error = %e, "a connection broke");
                }
                return;
            }
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            () = timer.as_mut() => match activity.deadline(shared) {
                // Looked at often enough to notice a head that began meanwhile, and has less time.
                later if later > Instant::now() => {
                    let soon = Instant::now() + shared.header_timeout / 2;
                    timer.as_mut().reset(later.min(soon).into());
                }
                _ if closing => return,
                _ => {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                    timer.as_mut().reset(tokio::time::Instant::now() + FAREWELL);
                }
            },
        }
    }
}

/// When what happened last, in milliseconds since the connection was taken.
struct Activity {
    taken: Instant,
    running: AtomicU32,
    /// End of the last request, or bytes of an answer that the peer took.
    last: AtomicU64,
    /// First byte after that: 1 + when, 0 = none. HTTP/2 sends frames between requests, so it stays 0 there.
    head: AtomicU64,
    had_request: AtomicBool,
    http2: AtomicBool,
}

impl Activity {
    fn new() -> Self {
        Self {
            taken: Instant::now(),
            running: 0.into(),
            last: 0.into(),
            head: 0.into(),
            had_request: false.into(),
            http2: false.into(),
        }
    }

    /// When the connection ends if nothing happens until then.
    fn deadline<A>(&self, limits: &Shared<A>) -> Instant {
        if self.running.load(Relaxed) > 0 {
            // A request that runs has its own time limit.
            return Instant::now() + limits.idle_timeout;
        }
        let (last, head) = (self.last.load(Relaxed), self.head.load(Relaxed));
        let (since, patience) = match head {
            _ if !self.had_request.load(Relaxed) => (0, limits.header_timeout),
            0 => (last, limits.idle_timeout),
            head => (last.max(head - 1), limits.header_timeout),
        };
        self.taken + Duration::from_millis(since) + patience
    }

    fn now(&self) -> u64 {
        u64::try_from(self.taken.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn has_read(&self) {
        let between_requests = self.running.load(Relaxed) == 0 && !self.http2.load(Relaxed);
        if between_requests && self.head.load(Relaxed) == 0 {
            self.head.store(self.now() + 1, Relaxed);
        }
    }

    fn has_written(&self) {
        self.last.store(self.now(), Relaxed);
    }
}

/// A request between its head and its answer's head.
struct Running(Arc<Activity>);

impl Running {
    fn start(activity: &Arc<Activity>, version: Version) -> Self {
        activity.running.fetch_add(1, Relaxed);
        activity.had_request.store(true, Relaxed);
        activity.http2.store(version == Version::HTTP_2, Relaxed);
        Self(activity.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.head.store(0, Relaxed);
        self.0.has_written();
        self.0.running.fetch_sub(1, Relaxed);
    }
}

struct Watched {
    io: TokioIo<TcpStream>,
    activity: Arc<Activity>,
}

impl rt::Read for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if read.is_ready() {
            self.activity.has_read();
        }
        read
    }
}

impl rt::Write for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        if written.is_ready() {
            self.activity.has_written();
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        if written.is_ready() {
            self.activity.has_written();
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
