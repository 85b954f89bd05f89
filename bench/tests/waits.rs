//! Verbs that a script starts right behind the server.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc;

/// A server that is not ready when it is first asked, then is, and then has no answer that would be of use.
#[test]
fn what_is_started_with_the_server_waits_for_it() {
    for verb in [
        &["seed"][..],
        &[
            "load",
            "--workload",
            "list",
            "--secs",
            "0.2",
            "--warmup",
            "0.1",
        ],
        &["logins", "--logins", "1"],
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, asks) = mpsc::channel();
        std::thread::spawn(move || {
            for (stream, status) in listener
                .incoming()
                .zip([503, 200].into_iter().chain(std::iter::repeat(418)))
            {
                let mut stream = stream.unwrap();
                let mut head = BufReader::new(&stream).lines().map_while(Result::ok);
                let line = head.next().unwrap_or_default();
                head.find(String::is_empty);
                drop(head);
                // The program may have ended by now.
                let _ = asked.send(line);
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} So\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
            }
        });

        let done = Command::new(env!("CARGO_BIN_EXE_bench"))
            .args(["--url", &url])
            .args(verb)
            .output()
            .unwrap();

        assert!(!done.status.success(), "{verb:?}");
        let asks: Vec<String> = asks.try_iter().collect();
        let health = "GET /api/v1/health/ HTTP/1.1";
        assert_eq!(asks[..2], [health, health], "{verb:?}: {asks:?}");
        assert!(asks.len() > 2 && asks[2] != health, "{verb:?}: {asks:?}");
    }
}
