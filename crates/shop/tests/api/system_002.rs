//! The requests of the third requirement document, as it prints them, on a fresh shop. Its JavaScript is run by Node
//! against the program (`crates/server/tests/program/javascript.rs`).

use serde_json::json;

use crate::support::TestShop;
use crate::system_003::curl;

const REGISTER: &str = r#"curl -X POST http://localhost:8000/api/v1/auth/register/ \
  -H "Content-Type: application/json" \
  -d '{
    "email": "test@example.com",
    "username": "testuser",
    "password": "SecurePass123",
    "password_confirm": "SecurePass123",
    "first_name": "Test",
    "last_name": "User"
  }'"#;

const LOG_IN: &str = r#"curl -X POST http://localhost:8000/api/v1/auth/login/ \
  -H "Content-Type: application/json" \
  -d '{
    "email": "test@example.com",
    "password": "SecurePass123"
  }'"#;

both! {
    async fn every_printed_request_does_what_the_document_says(shop: TestShop) {
        let registered = curl(&shop, "", REGISTER).expect(201).await.json();
        assert_eq!(registered["message"], "Registration successful. Please check your email to verify your account.");
        assert_eq!(
            (&registered["user"]["username"], &registered["user"]["name"], &registered["user"]["email_verified"]),
            (&json!("testuser"), &json!("Test User"), &json!(false)),
        );

        let token = shop.mail_to("test@example.com").await.token().to_owned();
        let verified = shop.get(&format!("/api/v1/auth/verify-email/{token}/")).expect(200).await.json();
        assert!(verified["access"].is_string() && verified["refresh"].is_string());
        assert_eq!(verified["user"]["email_verified"], true);

        let signed_in = curl(&shop, "", LOG_IN).expect(200).await.json();
        let access = signed_in["access"].as_str().unwrap();
        let profile = shop.get("/api/v1/users/profile/").bearer(access).expect(200).await.json();
        assert_eq!(profile["email"], "test@example.com");

        let again = curl(&shop, "", REGISTER).expect(400).await.json();
        assert!(again["email"][0].is_string() && again["username"][0].is_string(), "{again}");
    }

    async fn the_endpoints_that_it_lists_answer(shop: TestShop) {
        for path in ["/api/health/", "/api/docs/", "/api/redoc/", "/api/schema/"] {
            shop.get(path).expect(200).await;
        }
        let alice = shop.customer("alice").await;
        for (path, body) in [
            ("/api/v1/auth/resend-verification/", json!({"email": "alice@example.org"})),
            ("/api/v1/auth/refresh/", json!({"refresh": alice.refresh})),
        ] {
            shop.post(path).json(body).expect(200).await;
        }
        let alice = shop.sign_in("alice@example.org").await;
        let change = json!({"old_password": crate::support::PASSWORD, "new_password": "AnotherPass456"});
        shop.post("/api/v1/auth/change-password/").by(&alice).json(change).expect(200).await;
        shop.post("/api/v1/auth/logout/").by(&alice).json(json!({"refresh": alice.refresh})).expect(200).await;
    }
}
