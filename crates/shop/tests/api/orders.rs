//! Orders: placing, reading, cancelling, moving on, and requests that come twice.

use std::time::Duration;

use db::args;
use serde_json::{Value, json};

use crate::shopping::{
    Buyer, Goods, add_variant, admin, books_are_right, count, customer, sell, stock, tamper,
};
use crate::support::{Ask, TestShop};

const ORDERS: &str = "/api/v1/orders/";

/// A shop with ten mugs at 12.50, Ada, and the boss.
struct Ready {
    shop: TestShop,
    ada: Buyer,
    boss: Buyer,
    mug: Goods,
}

impl Ready {
    async fn on(engine: db::Engine) -> Self {
        // Some tests let days go by.
        let shop = TestShop::with(engine, &[("ACCESS_TOKEN_TTL", "20d")]).await;
        let boss = Buyer::Customer(admin(&shop).await);
        let ada = Buyer::Customer(customer(&shop, "ada").await);
        let mug = sell(&shop, "Mug", 1250, 10).await;
        Ready {
            shop,
            ada,
            boss,
            mug,
        }
    }

    async fn placed(&self, quantity: i64) -> Value {
        self.ada.buys(&self.shop, self.mug, quantity).await
    }

    fn status(&self, order: &Value, word: &str) -> Ask {
        let path = format!("{ORDERS}{}/update_status/", order["id"]);
        self.boss
            .sign(self.shop.patch(&path))
            .json(json!({"status": word}))
    }

    fn cancel(&self, buyer: &Buyer, order: &Value) -> Ask {
        buyer.sign(self.shop.post(&format!("{ORDERS}{}/cancel/", order["id"])))
    }

    fn show(&self, buyer: &Buyer, order: &Value) -> Ask {
        buyer.sign(self.shop.get(&format!("{ORDERS}{}/", order["id"])))
    }

    async fn list(&self, buyer: &Buyer, query: &str) -> Vec<i64> {
        let page = buyer
            .sign(self.shop.get(&format!("{ORDERS}{query}")))
            .expect(200)
            .await
            .json();
        page["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|order| order["id"].as_i64().unwrap())
            .collect()
    }

    async fn stock(&self) -> (i64, i64) {
        stock(&self.shop, self.mug).await
    }
}

/// A small shop that has time for one request at once and for few in an hour. Ada's cart is full.
struct Shed {
    shop: TestShop,
    ada: Buyer,
}

impl Shed {
    async fn on(engine: db::Engine) -> Self {
        let settings = [
            ("MAX_REQUESTS_IN_FLIGHT", "1"),
            ("REQUEST_TIMEOUT", "1s"),
            ("RATE_LIMIT", "5/h"),
            ("ACCESS_TOKEN_TTL", "20d"),
        ];
        let shop = TestShop::with(engine, &settings).await;
        let ada = Buyer::Customer(customer(&shop, "ada").await);
        let mug = sell(&shop, "Mug", 1250, 10).await;
        ada.adds(&shop, mug, 1).expect(201).await;
        // Two are shed, and so the next one is too many.
        for _ in 0..2 {
            ada.cart(&shop).expect(200).await;
        }
        Shed { shop, ada }
    }
}

/// (axis, from, to) of each step.
fn steps(order: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let rows = order["history"].as_array().unwrap().iter();
    rows.map(|row| (text(&row["axis"]), text(&row["from"]), text(&row["to"])))
        .collect()
}

both! {
    async fn placing_takes_the_cart_and_reserves_the_stock(s: Ready) {
        s.ada.adds(&s.shop, s.mug, 2).expect(201).await;
        let body = json!({"shipping_address": "123 Main St, City, State, 12345, Country", "note": "Ring twice"});
        let answer = s.ada.orders(&s.shop).json(body).expect(201).await;
        let order = answer.json();
        let number = order["order_number"].as_str().unwrap();
        assert!(number.len() == 19 && number.parse::<i64>().is_err(), "{number}");
        for (name, value) in [
            ("user_email", json!("ada@example.org")), ("status", json!("pending")), ("payment_status", json!("pending")),
            ("fulfillment_status", json!("unfulfilled")), ("payment_method", json!("cod")), ("currency", json!("USD")),
            ("subtotal", json!("25.00")), ("discount_total", json!("0.00")), ("shipping_total", json!("0.00")),
            ("tax_total", json!("0.00")), ("total_amount", json!("25.00")),
            ("billing_address", json!("123 Main St, City, State, 12345, Country")),
            ("shipping_address", json!("123 Main St, City, State, 12345, Country")), ("items_count", json!(2)),
            ("prices_include_tax", json!(true)), ("created_at", json!("2026-03-01T12:00:00Z")), ("note", json!("Ring twice")),
        ] {
            assert_eq!(order[name], value, "{name}");
        }
        let line = &order["items"][0];
        for (name, value) in [
            ("product_id", json!(s.mug.product)), ("variant_id", json!(s.mug.variant)), ("product_name", json!("Mug")),
            ("sku", json!(format!("SKU-{}", s.mug.product))), ("quantity", json!(2)), ("price", json!("12.50")),
            ("subtotal", json!("25.00")), ("discount", json!("0.00")), ("tax", json!("0.00")),
        ] {
            assert_eq!(line[name], value, "{name}");
        }
        assert_eq!(steps(&order), [
            ("lifecycle".into(), String::new(), "open".into()),
            ("payment".into(), String::new(), "pending".into()),
            ("fulfillment".into(), String::new(), "unfulfilled".into()),
        ]);
        assert!(order.get("order_token").is_none(), "an account needs no token");
        assert_eq!(s.show(&s.ada, &order).expect(200).await.json(), order, "what was answered is what is kept");
        assert_eq!(s.ada.cart(&s.shop).expect(200).await.json()["items"], json!([]));
        assert_eq!(s.stock().await, (10, 2));
        let topic: String = s.shop.app.db.read().await.unwrap()
            .one("SELECT topic FROM outbox ORDER BY id DESC LIMIT 1", &[]).await.unwrap();
        assert_eq!(topic, "order.placed");
        books_are_right(&s.shop).await;
    }

    async fn what_an_order_shows_are_its_own_copies(s: Ready) {
        let order = s.placed(2).await;
        tamper(&s.shop, "UPDATE variants SET price_minor = 99999, sku = NULL").await;
        tamper(&s.shop, "UPDATE products SET name = 'Other', is_active = FALSE").await;
        assert_eq!(s.show(&s.ada, &order).expect(200).await.json(), order);
    }

    async fn orders_that_nobody_pays_expire_and_give_their_stock_back_once(s: Ready) {
        let order = async |method: &str| {
            s.ada.adds(&s.shop, s.mug, 2).expect(201).await;
            s.ada.orders(&s.shop).json(json!({"payment_method": method})).expect(201).await.json()
        };
        let (unpaid, confirmed, cash) = (order("razorpay").await, order("stripe").await, order("cod").await);
        s.status(&confirmed, "confirmed").expect(200).await;
        let expire = || shop::orders::expire_orders(&s.shop.app);
        s.shop.clock.advance(Duration::from_secs(24 * 3600));
        assert_eq!(expire().await.unwrap(), 0, "not yet");
        s.shop.clock.advance(Duration::from_secs(1));
        let (one, other) = tokio::join!(expire(), expire());
        assert_eq!(one.unwrap() + other.unwrap(), 1);
        assert_eq!(expire().await.unwrap(), 0);
        let shown = s.show(&s.ada, &unpaid).expect(200).await.json();
        assert_eq!((&shown["status"], &shown["history"][3]["by"]), (&json!("expired"), &Value::Null));
        assert_eq!(steps(&shown)[3], ("lifecycle".into(), "open".into(), "expired".into()));
        for kept in [&confirmed, &cash] {
            assert_ne!(s.show(&s.ada, kept).expect(200).await.json()["status"], "expired");
        }
        assert_eq!(s.stock().await, (10, 4));
        s.cancel(&s.ada, &unpaid).expect(409).await;
        assert_eq!(s.status(&unpaid, "paid").expect(409).await.json()["possible"], json!([]));
        books_are_right(&s.shop).await;
    }

    async fn what_is_said_of_a_step_stays_with_it(s: Ready) {
        let order = s.placed(1).await;
        let path = format!("{ORDERS}{}/update_status/", order["id"]);
        let body = json!({"status": "confirmed", "note": "Called the buyer"});
        s.boss.sign(s.shop.patch(&path)).json(body).expect(200).await;
        let body = json!({"reason": "Changed her mind"});
        let shown = s.cancel(&s.boss, &order).json(body).expect(200).await.json();
        let notes: Vec<&Value> = shown["history"].as_array().unwrap().iter().map(|row| &row["note"]).collect();
        assert_eq!(notes, ["", "", "", "Called the buyer", "Changed her mind"]);
        assert!(shown["history"][3]["by"].is_i64() && shown["history"][3]["at"].is_string());
        let other = s.placed(1).await;
        assert_eq!(s.cancel(&s.ada, &other).json(json!({"note": "x".repeat(1001)})).expect(400).await.faulty(), ["note"]);
    }

    /// IN-11
    async fn orders_are_exported_as_csv_that_no_spreadsheet_runs(s: Ready) {
        let body = json!({"note": "=cmd|' /C calc'!A0", "shipping_address": {"line1": "1 Main St, \"B\"", "city": "Rome"}});
        s.ada.adds(&s.shop, s.mug, 1).expect(201).await;
        let order = s.ada.orders(&s.shop).json(body).expect(201).await.json();
        let plus = sell(&s.shop, "+SUM(A1)", 100, 500).await;
        for _ in 0..105 {
            s.ada.buys(&s.shop, plus, 1).await;
        }
        let answer = s.boss.sign(s.shop.get("/api/v1/orders/export/")).expect(200).await;
        assert_eq!(answer.header("content-disposition"), "attachment; filename=\"orders-2026-03-01.csv\"");
        assert!(answer.header("content-type").starts_with("text/csv"));
        let text = answer.text();
        let mut lines = csv::Reader::from_reader(text.as_bytes());
        let names = lines.headers().unwrap().clone();
        let at = |name: &str| names.iter().position(|other| other == name).unwrap();
        let rows: Vec<csv::StringRecord> = lines.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 106, "more than are read at a time");
        let ids: std::collections::HashSet<_> = rows.iter().map(|row| row[0].to_owned()).collect();
        assert_eq!(ids.len(), 106);
        let oldest = rows.last().unwrap();
        assert_eq!((&oldest[at("order_number")], &oldest[at("total_amount")]), (order["order_number"].as_str().unwrap(), "12.50"));
        assert_eq!(&oldest[at("note")], "'=cmd|' /C calc'!A0");
        assert_eq!(&oldest[at("shipping_address")], "1 Main St, \"B\", Rome");
        assert_eq!(&rows[0][at("items")], &format!("1 x +SUM(A1) [SKU-{}] 1.00", plus.product));
        for row in &rows {
            assert!(row.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@'])), "{row:?}");
        }
        let none = s.boss.sign(s.shop.get("/api/v1/admin/orders/export/?status=cancelled")).expect(200).await;
        assert_eq!(none.text().lines().count(), 1);
        let faulty = s.boss.sign(s.shop.get("/api/v1/orders/export/?date_from=x&date_to=y")).expect(400).await;
        assert_eq!(faulty.faulty(), ["date_from", "date_to"]);
        s.ada.sign(s.shop.get("/api/v1/orders/export/")).expect(403).await;
    }

    /// ID-09
    async fn a_request_that_was_shed_does_not_use_its_key_up(s: Shed) {
        let ask = |s: &Shed| s.ada.orders(&s.shop).header("idempotency-key", "k");
        // One waits for the cart, which a writer holds, until its time is over; the other finds no place meanwhile.
        let tx = s.shop.app.db.begin().await.unwrap();
        tx.execute("UPDATE carts SET version = version", &[]).await.unwrap();
        let (slow, refused) = tokio::join!(ask(&s).expect(503), ask(&s).expect(503));
        assert_eq!((slow.code().as_str(), refused.code().as_str()), ("timeout", "overloaded"));
        drop(tx);
        assert_eq!((count(&s.shop, "orders").await, count(&s.shop, "idempotency_keys").await), (0, 0));
        assert_eq!(ask(&s).expect(429).await.code(), "rate_limited");
        s.shop.clock.advance(Duration::from_secs(3600));
        let first = ask(&s).expect(201).await;
        assert_eq!(first.header("idempotency-replayed"), "");
        let again = ask(&s).expect(201).await;
        assert_eq!((again.header("idempotency-replayed"), again.text()), ("true", first.text()));
        assert_eq!(count(&s.shop, "orders").await, 1);
        books_are_right(&s.shop).await;
    }

    /// OR-09
    async fn what_was_ordered_cannot_be_erased(s: Ready) {
        let boss = s.shop.admin().await;
        let category = s.shop.post("/api/v1/categories/").by(&boss).json(json!({"name": "Cups"})).expect(201).await.json();
        let cup = s.shop.product_with(&boss, json!({"name": "Cup", "price": "3.00", "stock": 5, "category": category["id"]})).await;
        let cup = Goods { product: cup.id, variant: cup.variant_id };
        let order = s.ada.buys(&s.shop, cup, 2).await;
        let in_use = s.shop.delete("/api/v1/categories/cups/").by(&boss).expect(409).await;
        assert_eq!(in_use.code(), "in_use");
        let gone = s.shop.delete(&format!("/api/v1/products/{}/", cup.product)).by(&boss).send().await;
        assert!(gone.status.is_success(), "{}", gone.text());
        s.shop.get(&format!("/api/v1/products/{}/", cup.product)).expect(404).await;
        assert_eq!(s.show(&s.ada, &order).expect(200).await.json(), order);
        assert_eq!(s.cancel(&s.ada, &order).expect(200).await.json()["status"], "cancelled");
        assert_eq!(stock(&s.shop, cup).await, (5, 0));
        books_are_right(&s.shop).await;
    }

    async fn a_variant_is_named_with_what_sets_it_apart(s: Ready) {
        let red = add_variant(&s.shop, s.mug.product, "Red", 1500, 3).await;
        let body = json!({"product_id": s.mug.product, "variant_id": red});
        s.ada.sign(s.shop.post("/api/v1/cart/items/")).json(body).expect(201).await;
        let order = s.ada.orders(&s.shop).expect(201).await.json();
        assert_eq!(order["items"][0]["product_name"], "Mug (Red)");
        assert_eq!(order["items"][0]["variant_id"], red);
    }

    async fn a_cart_of_many_lines_becomes_one_order(s: Ready) {
        for n in 0..45 {
            let goods = sell(&s.shop, &format!("Thing {n}"), 100 + n, 5).await;
            s.ada.adds(&s.shop, goods, 1 + n % 3).expect(201).await;
        }
        let order = s.ada.orders(&s.shop).expect(201).await.json();
        assert_eq!(order["items"].as_array().unwrap().len(), 45);
        assert_eq!(s.show(&s.ada, &order).expect(200).await.json(), order);
        books_are_right(&s.shop).await;
    }

    async fn an_empty_cart_is_no_order(s: Ready) {
        assert_eq!(s.ada.orders(&s.shop).expect(400).await.code(), "cart_empty");
        assert_eq!(s.shop.post(ORDERS).expect(400).await.code(), "cart_empty");
        s.placed(1).await;
        assert_eq!(s.ada.orders(&s.shop).expect(400).await.code(), "cart_empty");
    }

    async fn an_order_that_cannot_be_met_changes_nothing(s: Ready) {
        let pen = sell(&s.shop, "Pen", 100, 10).await;
        s.ada.adds(&s.shop, pen, 3).expect(201).await;
        s.ada.adds(&s.shop, s.mug, 8).expect(200 + 1).await;
        let guest = Buyer::guest(&s.shop, s.mug, 5).await;
        guest.orders(&s.shop).expect(201).await;
        let refused = s.ada.orders(&s.shop).expect(409).await.json();
        assert_eq!(refused["code"], "out_of_stock");
        let lines = refused["lines"].as_array().unwrap();
        assert_eq!(lines.len(), 1);
        assert_eq!((&lines[0]["product_id"], &lines[0]["requested"], &lines[0]["available"]), (&json!(s.mug.product), &json!(8), &json!(5)));
        assert_eq!(s.ada.cart(&s.shop).expect(200).await.json()["total_items"], 11);
        assert_eq!((s.stock().await, stock(&s.shop, pen).await), ((10, 5), (10, 0)));
        assert_eq!(count(&s.shop, "orders").await, 1);
        books_are_right(&s.shop).await;
    }

    async fn a_product_that_was_hidden_is_not_ordered(s: Ready) {
        s.ada.adds(&s.shop, s.mug, 1).expect(201).await;
        tamper(&s.shop, "UPDATE products SET is_active = FALSE").await;
        let cart = s.ada.cart(&s.shop).expect(200).await.json();
        assert_eq!(cart["items"][0]["product"]["is_active"], false);
        let refused = s.ada.orders(&s.shop).expect(409).await.json();
        assert_eq!((&refused["code"], &refused["lines"][0]["product_id"]), (&json!("product_unavailable"), &json!(s.mug.product)));
    }

    /// ST-07
    async fn another_total_than_the_buyer_saw_is_refused(s: Ready) {
        s.ada.adds(&s.shop, s.mug, 2).expect(201).await;
        for (expected, status) in [("\"24.99\"", 409), ("24", 409), ("\"25.001\"", 400), ("\"x\"", 400)] {
            let answer = s.ada.orders(&s.shop).text(format!("{{\"expected_total\": {expected}}}")).expect(status).await;
            assert_eq!(answer.code(), if status == 409 { "price_changed" } else { "validation_error" });
        }
        let body = json!({"expected_total": "25.00", "total": 1, "total_amount": "0.01", "subtotal": 0, "price": 1,
            "discount": "24", "status": "paid", "payment_status": "paid", "user": 1, "id": 77, "order_number": "X"});
        let order = s.ada.orders(&s.shop).json(body).expect(201).await.json();
        assert_eq!((&order["total_amount"], &order["status"], &order["user_email"]), (&json!("25.00"), &json!("pending"), &json!("ada@example.org")));
        assert_ne!(order["order_number"], "X");
        books_are_right(&s.shop).await;
    }

    async fn addresses_come_back_as_they_were_given(s: Ready) {
        s.ada.adds(&s.shop, s.mug, 1).expect(201).await;
        for (name, bad) in [
            ("shipping_address", json!(17)), ("shipping_address", json!(["x"])), ("shipping_address", json!("x".repeat(5000))),
            ("shipping_address_id", json!(1)), ("billing_address_id", json!(1)), ("payment_method", json!("barter")),
            ("email", json!("nobody")), ("note", json!("x".repeat(5000))),
        ] {
            let answer = s.ada.orders(&s.shop).json(json!({name: bad})).expect(400).await;
            assert_eq!(answer.faulty(), [name]);
        }
        let all = json!({
            "shipping_address_id": 1, "shipping_address": "x", "billing_address": "x".repeat(5000), "note": "x".repeat(5000),
        });
        let answer = s.ada.orders(&s.shop).json(all).expect(400).await;
        assert_eq!(answer.faulty(), ["shipping_address_id", "billing_address", "note"]);
        let unknown = json!({"shipping_address_id": 1, "billing_address_id": 2});
        let answer = s.ada.orders(&s.shop).json(unknown).expect(400).await;
        assert_eq!(answer.faulty(), ["shipping_address_id", "billing_address_id"]);
        let body = r#"{"shipping_address": {"line1": "1 Main St", "z": [1, 2.50], "city": "Zoë's"}, "billing_address": " As \"text\" "}"#;
        let order = s.ada.orders(&s.shop).text(body).expect(201).await.json();
        assert_eq!(order["shipping_address"], json!({"line1": "1 Main St", "z": [1, 2.50], "city": "Zoë's"}));
        assert_eq!(order["billing_address"], " As \"text\" ");
        assert_eq!(s.show(&s.ada, &order).expect(200).await.json(), order);
    }

    /// AZ-02, AZ-03, PR-07
    async fn a_guest_reads_and_cancels_with_the_token_of_the_order(s: Ready) {
        let guest = Buyer::guest(&s.shop, s.mug, 2).await;
        let order = guest.orders(&s.shop).json(json!({"email": "guest@else.test"})).expect(201).await.json();
        let token = order["order_token"].as_str().unwrap();
        assert!(token.len() >= 22);
        assert_eq!((&order["user"], &order["user_email"]), (&json!(null), &json!("guest@else.test")));
        let kept: Vec<u8> = s.shop.app.db.read().await.unwrap().one("SELECT token_hash FROM orders", &[]).await.unwrap();
        assert_ne!(kept, token.as_bytes());

        let others = Buyer::guest(&s.shop, s.mug, 1).await;
        let other = others.orders(&s.shop).expect(201).await.json()["order_token"].as_str().unwrap().to_owned();
        let path = format!("{ORDERS}{}/", order["id"]);
        let cancel = format!("{path}cancel/");
        for wrong in ["", "null", "x", &other] {
            s.shop.get(&path).header("x-order-token", wrong).expect(404).await;
            s.shop.post(&cancel).header("x-order-token", wrong).expect(404).await;
        }
        s.shop.get(&path).expect(404).await;
        s.shop.get(&format!("{path}?email=guest@else.test")).expect(400).await;
        s.show(&s.ada, &order).expect(404).await;
        guest.sign(s.shop.get(&path)).expect(404).await;
        s.shop.get(ORDERS).header("x-order-token", token).expect(401).await;

        let number = order["order_number"].as_str().unwrap();
        for path in [&path, &format!("{ORDERS}{number}/"), &format!("/api/orders/{}", number.to_lowercase())] {
            let shown = s.shop.get(path).header("x-order-token", token).expect(200).await.json();
            assert_eq!((&shown["id"], shown.get("order_token")), (&order["id"], None));
        }
        let cancelled = s.shop.post(&cancel).header("x-order-token", token).expect(200).await.json();
        assert_eq!(cancelled["status"], "cancelled");
        books_are_right(&s.shop).await;
    }

    /// AZ-02
    async fn an_order_of_somebody_else_is_as_good_as_none(s: Ready) {
        let order = s.placed(1).await;
        let bob = Buyer::Customer(customer(&s.shop, "bob").await);
        let number = order["order_number"].as_str().unwrap();
        for path in [format!("{ORDERS}{}/", order["id"]), format!("{ORDERS}{number}/")] {
            let foreign = bob.sign(s.shop.get(&path)).expect(404).await.json();
            let absent = bob.sign(s.shop.get(&format!("{ORDERS}999999/"))).expect(404).await.json();
            assert_eq!((&foreign["code"], &foreign["detail"]), (&absent["code"], &absent["detail"]));
            bob.sign(s.shop.post(&format!("{path}cancel/"))).expect(404).await;
            s.shop.post(&format!("{path}cancel/")).expect(404).await;
            bob.sign(s.shop.patch(&format!("{path}update_status/"))).json(json!({"status": "paid"})).expect(403).await;
            s.shop.patch(&format!("{path}status/")).json(json!({"status": "paid"})).expect(401).await;
            s.boss.sign(s.shop.get(&path)).expect(200).await;
        }
        for path in ["0", "-1", "99999999999999999999", "x%00y", "..", "1.5"] {
            s.boss.sign(s.shop.get(&format!("{ORDERS}{path}/"))).expect(404).await;
        }
        assert!(s.list(&bob, "").await.is_empty());
        assert!(s.list(&bob, "?search=ada&user=ada@example.org").await.is_empty());
        s.shop.get(ORDERS).expect(401).await;
    }

    async fn orders_are_listed_newest_first_by_page_and_by_cursor(s: Ready) {
        let mut ids = Vec::new();
        for _ in 0..5 {
            ids.insert(0, s.placed(1).await["id"].as_i64().unwrap());
        }
        assert_eq!(s.list(&s.ada, "").await, ids);
        // What is older comes later, whatever its id: history is imported after the first orders.
        let last = ids.remove(0);
        ids.push(last);
        db::transact!(db::DbError, s.shop.app.db, tx => {
            tx.execute("UPDATE orders SET created_at = 1 WHERE id = $1", db::args![last]).await
        })
        .unwrap();
        assert_eq!(s.list(&s.ada, "").await, ids);
        let page = s.ada.sign(s.shop.get("/api/orders/?page_size=2&page=2")).expect(200).await.json();
        assert_eq!(page["count"], 5);
        assert_eq!(page["next"], "https://shop.test/api/v1/orders/?page_size=2&page=3");
        assert_eq!(page["previous"], "https://shop.test/api/v1/orders/?page_size=2&page=1");
        assert_eq!(page["results"][0], s.show(&s.ada, &page["results"][0]).expect(200).await.json());
        s.ada.sign(s.shop.get("/api/orders/?page=9")).expect(404).await;

        let (mut seen, mut next) = (Vec::new(), format!("{ORDERS}?page_size=2&cursor="));
        loop {
            let page = s.ada.sign(s.shop.get(&next)).expect(200).await.json();
            assert!(page.get("count").is_none());
            seen.extend(page["results"].as_array().unwrap().iter().map(|order| order["id"].as_i64().unwrap()));
            match page["next"].as_str() {
                Some(url) => next = url.trim_start_matches("https://shop.test").to_owned(),
                None => break,
            }
        }
        assert_eq!(seen, ids);
    }

    async fn admins_filter_all_orders(s: Ready) {
        let first = s.placed(1).await;
        s.shop.clock.advance(Duration::from_secs(24 * 3600));
        let bob = Buyer::Customer(customer(&s.shop, "bob").await);
        let second = bob.buys(&s.shop, s.mug, 1).await;
        s.cancel(&bob, &second).expect(200).await;
        let (one, two) = (first["id"].as_i64().unwrap(), second["id"].as_i64().unwrap());
        let number = first["order_number"].as_str().unwrap().to_lowercase();
        for (query, expected) in [
            (String::new(), vec![two, one]),
            ("?status=cancelled".into(), vec![two]),
            ("?status=pending".into(), vec![one]),
            (format!("?user={}", second["user"]), vec![two]),
            ("?user=ADA@example.org".into(), vec![one]),
            ("?date_from=2026-03-02".into(), vec![two]),
            ("?date_to=2026-03-01".into(), vec![one]),
            ("?date_from=2026-03-01&date_to=2026-03-02".into(), vec![two, one]),
            ("?date_from=2026-03-01T12:00:01Z".into(), vec![two]),
            ("?date_to=2026-03-01T12:00:00Z".into(), vec![one]),
            ("?date_to=2026-03-01T11:59:59.999999Z".into(), vec![]),
            ("?date_from=2026-03-02T12:00:00Z&date_to=2026-03-02T12:00:00Z".into(), vec![two]),
            (format!("?search={}", &number[..9]), vec![one]),
            ("?search=bob@".into(), vec![two]),
            ("?search=%25".into(), vec![]),
            ("?search=_".into(), vec![]),
        ] {
            assert_eq!(s.list(&s.boss, &query).await, expected, "{query}");
        }
        for (query, name) in [
            ("?status=nonsense", "status"), ("?date_from=yesterday", "date_from"), ("?date_to=2026-02-30", "date_to"),
            ("?colour=red", "colour"), ("?page=0", "page"), ("?cursor=x", "cursor"),
        ] {
            let answer = s.boss.sign(s.shop.get(&format!("{ORDERS}{query}"))).expect(400).await;
            assert_eq!(answer.faulty(), [name], "{query}");
        }
    }

    /// OR-01, OR-06
    async fn every_status_takes_its_commands_and_no_others(s: Ready) {
        const WORDS: [&str; 11] = ["pending", "confirmed", "paid", "payment_failed", "processing", "shipped", "delivered", "returned", "refunded", "expired", "cancelled"];
        let table: [(&[&str], &str, &[&str]); 11] = [
            (&[], "pending", &["confirmed", "paid", "cancelled"]),
            (&["confirmed"], "confirmed", &["paid", "processing", "shipped", "cancelled"]),
            (&["paid"], "paid", &["confirmed", "processing", "shipped", "cancelled"]),
            (&["paid", "confirmed"], "confirmed", &["processing", "shipped", "cancelled"]),
            (&["confirmed", "processing"], "processing", &["paid", "shipped", "cancelled"]),
            (&["paid", "processing"], "processing", &["shipped", "cancelled"]),
            (&["confirmed", "shipped"], "shipped", &["paid", "delivered"]),
            (&["confirmed", "processing", "shipped", "delivered"], "delivered", &["paid"]),
            (&["paid", "shipped", "delivered"], "delivered", &[]),
            (&["cancelled"], "cancelled", &[]),
            (&["paid", "processing", "cancelled"], "cancelled", &[]),
        ];
        tamper(&s.shop, "UPDATE stock_items SET on_hand = 1000").await;
        tamper(&s.shop, "UPDATE stock_movements SET quantity = 1000").await;
        for (path, shown, possible) in table {
            for word in WORDS {
                let order = s.placed(1).await;
                for step in path {
                    s.status(&order, step).expect(200).await;
                }
                assert_eq!(s.show(&s.ada, &order).expect(200).await.json()["status"], shown);
                if possible.contains(&word) {
                    s.status(&order, word).expect(200).await;
                } else {
                    let refused = s.status(&order, word).expect(409).await.json();
                    assert_eq!((&refused["code"], &refused["possible"]), (&json!("invalid_transition"), &json!(possible)), "{path:?} {word}");
                }
                s.status(&order, word).expect(409).await;
            }
        }
        let order = s.placed(1).await;
        assert_eq!(s.status(&order, "nonsense").expect(400).await.faulty(), ["status"]);
        s.boss.sign(s.shop.patch(&format!("{ORDERS}999999/status/"))).json(json!({"status": "paid"})).expect(404).await;
        books_are_right(&s.shop).await;
    }

    async fn an_order_goes_its_way_with_a_row_for_each_step(s: Ready) {
        let order = s.placed(3).await;
        for word in ["confirmed", "processing", "shipped"] {
            let moved = s.status(&order, word).expect(200).await.json();
            assert_eq!(moved["status"], word);
            books_are_right(&s.shop).await;
        }
        assert_eq!(s.stock().await, (7, 0), "shipping takes it from the shelf");
        let delivered = s.status(&order, "delivered").expect(200).await.json();
        assert_eq!((&delivered["status"], &delivered["payment_status"], &delivered["fulfillment_status"]), (&json!("delivered"), &json!("pending"), &json!("delivered")));
        let paid = s.status(&order, "paid").expect(200).await.json();
        assert_eq!((&paid["status"], &paid["payment_status"]), (&json!("delivered"), &json!("paid")));
        let steps: Vec<String> = steps(&paid).into_iter().skip(3).map(|(axis, from, to)| format!("{axis} {from} {to}")).collect();
        assert_eq!(steps, [
            "lifecycle open confirmed", "fulfillment unfulfilled processing", "fulfillment processing shipped",
            "fulfillment shipped delivered", "payment pending paid",
        ]);
        assert!(paid["history"][3]["by"].is_i64());
        let (provider, amount): (String, i64) = s.shop.app.db.read().await.unwrap()
            .one("SELECT provider, amount_minor FROM payments WHERE status = 'succeeded'", &[]).await.unwrap();
        assert_eq!((provider.as_str(), amount), ("cod", 3750));
        books_are_right(&s.shop).await;
    }

    async fn a_step_is_never_older_than_the_one_before(s: Ready) {
        let order = s.placed(1).await;
        // A server whose clock is ahead has moved it last.
        tamper(&s.shop, "UPDATE orders SET updated_at = updated_at + 60000000").await;
        tamper(&s.shop, "UPDATE order_history SET at = at + 60000000").await;
        s.status(&order, "paid").expect(200).await;
        let moved = s.status(&order, "cancelled").expect(200).await.json();
        assert_eq!((&moved["history"][3]["at"], &moved["updated_at"]), (&json!("2026-03-01T12:01:00Z"), &json!("2026-03-01T12:01:00Z")));
        books_are_right(&s.shop).await;
    }

    async fn a_customers_list_reads_the_customers_orders_only(s: Ready) {
        let list = "FROM orders WHERE (user_id = $1) ORDER BY created_at DESC, id DESC LIMIT";
        let list = shop::statements().into_iter().find(|sql| sql.contains(list)).unwrap();
        let tx = s.shop.app.db.begin().await.unwrap();
        let plan: Vec<String> = match s.shop.app.db.engine() {
            db::Engine::Sqlite => {
                let rows: Vec<(i64, i64, i64, String)> = tx.all(&format!("EXPLAIN QUERY PLAN {list}"), args![1]).await.unwrap();
                rows.into_iter().map(|(_, _, _, text)| text).collect()
            }
            db::Engine::Postgres => {
                // It would read these few rows without any index.
                tx.execute("SET LOCAL enable_seqscan = off", &[]).await.unwrap();
                tx.all(&format!("EXPLAIN {list}"), args![1]).await.unwrap()
            }
        };
        let plan = plan.join("\n");
        let by_user = ["(user_id=?)", "Index Cond: (user_id = "].iter().any(|text| plan.contains(text));
        assert!(by_user && plan.contains("orders_user_id") && !plan.to_lowercase().contains("sort"), "{plan}");
    }

    /// OR-06
    async fn cancelling_gives_the_stock_back_once(s: Ready) {
        let order = s.placed(4).await;
        assert_eq!(s.stock().await, (10, 4));
        let cancelled = s.cancel(&s.ada, &order).expect(200).await.json();
        assert_eq!(cancelled["status"], "cancelled");
        assert_eq!(steps(&cancelled)[3], ("lifecycle".into(), "open".into(), "cancelled".into()));
        assert_eq!(s.stock().await, (10, 0));
        for again in [s.cancel(&s.ada, &order), s.cancel(&s.boss, &order)] {
            assert_eq!(again.expect(409).await.code(), "not_cancellable");
        }
        for word in ["paid", "confirmed", "cancelled", "pending"] {
            assert_eq!(s.status(&order, word).expect(409).await.code(), "invalid_transition");
        }
        assert_eq!(s.stock().await, (10, 0));
        books_are_right(&s.shop).await;
    }

    /// OR-05
    async fn customers_cancel_until_something_happened_and_staff_until_it_left(s: Ready) {
        for step in ["confirmed", "paid"] {
            let order = s.placed(1).await;
            s.status(&order, step).expect(200).await;
            assert_eq!(s.cancel(&s.ada, &order).expect(409).await.code(), "not_cancellable");
            s.cancel(&s.boss, &order).expect(200).await;
        }
        let order = s.placed(1).await;
        s.status(&order, "paid").expect(200).await;
        s.status(&order, "shipped").expect(200).await;
        for buyer in [&s.ada, &s.boss] {
            assert_eq!(s.cancel(buyer, &order).expect(409).await.code(), "not_cancellable");
        }
        let by_status = s.placed(2).await;
        assert_eq!(s.status(&by_status, "cancelled").expect(200).await.json()["status"], "cancelled");
        assert_eq!(s.stock().await, (9, 0));
        books_are_right(&s.shop).await;
    }

    /// ID-01, ID-02
    async fn the_same_key_and_body_get_the_first_answer_again(s: Ready) {
        for buyer in [s.ada.clone(), Buyer::guest(&s.shop, s.mug, 1).await] {
            buyer.adds(&s.shop, s.mug, 1).send().await;
            let ask = |path: &str| buyer.sign(s.shop.post(path)).header("idempotency-key", "k").text(r#"{"shipping_address":{"b": 1, "a": "é"}}"#);
            let first = ask(ORDERS).expect(201).await;
            assert_eq!(first.header("idempotency-replayed"), "");
            let order = first.json();
            s.status(&order, "confirmed").expect(200).await;
            for path in [ORDERS, "/api/orders/create/", "/api/orders/create_order", "/api/v1/orders"] {
                let again = ask(path).expect(201).await;
                assert_eq!(again.header("idempotency-replayed"), "true");
                assert_eq!(again.text(), first.text());
                assert!(again.header("content-type").starts_with("application/json"));
            }
            let same = buyer.orders(&s.shop).header("idempotency-key", "k").text("{ \"shipping_address\":\n{\"a\":\"\\u00e9\",\"b\":1}\n}").expect(201).await;
            assert_eq!((same.header("idempotency-replayed"), same.text()), ("true", first.text()));
            let other = buyer.orders(&s.shop).header("idempotency-key", "k").json(json!({"note": "x"})).expect(422).await;
            assert_eq!(other.code(), "idempotency_key_reused");
        }
        assert_eq!(count(&s.shop, "orders").await, 2);
        let kept: Vec<String> = s.shop.app.db.read().await.unwrap().all("SELECT answer FROM idempotency_keys", &[]).await.unwrap();
        assert!(kept.len() == 2 && kept.iter().all(|answer| !answer.contains("order_token")), "{kept:?}");
        books_are_right(&s.shop).await;
    }

    async fn no_body_and_an_empty_object_are_one_request(s: Ready) {
        s.ada.adds(&s.shop, s.mug, 1).expect(201).await;
        let ask = || s.ada.orders(&s.shop).header("idempotency-key", "k");
        let first = ask().expect(201).await;
        let again = ask().json(json!({})).expect(201).await;
        assert_eq!((again.header("idempotency-replayed"), again.text()), ("true", first.text()));
    }

    /// ID-04
    async fn a_key_belongs_to_its_caller(s: Ready) {
        let bob = Buyer::Customer(customer(&s.shop, "bob").await);
        let guest = Buyer::guest(&s.shop, s.mug, 1).await;
        let mut numbers = Vec::new();
        for buyer in [&s.ada, &bob, &guest] {
            buyer.adds(&s.shop, s.mug, 1).send().await;
            let answer = buyer.orders(&s.shop).header("idempotency-key", "same").expect(201).await;
            assert_eq!(answer.header("idempotency-replayed"), "");
            numbers.push(answer.json()["order_number"].clone());
        }
        numbers.dedup();
        assert_eq!(numbers.len(), 3);
    }

    /// ID-06
    async fn a_refused_request_does_not_use_its_key_up(s: Ready) {
        let ask = |body: Value| s.ada.orders(&s.shop).header("idempotency-key", "k").json(body);
        ask(json!({})).expect(400).await;
        s.ada.adds(&s.shop, s.mug, 1).expect(201).await;
        ask(json!({"payment_method": "barter"})).expect(400).await;
        ask(json!({"expected_total": "1.00"})).expect(409).await;
        assert_eq!(count(&s.shop, "idempotency_keys").await, 0);
        ask(json!({"payment_method": "cod"})).expect(201).await;
    }

    /// ID-08
    async fn a_key_is_1_to_255_printable_characters_and_stands_once(s: Ready) {
        s.ada.adds(&s.shop, s.mug, 1).expect(201).await;
        for bad in [String::new(), "x".repeat(256), "a\tb".into()] {
            let answer = s.ada.orders(&s.shop).header("idempotency-key", bad).expect(400).await;
            assert_eq!((answer.code(), answer.faulty()), ("validation_error".into(), vec!["Idempotency-Key".to_owned()]));
        }
        let twice = s.ada.orders(&s.shop).and_header("idempotency-key", "a").and_header("idempotency-key", "a").expect(400).await;
        assert_eq!(twice.faulty(), ["Idempotency-Key"]);
        s.ada.orders(&s.shop).header("idempotency-key", "x".repeat(255)).expect(201).await;
    }

    async fn answers_are_kept_for_a_day_and_guest_carts_for_thirty(s: Ready) {
        let guest = Buyer::guest(&s.shop, s.mug, 1).await;
        s.ada.adds(&s.shop, s.mug, 1).expect(201).await;
        let ask = || s.ada.orders(&s.shop).header("idempotency-key", "k");
        ask().expect(201).await;
        s.ada.adds(&s.shop, s.mug, 1).expect(201).await;
        s.shop.clock.advance(Duration::from_secs(23 * 3600));
        let swept = shop::housekeeping::sweep(&s.shop.app).await.unwrap();
        assert_eq!((swept.idempotency_keys, swept.guest_carts), (0, 0));
        s.shop.clock.advance(Duration::from_secs(2 * 3600));
        let swept = shop::housekeeping::sweep(&s.shop.app).await.unwrap();
        assert_eq!((swept.idempotency_keys, swept.guest_carts), (1, 0));

        s.shop.clock.advance(Duration::from_secs(28 * 24 * 3600));
        let young = Buyer::guest(&s.shop, s.mug, 1).await;
        s.shop.clock.advance(Duration::from_secs(24 * 3600));
        let swept = shop::housekeeping::sweep(&s.shop.app).await.unwrap();
        assert_eq!(swept.guest_carts, 1);
        guest.cart(&s.shop).expect(404).await;
        young.cart(&s.shop).expect(200).await;
        assert_eq!(count(&s.shop, "cart_lines").await, 2, "the account's cart stays");
    }

    async fn the_audit_finds_what_was_tampered_with(s: Ready) {
        let order = s.placed(2).await;
        s.status(&order, "paid").expect(200).await;
        s.placed(1).await;
        books_are_right(&s.shop).await;
        let first = order["id"].as_i64().unwrap();
        let sent = s.placed(1).await;
        s.status(&sent, "paid").expect(200).await;
        s.status(&sent, "shipped").expect(200).await;
        books_are_right(&s.shop).await;
        let sent = sent["id"].as_i64().unwrap();
        let breaks: [(u8, String, String); 14] = [
            // The books of an item that came back twice are otherwise right.
            (1, format!("INSERT INTO stock_movements (stock_item_id, kind, quantity, order_id, created_at)
                    SELECT stock_item_id, 'returned', 2, {sent}, 0 FROM stock_movements WHERE kind = 'sold'"),
                "DELETE FROM stock_movements WHERE kind = 'returned'".into()),
            (1, format!("INSERT INTO variants (id, product_id, price_minor, created_at, updated_at) VALUES (999, {}, 1, 0, 0)", s.mug.product),
                "DELETE FROM variants WHERE id = 999".into()),
            (2, format!("UPDATE orders SET refunded_minor = 1 WHERE id = {sent}"), format!("UPDATE orders SET refunded_minor = 0 WHERE id = {sent}")),
            (2, format!("UPDATE orders SET payment_status = 'refunded', status = 'refunded' WHERE id = {sent}"),
                format!("UPDATE orders SET payment_status = 'paid', status = 'shipped' WHERE id = {sent}")),
            (2, format!("UPDATE order_lines SET shipped_quantity = 0 WHERE order_id = {sent}"), format!("UPDATE order_lines SET shipped_quantity = 1 WHERE order_id = {sent}")),
            (2, format!("UPDATE order_lines SET shipped_quantity = 1 WHERE order_id = {first}"), format!("UPDATE order_lines SET shipped_quantity = 0 WHERE order_id = {first}")),
            (1, "UPDATE stock_items SET on_hand = on_hand + 1".into(), "UPDATE stock_items SET on_hand = on_hand - 1".into()),
            (1, "UPDATE stock_items SET reserved = reserved + 1".into(), "UPDATE stock_items SET reserved = reserved - 1".into()),
            (1, format!("UPDATE orders SET lifecycle = 'cancelled', status = 'cancelled' WHERE id = {first}"),
                format!("UPDATE orders SET lifecycle = 'open', status = 'paid' WHERE id = {first}")),
            (2, "UPDATE orders SET total_minor = total_minor + 1".into(), "UPDATE orders SET total_minor = total_minor - 1".into()),
            (2, "UPDATE orders SET items_count = items_count + 1".into(), "UPDATE orders SET items_count = items_count - 1".into()),
            (3, format!("UPDATE orders SET captured_minor = 1 WHERE id = {first}"), format!("UPDATE orders SET captured_minor = 2500 WHERE id = {first}")),
            (7, "UPDATE order_history SET to_status = 'refunded' WHERE to_status = 'paid'".into(), "UPDATE order_history SET to_status = 'paid' WHERE to_status = 'refunded'".into()),
            (7, format!("UPDATE orders SET status = 'shipped' WHERE id = {first}"), format!("UPDATE orders SET status = 'paid' WHERE id = {first}")),
        ];
        for (invariant, damage, repair) in breaks {
            tamper(&s.shop, &damage).await;
            let findings = shop::check::check(&s.shop.app).await.unwrap();
            assert!(findings.iter().any(|finding| finding.invariant == invariant), "{damage}: {findings:?}");
            tamper(&s.shop, &repair).await;
            books_are_right(&s.shop).await;
        }
    }
}
