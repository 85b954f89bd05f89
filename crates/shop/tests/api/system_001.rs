//! The requests of the second requirement document, as it prints them, on a fresh shop; its payments have a file of
//! their own.

use serde_json::{Value, json};

use crate::shopping::books_are_right;
use crate::support::{Ask, TestShop};

const REGISTER: &str = r#"POST http://127.0.0.1:8000/api/auth/register/
Content-Type: application/json

{
  "username": "testuser",
  "email": "test@example.com",
  "password": "Test123!",
  "password2": "Test123!",
  "first_name": "Test",
  "last_name": "User",
  "phone": "1234567890"
}"#;

const LOGIN: &str = r#"POST http://127.0.0.1:8000/api/auth/login/
Content-Type: application/json

{
  "username": "testuser",
  "password": "Test123!"
}"#;

const CREATE_PRODUCT: &str = r#"POST http://127.0.0.1:8000/api/products/
Authorization: Bearer YOUR_ADMIN_TOKEN
Content-Type: application/json

{
  "name": "iPhone 15 Pro",
  "description": "Latest iPhone",
  "price": 129900.00,
  "stock": 50,
  "category": 1
}"#;

const ADD: &str = r#"POST http://127.0.0.1:8000/api/cart/add/
Authorization: Bearer YOUR_TOKEN
Content-Type: application/json

{
  "product_id": 1,
  "quantity": 2
}"#;

const ORDER: &str = r#"POST http://127.0.0.1:8000/api/orders/create_order/
Authorization: Bearer YOUR_TOKEN
Content-Type: application/json

{
  "shipping_address": "123 Main St, City, State, 12345, Country"
}"#;

/// A printed request, with `token` for the one that it leaves open.
fn printed(shop: &TestShop, token: &str, text: &str) -> Ask {
    let (head, body) = text.split_once("\n\n").unwrap();
    let mut lines = head.lines();
    let (method, url) = lines.next().unwrap().split_once(' ').unwrap();
    let path = url.strip_prefix("http://127.0.0.1:8000").unwrap();
    let ask = shop.ask(method, path).text(body);
    lines.fold(ask, |ask, header| {
        let (name, value) = header.split_once(": ").unwrap();
        let value = value
            .replace("YOUR_ADMIN_TOKEN", token)
            .replace("YOUR_TOKEN", token);
        ask.header(&name.to_lowercase(), value)
    })
}

/// Up to the product, as the quick test flow prints it.
struct Walk {
    shop: TestShop,
    customer: String,
    refresh: Value,
    admin: String,
}

impl Walk {
    async fn on(engine: db::Engine) -> Self {
        let shop = TestShop::on(engine).await;
        printed(&shop, "", REGISTER).expect(201).await;
        let tokens = printed(&shop, "", LOGIN).expect(200).await.json();
        let admin = shop.admin().await.access;
        let product = printed(&shop, &admin, CREATE_PRODUCT)
            .expect(201)
            .await
            .json();
        assert_eq!(
            (&product["id"], &product["price"], &product["stock"]),
            (&json!(1), &json!("129900.00"), &json!(50))
        );
        Walk {
            customer: tokens["access"].as_str().unwrap().to_owned(),
            refresh: tokens["refresh"].clone(),
            shop,
            admin,
        }
    }

    fn ask(&self, method: &str, path: &str) -> Ask {
        self.shop.ask(method, path).bearer(&self.customer)
    }

    fn by_admin(&self, method: &str, path: &str) -> Ask {
        self.shop.ask(method, path).bearer(&self.admin)
    }

    async fn ordered(&self) -> Value {
        printed(&self.shop, &self.customer, ADD).send().await;
        printed(&self.shop, &self.customer, ORDER)
            .expect(201)
            .await
            .json()
    }
}

both! {
    async fn the_quick_test_flow_works_as_printed(w: Walk) {
        let cart = printed(&w.shop, &w.customer, ADD).expect(201).await.json();
        assert_eq!((&cart["total_items"], &cart["total_amount"]), (&json!(2), &json!("259800.00")));
        let order = printed(&w.shop, &w.customer, ORDER).expect(201).await.json();
        assert_eq!((&order["id"], &order["total_amount"], &order["status"]), (&json!(1), &json!("259800.00"), &json!("pending")));
        assert_eq!(order["shipping_address"], "123 Main St, City, State, 12345, Country");
        assert_eq!(w.shop.get("/api/products/1/").expect(200).await.json()["stock"], 48);
        books_are_right(&w.shop).await;
    }

    async fn every_path_of_accounts(w: Walk) {
        let profile = w.ask("GET", "/api/auth/profile/").expect(200).await.json();
        assert_eq!((&profile["username"], &profile["phone"]), (&json!("testuser"), &json!("1234567890")));
        let changed = w.ask("PATCH", "/api/auth/profile/").json(json!({"first_name": "New"})).expect(200).await.json();
        assert_eq!((&changed["first_name"], &changed["last_name"]), (&json!("New"), &json!("User")));
        let body = json!({"old_password": "Test123!", "new_password": "Other-Secret-77"});
        w.ask("POST", "/api/auth/change-password/").json(body).expect(200).await;
        let fresh = w.shop.post("/api/auth/token/refresh/").json(json!({"refresh": w.refresh})).expect(200).await.json();
        assert!(fresh["access"].is_string());
        w.ask("POST", "/api/auth/logout/").json(json!({"refresh": fresh["refresh"]})).expect(200).await;
        w.shop.post("/api/auth/token/refresh/").json(json!({"refresh": fresh["refresh"]})).expect(401).await;
    }

    async fn a_guest_cart_moves_along_at_sign_up_and_sign_in(w: Walk) {
        let body = json!({"product_id": 1, "quantity": 3});
        let made = w.shop.post("/api/cart/add/").json(body).expect(201).await;
        let token = made.header("x-cart-token").to_owned();
        let login = printed(&w.shop, "", LOGIN).header("x-cart-token", token).expect(200).await.json();
        let cart = w.shop.get("/api/cart/").bearer(login["access"].as_str().unwrap()).expect(200).await.json();
        assert_eq!(cart["total_items"], 3);
    }

    async fn every_path_of_categories(w: Walk) {
        let made = w.by_admin("POST", "/api/categories/").json(json!({"name": "Phones", "parent": 1})).expect(201).await.json();
        assert_eq!(made["slug"], "phones");
        assert_eq!(w.shop.get("/api/categories/").expect(200).await.json()["results"][0]["children"][0]["slug"], "phones");
        assert_eq!(w.shop.get("/api/categories/all/").expect(200).await.json()["count"], 2);
        assert_eq!(w.shop.get("/api/categories/phones/").expect(200).await.json()["name"], "Phones");
        let put = w.by_admin("PUT", "/api/categories/phones/").json(json!({"name": "Telephones"})).expect(200).await.json();
        assert_eq!((&put["name"], &put["slug"]), (&json!("Telephones"), &json!("phones")));
        for (method, path) in [("POST", "/api/categories/"), ("PUT", "/api/categories/phones/"), ("DELETE", "/api/categories/phones/")] {
            w.ask(method, path).json(json!({"name": "X"})).expect(403).await;
        }
        w.by_admin("DELETE", "/api/categories/phones/").expect(204).await;
    }

    async fn every_path_and_parameter_of_products(w: Walk) {
        let body = json!({"name": "Case", "description": "For the iPhone", "price": 20, "stock": 0, "category": 1});
        let case = w.by_admin("POST", "/api/products/").json(body).expect(201).await.json();
        for (query, expected) in [
            ("search=iphone", 2), ("search=latest", 1), ("category=general", 2), ("min_price=100", 1), ("max_price=100", 1),
            ("min_price=1&max_price=200000", 2), ("in_stock=true", 1), ("in_stock=false", 1), ("page=1&page_size=1", 2),
        ] {
            let list = w.shop.get(&format!("/api/products/?{query}")).expect(200).await.json();
            assert_eq!(list["count"], expected, "{query}");
        }
        for (ordering, first) in [("price", "Case"), ("-price", "iPhone 15 Pro"), ("created_at", "iPhone 15 Pro"), ("name", "Case"), ("-name", "iPhone 15 Pro")] {
            let list = w.shop.get(&format!("/api/products/?ordering={ordering}")).expect(200).await.json();
            assert_eq!(list["results"][0]["name"], first, "{ordering}");
        }
        assert_eq!(w.shop.get("/api/products/featured/").expect(200).await.json()["results"].as_array().unwrap().len(), 2);
        w.ask("GET", "/api/products/low_stock/").expect(403).await;
        assert_eq!(w.by_admin("GET", "/api/products/low_stock/").expect(200).await.json()["results"][0]["id"], case["id"]);
        let path = format!("/api/products/{}/", case["id"]);
        let put = json!({"name": "Case", "price": "25.00", "stock": 4});
        assert_eq!(w.by_admin("PUT", &path).json(put).expect(200).await.json()["price"], "25.00");
        w.by_admin("DELETE", &path).expect(204).await;
        w.shop.get(&path).expect(404).await;
    }

    async fn every_path_of_the_cart(w: Walk) {
        let cart = printed(&w.shop, &w.customer, ADD).expect(201).await.json();
        let line = format!("/api/cart/items/{}/", cart["items"][0]["id"]);
        assert_eq!(w.ask("PATCH", &line).json(json!({"quantity": 5})).expect(200).await.json()["total_items"], 5);
        w.ask("PATCH", &line).json(json!({"quantity": 51})).expect(409).await;
        assert_eq!(w.ask("GET", "/api/cart/").expect(200).await.json()["total_amount"], "649500.00");
        assert_eq!(w.ask("DELETE", &line).expect(200).await.json()["total_items"], 0);
        printed(&w.shop, &w.customer, ADD).expect(201).await;
        assert_eq!(w.ask("DELETE", "/api/cart/clear/").expect(200).await.json()["total_items"], 0);
    }

    async fn every_path_of_orders(w: Walk) {
        let order = w.ordered().await;
        // A snapshot of the price.
        w.by_admin("PATCH", "/api/products/1/").json(json!({"price": 1})).expect(200).await;
        let path = format!("/api/orders/{}/", order["id"]);
        let shown = w.ask("GET", &path).expect(200).await.json();
        assert_eq!((&shown["total_amount"], &shown["items"][0]["product_name"]), (&json!("259800.00"), &json!("iPhone 15 Pro")));
        assert_eq!(w.ask("GET", "/api/orders/").expect(200).await.json()["count"], 1);
        w.ask("PATCH", &format!("{path}update_status/")).json(json!({"status": "confirmed"})).expect(403).await;
        let moved = w.by_admin("PATCH", &format!("{path}update_status/")).json(json!({"status": "confirmed"})).expect(200).await.json();
        assert_eq!(moved["status"], "confirmed");
        w.ask("POST", &format!("{path}cancel/")).expect(409).await;
        let other = w.ordered().await;
        w.ask("POST", &format!("/api/orders/{}/cancel/", other["id"])).expect(200).await;
        assert_eq!(w.shop.get("/api/products/1/").expect(200).await.json()["stock"], 48);
        books_are_right(&w.shop).await;
    }

    async fn both_reports_of_the_admin(w: Walk) {
        let order = w.ordered().await;
        let path = format!("/api/orders/{}/update_status/", order["id"]);
        w.by_admin("PATCH", &path).json(json!({"status": "paid"})).expect(200).await;
        let shown = w.by_admin("GET", "/api/products/analytics/").expect(200).await.json();
        assert_eq!((&shown["total_revenue"], &shown["orders_by_status"]["paid"]), (&json!("259800.00"), &json!(1)));
        assert_eq!((&shown["top_products"][0]["product_name"], &shown["top_products"][0]["quantity_sold"]), (&json!("iPhone 15 Pro"), &json!(2)));
        let report = w.by_admin("GET", "/api/orders/sales_report/?days=30").expect(200).await.json();
        assert_eq!((&report["period_days"], &report["total_orders"], &report["total_revenue"]), (&json!(30), &json!(1), &json!("259800.00")));
        assert_eq!((report["daily_breakdown"].as_array().unwrap().len(), &report["daily_breakdown"][29]["revenue"]), (30, &json!("259800.00")));
        for path in ["/api/products/analytics/", "/api/orders/sales_report/?days=30"] {
            w.ask("GET", path).expect(403).await;
        }
        books_are_right(&w.shop).await;
    }
}
