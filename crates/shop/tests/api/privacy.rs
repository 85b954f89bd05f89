//! A copy of one's data, and being forgotten.

use std::time::Duration;

use db::{Engine, args};
use serde_json::{Value, json};
use shop::mail::{Letter, Template};

use crate::shopping::{Buyer, at_once, books_are_right, sell, stock, tamper, with_status};
use crate::support::{Ask, PASSWORD, Person, TestShop, fresh_address};

const EXPORT: &str = "/api/v1/auth/profile/export/";
const ERASE: &str = "/api/v1/auth/profile/erase/";

fn proved(shop: &TestShop, path: &str, person: &Person, password: &str) -> Ask {
    shop.post(path)
        .by(person)
        .from(fresh_address())
        .json(json!({"current_password": password}))
}

/// Every text in the database.
pub async fn all_texts(shop: &TestShop) -> String {
    let columns = match shop.app.db.engine() {
        Engine::Sqlite => {
            "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c
             WHERE t.type = 'table' AND c.type <> 'BLOB' AND t.name NOT LIKE 'product_search%'"
        }
        Engine::Postgres => {
            "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) FROM information_schema.columns
             WHERE table_schema = 'public' AND data_type <> 'bytea'"
        }
    };
    let conn = shop.app.db.read().await.unwrap();
    let mut all = String::new();
    for (table, column) in conn.all::<(String, String)>(columns, &[]).await.unwrap() {
        let sql = format!("SELECT COALESCE(CAST(\"{column}\" AS TEXT), '') FROM \"{table}\"");
        for text in conn.all::<String>(&sql, &[]).await.unwrap() {
            all.push_str(&format!("{table}.{column}: {text}\n"));
        }
    }
    all
}

/// Somebody of whom the shop knows all that it can know.
async fn well_known(shop: &TestShop) -> (Person, Buyer) {
    let alice = shop.customer("canary.alice").await;
    let profile = json!({
        "name": "Canaria Liddell", "username": "canary_7", "phone": "+1 555 canary", "address": "Canary Wharf 1",
    });
    shop.patch("/api/v1/auth/profile/")
        .by(&alice)
        .json(profile)
        .expect(200)
        .await;
    let address = json!({"line1": "2 Canary Street", "city": "Canaryville", "country": "GB", "label": "canary home"});
    shop.post("/api/v1/addresses/")
        .by(&alice)
        .json(address)
        .expect(201)
        .await;
    let wrong = json!({"email": alice.email, "password": "wrong password 1"});
    shop.post("/api/v1/auth/login/")
        .from(fresh_address())
        .header("user-agent", "Canary/1.0")
        .json(wrong)
        .expect(400)
        .await;
    let letter = Letter::new(
        &alice.email,
        Template::PasswordChanged,
        json!({"at": "now"}),
    );
    shop::transact!(shop.app.db, tx => {
        shop::mail::enqueue(tx, &letter, shop.clock.now()).await
    })
    .unwrap();
    let buyer = Buyer::Customer(alice.access.clone());
    (alice, buyer)
}

/// What strangers can find of somebody.
async fn traces(shop: &TestShop) -> Vec<String> {
    let all = all_texts(shop).await.to_lowercase();
    all.lines()
        .filter(|line| line.contains("canar"))
        .map(str::to_owned)
        .collect()
}

both! {
    /// PR-01
    async fn an_export_has_all_that_is_known_and_nothing_of_others(shop: TestShop) {
        let mug = sell(&shop, "Mug", 999, 500).await;
        let (alice, buyer) = well_known(&shop).await;
        let bob = shop.customer("bob").await;
        Buyer::Customer(bob.access.clone()).buys(&shop, mug, 1).await;
        // More than are read at once.
        for _ in 0..103 {
            buyer.buys(&shop, mug, 1).await;
        }
        buyer.adds(&shop, mug, 3).expect(201).await;
        let boss = shop.admin().await;
        let newest = shop.get("/api/v1/orders/?page_size=1").by(&alice).expect(200).await.json()["results"][0]["id"].clone();
        shop.patch(&format!("/api/v1/orders/{newest}/update_status/")).by(&boss).json(json!({"status": "paid"})).expect(200).await;

        let answer = proved(&shop, EXPORT, &alice, PASSWORD).expect(200).await;
        assert_eq!(answer.header("content-disposition"), "attachment; filename=\"my-data.json\"");
        assert_eq!(answer.header("cache-control"), "no-store");
        let data = answer.json();
        assert_eq!((&data["profile"]["email"], &data["profile"]["name"]), (&json!(alice.email), &json!("Canaria Liddell")));
        assert_eq!((&data["addresses"][0]["line1"], &data["addresses"][1]), (&json!("2 Canary Street"), &Value::Null));
        assert_eq!(data["cart"][0]["quantity"], 3);
        assert_eq!((&data["payments"][0]["order_id"], &data["payments"][1]), (&newest, &Value::Null));
        let orders = data["orders"].as_array().unwrap();
        let mut ids: Vec<_> = orders.iter().map(|order| order["id"].as_i64().unwrap()).collect();
        assert!(orders.iter().all(|order| order["user"] == alice.id));
        ids.dedup();
        assert_eq!(ids.len(), 103);
        assert_eq!(data["sessions"].as_array().unwrap().len(), 1);
        let failed: Vec<_> = data["login_attempts"].as_array().unwrap().iter().filter(|login| login["outcome"] == "failed").collect();
        assert_eq!(failed[0]["user_agent"], "Canary/1.0");
        assert!(!answer.text().contains("bob@") && !answer.text().contains("argon2"));
    }

    /// PR-01
    async fn an_export_needs_the_password_and_is_had_once_a_day(shop: TestShop) {
        let alice = shop.customer("alice").await;
        shop.post(EXPORT).expect(401).await;
        assert_eq!(shop.post(EXPORT).by(&alice).expect(400).await.faulty(), ["current_password"]);
        assert_eq!(proved(&shop, EXPORT, &alice, "wrong password 1").expect(400).await.faulty(), ["current_password"]);
        let empty = proved(&shop, EXPORT, &alice, PASSWORD).expect(200).await.json();
        assert_eq!((&empty["orders"], &empty["addresses"], &empty["cart"]), (&json!([]), &json!([]), &json!([])));
        let again = proved(&shop, EXPORT, &alice, PASSWORD).expect(429).await;
        assert_eq!((again.code().as_str(), again.header("retry-after")), ("rate_limited", "86400"));
        // Nor from another node, or after a new start.
        let other = shop.another_node().await;
        proved(&other, EXPORT, &alice, PASSWORD).expect(429).await;
        shop.clock.advance(Duration::from_secs(24 * 3600 - 1));
        let alice = shop.sign_in(&alice.email).await;
        assert_eq!(proved(&other, EXPORT, &alice, PASSWORD).expect(429).await.header("retry-after"), "1");
        shop.clock.advance(Duration::from_secs(1));
        let alice = shop.sign_in(&alice.email).await;
        proved(&shop, EXPORT, &alice, PASSWORD).expect(200).await;
    }

    /// AU-06
    async fn the_password_cannot_be_guessed_by_who_holds_a_token(shop: TestShop) {
        let alice = shop.customer("alice").await;
        for _ in 0..3 {
            proved(&shop, ERASE, &alice, "wrong password 1").expect(400).await;
        }
        let locked = proved(&shop, ERASE, &alice, PASSWORD).expect(429).await;
        assert_eq!(locked.code(), "login_locked");
    }

    /// PR-02
    async fn who_is_erased_leaves_no_trace_but_goods_and_amounts(shop: TestShop) {
        let mug = sell(&shop, "Mug", 999, 50).await;
        let boss = shop.admin().await;
        let (alice, buyer) = well_known(&shop).await;
        let delivered = buyer.buys(&shop, mug, 2).await;
        for word in ["confirmed", "shipped", "delivered"] {
            shop.patch(&format!("/api/v1/orders/{}/update_status/", delivered["id"])).by(&boss)
                .json(json!({"status": word})).expect(200).await;
        }
        buyer.adds(&shop, mug, 1).expect(201).await;
        let body = json!({"shipping_address": "Text Canary 5", "note": "Call canary"});
        let pending = buyer.orders(&shop).header("idempotency-key", "canary").json(body).expect(201).await.json();
        buyer.adds(&shop, mug, 4).expect(201).await;
        assert_eq!(stock(&shop, mug).await, (48, 1));
        assert!(traces(&shop).await.len() > 10);

        proved(&shop, ERASE, &alice, PASSWORD).expect(204).await;

        assert_eq!(traces(&shop).await, Vec::<String>::new());
        let show = async |order: &Value| shop.get(&format!("/api/v1/orders/{}/", order["id"])).by(&boss).expect(200).await.json();
        let kept = show(&delivered).await;
        assert_eq!((&kept["total_amount"], &kept["items"]), (&delivered["total_amount"], &delivered["items"]));
        assert_eq!((&kept["user_email"], &kept["shipping_address"], &kept["note"]), (&json!(""), &json!({"country": "GB"}), &json!("")));
        let cancelled = show(&pending).await;
        assert_eq!((&cancelled["status"], &cancelled["shipping_address"]), (&json!("cancelled"), &Value::Null));
        assert_eq!(stock(&shop, mug).await, (48, 0));
        books_are_right(&shop).await;

        assert_eq!(shop.get("/api/v1/auth/profile/").by(&alice).expect(401).await.code(), "token_revoked");
        shop.post("/api/v1/auth/refresh/").json(json!({"refresh": alice.refresh})).expect(401).await;
        let login = json!({"email": alice.email, "password": PASSWORD});
        assert_eq!(shop.post("/api/v1/auth/login/").from(fresh_address()).json(login).expect(400).await.code(), "invalid_credentials");
        let person = shop.get(&format!("/api/v1/admin/users/{}/", alice.id)).by(&boss).expect(200).await.json();
        assert_eq!((&person["is_active"], &person["first_name"], &person["phone"]), (&json!(false), &json!(""), &json!("")));

        let anew = shop.customer("canary.alice").await;
        assert_ne!(anew.id, alice.id);
        assert_eq!(shop.get("/api/v1/orders/").by(&anew).expect(200).await.json()["count"], 0);
    }

    async fn what_is_under_way_arrives_first(shop: TestShop) {
        let mug = sell(&shop, "Mug", 999, 50).await;
        let boss = shop.admin().await;
        let (alice, buyer) = well_known(&shop).await;
        let (arrives, never) = (buyer.buys(&shop, mug, 1).await, buyer.buys(&shop, mug, 1).await);
        let status = async |order: &Value, word: &str| {
            let path = format!("/api/v1/orders/{}/update_status/", order["id"]);
            shop.patch(&path).by(&boss).json(json!({"status": word})).expect(200).await;
        };
        status(&arrives, "paid").await;
        status(&never, "confirmed").await;
        proved(&shop, ERASE, &alice, PASSWORD).expect(204).await;
        let address = async |order: &Value| shop.get(&format!("/api/v1/orders/{}/", order["id"])).by(&boss).expect(200).await.json()["shipping_address"].clone();
        assert_eq!(address(&arrives).await["line1"], "2 Canary Street", "or it could not be sent");

        status(&arrives, "shipped").await;
        status(&arrives, "delivered").await;
        shop::housekeeping::sweep(&shop.app).await.unwrap();
        assert_eq!(address(&arrives).await, json!({"country": "GB"}));
        assert_eq!(address(&never).await["line1"], "2 Canary Street");

        shop.clock.advance(Duration::from_secs(91 * 24 * 3600));
        shop::housekeeping::sweep(&shop.app).await.unwrap();
        assert_eq!(traces(&shop).await, Vec::<String>::new());
    }

    /// PR-02: also after a restore.
    async fn who_was_erased_stays_so_when_a_backup_comes_back(shop: TestShop) {
        let (alice, _) = well_known(&shop).await;
        proved(&shop, ERASE, &alice, PASSWORD).expect(204).await;
        // As the backup has it.
        let back = format!(
            "UPDATE users SET email = 'canary', email_key = 'canary', first_name = 'Canaria', is_active = TRUE, erased_at = NULL WHERE id = {}",
            alice.id
        );
        tamper(&shop, &back).await;
        let bob = shop.customer("bob").await;

        let swept = shop::housekeeping::sweep(&shop.app).await.unwrap();

        assert_eq!(swept.erased_accounts, 1);
        assert_eq!(traces(&shop).await, Vec::<String>::new());
        shop.get("/api/v1/auth/profile/").by(&bob).expect(200).await;

        // Somebody else under the same id: the backup is older than the account that was erased.
        let other = format!("UPDATE users SET email = 'dora', email_key = 'dora', is_active = TRUE, erased_at = NULL, created_at = 5 WHERE id = {}", alice.id);
        tamper(&shop, &other).await;
        assert_eq!(shop::housekeeping::sweep(&shop.app).await.unwrap().erased_accounts, 0);
        let conn = shop.app.db.read().await.unwrap();
        let email: String = conn.one("SELECT email FROM users WHERE id = $1", args![alice.id]).await.unwrap();
        assert_eq!(email, "dora");
    }

    /// PR-04
    async fn card_data_is_refused_wherever_people_write(shop: TestShop) {
        let mug = sell(&shop, "Mug", 999, 50).await;
        let boss = shop.admin().await;
        let alice = shop.customer("alice").await;
        let buyer = Buyer::Customer(alice.access.clone());
        let order = buyer.buys(&shop, mug, 1).await;
        buyer.adds(&shop, mug, 1).expect(201).await;
        let address = json!({"line1": "1", "city": "2", "country": "DE"});
        let kept = shop.post("/api/v1/addresses/").by(&alice).json(address.clone()).expect(201).await.json();
        let (kept, order) = (format!("/api/v1/addresses/{}/", kept["id"]), format!("/api/v1/orders/{}/", order["id"]));
        let status = format!("{order}update_status/");
        let with = |name: &str, value: Value| {
            let mut body = address.clone();
            body[name] = value;
            body
        };
        for (who, method, path, body) in [
            (&alice, "POST", "/api/v1/orders/", json!({"note": "pay with 4111 1111 1111 1111"})),
            (&alice, "POST", "/api/orders/create", json!({"shipping_address": {"line1": "x", "extra": ["5555-5555-5555-4444"]}})),
            (&alice, "POST", "/api/v1/orders/", json!({"shipping_address": {"line1": "x", "metadata": {"cvv": "123"}}})),
            (&alice, "POST", "/api/v1/orders/", json!({"payment_method": "cod", "card_number": 4_111_111_111_111_111_i64})),
            (&alice, "POST", "/api/v1/orders/", json!({"shipping_address": {"4111111111111111": 1}})),
            (&boss, "PATCH", &status, json!({"status": "paid", "pan": "x"})),
            (&alice, "POST", "/api/v1/addresses/", with("label", json!("378282246310005"))),
            (&alice, "POST", "/api/users/me/addresses/", with("phone", json!("4111111111111111"))),
            (&alice, "PUT", &kept, with("cvc", json!(123))),
            (&alice, "PATCH", &kept, json!({"line2": "6011 0009 9013 9424"})),
            (&alice, "PATCH", "/api/v1/auth/profile/", json!({"phone": "4111-1111-1111-1111"})),
            (&alice, "PUT", "/api/users/me/", json!({"address": "\u{34}111111111111111"})),
            (&alice, "POST", "/api/v1/auth/register/", json!({"email": "z@example.org", "password": PASSWORD, "name": "4111111111111111"})),
            (&alice, "POST", "/api/v1/cart/items/", json!({"product_id": mug.product, "Card-Number": "x"})),
        ] {
            let refused = shop.ask(method, path).by(who).json(body.clone()).expect(400).await;
            assert_eq!(refused.code(), "card_data_not_accepted", "{method} {path} {body}");
            let mut told = refused.json();
            // It is random, and may have any digits.
            told["request_id"].take();
            let told = told.to_string();
            assert!(!told.contains("4111") && !told.contains("5555"), "{told}");
        }
        let phone = json!({"phone": "4915123456787"});
        shop.patch("/api/v1/auth/profile/").by(&alice).json(phone.clone()).expect(200).await;
        shop.patch(&kept).by(&alice).json(phone).expect(200).await;
        let all = all_texts(&shop).await;
        for card in ["4111", "5555", "378282", "6011"] {
            assert!(!all.contains(card), "{card}");
        }
        let fine = json!({"phone": "+4915123456787", "address": "12 High Street, 10115 Berlin"});
        shop.patch("/api/v1/auth/profile/").by(&alice).json(fine).expect(200).await;
        shop.patch(&kept).by(&alice).json(json!({"cvv": null, "label": "4111 1111 1111 1112"})).expect(200).await;
    }

    /// AZ-13
    async fn the_last_admin_cannot_leave(shop: TestShop) {
        let first = shop.admin().await;
        assert_eq!(proved(&shop, ERASE, &first, PASSWORD).expect(409).await.code(), "last_admin");
        let second = shop.admin().await;
        let answers = at_once([proved(&shop, ERASE, &first, PASSWORD), proved(&shop, ERASE, &second, PASSWORD)]).await;
        assert_eq!((with_status(&answers, 204), with_status(&answers, 409)), (1, 1));
    }

    async fn staff_erases_for_those_who_ask_by_letter(shop: TestShop) {
        let boss = shop.admin().await;
        let (alice, _) = well_known(&shop).await;
        let path = format!("/api/v1/admin/users/{}/erase/", alice.id);
        shop.post(&path).by(&boss).expect(204).await;
        shop.post(&path).by(&boss).expect(204).await;
        assert_eq!(traces(&shop).await, Vec::<String>::new());
        shop.get("/api/v1/auth/profile/").by(&alice).expect(401).await;
        let log = shop.get("/api/v1/admin/audit-log/?action=user.erased").by(&boss).expect(200).await.json();
        assert_eq!((&log["count"], &log["results"][0]["subject_id"]), (&json!(1), &json!(alice.id.to_string())));
        shop.post("/api/v1/admin/users/999999/erase/").by(&boss).expect(404).await;
        shop.post(&format!("/api/v1/admin/users/{}/erase/", boss.id)).by(&boss).expect(409).await;
    }

    /// AZ-13, PR-02
    async fn an_erased_account_is_not_opened_again_and_is_no_admin_to_stay(shop: TestShop) {
        let boss = shop.admin().await;
        let alice = shop.customer("alice").await;
        let path = |id: i64| format!("/api/v1/admin/users/{id}/");
        shop.post(&format!("{}erase/", path(alice.id))).by(&boss).expect(204).await;

        for body in [json!({"is_active": true, "role": "admin"}), json!({"is_active": true}), json!({"role": "admin"}), json!({})] {
            assert_eq!(shop.patch(&path(alice.id)).by(&boss).json(body).expect(404).await.code(), "not_found");
        }
        // As it was left by a program that opened it again.
        tamper(&shop, &format!("UPDATE users SET is_active = TRUE, role = 'admin' WHERE id = {}", alice.id)).await;
        let refused = shop.patch(&path(boss.id)).by(&boss).json(json!({"role": "customer"})).expect(409).await;
        assert_eq!(refused.code(), "last_admin");
    }
}
