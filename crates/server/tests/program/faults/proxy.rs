//! Stands between the shop and PostgreSQL, reads the messages that pass, and breaks what it is told to break.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

/// Of the transactions whose COMMIT meets a fault; others pass.
const PLACES_AN_ORDER: &str = "INSERT INTO orders ";

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    /// Each answer of the database takes so long more.
    Slow(Duration),
    /// An order's COMMIT does not reach the database: the connection ends before it.
    CutBeforeCommit,
    /// An order's COMMIT is done: the connection ends before the answer.
    CutAfterCommit,
    /// Open connections end, new ones are refused.
    Refuse,
}

pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    plan: watch::Sender<Plan>,
    cut: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    database: SocketAddr,
    fault: Option<Fault>,
}

impl Proxy {
    pub(super) fn before(database: SocketAddr) -> Self {
        let (plan, watched) = watch::channel(Plan {
            database,
            fault: None,
        });
        // Bound but not listening: it keeps the port while connections are refused.
        let reserved = socket("127.0.0.1:0".parse().unwrap());
        let address = reserved.local_addr().unwrap();
        let cut = Arc::new(AtomicUsize::new(0));
        let first = listener(address);
        tokio::spawn(listen(reserved, first, watched, cut.clone()));
        Self { address, plan, cut }
    }

    pub(super) fn breaks(&self, fault: Fault) {
        self.plan.send_modify(|plan| plan.fault = Some(fault));
    }

    pub(super) fn heals(&self) {
        self.plan.send_modify(|plan| plan.fault = None);
    }

    /// From now on another database is behind it; connections to the one before end.
    pub(super) fn leads_to(&self, database: SocketAddr) {
        self.plan.send_modify(|plan| plan.database = database);
    }

    /// How many orders were cut off at their COMMIT so far.
    pub(super) fn cut(&self) -> usize {
        self.cut.load(Ordering::SeqCst)
    }
}

fn socket(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseport(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

fn listener(address: SocketAddr) -> TcpListener {
    socket(address).listen(128).unwrap()
}

async fn listen(
    reserved: TcpSocket,
    first: TcpListener,
    mut plan: watch::Receiver<Plan>,
    cut: Arc<AtomicUsize>,
) {
    let refuses = |plan: &Plan| plan.fault == Some(Fault::Refuse);
    let mut next = Some(first);
    while plan.wait_for(|plan| !refuses(plan)).await.is_ok() {
        let address = reserved.local_addr().unwrap();
        let listener = next.take().unwrap_or_else(|| listener(address));
        loop {
            let (stream, _) = tokio::select! {
                () = until(&mut plan, refuses) => break,
                accepted = listener.accept() => accepted.unwrap(),
            };
            // That a connection breaks is what this is for.
            tokio::spawn(carry(stream, plan.clone(), cut.clone()));
        }
    }
}

async fn until(plan: &mut watch::Receiver<Plan>, is_so: impl FnMut(&Plan) -> bool) {
    let _ = plan.wait_for(is_so).await;
}

/// One connection of the shop, until a side or a fault ends it.
async fn carry(
    mut shop: TcpStream,
    mut plan: watch::Receiver<Plan>,
    cut: Arc<AtomicUsize>,
) -> io::Result<()> {
    let target = plan.borrow().database;
    let mut database = TcpStream::connect(target).await?;
    shop.set_nodelay(true)?;
    database.set_nodelay(true)?;
    // With room: a read takes no more than there is.
    let (mut asked, mut answered) = (Vec::new(), Vec::with_capacity(1 << 16));
    let mut session = Session::default();
    let mut watched = plan.clone();
    let ends = move |plan: &Plan| plan.fault == Some(Fault::Refuse) || plan.database != target;
    loop {
        tokio::select! {
            () = until(&mut watched, ends) => return Ok(()),
            read = shop.read_buf(&mut asked) => {
                if read? == 0 {
                    return Ok(());
                }
                while let Some(message) = session.next(&mut asked) {
                    let fault = plan.borrow().fault.filter(|_| session.commits_order(&message));
                    if fault == Some(Fault::CutBeforeCommit) {
                        cut.fetch_add(1, Ordering::SeqCst);
                        return Ok(());
                    }
                    database.write_all(&message).await?;
                    if fault == Some(Fault::CutAfterCommit) {
                        done(&mut database).await?;
                        cut.fetch_add(1, Ordering::SeqCst);
                        return Ok(());
                    }
                }
            }
            read = database.read_buf(&mut answered) => {
                if read? == 0 {
                    return Ok(());
                }
                let fault = plan.borrow_and_update().fault;
                if let Some(Fault::Slow(time)) = fault {
                    let _ = tokio::time::timeout(time, plan.changed()).await;
                }
                shop.write_all(&answered).await?;
                answered.clear();
            }
        }
    }
}

/// Waits until the database says that it has committed.
async fn done(database: &mut TcpStream) -> io::Result<()> {
    let mut answer = Vec::new();
    while !answer.windows(7).any(|bytes| bytes == b"COMMIT\0") {
        if database.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// What a connection has asked so far: <https://www.postgresql.org/docs/current/protocol-message-formats.html>.
#[derive(Default)]
struct Session {
    has_begun: bool,
    /// Prepared statements: does it place an order?
    statements: HashMap<Vec<u8>, bool>,
    places_an_order: bool,
}

impl Session {
    /// Takes the next whole message. The first has no kind, only a length.
    fn next(&mut self, bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
        let at = usize::from(self.has_begun);
        let length: [u8; 4] = bytes.get(at..at + 4)?.try_into().unwrap();
        let end = at + u32::from_be_bytes(length) as usize;
        if bytes.len() < end {
            return None;
        }
        let rest = bytes.split_off(end);
        let message = std::mem::replace(bytes, rest);
        if self.has_begun {
            self.read(&message);
        }
        self.has_begun = true;
        Some(message)
    }

    fn read(&mut self, message: &[u8]) {
        let mut texts = message[5..].split(|byte| *byte == 0);
        let (first, second) = (texts.next(), texts.next());
        let (Some(first), Some(second)) = (first, second) else {
            return;
        };
        let places = |sql: &[u8]| String::from_utf8_lossy(sql).contains(PLACES_AN_ORDER);
        match message[0] {
            b'Q' if first.starts_with(b"BEGIN") => self.places_an_order = false,
            // Name and text of a statement.
            b'P' => drop(self.statements.insert(first.to_vec(), places(second))),
            // Portal and name of a statement.
            b'B' => self.places_an_order |= self.statements.get(second) == Some(&true),
            _ => {}
        }
    }

    fn commits_order(&self, message: &[u8]) -> bool {
        self.places_an_order && message.starts_with(b"Q") && message.ends_with(b"COMMIT\0")
    }
}
