//! Carts of users and guests.

use serde_json::{Value, json};

use crate::shopping::{
    Buyer, add, add_variant, admin, books_are_right, count, customer, log_in, sell, sign_up, tamper,
};
use crate::support::{Ask, TestShop, fresh_address};

const ITEMS: &str = "/api/v1/cart/items/";

both! {
    /// CT-08
    async fn reading_an_absent_cart_creates_nothing(shop: TestShop) {
        let ada = customer(&shop, "ada").await;
        for _ in 0..50 {
            let cart = shop.get("/api/v1/cart/").expect(200).await;
            assert_eq!(cart.json(), json!({
                "id": null, "items": [], "total_items": 0, "total_amount": "0.00", "currency": "USD"
            }));
            assert!(cart.headers.get("set-cookie").is_none());
            shop.get("/api/v1/cart/").bearer(&ada).expect(200).await;
            shop.get("/api/v1/cart/").header("cookie", "cart_session=gone").expect(200).await;
            shop.delete("/api/v1/cart/clear/").bearer(&ada).expect(200).await;
        }
        let readers: Vec<_> = (0..8).map(|_| {
            let front = shop.front.clone();
            tokio::spawn(async move {
                for _ in 0..1250 {
                    let ask = Ask::new(&front, "GET", "/api/v1/cart/").from(fresh_address());
                    ask.expect(200).await;
                }
            })
        }).collect();
        for reader in readers {
            reader.await.unwrap();
        }
        for table in ["carts", "cart_lines", "idempotency_keys"] {
            assert_eq!(count(&shop, table).await, 0, "{table}");
        }
    }

    /// CT-03
    async fn a_guest_gets_a_token_that_scripts_cannot_read_and_the_shop_does_not_keep(shop: TestShop) {
        let mug = sell(&shop, "Mug", 1250, 10).await;
        let answer = add(&shop, mug, 1).expect(201).await;
        let token = answer.header("x-cart-token").to_owned();
        assert!(token.len() >= 22, "at least 128 bits: {token}");
        let cookie = answer.header("set-cookie");
        assert!(cookie.starts_with(&format!("cart_session={token};")), "{cookie}");
        for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Secure"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        let kept: Vec<u8> = shop.app.db.read().await.unwrap()
            .one("SELECT token_hash FROM carts", &[]).await.unwrap();
        assert_eq!(kept.len(), 32);

        let again = add(&shop, mug, 1).header("x-cart-token", &token).expect(200).await;
        assert_eq!((again.header("x-cart-token"), again.header("set-cookie")), ("", ""));
        let cart = shop.get("/api/v1/cart/").header("cookie", format!("a=b; cart_session={token}")).expect(200).await;
        assert_eq!(cart.json()["total_items"], 2);
        let other = add(&shop, mug, 1).expect(201).await;
        assert_ne!(other.header("x-cart-token"), token);
    }

    async fn the_cart_shows_its_lines_with_prices_of_now(shop: TestShop) {
        let mug = sell(&shop, "Mug", 1250, 10).await;
        let pen = sell(&shop, "Pen", 99, 10).await;
        let ada = Buyer::Customer(customer(&shop, "ada").await);
        ada.adds(&shop, mug, 2).expect(201).await;
        let cart = ada.adds(&shop, pen, 3).expect(201).await.json();
        assert_eq!((&cart["total_items"], &cart["total_amount"], &cart["currency"]), (&json!(5), &json!("27.97"), &json!("USD")));
        let line = &cart["items"][0];
        assert_eq!(line["product_id"], mug.product);
        assert_eq!(line["variant_id"], mug.variant);
        assert_eq!((&line["quantity"], &line["unit_price"], &line["subtotal"]), (&json!(2), &json!("12.50"), &json!("25.00")));
        let product = &line["product"];
        assert_eq!((&product["id"], &product["name"], &product["stock"]), (&json!(mug.product), &json!("Mug"), &json!(10)));
        assert_eq!(line["added_at"], "2026-03-01T12:00:00Z");

        tamper(&shop, "UPDATE variants SET price_minor = 1300").await;
        assert_eq!(ada.cart(&shop).expect(200).await.json()["total_amount"], "65.00");
    }

    /// ST-14
    async fn adding_again_adds_up(shop: TestShop) {
        let mug = sell(&shop, "Mug", 1250, 10).await;
        let ada = Buyer::Customer(customer(&shop, "ada").await);
        let first = ada.adds(&shop, mug, 2).expect(201).await.json();
        let second = ada.adds(&shop, mug, 2).expect(200).await.json();
        assert_eq!(first["items"][0]["id"], second["items"][0]["id"]);
        assert_eq!(second["items"].as_array().unwrap().len(), 1);
        assert_eq!(second["items"][0]["quantity"], 4);
        let third = shop.post(ITEMS).json(json!({"product": mug.product.to_string()}));
        assert_eq!(ada.sign(third).expect(200).await.json()["total_items"], 5);
    }

    async fn every_spelling_of_the_paths_leads_to_the_cart(shop: TestShop) {
        let mug = sell(&shop, "Mug", 1250, 50).await;
        let ada = customer(&shop, "ada").await;
        let body = json!({"product_id": mug.product, "quantity": 1});
        for (n, path) in ["/api/v1/cart/items/", "/api/v1/cart/items", "/api/cart/", "/api/cart", "/api/cart/add/", "/api/v1/cart/add"].iter().enumerate() {
            let status = if n == 0 { 201 } else { 200 };
            shop.post(path).bearer(&ada).json(body.clone()).expect(status).await;
        }
        let cart = shop.get("/api/cart").bearer(&ada).expect(200).await.json();
        assert_eq!(cart["total_items"], 6);
        let id = &cart["items"][0]["id"];
        for base in ["/api/v1/cart/items", "/api/cart/items", "/api/v1/cart", "/api/cart"] {
            let path = format!("{base}/{id}/");
            assert_eq!(shop.get(&path).bearer(&ada).expect(200).await.json()["quantity"], 6);
            for method in ["PUT", "PATCH"] {
                let answer = shop.ask(method, &path).bearer(&ada).json(json!({"quantity": "6"})).expect(200).await;
                assert_eq!(answer.json()["total_items"], 6);
            }
        }
        assert_eq!(shop.delete(&format!("/api/cart/{id}/")).bearer(&ada).expect(200).await.json()["items"], json!([]));
        shop.post("/api/cart/").bearer(&ada).json(body.clone()).expect(201).await;
        assert_eq!(shop.delete("/api/cart/").bearer(&ada).expect(200).await.json()["items"], json!([]));
        shop.post("/api/cart/").bearer(&ada).json(body).expect(201).await;
        assert_eq!(shop.delete("/api/cart/clear/").bearer(&ada).expect(200).await.json()["total_amount"], "0.00");
    }

    /// CT-01, ST-14
    async fn a_quantity_is_a_whole_number_from_1(shop: TestShop) {
        let mug = sell(&shop, "Mug", 1250, 100_000).await;
        let ada = Buyer::Customer(customer(&shop, "ada").await);
        ada.adds(&shop, mug, 2).expect(201).await;
        for bad in ["0", "-1", "10000", "1.5", "\"abc\"", "1e3", "true", "null", "[]", "{}", "2147483648", "9223372036854775808", "2147483647"] {
            let body = format!("{{\"product_id\": {}, \"quantity\": {bad}}}", mug.product);
            let answer = ada.sign(shop.post(ITEMS)).text(body).expect(400).await;
            assert_eq!((answer.code(), answer.faulty()), ("validation_error".into(), vec!["quantity".to_owned()]), "{bad}");
        }
        let twice = format!("{{\"product_id\": {}, \"quantity\": 1, \"quantity\": 2}}", mug.product);
        assert_eq!(ada.sign(shop.post(ITEMS)).text(twice).expect(400).await.code(), "malformed_json");
        assert_eq!(ada.cart(&shop).expect(200).await.json()["total_items"], 2);

        let id = ada.cart(&shop).expect(200).await.json()["items"][0]["id"].clone();
        let line = |quantity: &str| ada.sign(shop.patch(&format!("{ITEMS}{id}/"))).text(format!("{{\"quantity\": {quantity}}}"));
        for bad in ["-1", "null", "1.5", "10000", "\"\""] {
            line(bad).expect(400).await;
        }
        assert_eq!(ada.sign(shop.put(&format!("{ITEMS}{id}/"))).json(json!({})).expect(400).await.faulty(), ["quantity"]);
        assert_eq!(line("\"3\"").expect(200).await.json()["total_items"], 3);
        assert_eq!(line("0").expect(200).await.json()["items"], json!([]));
        line("1").expect(404).await;
    }

    /// CT-10
    async fn a_line_takes_9999_pieces(shop: TestShop) {
        let mug = sell(&shop, "Mug", 1, 100_000).await;
        let ada = Buyer::Customer(customer(&shop, "ada").await);
        ada.adds(&shop, mug, 9999).expect(201).await;
        assert_eq!(ada.adds(&shop, mug, 1).expect(400).await.code(), "cart_limit");
        assert_eq!(ada.cart(&shop).expect(200).await.json()["total_items"], 9999);
    }

    /// CT-10
    async fn a_cart_takes_as_many_lines_as_the_setting_says(shop: SmallCarts) {
        let SmallCarts(shop) = shop;
        let ada = Buyer::Customer(customer(&shop, "ada").await);
        for name in ["A", "B"] {
            let goods = sell(&shop, name, 1, 10).await;
            ada.adds(&shop, goods, 1).expect(201).await;
            ada.adds(&shop, goods, 1).expect(200).await;
        }
        let third = sell(&shop, "C", 1, 10).await;
        assert_eq!(ada.adds(&shop, third, 1).expect(400).await.code(), "cart_limit");
        assert_eq!(ada.cart(&shop).expect(200).await.json()["items"].as_array().unwrap().len(), 2);
    }

    async fn more_than_the_stock_is_refused_with_what_is_left(shop: TestShop) {
        let mug = sell(&shop, "Mug", 1250, 3).await;
        let ada = Buyer::Customer(customer(&shop, "ada").await);
        let refused = ada.adds(&shop, mug, 4).expect(409).await.json();
        assert_eq!(refused["code"], "out_of_stock");
        let line = &refused["lines"][0];
        assert_eq!((&line["product_id"], &line["requested"], &line["available"]), (&json!(mug.product), &json!(4), &json!(3)));
        assert_eq!(count(&shop, "carts").await, 0, "a refused first add makes no cart");
        ada.adds(&shop, mug, 2).expect(201).await;
        assert_eq!(ada.adds(&shop, mug, 2).expect(409).await.json()["lines"][0]["requested"], 4);
        let id = ada.cart(&shop).expect(200).await.json()["items"][0]["id"].clone();
        let more = ada.sign(shop.patch(&format!("{ITEMS}{id}/"))).json(json!({"quantity": 4}));
        assert_eq!(more.expect(409).await.code(), "out_of_stock");
        assert_eq!(ada.cart(&shop).expect(200).await.json()["total_items"], 2);
    }

    async fn only_what_is_on_sale_can_be_added(shop: TestShop) {
        let mug = sell(&shop, "Mug", 1250, 3).await;
        let hidden = sell(&shop, "Hidden", 1250, 3).await;
        tamper(&shop, "UPDATE products SET is_active = FALSE WHERE slug = 'hidden'").await;
        for product in [hidden.product, 999_999] {
            let answer = shop.post(ITEMS).json(json!({"product_id": product})).expect(400).await;
            assert_eq!((answer.code(), answer.faulty()), ("validation_error".into(), vec!["product_id".to_owned()]));
        }
        assert_eq!(shop.post(ITEMS).json(json!({})).expect(400).await.faulty(), ["product_id"]);
        let other = shop.post(ITEMS).json(json!({"product_id": mug.product, "variant_id": hidden.variant}));
        assert_eq!(other.expect(400).await.faulty(), ["variant_id"]);
        assert_eq!(count(&shop, "carts").await, 0);
    }

    async fn of_several_variants_one_must_be_named(shop: TestShop) {
        let shirt = sell(&shop, "Shirt", 1250, 3).await;
        let red = add_variant(&shop, shirt.product, "Red", 1500, 3).await;
        let unnamed = shop.post(ITEMS).json(json!({"product_id": shirt.product})).expect(400).await;
        assert_eq!(unnamed.faulty(), ["variant_id"]);
        let named = json!({"product_id": shirt.product, "variant_id": red});
        let cart = shop.post(ITEMS).json(named).expect(201).await.json();
        assert_eq!(cart["items"][0]["unit_price"], "15.00");
        assert_eq!(cart["items"][0]["product"]["variant"], "Red");
    }

    async fn nobody_reaches_the_lines_of_another_cart(shop: TestShop) {
        let mug = sell(&shop, "Mug", 1250, 30).await;
        let ada = Buyer::Customer(customer(&shop, "ada").await);
        let bob = Buyer::Customer(customer(&shop, "bob").await);
        bob.adds(&shop, mug, 1).expect(201).await;
        let guest = Buyer::guest(&shop, mug, 1).await;
        let line = ada.adds(&shop, mug, 1).expect(201).await.json()["items"][0]["id"].clone();
        let path = format!("{ITEMS}{line}/");
        for other in [&bob, &guest] {
            for ask in [shop.get(&path), shop.delete(&path), shop.patch(&path).json(json!({"quantity": 3})), shop.put(&path).json(json!({"quantity": 0}))] {
                assert_eq!(other.sign(ask).expect(404).await.code(), "not_found");
            }
        }
        shop.delete(&path).expect(404).await;
        shop.get(&format!("{ITEMS}nonsense/")).expect(404).await;
        assert_eq!(ada.cart(&shop).expect(200).await.json()["total_items"], 1);
    }

    /// AD-02
    async fn another_site_cannot_write_by_cookie_alone(shop: TestShop) {
        let mug = sell(&shop, "Mug", 1250, 30).await;
        let Buyer::Guest(token) = Buyer::guest(&shop, mug, 1).await else { unreachable!() };
        let by_cookie = || add(&shop, mug, 1).header("cookie", format!("cart_session={token}"));
        for (name, value) in [("origin", "https://evil.test"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
            assert_eq!(by_cookie().header(name, value).expect(403).await.code(), "csrf_failed");
            by_cookie().header("x-cart-token", &token).header(name, value).expect(200).await;
        }
        for (name, value) in [("origin", "https://shop.test"), ("origin", "https://front.test"), ("sec-fetch-site", "same-origin")] {
            by_cookie().header(name, value).expect(200).await;
        }
        // `localhost` is another name of this shop: its own pages may write, those of its neighbours may not.
        for (origin, site, status) in [
            ("http://localhost:8000", "same-origin", 200), ("http://localhost:3000", "same-site", 403), ("https://evil.test", "same-origin", 403),
        ] {
            by_cookie().header("origin", origin).header("sec-fetch-site", site).expect(status).await;
        }
        let order = shop.post("/api/v1/orders/").header("cookie", format!("cart_session={token}")).header("origin", "https://evil.test");
        assert_eq!(order.expect(403).await.code(), "csrf_failed");
        assert_eq!(count(&shop, "orders").await, 0);
    }

    async fn the_account_goes_before_the_token_and_the_token_before_the_cookie(shop: TestShop) {
        let mug = sell(&shop, "Mug", 1250, 30).await;
        let Buyer::Guest(header) = Buyer::guest(&shop, mug, 2).await else { unreachable!() };
        let Buyer::Guest(cookie) = Buyer::guest(&shop, mug, 3).await else { unreachable!() };
        let ada = customer(&shop, "ada").await;
        add(&shop, mug, 1).bearer(&ada).expect(201).await;
        let ask = || shop.get("/api/v1/cart/").header("cookie", format!("cart_session={cookie}"));
        assert_eq!(ask().expect(200).await.json()["total_items"], 3);
        assert_eq!(ask().header("x-cart-token", &header).expect(200).await.json()["total_items"], 2);
        assert_eq!(ask().header("x-cart-token", &header).bearer(&ada).expect(200).await.json()["total_items"], 1);
        ask().bearer("nonsense").expect(401).await;
    }

    async fn a_token_that_names_no_cart_is_404_and_such_a_cookie_is_replaced(shop: TestShop) {
        let mug = sell(&shop, "Mug", 1250, 30).await;
        let made_up = "x".repeat(43);
        shop.get("/api/v1/cart/").header("x-cart-token", &made_up).expect(404).await;
        shop.delete("/api/v1/cart/clear/").header("x-cart-token", &made_up).expect(404).await;
        add(&shop, mug, 1).header("x-cart-token", &made_up).expect(404).await;
        let answer = add(&shop, mug, 1).header("cookie", format!("cart_session={made_up}")).expect(201).await;
        assert_ne!(answer.header("x-cart-token"), made_up, "a token is never the client's choice");
        assert_eq!(answer.header("x-cart-token").len(), 43);
    }

    /// CT-02, CT-03, CT-05
    async fn signing_in_merges_the_guest_cart_capped_by_the_stock(shop: TestShop) {
        let mug = sell(&shop, "Mug", 1250, 5).await;
        let pen = sell(&shop, "Pen", 99, 50).await;
        let ada = Buyer::Customer(customer(&shop, "ada").await);
        ada.adds(&shop, mug, 5).expect(201).await;
        let guest = Buyer::guest(&shop, mug, 5).await;
        guest.adds(&shop, pen, 2).expect(201).await;

        let answer = guest.sign(log_in(&shop, "ada@example.org")).expect(200).await.json();
        let adjustments = answer["cart_adjustments"].as_array().unwrap();
        assert_eq!(adjustments.len(), 1);
        assert_eq!(
            (&adjustments[0]["product_id"], &adjustments[0]["requested"], &adjustments[0]["quantity"]),
            (&json!(mug.product), &json!(10), &json!(5))
        );
        let cart = ada.cart(&shop).expect(200).await.json();
        let lines: Vec<(&Value, &Value)> =
            cart["items"].as_array().unwrap().iter().map(|line| (&line["product_id"], &line["quantity"])).collect();
        assert_eq!(lines, [(&json!(mug.product), &json!(5)), (&json!(pen.product), &json!(2))]);
        guest.cart(&shop).expect(404).await;
        assert_eq!(count(&shop, "carts").await, 1);

        let again = guest.sign(log_in(&shop, "ada@example.org")).expect(200).await.json();
        assert_eq!(again["cart_adjustments"], json!([]));
        assert_eq!(ada.cart(&shop).expect(200).await.json()["total_items"], 7);
    }

    /// CT-03
    async fn signing_up_takes_the_guest_cart_along(shop: TestShop) {
        let mug = sell(&shop, "Mug", 1250, 5).await;
        let guest = Buyer::guest(&shop, mug, 2).await;
        let answer = guest.sign(sign_up(&shop, "ada")).expect(201).await.json();
        let ada = Buyer::Customer(answer["tokens"]["access"].as_str().unwrap().to_owned());
        assert_eq!(ada.cart(&shop).expect(200).await.json()["total_items"], 2);
        guest.cart(&shop).expect(404).await;
    }

    /// CT-05
    async fn a_guest_token_dies_with_its_order(shop: TestShop) {
        let mug = sell(&shop, "Mug", 1250, 5).await;
        let guest = Buyer::guest(&shop, mug, 2).await;
        guest.orders(&shop).expect(201).await;
        guest.cart(&shop).expect(404).await;
        guest.adds(&shop, mug, 1).expect(404).await;
        assert_eq!(guest.orders(&shop).expect(400).await.code(), "cart_empty");
        books_are_right(&shop).await;
    }

    /// ST-07
    async fn what_the_client_says_of_prices_and_owners_is_ignored(shop: TestShop) {
        let mug = sell(&shop, "Mug", 1250, 5).await;
        let boss = admin(&shop).await;
        let ada = Buyer::Customer(customer(&shop, "ada").await);
        let body = json!({"product_id": mug.product, "quantity": 1, "price": "0.01", "unit_price": 1, "subtotal": 0, "user": 1, "id": 99, "cart_id": 7});
        let cart = ada.sign(shop.post(ITEMS)).json(body).expect(201).await.json();
        assert_eq!(cart["total_amount"], "12.50");
        assert_eq!(shop.get("/api/v1/cart/").bearer(&boss).expect(200).await.json()["items"], json!([]));
    }

    /// ST-13
    async fn amounts_beyond_what_can_be_counted_are_refused(shop: TestShop) {
        let gold = sell(&shop, "Gold", i64::MAX / 100, 1000).await;
        let ada = Buyer::Customer(customer(&shop, "ada").await);
        ada.adds(&shop, gold, 100).expect(201).await;
        assert_eq!(ada.adds(&shop, gold, 1).expect(400).await.code(), "amount_limit");
        tamper(&shop, "UPDATE variants SET price_minor = price_minor * 2").await;
        ada.cart(&shop).expect(200).await;
        assert_eq!(ada.orders(&shop).expect(400).await.code(), "amount_limit");
        tamper(&shop, "UPDATE variants SET price_minor = price_minor / 2").await;
        assert_eq!(ada.orders(&shop).expect(201).await.json()["total_amount"], "92233720368547758.00");
        books_are_right(&shop).await;
    }
}

/// A shop whose carts take two lines.
struct SmallCarts(TestShop);

impl SmallCarts {
    async fn on(engine: db::Engine) -> Self {
        SmallCarts(TestShop::with(engine, &[("CART_MAX_LINES", "2")]).await)
    }
}
