//! `/metrics` on a port of its own.

use crate::support::{Answer, Folder, Shop, connect, run, text};

#[test]
fn metrics_have_a_port_of_their_own_that_knows_nothing_else() {
    let shop = Shop::temporary(&[("METRICS_BIND", "0")]);
    let line = shop.banner.lines().find(|line| line.contains("Metrics"));
    let url = line.unwrap().split_whitespace().last().unwrap();
    let address = url
        .trim_start_matches("http://")
        .trim_end_matches("/metrics")
        .parse()
        .unwrap();
    let get = |path: &str| {
        use std::io::Write;
        let mut stream = connect(address);
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        Answer::read(&mut stream)
    };
    shop.get("/api/v1/products/");

    let metrics = get("/metrics");

    assert_eq!(metrics.status, 200);
    let counted =
        "request_duration_seconds_count{method=\"GET\",route=\"/products/\",status=\"2xx\"} 1";
    assert!(metrics.body.contains(counted), "{}", metrics.body);
    assert_eq!(get("/api/v1/products/").status, 404);
    assert_eq!(shop.get("/metrics").status, 404, "not beside the API");
}

#[test]
fn a_short_token_is_refused() {
    let refused = run(&Folder::new(), &["config"], &[("METRICS_TOKEN", "short")]);
    assert_eq!(refused.status.code(), Some(78));
    assert!(text(&refused.stderr).contains("METRICS_TOKEN"));
}
