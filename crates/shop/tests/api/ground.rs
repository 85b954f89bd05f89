//! The ground under all features: what is refused, how, and what every answer carries. The routes are a test's own.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use db::Engine;
use serde_json::{Value, json};
use shop::app::App;
use shop::error::Result;
use shop::http::extract::{Id, In, Query};
use shop::http::{Op, Routes, cached, ok};
use shop::ids::ProductId;
use shop::paging::Paging;
use shop::values::{Email, Price, Quantity, Text};

use crate::support::TestShop;

shop::input! {
    struct ThingIn {
        #[also("product")]
        product_id: ProductId,
        quantity: Option<Quantity>,
        email: Option<Email>,
        name: Option<Text<10>>,
        price: Option<Price>,
        parts: Option<Vec<PartIn>>,
    }
}

shop::input! {
    struct PartIn { size: i64 }
}

shop::query! {
    struct ThingQuery { min_price: Option<Price>, in_stock: Option<bool>, search: Option<String>, paging: Paging }
}

fn routes() -> Routes {
    let op = || Op::new("test", "Test").public();
    Routes::tag("things")
        .post("/things/", make, op())
        .get("/things/", list, op().query::<ThingQuery>())
        .get("/things/{id}/", show, op())
        .get("/things/large/", large, op())
        .get("/things/panic/", panic, op())
        .get("/things/slow/", slow, op())
        .get("/things/secret/", secret, op())
}

async fn make(State(app): State<App>, In(thing): In<ThingIn>) -> Response {
    let parts = thing
        .parts
        .map(|parts| parts.iter().map(|part| part.size).collect::<Vec<_>>());
    ok(&json!({
        "product_id": thing.product_id, "quantity": thing.quantity.map(|quantity| quantity.0),
        "price": thing.price.map(|price| app.amount(price.0)), "parts": parts,
        "name": thing.name.map(String::from), "email": thing.email.map(String::from),
    }))
}

async fn list(Query(query): Query<ThingQuery>) -> Result<Response> {
    let rows: Vec<i64> = (query.paging.offset()..50)
        .take(usize::try_from(query.paging.limit()).unwrap())
        .collect();
    let page = query.paging.page(rows, 50, |row| vec![(*row).into()])?;
    let filters = json!([
        query.min_price.map(|price| price.0),
        query.in_stock,
        query.search
    ]);
    Ok(ok(&page.map(|row| json!([row, filters]))))
}

async fn show(Id(id): Id<ProductId>) -> Response {
    ok(&id)
}

async fn large(headers: HeaderMap) -> Response {
    cached(&headers, "no-cache", &"x".repeat(5000))
}

async fn panic() -> Response {
    panic!("the password is hunter2")
}

async fn slow() -> Response {
    std::future::pending().await
}

async fn secret() -> Result<Response> {
    Err(shop::error::Error::internal(
        "SELECT secret FROM /etc/passwd",
    ))
}

async fn shop() -> TestShop {
    TestShop::on(Engine::Sqlite).await.serving(routes())
}

const THINGS: &str = "/api/v1/things/";

#[tokio::test]
async fn paths_answer_under_both_bases_and_with_or_without_slash() {
    let shop = shop().await;
    for path in [
        "/api/v1/things/7/",
        "/api/v1/things/7",
        "/api/things/7/",
        "/api/things/7",
    ] {
        assert_eq!(shop.get(path).expect(200).await.json(), 7);
    }
}

/// IN-06
#[tokio::test]
async fn what_is_nobodys_id_is_404() {
    let shop = shop().await;
    for id in [
        "abc",
        "0",
        "-1",
        "9223372036854775808",
        "1.5",
        "%00",
        "1%2f2",
        "%ff",
        "٣",
    ] {
        let path = format!("/api/v1/things/{}/", id.replace('٣', "%D9%A3"));
        assert_eq!(
            shop.get(&path).expect(404).await.code(),
            "not_found",
            "{id}"
        );
    }
}

#[tokio::test]
async fn unknown_routes_and_methods_are_json() {
    let shop = shop().await;
    for path in [
        "/nothing",
        "/api/nothing/",
        "/api/v1/Things/",
        "/api//v1/things/",
        "/api/v1/%74hings/",
    ] {
        let answer = shop.get(path).expect(404).await;
        assert_eq!(
            (answer.code().as_str(), answer.header("content-type")),
            ("not_found", "application/json")
        );
    }
    let wrong = shop.delete(THINGS).expect(405).await;
    assert_eq!(wrong.code(), "method_not_allowed");
    assert_eq!(wrong.header("allow"), "POST, GET, HEAD, OPTIONS");
    let options = shop.ask("OPTIONS", THINGS).expect(204).await;
    assert_eq!(options.header("allow"), "POST, GET, HEAD, OPTIONS");
    let head = shop.ask("HEAD", THINGS).expect(200).await;
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn paths_that_are_only_aliases_know_their_methods() {
    let shop = shop().await;
    let answer = shop.get("/api/token/").expect(405).await;
    assert_eq!(answer.header("allow"), "POST, OPTIONS");
}

#[tokio::test]
async fn all_faulty_fields_stand_in_one_answer() {
    let shop = shop().await;
    let body = json!({"quantity": 0, "email": "nobody", "name": "  ", "price": "1.999", "parts": [{"size": 1}, {"size": "x"}, 5]});
    let answer = shop.post(THINGS).json(body).expect(400).await;
    assert_eq!(
        answer.faulty(),
        [
            "product_id",
            "quantity",
            "email",
            "name",
            "price",
            "parts.1.size",
            "parts.2"
        ]
    );
    let body = answer.json();
    assert_eq!(body["code"], "validation_error");
    assert_eq!(body["detail"], "7 fields need attention.");
    assert_eq!(body["product_id"], json!(["This field is required."]));
    assert_eq!(body["quantity"], json!(["Must be at least 1."]));
    assert_eq!(body["errors"][5]["pointer"], "/parts/1/size");
}

#[tokio::test]
async fn other_spellings_null_and_unknown_members_are_taken() {
    let shop = shop().await;
    let body = json!({"product": 3, "quantity": null, "is_admin": true, "parts": [{"size": "12"}]});
    let answer = shop.post(THINGS).json(body).expect(200).await.json();
    assert_eq!(
        (&answer["product_id"], &answer["parts"]),
        (&json!(3), &json!([12]))
    );
    let answer = shop
        .post(THINGS)
        .json(json!({"product_id": null}))
        .expect(400)
        .await;
    assert_eq!(
        answer.json()["product_id"],
        json!(["This field may not be null."])
    );
}

/// IN-08
#[tokio::test]
async fn amounts_are_exact_whether_text_or_number() {
    let shop = shop().await;
    for (sent, kept) in [
        ("129900.00", "129900.00"),
        ("\"1299.99\"", "1299.99"),
        ("99999999.99", "99999999.99"),
        ("0.1", "0.10"),
        ("1.000", "1.00"),
        ("90071992547409.93", "90071992547409.93"),
    ] {
        let answer = shop
            .post(THINGS)
            .text(format!("{{\"product_id\":1,\"price\":{sent}}}"))
            .expect(200)
            .await;
        assert_eq!(answer.json()["price"], kept);
    }
    for sent in [
        "1.001",
        "\"1,50\"",
        "1e3",
        "\"1e3\"",
        "\"٣\"",
        "-1",
        "\"\"",
        "\" 1\"",
        "true",
        "[]",
        "\"$1\"",
        "99999999999999999999",
        "\"NaN\"",
    ] {
        let answer = shop
            .post(THINGS)
            .text(format!("{{\"product_id\":1,\"price\":{sent}}}"))
            .expect(400)
            .await;
        assert_eq!(answer.faulty(), ["price"], "{sent}");
    }
}

/// CT-01
#[tokio::test]
async fn quantities_are_whole_and_in_range() {
    let shop = shop().await;
    for sent in ["2", "\"2\"", "9999"] {
        shop.post(THINGS)
            .text(format!("{{\"product_id\":1,\"quantity\":{sent}}}"))
            .expect(200)
            .await;
    }
    for sent in [
        "0",
        "-1",
        "10000",
        "1.5",
        "\"abc\"",
        "1e3",
        "true",
        "[]",
        "2147483648",
        "9223372036854775808",
        "\"\"",
    ] {
        let answer = shop
            .post(THINGS)
            .text(format!("{{\"product_id\":1,\"quantity\":{sent}}}"))
            .expect(400)
            .await;
        assert_eq!(
            (answer.code().as_str(), answer.faulty()),
            ("validation_error", vec!["quantity".to_owned()]),
            "{sent}"
        );
    }
}

/// IN-04
#[tokio::test]
async fn broken_json_is_400_with_its_position() {
    let shop = shop().await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deeper_object = "{\"a\":".repeat(10_000);
    let lone = r#"{"product_id":1,"name":"\ud800"}"#;
    let texts = [
        "{",
        "{\"product_id\":1} x",
        "{\"product_id\":NaN}",
        "{\"product_id\":1e400}",
        "{'a':1}",
        &deep,
        &deeper_object,
        lone,
        "{\"product_id\":1,\"product_id\":2}",
        "{\"name\":\"\\u0000\"}",
        "\u{feff}{}",
        "{\"a\":01}",
    ];
    for text in texts {
        let answer = shop.post(THINGS).text(text).expect(400).await;
        assert_eq!(answer.code(), "malformed_json", "{text:.40}");
    }
    let answer = shop
        .post(THINGS)
        .text("{\n  \"product_id\": x\n}")
        .expect(400)
        .await
        .json();
    assert_eq!(
        answer["detail"],
        "Line 2, column 17: a value was expected here."
    );
    let marked = shop
        .post(THINGS)
        .text("\u{feff}{}")
        .expect(400)
        .await
        .json();
    assert_eq!(
        marked["detail"],
        "Line 1, column 1: it begins with a byte order mark."
    );
    assert_eq!(
        (&answer["line"], &answer["column"]),
        (&json!(2), &json!(17))
    );
    shop.post(THINGS)
        .body("application/json", vec![b'"', 0xff, b'"'])
        .expect(400)
        .await;
}

#[tokio::test]
async fn a_body_that_is_no_object_is_a_fault_of_the_whole() {
    let shop = shop().await;
    for text in ["[]", "1", "\"x\"", "null"] {
        let answer = shop.post(THINGS).text(text).expect(400).await;
        assert!(answer.json()["non_field_errors"].is_array(), "{text}");
    }
}

#[tokio::test]
async fn an_absent_body_is_an_empty_object() {
    let shop = shop().await;
    assert_eq!(shop.post(THINGS).expect(400).await.faulty(), ["product_id"]);
    let form = shop
        .post(THINGS)
        .body("application/x-www-form-urlencoded", "")
        .expect(400)
        .await;
    assert_eq!(form.faulty(), ["product_id"]);
}

/// IN-07
#[tokio::test]
async fn only_plain_json_is_taken() {
    let shop = shop().await;
    let good = "{\"product_id\":1}";
    for kind in [
        "application/json",
        "application/json; charset=UTF-8",
        "application/vnd.api+json",
        "Application/JSON",
    ] {
        shop.post(THINGS).body(kind, good).expect(200).await;
    }
    for kind in [
        "text/plain",
        "application/xml",
        "multipart/form-data; boundary=x",
        "",
        "application/json; charset=latin1",
        "text/json",
    ] {
        let answer = shop.post(THINGS).body(kind, good).expect(415).await;
        assert_eq!(answer.code(), "unsupported_media_type", "{kind}");
    }
    for coding in ["gzip", "br", "identity, gzip"] {
        shop.post(THINGS)
            .text(good)
            .header("content-encoding", coding)
            .expect(415)
            .await;
    }
    shop.post(THINGS)
        .text(good)
        .header("content-encoding", "identity")
        .expect(200)
        .await;
}

#[tokio::test]
async fn large_bodies_are_413_whatever_they_claim() {
    let shop = shop().await;
    let large = format!("{{\"product_id\":1,\"x\":\"{}\"}}", "x".repeat(300 * 1024));
    let honest = shop
        .post(THINGS)
        .text(large.clone())
        .header("content-length", large.len().to_string());
    assert_eq!(honest.expect(413).await.code(), "body_too_large");
    let chunks = futures_util::stream::iter(
        large
            .into_bytes()
            .chunks(1000)
            .map(|c| Ok::<_, std::io::Error>(c.to_vec()))
            .collect::<Vec<_>>(),
    );
    shop.post(THINGS)
        .body("application/json", Body::from_stream(chunks))
        .expect(413)
        .await;
    let fits = format!("{{\"product_id\":1,\"x\":\"{}\"}}", "x".repeat(200 * 1024));
    shop.post(THINGS).text(fits).expect(200).await;
}

/// IN-06
#[tokio::test]
async fn filters_are_checked_all_at_once() {
    let shop = shop().await;
    let answer = shop.get("/api/v1/things/?min_price=abc&in_stock=maybe&colour=red&page=0&page_size=x&utm_source=mail").expect(400).await;
    assert_eq!(
        answer.faulty(),
        ["min_price", "in_stock", "page", "page_size", "colour"]
    );
    assert_eq!(answer.json()["errors"][0]["parameter"], "min_price");
    for query in [
        "page=1&page=2",
        "search=%00",
        "search=%ff",
        "search=%",
        "page=9223372036854775808",
        "page=-1",
        "page_size=0",
        "cursor=x",
        "%5b%5d=1",
        "constructor=1",
    ] {
        shop.get(&format!("/api/v1/things/?{query}"))
            .expect(400)
            .await;
    }
    for query in [
        "utm_source=x",
        "search=",
        "in_stock=true",
        "in_stock=0",
        "min_price=1.50",
        "search=a+b%20c",
        "cursor=",
        "page_size=1000000000",
        "&&",
    ] {
        shop.get(&format!("/api/v1/things/?{query}"))
            .expect(200)
            .await;
    }
    shop.get("/api/v1/things/?page=1000000000000000000")
        .expect(404)
        .await;
}

#[tokio::test]
async fn small_requests_have_no_huge_answers() {
    let shop = shop().await;
    let body = format!(r#"{{"product_id":1,"parts":[{}0]}}"#, "0,".repeat(120_000));
    let answer = shop.post(THINGS).text(body).expect(400).await;
    assert_eq!(answer.faulty().len(), 100);
    assert!(answer.body.len() < 64 * 1024, "{}", answer.body.len());

    let many: Vec<String> = (0..90).map(|n| format!("unknown_{n}")).collect();
    let answer = shop.get(&format!("{THINGS}?{}", many.join("&")));
    let answer = answer.expect(400).await;
    assert_eq!(answer.faulty().len(), 90);
    assert!(answer.body.len() < 32 * 1024, "{}", answer.body.len());
}

#[tokio::test]
async fn pages_link_to_the_public_address_with_their_filters() {
    let shop = shop().await;
    let first = shop
        .get("/api/things?search=a+%26b&page_size=20&utm_x=1")
        .expect(200)
        .await
        .json();
    assert_eq!(first["count"], 50);
    assert_eq!(first["results"][0], json!([0, [null, null, "a &b"]]));
    assert_eq!(
        first["next"],
        "https://shop.test/api/v1/things/?search=a%20%26b&utm_x=1&page=2"
    );
    assert_eq!(first["previous"], Value::Null);
    let last = shop.get("/api/v1/things/?page=3").expect(200).await.json();
    assert_eq!(
        (&last["next"], last["results"].as_array().unwrap().len()),
        (&Value::Null, 10)
    );
    let large = shop
        .get("/api/v1/things/?page_size=1000")
        .expect(200)
        .await
        .json();
    assert_eq!(large["results"].as_array().unwrap().len(), 50);
    let cursor = shop
        .get("/api/v1/things/?cursor=&page_size=5")
        .expect(200)
        .await
        .json();
    assert!(cursor.get("count").is_none());
    assert!(
        cursor["next"]
            .as_str()
            .unwrap()
            .starts_with("https://shop.test/api/v1/things/?page_size=5&cursor=")
    );
}

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
    shop.router = shop::http::serve(shop.app.clone(), features);
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

#[tokio::test]
async fn long_addresses_are_414() {
    let shop = shop().await;
    let answer = shop
        .get(&format!("/api/v1/things/?search={}", "x".repeat(9000)))
        .expect(414)
        .await;
    assert_eq!(answer.code(), "uri_too_long");
}

#[tokio::test]
async fn headers_of_other_systems_have_no_effect() {
    let shop = shop().await;
    let answer = shop
        .get("/api/v1/things/7/")
        .header("x-original-url", "/api/v1/things/8/")
        .header("x-http-method-override", "DELETE")
        .header("x-forwarded-prefix", "/evil")
        .header("x-user-id", "1")
        .expect(200)
        .await;
    assert_eq!(answer.json(), 7);
}

both! {
    async fn the_service_tells_how_it_is(shop: TestShop) {
        let health = shop.get("/api/health/").expect(200).await.json();
        assert_eq!(health["status"], "ok");
        assert_eq!(health["database"], shop.app.db.engine().to_string());
        assert_eq!(health["timestamp"], "2026-03-01T12:00:00Z");
        for path in ["/livez", "/readyz", "/api/v1/livez/", "/api/readyz", "/health"] {
            assert_eq!(shop.get(path).expect(200).await.json()["status"], "ok", "{path}");
        }
        shop.get("/livez").header("host", "10.0.0.7:8000").expect(200).await;
    }

    async fn the_root_names_where_to_read_on(shop: TestShop) {
        for path in ["/", "/api/v1/", "/api/v1", "/api/"] {
            let index = shop.get(path).expect(200).await.json();
            for (name, at) in [("docs", "docs"), ("schema", "schema"), ("health", "health")] {
                assert_eq!(index[name], format!("https://shop.test/api/v1/{at}/"), "{path}");
            }
        }
    }

    async fn a_word_for_writing_is_not_read(shop: TestShop) {
        let ada = shop.customer("ada").await;
        for path in ["/api/orders/create/", "/api/v1/orders/create_order", "/api/cart/add/", "/api/users/register/", "/api/v1/token/refresh/"] {
            for method in ["GET", "PUT"] {
                let refused = shop.ask(method, path).by(&ada).expect(405).await;
                assert_eq!((refused.code().as_str(), refused.header("allow")), ("method_not_allowed", "POST, OPTIONS"), "{path}");
            }
            assert_eq!(shop.ask("OPTIONS", path).expect(204).await.header("allow"), "POST, OPTIONS");
        }
    }

    /// IN-13: what is served from the binary has a fixed list of names.
    async fn no_path_leads_out_of_the_files(shop: TestShop) {
        for base in ["/api/v1/docs/", "/api/v1/redoc/", "/api/docs/"] {
            for file in ["..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "..%5c..%5cwin.ini", "start.js%00", "%zz", "%", "....//start.js", "../orders/1/", "%2fetc%2fpasswd"] {
                let answer = shop.get(&format!("{base}{file}")).send().await;
                assert!([400, 401, 404].contains(&answer.status.as_u16()), "{base}{file}: {}", answer.status);
                assert!(!answer.text().contains("root:"));
            }
        }
        shop.get("/api/v1/docs/start.js").expect(200).await;
    }

}
