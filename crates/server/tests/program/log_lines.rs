//! What clients send cannot write lines of its own into the log.

use serde_json::json;

use crate::support::{PASSWORD, Shop};

/// IN-12
#[test]
fn a_line_break_in_a_request_is_no_line_of_the_log() {
    for format in ["text", "json"] {
        let mut shop = Shop::temporary(&[("LOG_FORMAT", format)]);
        let forged = "x\r\nFORGED line";
        for (email, name) in [
            ("a@shop.example\r\nFORGED: line", "Ada"),
            ("ada@shop.example", forged),
        ] {
            let body = json!({"email": email, "password": PASSWORD, "first_name": name});
            let refused = shop.post("/api/v1/auth/register/", &body);
            assert_eq!(refused.status, 400, "{}", refused.body);
        }
        shop.post(
            "/api/v1/auth/login/",
            &json!({"email": forged, "password": "x"}),
        );
        for path in [
            "/api/v1/products/%0d%0aFORGED%20line/",
            "/api/v1/products/?search=%0d%0aFORGED",
        ] {
            shop.send(&format!(
                "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Request-Id: a\tb\r\n\
                 User-Agent: x\tFORGED\r\n\r\n"
            ));
        }
        let last = "the-last-request";
        shop.send(&format!(
            "GET /api/v1/livez/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Request-Id: {last}\r\n\r\n"
        ));
        for line in shop.log_until(last) {
            assert!(!line.trim_start().starts_with("FORGED"), "{line}");
        }
    }
}
