//! Requests that come twice.

use super::*;

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

both! {
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
}
