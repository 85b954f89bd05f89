//! Behind PgBouncer in transaction mode: what one transaction leaves on a connection, the next one of somebody else meets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use db::migrate::Run;
use db::{Db, Migration, Options, Scratch, args};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, tcp::OwnedReadHalf};

const RUN: Run<'static> = Run {
    version: "1.2.3",
    now: 1,
};
const STEPS: [Migration; 2] = [
    step("0001_one", "CREATE TABLE one (id {{id}})"),
    step("0002_two", "CREATE TABLE two (id {{id}})"),
];

const fn step(name: &'static str, sql: &'static str) -> Migration {
    Migration {
        name,
        sqlite: sql,
        postgres: sql,
    }
}

/// Carries to the server what the program says, keeps a copy, and keeps the server's connections when the program
/// ends its own.
#[derive(Clone, Default)]
struct Pooler {
    said: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Pooler {
    async fn listen(&self, server: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let pooler = self.clone();
        tokio::spawn(async move {
            let mut kept = Vec::new();
            loop {
                let (program, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(server).await.unwrap();
                let (from_program, mut to_program) = program.into_split();
                let (mut from_server, to_server) = server.into_split();
                kept.push(tokio::spawn(async move {
                    let _ = tokio::io::copy(&mut from_server, &mut to_program).await;
                }));
                let pooler = pooler.clone();
                kept.push(tokio::spawn(async move {
                    let mut to_server = to_server;
                    pooler.carry(from_program, &mut to_server).await;
                    std::future::pending::<()>().await;
                }));
            }
        });
        address
    }

    async fn carry(&self, mut program: OwnedReadHalf, server: &mut (impl AsyncWriteExt + Unpin)) {
        let mut has_begun = false;
        let mut bytes = Vec::new();
        while program
            .read_buf(&mut bytes)
            .await
            .is_ok_and(|read| read > 0)
        {
            while let Some(message) = next_message(&mut bytes, has_begun) {
                has_begun = true;
                // The program says goodbye to its own connection only.
                if message.first() != Some(&b'X') {
                    server.write_all(&message).await.unwrap();
                }
                self.said.lock().unwrap().push(message);
            }
        }
    }

    /// Messages of this kind, as text.
    fn said(&self, kind: u8) -> Vec<String> {
        let said = self.said.lock().unwrap();
        let of_kind = said.iter().filter(|message| message.first() == Some(&kind));
        of_kind
            .map(|message| String::from_utf8_lossy(&message[5..]).into_owned())
            .collect()
    }
}

/// The first message has no kind, only a length.
fn next_message(bytes: &mut Vec<u8>, has_begun: bool) -> Option<Vec<u8>> {
    let at = usize::from(has_begun);
    let length: [u8; 4] = bytes.get(at..at + 4)?.try_into().unwrap();
    let end = at + usize::try_from(u32::from_be_bytes(length)).unwrap();
    if bytes.len() < end {
        return None;
    }
    let rest = bytes.split_off(end);
    Some(std::mem::replace(bytes, rest))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_leave_nothing_on_a_connection_that_others_use_next() {
    let set = std::env::vars().find(|(name, _)| name == "CARTWRIGHT_TEST_POSTGRES");
    let (_, url) =
        set.expect("CARTWRIGHT_TEST_POSTGRES is not set: run ./test, which starts a PostgreSQL");
    let name = format!("db_test_shared_{}", std::process::id());
    let scratch = Scratch::create(&Options::new(url), &name).await.unwrap();
    let (user, rest) = scratch.url.split_once('@').unwrap();
    let (server, name) = rest.split_once('/').unwrap();
    let pooler = Pooler::default();
    let address = pooler.listen(server.parse().unwrap()).await;
    let options = Options {
        prepared_statements: false,
        ..Options::new(format!("{user}@{address}/{name}?sslmode=disable"))
    };

    // A start, and another one while the first one's connections live on.
    for applied in [2, 0] {
        let start = async {
            let db = Db::connect(&options).await.unwrap();
            assert_eq!(db.pending(&STEPS, &RUN).await.unwrap().len(), applied);
            assert_eq!(db.migrate(&STEPS, &RUN).await.unwrap().len(), applied);
        };
        let in_time = tokio::time::timeout(Duration::from_secs(30), start).await;
        in_time.expect("a lock was left behind");
    }

    let beside = Db::connect(&Options::new(&scratch.url)).await.unwrap();
    let locks = "SELECT COUNT(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
        WHERE locktype = 'advisory' AND datname = current_database()";
    let left: i64 = beside
        .read()
        .await
        .unwrap()
        .one(locks, args![])
        .await
        .unwrap();
    assert_eq!(left, 0, "locks of a session");
    let names: Vec<String> = pooler.said(b'P');
    assert!(!names.is_empty());
    for parse in names {
        assert!(
            parse.starts_with('\0'),
            "a statement with a name: {parse:?}"
        );
    }
    for query in pooler.said(b'Q') {
        assert!(
            !query.starts_with("SET "),
            "a setting of the session: {query}"
        );
    }
    drop(beside);
    scratch.remove().await.unwrap();
}
