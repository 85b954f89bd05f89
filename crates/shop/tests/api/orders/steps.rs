//! What may follow what.

use super::*;

both! {
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
}
