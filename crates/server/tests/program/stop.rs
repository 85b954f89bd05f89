//! The end: what was begun is finished, nothing new is taken.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::Stdio,
    time::{Duration, Instant},
};

use crate::support::{Answer, Folder, PASSWORD, Shop, cartwright, eventually, login, send_signal};

/// Sends the head of a sign-up and waits until the server asks for the body: it is in flight now.
fn begin_sign_up(shop: &Shop, length: usize) -> TcpStream {
    let mut stream = shop.connect();
    let head = format!(
        "POST /api/v1/auth/register/ HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[test]
fn a_request_in_flight_is_finished_before_the_program_ends() {
    let folder = Folder::new();
    let body = serde_json::json!({"email": "late@shop.example", "password": PASSWORD}).to_string();
    for signal in ["TERM", "INT"] {
        let body = body.replace("late", &format!("late-{signal}"));
        let mut shop = Shop::open(&folder, &[]);
        let mut idle = shop.connect();
        let mut slow = begin_sign_up(&shop, body.len());
        let (first, rest) = body.split_at(10);
        slow.write_all(first.as_bytes()).unwrap();

        shop.signal(signal);
        shop.log_line("stopping");
        eventually("no new connection is taken", || {
            TcpStream::connect(shop.address).is_err()
        });
        assert_eq!(
            Answer::read(&mut idle).status,
            0,
            "an idle connection does not hold it up"
        );
        slow.write_all(rest.as_bytes()).unwrap();

        assert_eq!(Answer::read(&mut slow).status, 201);
        assert_eq!(shop.wait().code(), Some(0));
    }
    assert_eq!(
        login(&Shop::open(&folder, &[]), "late-TERM@shop.example").status,
        200
    );
}

#[test]
fn a_request_that_never_ends_does_not_hold_the_program_longer_than_allowed() {
    let folder = Folder::new();
    let mut shop = Shop::open(&folder, &[("SHUTDOWN_TIMEOUT", "300ms")]);
    let _never = begin_sign_up(&shop, 100);

    shop.signal("TERM");

    shop.log_line("cut off");
    assert_eq!(shop.wait().code(), Some(0));
}

#[test]
fn requests_and_jobs_that_never_end_have_one_limit_together() {
    let folder = Folder::new();
    // A mail server that says nothing.
    let mails = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", mails.local_addr().unwrap());
    let settings = [("SHUTDOWN_TIMEOUT", "3s"), ("EMAIL_URL", &*url)];
    let mut shop = Shop::open(&folder, &settings);
    let body = serde_json::json!({"email": "ann@shop.example", "password": PASSWORD}).to_string();
    let mut sign_up = begin_sign_up(&shop, body.len());
    sign_up.write_all(body.as_bytes()).unwrap();
    assert_eq!(Answer::read(&mut sign_up).status, 201);
    let _waits = mails.accept().unwrap();
    let _never = begin_sign_up(&shop, 100);

    shop.signal("TERM");
    shop.log_line("stopping");
    let begun = Instant::now();

    shop.log_line("cut off");
    assert_eq!(shop.wait().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_millis(5500));
}

#[test]
fn it_can_be_stopped_while_it_waits_for_its_database() {
    for signal in ["TERM", "INT"] {
        let folder = Folder::new();
        // Takes the connection and says nothing.
        let database = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("postgres://shop@{}/shop", database.local_addr().unwrap());
        let mut child = cartwright(&folder, &["serve", "--port", "0"])
            .env("DATABASE_URL", url)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _waits = database.accept().unwrap();

        send_signal(&child, signal);

        let mut log = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut log)
            .unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{log}");
        assert!(log.contains("stopped"), "{log}");
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let folder = Folder::new();
    let mut shop = Shop::open(&folder, &[]);
    let _never = begin_sign_up(&shop, 100);

    shop.signal("INT");
    shop.log_line("stopping");
    shop.signal("INT");

    assert_eq!(shop.wait().code(), Some(1));
}
