//! The book of stock: goods that arrive, counts that differ, and movements that explain every unit.

use serde_json::{Value, json};

use crate::shopping::{Buyer, Goods, add_variant, books_are_right, sell};
use crate::support::{Ask, Person, TestShop};

/// A shop with ten mugs, and the boss.
struct Shelf {
    shop: TestShop,
    boss: Person,
    mug: Goods,
}

impl Shelf {
    async fn on(engine: db::Engine) -> Self {
        let shop = TestShop::on(engine).await;
        let boss = shop.admin().await;
        let mug = sell(&shop, "Mug", 1250, 10).await;
        Shelf { shop, boss, mug }
    }

    fn at(&self, end: &str) -> String {
        format!("/api/v1/products/{}/{end}", self.mug.product)
    }

    fn asks(&self, verb: &str, body: Value) -> Ask {
        let path = self.at(&format!("inventory/{verb}/"));
        self.shop.post(&path).by(&self.boss).json(body)
    }

    async fn movements(&self, query: &str) -> Vec<Value> {
        let ask = self
            .shop
            .get(&self.at(&format!("movements/{query}")))
            .by(&self.boss);
        ask.expect(200).await.json()["results"]
            .as_array()
            .unwrap()
            .clone()
    }

    async fn figures(&self) -> (i64, i64, i64) {
        let shown = self
            .shop
            .get(&self.at("inventory/"))
            .by(&self.boss)
            .expect(200)
            .await
            .json();
        let number = |name: &str| shown[name].as_i64().unwrap();
        (number("on_hand"), number("reserved"), number("available"))
    }
}

both! {
    async fn every_unit_is_explained_by_movements(s: Shelf) {
        let ada = s.shop.customer("ada").await;
        let buyer = Buyer::Customer(ada.access.clone());
        let sent = buyer.buys(&s.shop, s.mug, 2).await;
        let cancelled = buyer.buys(&s.shop, s.mug, 3).await;
        buyer.buys(&s.shop, s.mug, 1).await;
        for word in ["paid", "shipped"] {
            let path = format!("/api/v1/orders/{}/update_status/", sent["id"]);
            s.shop.patch(&path).by(&s.boss).json(json!({"status": word})).expect(200).await;
        }
        s.shop.post(&format!("/api/v1/orders/{}/cancel/", cancelled["id"])).by(&ada).expect(200).await;
        s.asks("receive", json!({"quantity": 20, "reason": "Delivery 17"})).expect(200).await;
        s.asks("adjust", json!({"quantity": -1, "reason": "Broken"})).expect(200).await;
        s.asks("adjust", json!({"on_hand": 26})).expect(200).await;

        let movements = s.movements("").await;
        let told: Vec<(&str, i64)> = movements.iter().rev().map(|m| (m["kind"].as_str().unwrap(), m["quantity"].as_i64().unwrap())).collect();
        assert_eq!(told, [
            ("received", 10), ("reserved", 2), ("reserved", 3), ("reserved", 1), ("sold", 2), ("released", 3), ("received", 20),
            ("adjusted", -1), ("adjusted", -1),
        ]);
        let sum = |name: &str| movements.iter().map(|m| m[name].as_i64().unwrap()).sum::<i64>();
        assert_eq!(s.figures().await, (26, 1, 25));
        assert_eq!((sum("on_hand_change"), sum("reserved_change")), (26, 1));
        let delivery = &movements[2];
        assert_eq!((&delivery["reason"], &delivery["actor"], &delivery["order_id"]), (&json!("Delivery 17"), &json!(s.boss.id), &Value::Null));
        let release = &movements[3];
        assert_eq!((&release["order_id"], &release["actor"]), (&cancelled["id"], &json!(ada.id)));
        assert_eq!(s.movements("?kind=reserved").await.len(), 3);
        assert_eq!(s.movements(&format!("?variant_id={}&page_size=2", s.mug.variant)).await.len(), 2);
        assert_eq!(s.shop.get(&s.at("")).expect(200).await.json()["stock"], 25);
        books_are_right(&s.shop).await;
    }

    async fn what_is_promised_stays_on_the_shelf(s: Shelf) {
        let guest = Buyer::guest(&s.shop, s.mug, 4).await;
        guest.orders(&s.shop).expect(201).await;
        for (body, name) in [(json!({"quantity": -7}), "quantity"), (json!({"on_hand": 3}), "on_hand")] {
            assert_eq!(s.asks("adjust", body).expect(400).await.faulty(), [name]);
        }
        s.asks("adjust", json!({"on_hand": 4})).expect(200).await;
        assert_eq!(s.figures().await, (4, 4, 0));
        books_are_right(&s.shop).await;
    }

    async fn what_cannot_be_is_refused(s: Shelf) {
        for (verb, body, name) in [
            ("receive", json!({}), "quantity"), ("receive", json!({"quantity": 0}), "quantity"), ("receive", json!({"quantity": -1}), "quantity"),
            ("receive", json!({"quantity": 1_000_000_000}), "quantity"), ("receive", json!({"quantity": i64::MAX}), "quantity"),
            ("receive", json!({"quantity": 1, "variant_id": 999}), "variant_id"), ("receive", json!({"quantity": 1, "reason": "a\r\nb"}), "reason"),
            ("adjust", json!({}), "quantity"), ("adjust", json!({"quantity": 1, "on_hand": 1}), "quantity"), ("adjust", json!({"quantity": 0}), "quantity"),
            ("adjust", json!({"on_hand": -1}), "on_hand"), ("adjust", json!({"quantity": i64::MIN}), "quantity"), ("adjust", json!({"on_hand": "x"}), "on_hand"),
        ] {
            assert_eq!(s.asks(verb, body.clone()).expect(400).await.faulty(), [name], "{verb} {body}");
        }
        assert_eq!(s.movements("").await.len(), 1);
        s.shop.get("/api/v1/products/999/movements/").by(&s.boss).expect(404).await;
        s.shop.get(&s.at("movements/?kind=stolen")).by(&s.boss).expect(400).await;
    }

    async fn of_several_variants_one_is_named(s: Shelf) {
        let red = add_variant(&s.shop, s.mug.product, "Red", 1500, 3).await;
        assert_eq!(s.asks("receive", json!({"quantity": 1})).expect(400).await.faulty(), ["variant_id"]);
        let shown = s.asks("receive", json!({"quantity": 2, "variant_id": red})).expect(200).await.json();
        let variants: Vec<(&Value, &Value)> = shown["variants"].as_array().unwrap().iter().map(|v| (&v["variant_id"], &v["on_hand"])).collect();
        assert_eq!(variants, [(&json!(s.mug.variant), &json!(10)), (&json!(red), &json!(5))]);
        books_are_right(&s.shop).await;
    }

    async fn what_staff_does_to_stock_is_audited(s: Shelf) {
        s.asks("receive", json!({"quantity": 2, "reason": "Delivery 17"})).expect(200).await;
        let log = s.shop.get("/api/v1/admin/audit-log/?action=stock.received").by(&s.boss).expect(200).await.json();
        let entry = &log["results"][0];
        assert_eq!((&entry["before"]["on_hand"], &entry["after"]["on_hand"], &entry["actor_id"]), (&json!(10), &json!(12), &json!(s.boss.id)));
    }

    async fn many_at_once_lose_nothing(s: Shelf) {
        let asks = (0..12).map(|n| if n % 2 == 0 { s.asks("receive", json!({"quantity": 3})) } else { s.asks("adjust", json!({"quantity": -1})) });
        let answers = crate::shopping::at_once(asks).await;
        assert!(answers.iter().all(|answer| answer.status == 200));
        assert_eq!(s.figures().await, (10 + 18 - 6, 0, 22));
        books_are_right(&s.shop).await;
    }
}
