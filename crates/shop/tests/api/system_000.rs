//! The requests of the first requirement document, as it prints them, on a fresh shop, and what it assumes.

use serde_json::{Value, json};

use crate::shopping::books_are_right;
use crate::support::{Ask, TestShop};
use crate::system_003::curl;

const REGISTER: &str = r#"curl -X POST http://127.0.0.1:8000/api/auth/register/ \
  -H "Content-Type: application/json" \
  -d '{
    "email": "test@example.com",
    "password": "password123",
    "password2": "password123",
    "first_name": "Test",
    "last_name": "User"
  }'"#;

const LOGIN: &str = r#"curl -X POST http://127.0.0.1:8000/api/auth/login/ \
  -H "Content-Type: application/json" \
  -d '{
    "email": "test@example.com",
    "password": "password123"
  }'"#;

const PRODUCTS: &str = r#"curl -X GET http://127.0.0.1:8000/api/products/ \
  -H "Authorization: Bearer YOUR_ACCESS_TOKEN""#;

/// A customer who signed up and in as the document prints it, and an admin.
struct Walk {
    shop: TestShop,
    customer: String,
    refresh: Value,
    admin: String,
}

impl Walk {
    async fn on(engine: db::Engine) -> Self {
        let shop = TestShop::on(engine).await;
        let registered = curl(&shop, "", REGISTER).expect(201).await.json();
        assert_eq!(
            (
                &registered["user"]["first_name"],
                &registered["user"]["role"]
            ),
            (&json!("Test"), &json!("customer"))
        );
        let tokens = curl(&shop, "", LOGIN).expect(200).await.json();
        let admin = shop.admin().await.access;
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

    async fn product(&self, name: &str, price: &str, stock: i64) -> Value {
        let body =
            json!({"name": name, "description": "As described", "price": price, "stock": stock});
        self.by_admin("POST", "/api/products/")
            .json(body)
            .expect(201)
            .await
            .json()
    }
}

both! {
    async fn the_samples_work_as_printed(w: Walk) {
        let list = curl(&w.shop, &w.customer, PRODUCTS).expect(200).await.json();
        assert_eq!(list["results"], json!([]));
        // The email is the unique identifier.
        let again = curl(&w.shop, "", REGISTER).expect(400).await.json();
        assert!(again["email"][0].is_string());
    }

    async fn accounts_have_profiles_and_end_their_sessions(w: Walk) {
        let profile = w.ask("GET", "/api/auth/profile/").expect(200).await.json();
        for member in ["id", "email", "first_name", "last_name", "phone", "role"] {
            assert!(profile.get(member).is_some(), "{member}");
        }
        let body = json!({"first_name": "Other", "last_name": "Name", "phone": "0123"});
        let changed = w.ask("PUT", "/api/auth/profile/").json(body).expect(200).await.json();
        assert_eq!((&changed["first_name"], &changed["phone"], &changed["email"]), (&json!("Other"), &json!("0123"), &json!("test@example.com")));
        curl(&w.shop, "", LOGIN).expect(200).await;
        w.shop.get("/api/auth/profile/").expect(401).await;
        w.ask("POST", "/api/auth/logout/").json(json!({"refresh": w.refresh})).expect(200).await;
        assert_eq!(w.ask("GET", "/api/auth/profile/").expect(401).await.code(), "token_revoked");
    }

    async fn products_are_read_by_all_and_written_by_admins(w: Walk) {
        let product = w.product("Lamp", "19.99", 5).await;
        for member in ["id", "name", "description", "price", "stock", "image", "created_at", "updated_at"] {
            assert!(product.get(member).is_some(), "{member}");
        }
        let path = format!("/api/products/{}/", product["id"]);
        assert_eq!(w.ask("GET", &path).expect(200).await.json()["price"], "19.99");
        assert_eq!(w.ask("GET", "/api/products/").expect(200).await.json()["count"], 1);
        let body = json!({"name": "Lamp", "description": "Brighter", "price": "24.50", "stock": 7});
        for (method, path) in [("POST", "/api/products/"), ("PUT", path.as_str()), ("DELETE", path.as_str())] {
            w.ask(method, path).json(body.clone()).expect(403).await;
            w.shop.ask(method, path).json(body.clone()).expect(401).await;
        }
        let changed = w.by_admin("PUT", &path).json(body).expect(200).await.json();
        assert_eq!((&changed["price"], &changed["stock"]), (&json!("24.50"), &json!(7)));
        // Stock and price cannot be negative.
        let wrong = json!({"name": "Lamp", "price": "-1.00", "stock": -1});
        assert_eq!(w.by_admin("PUT", &path).json(wrong).expect(400).await.faulty(), ["price", "stock"]);
        assert!(w.by_admin("DELETE", &path).send().await.status.is_success());
        w.ask("GET", &path).expect(404).await;
    }

    async fn a_cart_keeps_one_line_for_each_product(w: Walk) {
        let product = w.product("Lamp", "19.99", 9).await;
        let body = json!({"product": product["id"], "quantity": 2});
        w.ask("POST", "/api/cart/").json(body.clone()).expect(201).await;
        let cart = w.ask("POST", "/api/cart/").json(body).expect(200).await.json();
        assert_eq!((cart["items"].as_array().unwrap().len(), &cart["items"][0]["quantity"]), (1, &json!(4)));
        let line = format!("/api/cart/{}/", cart["items"][0]["id"]);
        assert_eq!(w.ask("GET", &line).expect(200).await.json()["quantity"], 4);
        let changed = w.ask("PUT", &line).json(json!({"quantity": 3})).expect(200).await.json();
        assert_eq!(changed["total_amount"], "59.97");
        assert_eq!(w.ask("GET", "/api/cart/").expect(200).await.json()["total_items"], 3);
        w.ask("PUT", &line).json(json!({"quantity": 10})).expect(409).await;
        assert_eq!(w.ask("DELETE", &line).expect(200).await.json()["items"], json!([]));
        w.ask("POST", "/api/cart/").json(json!({"product_id": product["id"]})).expect(201).await;
        assert_eq!(w.ask("DELETE", "/api/cart/clear/").expect(200).await.json()["items"], json!([]));
    }

    async fn orders_follow_the_documents_rules(w: Walk) {
        let product = w.product("Lamp", "19.99", 5).await;
        let empty = w.ask("POST", "/api/orders/create/").json(json!({"shipping_address": "1 Main St"})).expect(400).await;
        assert_eq!(empty.code(), "cart_empty");
        w.ask("POST", "/api/cart/").json(json!({"product": product["id"], "quantity": 2})).expect(201).await;
        // The address is a simple text field, the total is the server's, cash on delivery the default.
        let body = json!({"shipping_address": "1 Main St", "total_amount": "0.01"});
        let order = w.ask("POST", "/api/orders/create/").json(body).expect(201).await.json();
        for (member, value) in [
            ("total_amount", json!("39.98")), ("status", json!("pending")), ("shipping_address", json!("1 Main St")), ("payment_method", json!("cod")),
        ] {
            assert_eq!(order[member], value, "{member}");
        }
        assert_eq!((&order["items"][0]["subtotal"], &order["items"][0]["quantity"]), (&json!("39.98"), &json!(2)));
        let path = format!("/api/orders/{}/", order["id"]);
        assert_eq!(w.ask("GET", &path).expect(200).await.json(), order);
        assert_eq!(w.ask("GET", "/api/orders/").expect(200).await.json()["results"], json!([order]));
        let stock = async || w.ask("GET", &format!("/api/products/{}/", product["id"])).expect(200).await.json()["stock"].clone();
        assert_eq!(stock().await, 3);
        let cancelled = w.ask("POST", &format!("{path}cancel/")).expect(200).await.json();
        assert_eq!((&cancelled["status"], stock().await), (&json!("cancelled"), json!(5)));

        // Pending, confirmed, shipped, delivered.
        w.ask("POST", "/api/cart/").json(json!({"product": product["id"]})).expect(201).await;
        let order = w.ask("POST", "/api/orders/create/").expect(201).await.json();
        for word in ["confirmed", "shipped", "delivered"] {
            let path = format!("/api/orders/{}/status/", order["id"]);
            let moved = w.by_admin("PATCH", &path).json(json!({"status": word})).expect(200).await.json();
            assert_eq!(moved["status"], word);
        }
        w.ask("POST", &format!("/api/orders/{}/cancel/", order["id"])).expect(409).await;
        books_are_right(&w.shop).await;
    }
}
