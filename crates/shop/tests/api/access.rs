//! Who may do what, over all operations of the API document.

use serde_json::json;

use crate::support::{OPENAPI, TestShop};

/// Method, path with every parameter 1, operation.
fn operations() -> Vec<(String, String, &'static serde_json::Value)> {
    let paths = OPENAPI["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        let parts = path
            .split('/')
            .map(|part| if part.starts_with('{') { "1" } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        let operations = item.as_object().unwrap().iter();
        operations.map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
    });
    all.collect()
}

both! {
    async fn nobody_gets_where_a_token_is_needed(shop: TestShop) {
        for (method, path, operation) in operations() {
            if operation["security"] == json!([{"bearer": []}]) {
                let answer = shop.ask(&method, &path).expect(401).await;
                assert_eq!(answer.code(), "not_authenticated", "{method} {path}");
                assert_eq!(answer.header("www-authenticate"), "Bearer");
            }
        }
    }

    async fn customers_do_not_get_where_admins_do(shop: TestShop) {
        let customer = shop.customer("alice").await;
        for (method, path, operation) in operations() {
            let admins_only = operation["responses"]["403"]["description"].as_str().is_some_and(|text| text.contains("permission_denied"));
            if admins_only && operation["security"] == json!([{"bearer": []}]) {
                let answer = shop.ask(&method, &path).by(&customer).expect(403).await;
                assert_eq!(answer.code(), "permission_denied", "{method} {path}");
            }
        }
    }

    async fn a_token_counts_only_in_its_header(shop: TestShop) {
        let customer = shop.customer("alice").await;
        let profile = "/api/v1/auth/profile/";
        shop.get(profile).by(&customer).expect(200).await;
        for query in ["token", "access_token"] {
            shop.get(&format!("{profile}?{query}={}", customer.access)).expect(401).await;
        }
        shop.get(profile).header("cookie", format!("access={}", customer.access)).expect(401).await;
        for wrong in ["Basic YTpi", "Bearer", "Bearer ", "Bearer x.y.z", &format!("Token {}", customer.access)] {
            let answer = shop.get(profile).header("authorization", wrong).expect(401).await;
            assert_eq!(answer.code(), "token_invalid", "{wrong}");
            assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
        }
    }

    async fn a_bad_token_is_refused_even_where_none_is_needed(shop: TestShop) {
        let answer = shop.get("/api/v1/cart/").header("authorization", "Bearer x.y.z").expect(401).await;
        assert_eq!(answer.code(), "token_invalid");
    }

    async fn a_wrong_login_has_the_status_that_is_printed_for_its_path(shop: TestShop) {
        shop.customer("alice").await;
        for (path, status) in [
            ("/api/v1/auth/login/", 400), ("/api/v1/auth/login", 400), ("/api/auth/login/", 401),
            ("/api/token/", 401), ("/api/v1/token/", 401),
        ] {
            let body = json!({"email": format!("nobody{status}{}@example.org", path.len()), "password": "wrong password"});
            let answer = shop.post(path).from(crate::support::fresh_address()).json(body).expect(status).await;
            assert_eq!(answer.code(), "invalid_credentials", "{path}");
            assert!(answer.json()["non_field_errors"][0].is_string(), "{path}");
        }
    }

    async fn answers_for_a_caller_are_kept_by_no_cache(shop: TestShop) {
        let customer = shop.customer("alice").await;
        let answer = shop.get("/api/v1/auth/profile/").by(&customer).expect(200).await;
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}
