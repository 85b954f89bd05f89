//! Orders: placing, reading, cancelling, moving on, and requests that come twice.

use std::time::Duration;

use db::args;
use serde_json::{Value, json};

use crate::shopping::{
    Buyer, Goods, add_variant, admin, books_are_right, count, customer, sell, stock, tamper,
};
use crate::support::{Ask, TestShop};

mod keys;
mod steps;

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
            ("?user=abc", "user"), ("?user=-1", "user"), ("?user=99999999999999999999", "user"),
            ("?colour=red", "colour"), ("?page=0", "page"), ("?cursor=x", "cursor"),
        ] {
            let answer = s.boss.sign(s.shop.get(&format!("{ORDERS}{query}"))).expect(400).await;
            assert_eq!(answer.faulty(), [name], "{query}");
        }
        let all = s.boss.sign(s.shop.get(&format!("{ORDERS}?date_from=abc&status=foo&user=abc&date_to=x"))).expect(400).await;
        assert_eq!(all.faulty(), ["status", "user", "date_from", "date_to"]);
        let two = json!({"payment_method": "x", "expected_total": "abc", "shipping_address_id": 99});
        let refused = s.boss.sign(s.shop.post(ORDERS)).json(two).expect(400).await;
        assert_eq!(refused.faulty(), ["payment_method", "expected_total"], "whose address it is comes after");
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
        let sold_out = match s.shop.app.db.engine() {
            db::Engine::Sqlite => "UPDATE product_facts SET in_stock = NOT in_stock".to_owned(),
            db::Engine::Postgres => "UPDATE product_stock SET in_stock = NOT in_stock".to_owned(),
        };
        let breaks: [(u8, String, String); 17] = [
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
            (1, sold_out.clone(), sold_out),
            (1, "UPDATE product_facts SET price_minor = price_minor + 1".into(), "UPDATE product_facts SET price_minor = price_minor - 1".into()),
            (1, "UPDATE stock_items SET on_hand = on_hand + 1".into(), "UPDATE stock_items SET on_hand = on_hand - 1".into()),
            (1, "UPDATE stock_items SET reserved = reserved + 1".into(), "UPDATE stock_items SET reserved = reserved - 1".into()),
            (1, format!("UPDATE orders SET lifecycle = 'cancelled', status = 'cancelled' WHERE id = {first}"),
                format!("UPDATE orders SET lifecycle = 'open', status = 'paid' WHERE id = {first}")),
            (2, "UPDATE orders SET total_minor = total_minor + 1".into(), "UPDATE orders SET total_minor = total_minor - 1".into()),
            (2, "UPDATE orders SET items_count = items_count + 1".into(), "UPDATE orders SET items_count = items_count - 1".into()),
            (3, format!("UPDATE orders SET captured_minor = 1 WHERE id = {first}"), format!("UPDATE orders SET captured_minor = 2500 WHERE id = {first}")),
            (7, "UPDATE order_history SET at = at - 1000000000 WHERE to_status = 'paid'".into(), "UPDATE order_history SET at = at + 1000000000 WHERE to_status = 'paid'".into()),
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
