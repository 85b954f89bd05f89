//! Peers that are slow, silent, too many or too large.

use std::io::{Read, Write};
use std::net::Shutdown;

use client::shop::{Ask, Server};

use crate::support::{Answer, PATIENCE, Shop, eventually};

const SHORT: [(&str, &str); 2] = [("HEADER_TIMEOUT", "300ms"), ("IDLE_TIMEOUT", "600ms")];

#[test]
fn a_connection_that_says_nothing_or_half_a_head_is_closed() {
    let shop = Shop::temporary(&SHORT);
    for beginning in [
        "",
        "G",
        "PRI * HTT",
        "GET /api/v1/health/ HTTP/1.1\r\nHost: localhost\r\n",
    ] {
        let mut stream = shop.connect();
        stream.write_all(beginning.as_bytes()).unwrap();
        assert_eq!(Answer::read(&mut stream).status, 0, "{beginning:?}");
    }
    assert_eq!(shop.get("/api/v1/health/").status, 200);
}

#[test]
fn a_head_that_trickles_in_does_not_live_longer_than_its_time() {
    let shop = Shop::temporary(&SHORT);
    let mut stream = shop.connect();
    stream
        .write_all(b"GET /api/v1/health/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        .unwrap();

    // Each byte is progress of a kind; only the end of the head counts.
    eventually("the connection ends", || stream.write_all(b"a").is_err());
}

#[test]
fn a_kept_alive_connection_is_closed_when_it_stays_idle_or_begins_a_head_and_stops() {
    let shop = Shop::temporary(&SHORT);
    for second in ["", "GET /api"] {
        let mut stream = shop.connect();
        stream
            .write_all(b"GET /api/v1/livez/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        stream.write_all(second.as_bytes()).unwrap();

        let rest = Answer::read(&mut stream);

        assert!(!rest.body.contains("HTTP/1.1"), "one answer only");
    }
}

#[test]
fn a_client_that_does_not_read_its_answers_loses_its_connection() {
    let shop = Shop::temporary(&[&SHORT[..], &[("MAX_CONNECTIONS_PER_IP", "1")]].concat());
    let mut stream = shop.connect();
    let request = "GET /api/v1/schema/ HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request.repeat(400).as_bytes()).unwrap();

    // Only one connection is allowed: another one is served when the first has gone.
    eventually("the connection is given up", || {
        shop.get("/api/v1/livez/").status == 200
    });
}

#[test]
fn one_client_gets_so_many_connections_and_no_more() {
    let shop = Shop::temporary(&[("MAX_CONNECTIONS_PER_IP", "2")]);
    let held: Vec<_> = (0..2).map(|_| shop.connect()).collect();

    let refused = shop.get("/api/v1/livez/");

    assert_eq!(
        (refused.status, refused.code().as_str()),
        (429, "rate_limited")
    );
    assert!(refused.head.contains("Retry-After: 1"), "{}", refused.head);
    drop(held);
    eventually("a place is free again", || {
        shop.get("/api/v1/livez/").status == 200
    });
}

#[test]
fn all_clients_together_get_so_many_connections_and_no_more() {
    let shop = Shop::temporary(&[("MAX_CONNECTIONS", "2")]);
    let held: Vec<_> = (0..2).map(|_| shop.connect()).collect();

    let refused = shop.get("/api/v1/livez/");

    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "overloaded")
    );
    drop(held);
    eventually("a place is free again", || {
        shop.get("/api/v1/livez/").status == 200
    });
}

#[test]
fn hundreds_of_silent_connections_do_not_keep_others_out() {
    let shop = Shop::temporary(&[("MAX_CONNECTIONS_PER_IP", "1000"), ("HEADER_TIMEOUT", "2s")]);
    let mut held: Vec<_> = (0..400).map(|_| shop.connect()).collect();

    assert_eq!(shop.get("/api/v1/health/").status, 200);

    let statuses: Vec<u16> = held
        .iter_mut()
        .map(|stream| Answer::read(stream).status)
        .collect();
    assert!(
        statuses.iter().all(|status| *status == 0),
        "all of them were closed"
    );
}

/// They fill all the places of their address: others there are told so, those elsewhere are served.
#[tokio::test]
async fn hundreds_of_slow_clients_of_every_kind_keep_nobody_else_out_and_are_closed() {
    const HEAD: &str = "GET /api/v1/livez/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";
    const BODY: &str = "POST /api/v1/auth/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                        Content-Length: 100000\r\n\r\n{";
    let unread = "GET /api/v1/schema/ HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(40);
    let shop = Shop::temporary(&[
        // All of them are there before the first one has to go, also on a machine that stands still for a while.
        ("HEADER_TIMEOUT", "10s"),
        ("IDLE_TIMEOUT", "10s"),
        ("REQUEST_TIMEOUT", "10s"),
        ("MAX_CONNECTIONS_PER_IP", "250"),
        // Nobody reads it here, and a pipe is soon full.
        ("LOG_LEVEL", "error"),
    ]);
    let std::net::SocketAddr::V4(address) = shop.address else {
        panic!("{}", shop.address)
    };
    let mut elsewhere = Server(address).caller(1);

    let mut slow: Vec<_> = (0..250)
        .map(|n| {
            let mut stream = shop.connect();
            let begin = [HEAD, BODY, &unread][if n < 240 { n % 2 } else { 2 }];
            stream.write_all(begin.as_bytes()).unwrap();
            stream.set_nonblocking(true).unwrap();
            stream
        })
        .collect();

    assert_eq!(shop.get("/api/v1/livez/").status, 429);
    let since = std::time::Instant::now();
    while !slow.is_empty() {
        assert!(since.elapsed() < 4 * PATIENCE, "{} are left", slow.len());
        let served = elsewhere.send(Ask::get("health/")).await.unwrap();
        assert_eq!(served.status, 200);
        // Byte by byte: each is progress of a kind. Who does not read can write no more after a while.
        slow.retain_mut(|stream| match stream.write(b"a") {
            Ok(_) => true,
            Err(e) => e.kind() == std::io::ErrorKind::WouldBlock,
        });
    }
    assert_eq!(shop.get("/api/v1/livez/").status, 200);
}

#[test]
fn addresses_and_heads_have_a_size() {
    let shop = Shop::temporary(&[]);
    let get = |path: &str, headers: &str| {
        shop.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
        ))
    };
    let lines = |n: usize| (0..n).map(|i| format!("X-{i}: 1\r\n")).collect::<String>();

    let long = get(
        &format!("/api/v1/products/?search={}", "a".repeat(16 * 1024)),
        "",
    );
    let many = get("/api/v1/livez/", &lines(101));
    let wide = get(
        "/api/v1/livez/",
        &format!("X-Wide: {}\r\n", "a".repeat(64 * 1024)),
    );

    assert_eq!((long.status, long.code().as_str()), (414, "uri_too_long"));
    assert_eq!(
        (many.status, many.code().as_str()),
        (431, "headers_too_large")
    );
    assert_eq!(
        (wide.status, wide.code().as_str()),
        (431, "headers_too_large")
    );
    assert_eq!(get("/api/v1/livez/", &lines(5000)).status, 431);
    assert_eq!(get(&format!("/{}", "a".repeat(80 * 1024)), "").status, 414);
    assert_eq!(get("/api/v1/livez/", &lines(90)).status, 200);
}

#[test]
fn a_body_that_stops_or_breaks_off_is_the_clients_fault() {
    let shop = Shop::temporary(&[("BODY_TIMEOUT", "300ms")]);
    let login = |framing: &str, body: &str| {
        let mut stream = shop.connect();
        let head = format!(
            "POST /api/v1/auth/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        stream
    };

    for (framing, body) in [
        ("Content-Length: 100", "{\"email\":"),
        ("Transfer-Encoding: chunked", "5\r\n{\"ema"),
    ] {
        let stopped = Answer::read(&mut login(framing, body));
        let mut stream = login(framing, body);
        stream.shutdown(Shutdown::Write).unwrap();
        let broken = Answer::read(&mut stream);

        assert_eq!(
            (stopped.status, stopped.code().as_str()),
            (408, "body_timeout")
        );
        assert!(
            stopped.head.contains("connection: close"),
            "{}",
            stopped.head
        );
        // To a client that has gone nothing can be said.
        assert!([0, 400].contains(&broken.status), "{}", broken.head);
    }
    assert_eq!(shop.get("/api/v1/livez/").status, 200);
}

#[test]
fn a_body_that_is_announced_too_large_is_refused_before_it_comes() {
    let shop = Shop::temporary(&[]);
    for more in ["", "Expect: 100-continue\r\n"] {
        let refused = shop.send(&format!(
            "POST /api/v1/auth/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{more}Content-Length: 9000000\r\n\r\n"
        ));
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (413, "body_too_large")
        );
    }
}

#[test]
fn requests_that_two_readers_could_read_in_two_ways_are_refused() {
    let shop = Shop::temporary(&[]);
    for request in [
        "POST /api/v1/auth/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "POST /api/v1/auth/login/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n{}",
        "GET /api/v1/livez/ HTTP/1.1\r\nHost: localhost\r\nX-Folded: a\r\n b\r\n\r\n",
        "GET /api/v1/livez/ HTTP/1.1\r\nHost : localhost\r\n\r\n",
        "GET /api/v1/health/ HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        "GET /api/v1/health/ HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /api/v1/health/ HTTP/1.1\r\nConnection: close\r\n\r\n",
    ] {
        assert_eq!(shop.send(request).status, 400, "{request}");
    }
}
