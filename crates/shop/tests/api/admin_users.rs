//! What admins see and change of accounts and logins, and what the audit log says of it.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{PASSWORD, Person, TestShop, fresh_address};

const USERS: &str = "/api/v1/admin/users/";
const SECURITY: &str = "/api/v1/admin/security/";
const LOG: &str = "/api/v1/admin/audit-log/";

async fn list(shop: &TestShop, admin: &Person, path: &str) -> Vec<Value> {
    let body = shop.get(path).by(admin).expect(200).await.json();
    body["results"].as_array().unwrap().clone()
}

async fn change(shop: &TestShop, admin: &Person, user: i64, body: Value) -> crate::support::Answer {
    shop.patch(&format!("{USERS}{user}/"))
        .by(admin)
        .json(body)
        .send()
        .await
}

async fn fail_login(shop: &TestShop, email: &str) -> u16 {
    let body = json!({"email": email, "password": "wrong password"});
    let answer = shop
        .post("/api/v1/auth/login/")
        .from(fresh_address())
        .json(body)
        .send()
        .await;
    answer.status.as_u16()
}

both! {
    async fn accounts_are_found_by_what_is_known_of_them(shop: TestShop) {
        let admin = shop.admin().await;
        let body = json!({"email": "Zoe@Example.org", "username": "zoe_1", "password": PASSWORD, "name": "Zoe 100% Quick"});
        shop.post("/api/v1/auth/register/").json(body).expect(201).await;
        shop.customer("alice").await;
        let found = async |query: &str| {
            let users = list(&shop, &admin, &format!("{USERS}?{query}")).await;
            users.iter().map(|user| user["email"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };

        assert_eq!(found("").await.len(), 3);
        for query in ["search=ZOE", "search=oe_1", "search=zoe%20100%25%20quick", "search=zoe%40example"] {
            assert_eq!(found(query).await, ["Zoe@Example.org"], "{query}");
        }
        assert!(found("search=%25%25").await.is_empty());
        assert_eq!(found("role=admin").await, std::slice::from_ref(&admin.email));
        assert_eq!(found("role=customer&is_active=true").await, ["alice@example.org", "Zoe@Example.org"]);
        assert!(found("is_active=false").await.is_empty());
        assert_eq!(found("email_verified=true").await, std::slice::from_ref(&admin.email));
        assert_eq!(found("page_size=1&page=2").await, ["Zoe@Example.org"]);
        shop.get(&format!("{USERS}?role=boss")).by(&admin).expect(400).await;
    }

    /// TK-10
    async fn a_role_counts_from_the_next_request_on(shop: TestShop) {
        let (admin, alice) = (shop.admin().await, shop.customer("alice").await);
        shop.get(USERS).by(&alice).expect(403).await;

        let promoted = change(&shop, &admin, alice.id, json!({"role": "admin"})).await;
        assert_eq!(promoted.json()["role"], "admin");
        shop.get(USERS).by(&alice).expect(200).await;

        change(&shop, &admin, alice.id, json!({"role": "customer"})).await;
        assert_eq!(shop.get(USERS).by(&alice).expect(403).await.code(), "permission_denied");
    }

    /// TK-10
    async fn a_closed_account_is_out_at_once_and_its_sessions_stay_ended(shop: TestShop) {
        let (admin, alice) = (shop.admin().await, shop.customer("alice").await);
        shop.get("/api/v1/auth/profile/").by(&alice).expect(200).await;

        let closed = change(&shop, &admin, alice.id, json!({"is_active": false})).await;

        assert_eq!(closed.json()["is_active"], false);
        assert_eq!(shop.get("/api/v1/auth/profile/").by(&alice).expect(401).await.code(), "token_revoked");
        change(&shop, &admin, alice.id, json!({"is_active": true})).await;
        shop.get("/api/v1/auth/profile/").by(&alice).expect(401).await;
        shop.sign_in(&alice.email).await;
    }

    /// AZ-13
    async fn the_last_admin_stays(shop: TestShop) {
        let admin = shop.admin().await;
        for body in [json!({"role": "customer"}), json!({"is_active": false})] {
            let refused = change(&shop, &admin, admin.id, body).await;
            assert_eq!((refused.status.as_u16(), refused.code().as_str()), (409, "last_admin"));
        }
        assert_eq!(change(&shop, &admin, admin.id, json!({"role": "admin"})).await.status, 200);
        let other = shop.admin().await;
        assert_eq!(change(&shop, &admin, admin.id, json!({"role": "customer"})).await.status, 200);
        assert_eq!(change(&shop, &other, other.id, json!({"is_active": false})).await.code(), "last_admin");
    }

    /// AZ-13
    async fn admins_who_take_each_other_away_at_once_leave_one(shop: TestShop) {
        let mut admins = Vec::new();
        for _ in 0..4 {
            admins.push(shop.admin().await);
        }

        let answers = join_all(admins.iter().enumerate().map(|(n, admin)| {
            let body = if n % 2 == 0 { json!({"role": "customer"}) } else { json!({"is_active": false}) };
            change(&shop, admin, admin.id, body)
        })).await;

        let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 200, 409]);
    }

    async fn logins_are_listed_and_filtered(shop: TestShop) {
        let (admin, alice) = (shop.admin().await, shop.customer("alice").await);
        fail_login(&shop, "alice@example.org").await;
        fail_login(&shop, "nobody@example.org").await;
        shop.clock.advance(Duration::from_secs(3600));
        shop.sign_in(&alice.email).await;
        let admin = shop.sign_in(&admin.email).await;
        let path = format!("{SECURITY}login-attempts/");

        let of_alice = list(&shop, &admin, &format!("{path}?email=ALICE@example.org")).await;
        let outcomes: Vec<_> = of_alice.iter().map(|attempt| (&attempt["outcome"], &attempt["reason"])).collect();
        assert_eq!(outcomes, [(&json!("succeeded"), &Value::Null), (&json!("failed"), &json!("wrong_password"))]);
        assert_eq!(list(&shop, &admin, &format!("{path}?user={}", alice.id)).await, of_alice);
        let ip = of_alice[1]["ip_address"].as_str().unwrap();
        assert_eq!(list(&shop, &admin, &format!("{path}?ip_address={ip}&outcome=failed")).await, of_alice[1..]);
        let unknown = list(&shop, &admin, &format!("{path}?outcome=failed&email=nobody@example.org")).await;
        assert_eq!((&unknown[0]["user_id"], &unknown[0]["reason"]), (&Value::Null, &json!("unknown_account")));
        assert_eq!(list(&shop, &admin, &format!("{path}?outcome=failed&date_from=2026-03-01T12:30:00Z")).await.len(), 0);
        assert_eq!(list(&shop, &admin, &format!("{path}?outcome=failed&date_to=2026-03-01")).await.len(), 2);
        assert_eq!(list(&shop, &admin, &format!("{path}?ip_address=::ffff:{ip}&outcome=failed")).await, of_alice[1..]);
    }

    /// IN-06
    async fn filters_that_do_not_parse_are_refused_together(shop: TestShop) {
        let admin = shop.admin().await;
        for (path, faulty) in [
            ("login-attempts/?ip_address=abc", &["ip_address"][..]),
            ("login-attempts/?date_to=x&ip_address=1.2.3&date_from=y&user=z", &["user", "ip_address", "date_from", "date_to"]),
            ("sessions/?ip_address=localhost&active=maybe", &["ip_address", "active"]),
        ] {
            let answer = shop.get(&format!("{SECURITY}{path}")).by(&admin).expect(400).await;
            assert_eq!(answer.faulty(), faulty, "{path}");
        }
        let answer = shop.get(&format!("{LOG}?date_from=x&actor=y&date_to=z")).by(&admin).expect(400).await;
        assert_eq!(answer.faulty(), ["actor", "date_from", "date_to"]);
    }

    async fn sessions_of_everybody_are_listed(shop: TestShop) {
        let (admin, alice) = (shop.admin().await, shop.customer("alice").await);
        shop.post("/api/v1/auth/logout/").by(&alice).json(json!({})).expect(200).await;
        let path = format!("{SECURITY}sessions/");

        assert_eq!(list(&shop, &admin, &path).await.len(), 2);
        let ended = list(&shop, &admin, &format!("{path}?active=false")).await;
        assert_eq!((&ended[0]["email"], &ended[0]["end_reason"]), (&json!(alice.email), &json!("logout")));
        let living = list(&shop, &admin, &format!("{path}?active=true&user={}", admin.id)).await;
        assert_eq!(living[0]["email"], admin.email);
    }

    async fn the_summary_says_who_is_locked_out_and_an_admin_lets_them_in(shop: TestShop) {
        let (admin, alice) = (shop.admin().await, shop.customer("alice").await);
        let ghost = "ghost@example.org";
        for email in [&*alice.email, ghost] {
            for _ in 0..3 {
                assert_eq!(fail_login(&shop, email).await, 400);
            }
            assert_eq!(fail_login(&shop, email).await, 429);
        }
        let attacker = "[2001:db8::1]:1".parse().unwrap();
        let try_there = async || {
            let body = json!({"email": format!("x{}@example.org", fresh_address().ip()), "password": "wrong password"});
            shop.post("/api/v1/auth/login/").from(attacker).json(body).send().await.status.as_u16()
        };
        for _ in 0..5 {
            assert_eq!(try_there().await, 400);
        }
        assert_eq!(try_there().await, 429);

        let summary = shop.get(&format!("{SECURITY}summary/")).by(&admin).expect(200).await.json();

        assert_eq!((&summary["failed"], &summary["locked"]), (&json!(11), &json!(3)));
        let hours = summary["by_hour"].as_array().unwrap();
        assert_eq!((hours.len(), &hours[23]["hour"], &hours[23]["failed"]), (24, &json!("2026-03-01T12:00:00Z"), &json!(11)));
        let mut locked: Vec<_> = summary["locked_accounts"].as_array().unwrap().iter()
            .map(|account| (account["email"].as_str().unwrap(), account["locked_until"].as_str().unwrap())).collect();
        locked.sort_unstable();
        assert_eq!(locked, [(&*alice.email, "2026-03-01T12:15:00Z"), (ghost, "2026-03-01T12:15:00Z")]);
        assert_eq!(summary["locked_addresses"][0]["ip_address"], "2001:db8::/64");
        assert_eq!(summary["top_addresses"][0], json!({"ip_address": "2001:db8::1", "failures": 6}));

        let unlock = format!("{SECURITY}unlock/");
        for body in [
            json!({"email": alice.email.to_uppercase()}), json!({"email": ghost}), json!({"ip_address": "2001:db8::7"}),
        ] {
            shop.post(&unlock).by(&admin).json(body).expect(200).await;
        }
        shop.sign_in(&alice.email).await;
        assert_eq!((fail_login(&shop, ghost).await, try_there().await), (400, 400));
        for body in [json!({}), json!({"email": "a@b.c", "ip_address": "::1"}), json!({"ip_address": "localhost"})] {
            shop.post(&unlock).by(&admin).json(body).expect(400).await;
        }
        assert_eq!(list(&shop, &admin, &format!("{LOG}?action=logins.unlocked")).await.len(), 3);
    }

    async fn every_change_of_staff_stands_in_the_audit_log(shop: TestShop) {
        let (admin, alice) = (shop.admin().await, shop.customer("alice").await);
        let product = shop.product(&admin, "19.99", 5).await;
        let path = format!("/api/v1/products/{}/", product.id);
        let category = shop.post("/api/v1/categories/").by(&admin).json(json!({"name": "Lamps"})).expect(201).await.json();
        let of_category = format!("/api/v1/categories/{}/", category["slug"].as_str().unwrap());

        shop.patch(&path).by(&admin).header("x-request-id", "price-cut-7").json(json!({"price": "17.50", "stock": 9})).expect(200).await;
        shop.patch(&of_category).by(&admin).json(json!({"name": "Lights"})).expect(200).await;
        shop.delete(&of_category).by(&admin).expect(204).await;
        shop.delete(&path).by(&admin).expect(204).await;
        change(&shop, &admin, alice.id, json!({"role": "admin"})).await;
        change(&shop, &admin, alice.id, json!({"role": "admin"})).await;

        let log = list(&shop, &admin, LOG).await;
        let actions: Vec<_> = log.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
        assert_eq!(actions, [
            "user.updated", "product.deleted", "category.deleted", "category.updated", "product.updated",
            "category.created", "product.created",
        ]);
        let cut = list(&shop, &admin, &format!("{LOG}?request_id=price-cut-7")).await;
        assert_eq!(cut, log[4..5]);
        assert_eq!((&cut[0]["actor_id"], &cut[0]["actor_email"]), (&json!(admin.id), &json!(admin.email)));
        assert_eq!((&cut[0]["subject_type"], &cut[0]["subject_id"]), (&json!("product"), &json!(product.id.to_string())));
        let price = |entry: &Value, side: &str| {
            let variant = &entry[side]["variants"][0];
            (variant["price_minor"].clone(), variant["stock"].clone())
        };
        assert_eq!(price(&cut[0], "before"), (json!(1999), json!(5)));
        assert_eq!(price(&cut[0], "after"), (json!(1750), json!(9)));
        assert_eq!((&log[0]["before"], &log[0]["after"]), (&json!({"role": "customer"}), &json!({"role": "admin"})));
        for query in [
            format!("actor={}", admin.id), "subject_type=product".into(), format!("subject_type=user&subject_id={}", alice.id),
        ] {
            assert!(!list(&shop, &admin, &format!("{LOG}?{query}")).await.is_empty(), "{query}");
        }
        assert!(list(&shop, &admin, &format!("{LOG}?date_from=2026-03-02")).await.is_empty());
    }

    async fn what_staff_does_to_orders_stands_in_the_audit_log(shop: TestShop) {
        let (admin, alice) = (shop.admin().await, shop.customer("alice").await);
        let product = shop.product(&admin, "19.99", 5).await;
        let order = async || {
            shop.post("/api/v1/cart/items/").by(&alice).json(json!({"product_id": product.id})).expect(201).await;
            shop.post("/api/v1/orders/").by(&alice).expect(201).await.json()["id"].clone()
        };
        let (first, second, own) = (order().await, order().await, order().await);

        shop.patch(&format!("/api/v1/orders/{first}/status/")).by(&admin).json(json!({"status": "confirmed"})).expect(200).await;
        shop.post(&format!("/api/v1/orders/{second}/cancel/")).by(&admin).expect(200).await;
        shop.post(&format!("/api/v1/orders/{own}/cancel/")).by(&alice).expect(200).await;

        let log = list(&shop, &admin, &format!("{LOG}?subject_type=order")).await;
        let told: Vec<_> = log.iter().map(|entry| (&entry["action"], &entry["subject_id"], &entry["after"])).collect();
        assert_eq!(told, [
            (&json!("order.cancelled"), &json!(second.to_string()), &json!({"status": "cancelled"})),
            (&json!("order.status_changed"), &json!(first.to_string()), &json!({"status": "confirmed"})),
        ]);
    }

    async fn a_change_that_fails_leaves_no_entry(shop: TestShop) {
        let admin = shop.admin().await;
        let created = list(&shop, &admin, LOG).await.len();
        change(&shop, &admin, admin.id, json!({"role": "customer"})).await;
        change(&shop, &admin, 999_999, json!({"role": "customer"})).await;
        assert_eq!(list(&shop, &admin, LOG).await.len(), created);
    }

    /// AD-10
    async fn nobody_rewrites_the_audit_log(shop: TestShop) {
        let admin = shop.admin().await;
        shop.product(&admin, "19.99", 5).await;
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            shop.ask(method, LOG).by(&admin).json(json!({})).expect(405).await;
            shop.ask(method, &format!("{LOG}1/")).by(&admin).json(json!({})).expect(404).await;
        }
        assert_eq!(list(&shop, &admin, LOG).await.len(), 1);
    }
}
