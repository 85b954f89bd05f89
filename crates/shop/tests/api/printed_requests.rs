//! The requests that the requirement documents print, as they are printed, in their order.

use serde_json::{Value, json};

use crate::support::TestShop;

async fn category_and_product(shop: &TestShop, admin: &crate::support::Person) -> i64 {
    let category = shop
        .post("/api/admin/categories/")
        .by(admin)
        .text(r#"{"name":"Electronics"}"#)
        .expect(201)
        .await
        .json();
    let text = format!(
        r#"{{"name":"Laptop", "description":"A cool laptop", "price":"1299.99", "stock":"10", "category":{}}}"#,
        category["id"]
    );
    let product = shop
        .post("/api/admin/products/")
        .by(admin)
        .text(text)
        .expect(201)
        .await
        .json();
    assert_eq!(
        (&product["price"], &product["stock"]),
        (&json!("1299.99"), &json!(10))
    );
    product["id"].as_i64().unwrap()
}

both! {
    /// From sign-up to a cancelled order, by the paths of the fourth document.
    async fn the_walk_with_users_and_admin_paths(shop: TestShop) {
        let body = r#"{"email":"testuser@example.com", "password":"SomeSecurePassword123", "name":"Test User", "phone":"1234567890"}"#;
        let registered = shop.post("/api/users/register/").text(body).expect(201).await.json();
        assert_eq!(registered["user"]["name"], "Test User");
        let body = r#"{"email":"testuser@example.com", "password":"SomeSecurePassword123"}"#;
        let tokens = shop.post("/api/token/").text(body).expect(200).await.json();
        let access = tokens["access"].as_str().unwrap().to_owned();
        assert!(tokens["refresh"].is_string());
        let profile = shop.get("/api/users/profile/").bearer(&access).expect(200).await.json();
        assert_eq!((&profile["email"], &profile["phone"]), (&json!("testuser@example.com"), &json!("1234567890")));
        assert_eq!(shop.get("/api/products/").expect(200).await.json()["results"], json!([]));

        let admin = shop.admin().await;
        let product = category_and_product(&shop, &admin).await;
        let body = format!(r#"{{"product_id":{product}, "quantity":1}}"#);
        shop.post("/api/cart/").bearer(&access).text(body).expect(201).await;
        let cart = shop.get("/api/cart/").bearer(&access).expect(200).await.json();
        assert_eq!((&cart["total_items"], &cart["total_amount"]), (&json!(1), &json!("1299.99")));
        let order = shop.post("/api/orders/create/").bearer(&access).expect(201).await.json();
        assert_eq!((&order["status"], &order["total_amount"]), (&json!("pending"), &json!("1299.99")));
        let history = shop.get("/api/orders/").bearer(&access).expect(200).await.json();
        assert_eq!(history["results"][0]["id"], order["id"]);
        let cancelled = shop.post(&format!("/api/orders/{}/cancel/", order["id"])).bearer(&access).expect(200).await.json();
        assert_eq!(cancelled["status"], "cancelled");
        let product = shop.get(&format!("/api/products/{product}/")).expect(200).await.json();
        assert_eq!(product["stock"], 10);
    }

    /// The quick test flow of the second document, up to the order.
    async fn the_walk_with_usernames_and_numbers(shop: TestShop) {
        let body = json!({
            "username": "testuser", "email": "test@example.com", "password": "Test123!", "password2": "Test123!",
            "first_name": "Test", "last_name": "User", "phone": "1234567890"
        });
        shop.post("/api/auth/register/").json(body).expect(201).await;
        let body = json!({"username": "testuser", "password": "Test123!"});
        let tokens = shop.post("/api/auth/login/").json(body).expect(200).await.json();
        let access = tokens["access"].as_str().unwrap().to_owned();
        let admin = shop.admin().await;
        // Nobody has made a category, but the document names the first.
        let body = r#"{
  "name": "iPhone 15 Pro",
  "description": "Latest iPhone",
  "price": 129900.00,
  "stock": 50,
  "category": 1
}"#;
        let product = shop.post("/api/products/").by(&admin).text(body).expect(201).await.json();
        assert_eq!(product["price"], "129900.00");
        assert_eq!(product["category"], json!({"id": 1, "name": "General", "slug": "general"}));
        shop.post("/api/products/").by(&admin).text(body.replace(": 1\n", ": 2\n")).expect(400).await;
        let body = json!({"product_id": product["id"], "quantity": 2});
        shop.post("/api/cart/add/").bearer(&access).json(body).expect(201).await;
        let body = json!({"shipping_address": "123 Main St, City, State, 12345, Country"});
        let order = shop.post("/api/orders/create_order/").bearer(&access).json(body).expect(201).await.json();
        assert_eq!(order["total_amount"], "259800.00");
    }

    /// The samples of the first and the third document, with the errors that the third handles.
    async fn the_samples_of_sign_up_and_sign_in(shop: TestShop) {
        let body = json!({
            "email": "test@example.com", "password": "password123", "password2": "password123",
            "first_name": "Test", "last_name": "User"
        });
        shop.post("/api/auth/register/").json(body.clone()).expect(201).await;
        let again = shop.post("/api/auth/register/").json(body).expect(400).await.json();
        assert!(again["email"][0].is_string(), "{again}");
        let body = json!({"email": "test@example.com", "password": "password123"});
        let tokens = shop.post("/api/auth/login/").json(body).expect(200).await.json();
        shop.get("/api/products/").bearer(tokens["access"].as_str().unwrap()).expect(200).await;

        let body = json!({
            "email": "user@example.com", "username": "johndoe", "password": "SecurePassword123",
            "password_confirm": "SecurePassword123", "first_name": "John", "last_name": "Doe", "phone": "+212600123456"
        });
        shop.post("/api/v1/auth/register/").json(body).expect(201).await;
        let wrong = shop.post("/api/v1/auth/login/").json(json!({"email": "user@example.com", "password": "x"})).expect(400).await.json();
        assert!(wrong["non_field_errors"][0].is_string());
        let body = json!({"email": "user@example.com", "password": "SecurePassword123"});
        let tokens = shop.post("/api/v1/auth/login/").json(body).expect(200).await.json();
        let refresh = json!({"refresh": tokens["refresh"]});
        let access = tokens["access"].as_str().unwrap();
        shop.post("/api/v1/auth/logout/").bearer(access).json(refresh.clone()).send().await;
        assert_eq!(shop.post("/api/v1/auth/refresh/").json(refresh).expect(401).await.code(), "token_revoked");
    }

    async fn all_faults_of_a_sign_up_stand_in_one_answer(shop: TestShop) {
        let body = json!({"email": "nobody", "password": "short", "password2": "other"});
        let answer = shop.post("/api/auth/register/").json(body).expect(400).await;
        let faulty = answer.faulty();
        assert!(faulty.contains(&"email".into()) && faulty.contains(&"password".into()), "{faulty:?}");
    }

    async fn every_page_of_a_list_can_be_followed_to_its_end(shop: TestShop) {
        let admin = shop.admin().await;
        for n in 0..13 {
            // Equal prices: the id decides.
            let price = format!("{}.00", n % 3 + 1);
            shop.product(&admin, &price, 1).await;
        }
        for start in ["page_size=5", "page_size=5&cursor=", "page_size=4&ordering=-price", "page_size=4&cursor=&ordering=price,-name", "page_size=3&ordering=name&cursor="] {
            let mut seen = Vec::new();
            let mut next = Value::from(format!("https://shop.test/api/v1/products/?{start}"));
            while let Some(link) = next.as_str() {
                let path = link.strip_prefix("https://shop.test").unwrap();
                let page = shop.get(path).expect(200).await.json();
                seen.extend(page["results"].as_array().unwrap().iter().map(|product| product["id"].as_i64().unwrap()));
                next = page["next"].clone();
            }
            let mut unique = seen.clone();
            unique.sort_unstable();
            unique.dedup();
            assert_eq!((seen.len(), unique.len()), (13, 13), "{start}");
        }
    }

    /// IN-01, IN-03, IN-06
    async fn hostile_parameters_are_refused_or_find_nothing(shop: TestShop) {
        let admin = shop.admin().await;
        shop.product(&admin, "1.00", 1).await;
        for hostile in ["%27%20OR%201=1--", "1;DROP%20TABLE%20products", "%27%22%60%5C", "(a%2B)%2B%24", "%25", "_", "*", "%22%20OR%20NEAR(", "\u{202e}x"] {
            for name in ["search", "category", "min_price", "max_price", "in_stock", "ordering", "id__in", "page", "page_size", "cursor"] {
                let hostile: String = hostile.chars().map(|c| if c.is_ascii() { c.to_string() } else { "%E2%80%AE".into() }).collect();
                let answer = shop.get(&format!("/api/products/?{name}={hostile}")).send().await;
                let status = answer.status.as_u16();
                assert!(matches!(status, 200 | 400), "{name}={hostile}: {status}");
                if status == 200 && hostile.len() > 4 && name == "search" {
                    assert_eq!(answer.json()["results"], json!([]), "{name}={hostile}");
                }
            }
            let path = format!("/api/products/{}/", hostile.replace('\u{202e}', "%E2%80%AE"));
            shop.get(&path).expect(404).await;
        }
        let long = "x".repeat(6000);
        let started = std::time::Instant::now();
        shop.get(&format!("/api/products/?search={long}")).send().await;
        assert!(started.elapsed() < std::time::Duration::from_secs(1));
    }
}
