//! `OTLP_ENDPOINT`: what the program still tells the collector when it is stopped, and how its settings are shown.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use serde_json::Value;

use crate::support::{Folder, Shop, run, text};

#[test]
fn what_is_not_told_yet_is_told_before_the_end() {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", collector.local_addr().unwrap());
    let arrived = std::thread::spawn(move || {
        let (mut stream, _) = collector.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let line = line.trim().to_ascii_lowercase();
            if let Some(bytes) = line.strip_prefix("content-length: ") {
                length = bytes.parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        stream.write_all(answer.as_bytes()).unwrap();
        serde_json::from_slice::<Value>(&body).unwrap()
    });
    let mut shop = Shop::temporary(&[("OTLP_ENDPOINT", &url)]);

    assert_eq!(shop.get("/api/v1/products/").status, 200);
    shop.signal("TERM");
    assert!(shop.wait().success());

    let sent = arrived.join().unwrap();
    let spans = &sent["resourceSpans"][0]["scopeSpans"][0]["spans"];
    let names: Vec<_> = spans
        .as_array()
        .unwrap()
        .iter()
        .map(|span| &span["name"])
        .collect();
    assert!(names.contains(&&Value::from("GET /products/")), "{names:?}");
}

#[test]
fn its_settings_are_shown_without_secrets_and_refused_when_they_make_no_sense() {
    let folder = Folder::new();
    let config = |env: &[(&str, &str)]| run(&folder, &["config"], env);

    let shown = config(&[
        ("OTLP_ENDPOINT", "https://collector.example/otlp/"),
        ("OTLP_HEADERS", "authorization=Bearer of-the-collector"),
        ("OTLP_SAMPLE", "0.1"),
    ]);
    let shown = text(&shown.stdout);
    assert!(shown.contains("https://collector.example/otlp"), "{shown}");
    assert!(!shown.contains("of-the-collector"), "{shown}");

    for (name, value) in [
        ("OTLP_ENDPOINT", "collector:4318"),
        ("OTLP_HEADERS", "of-the-collector"),
        ("OTLP_SAMPLE", "10"),
    ] {
        let refused = config(&[(name, value)]);
        let why = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(78), "{why}");
        assert!(
            why.contains(name) && !why.contains("of-the-collector"),
            "{why}"
        );
    }
}
