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

use crate::support::{TestShop, fresh_address};

mod answers;
mod input;

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
