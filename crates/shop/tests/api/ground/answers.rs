//! What every answer carries.

use super::*;

#[tokio::test]
async fn a_request_id_is_taken_over_or_made() {
    let shop = shop().await;
    let answer = shop
        .get("/api/nothing/")
        .header("x-request-id", "abc-123")
        .expect(404)
        .await;
    assert_eq!(
        (answer.header("x-request-id"), &answer.json()["request_id"]),
        ("abc-123", &json!("abc-123"))
    );
    let made = shop
        .get("/api/v1/things/7/")
        .header("x-request-id", "a b")
        .expect(200)
        .await;
    assert_eq!(made.header("x-request-id").len(), 24);
}

/// AD-04
#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let shop = shop().await;
    for path in [
        "/api/v1/things/7/",
        "/api/nothing/",
        "/api/v1/things/panic/",
    ] {
        let answer = shop.get(path).send().await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            (
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'",
            ),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-site"),
            ("cache-control", "no-store"),
            (
                "strict-transport-security",
                "max-age=63072000; includeSubDomains",
            ),
            ("server", ""),
        ] {
            assert_eq!(answer.header(name), value, "{path} {name}");
        }
    }
}

#[tokio::test]
async fn errors_are_problem_json_for_those_who_ask() {
    let shop = shop().await;
    let answer = shop
        .get("/api/nothing/")
        .header("accept", "application/problem+json")
        .expect(404)
        .await;
    assert_eq!(answer.header("content-type"), "application/problem+json");
}

/// PR-06
#[tokio::test]
async fn faults_of_ours_tell_nothing() {
    let shop = shop().await;
    for path in ["/api/v1/things/panic/", "/api/v1/things/secret/"] {
        let answer = shop.get(path).expect(500).await;
        assert_eq!(answer.code(), "internal_error");
        let text = answer.text();
        assert!(
            !text.contains("hunter2") && !text.contains("SELECT") && !text.contains("passwd"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_503() {
    let shop = TestShop::with(Engine::Sqlite, &[("REQUEST_TIMEOUT", "1s")])
        .await
        .serving(routes());
    let answer = shop.get("/api/v1/things/slow/").expect(503).await;
    assert_eq!(
        (answer.code().as_str(), answer.header("retry-after")),
        ("timeout", "2")
    );
}

#[tokio::test]
async fn beyond_the_requests_in_flight_is_503_at_once() {
    let settings = [("REQUEST_TIMEOUT", "1s"), ("MAX_REQUESTS_IN_FLIGHT", "1")];
    let mut shop = TestShop::with(Engine::Sqlite, &settings).await;
    let features = vec![routes(), shop::health::routes()];
    shop.front = shop::http::serve(shop.app.clone(), features);
    let others = async {
        let refused = shop.get("/api/v1/things/7/").expect(503).await;
        assert_eq!(
            (refused.code().as_str(), refused.header("retry-after")),
            ("overloaded", "1")
        );
        for path in ["/livez", "/api/v1/readyz/", "/health"] {
            shop.get(path).expect(200).await;
        }
    };
    let slow = shop.get("/api/v1/things/slow/").expect(503);
    let (slow, ()) = futures_util::future::join(slow, others).await;
    assert_eq!(slow.code(), "timeout");
    shop.get("/api/v1/things/7/").expect(200).await;
}

#[tokio::test]
async fn only_known_hosts_are_served() {
    let shop = shop().await;
    for host in ["localhost:8000", "shop.test", "SHOP.test:443"] {
        shop.get("/api/v1/things/7/")
            .header("host", host)
            .expect(200)
            .await;
    }
    for host in [
        "evil.test",
        "localhost.evil.test",
        "evil.test:80",
        "shop.test@evil.test",
    ] {
        let answer = shop
            .get("/api/v1/things/7/")
            .header("host", host)
            .header("x-forwarded-host", "localhost")
            .expect(400)
            .await;
        assert_eq!(answer.code(), "host_not_allowed", "{host}");
    }
}

/// AD-03
#[tokio::test]
async fn only_listed_sites_may_read() {
    let shop = shop().await;
    let from = |origin: &str| shop.get("/api/v1/things/7/").header("origin", origin);
    let allowed = from("https://front.test").expect(200).await;
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        "https://front.test"
    );
    assert_eq!(allowed.header("access-control-allow-credentials"), "true");
    assert!(
        allowed
            .header("access-control-expose-headers")
            .contains("X-Cart-Token")
    );
    for origin in [
        "null",
        "https://front.test.evil.test",
        "http://front.test",
        "https://evilfront.test",
        "https://front.test:444",
        "*",
    ] {
        let answer = from(origin).expect(200).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
        assert!(
            answer
                .headers
                .get_all("vary")
                .iter()
                .any(|value| value == "Origin"),
            "{origin}"
        );
    }
    let failed = shop
        .get("/api/nothing/")
        .header("origin", "https://front.test")
        .expect(404)
        .await;
    assert_eq!(
        failed.header("access-control-allow-origin"),
        "https://front.test"
    );
    let asks = shop
        .ask("OPTIONS", THINGS)
        .header("origin", "https://front.test")
        .header("access-control-request-method", "POST");
    let preflight = asks.expect(204).await;
    assert!(
        preflight
            .header("access-control-allow-methods")
            .contains("PATCH")
    );
    assert!(
        preflight
            .header("access-control-allow-headers")
            .contains("Idempotency-Key")
    );
    for name in ["X-Requested-With", "traceparent", "If-Match"] {
        let allowed = preflight.header("access-control-allow-headers");
        assert!(allowed.contains(name), "{name}");
    }
    assert_eq!(preflight.header("access-control-max-age"), "600");
}

#[tokio::test]
async fn what_the_client_has_already_is_not_sent_again() {
    let shop = shop().await;
    let path = "/api/v1/things/large/";
    let first = shop.get(path).expect(200).await;
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with('"') && first.header("cache-control") == "no-cache");
    let again = shop
        .get(path)
        .header("if-none-match", &tag)
        .expect(304)
        .await;
    assert_eq!((again.body.len(), again.header("etag")), (0, &*tag));
    shop.get(path)
        .header("if-none-match", format!("\"other\", W/{tag}"))
        .expect(304)
        .await;
    shop.get(path)
        .header("if-none-match", "\"other\"")
        .expect(200)
        .await;
}

#[tokio::test]
async fn large_answers_are_compressed_for_those_who_ask() {
    let shop = shop().await;
    for coding in ["gzip", "br"] {
        let answer = shop
            .get("/api/v1/things/large/")
            .header("accept-encoding", coding)
            .expect(200)
            .await;
        assert_eq!(answer.header("content-encoding"), coding);
        let tag = answer.header("etag");
        assert!(
            answer.body.len() < 500 && tag.ends_with(&format!("-{coding}\"")),
            "{tag}"
        );
    }
    let small = shop
        .get("/api/v1/things/7/")
        .header("accept-encoding", "gzip")
        .expect(200)
        .await;
    assert_eq!(small.header("content-encoding"), "");
}
