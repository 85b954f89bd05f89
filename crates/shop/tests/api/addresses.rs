//! The address book: keeping, changing, defaults, and what orders take of it.

use serde_json::{Value, json};

use crate::shopping::{Buyer, at_once, count, sell, with_status};
use crate::support::{Person, TestShop};

const ADDRESSES: &str = "/api/v1/addresses/";

/// What is needed, and no more.
pub fn address() -> Value {
    json!({"line1": "12 Rue de Fès", "city": "Rabat", "country": "MA"})
}

async fn keep(shop: &TestShop, person: &Person, more: Value) -> Value {
    let mut body = address();
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let answer = shop.post(ADDRESSES).by(person).json(body);
    answer.expect(201).await.json()
}

/// The ids of the defaults, and of all.
async fn ids(shop: &TestShop, person: &Person, query: &str) -> (Vec<Value>, Vec<Value>) {
    let page = shop
        .get(&format!("{ADDRESSES}{query}"))
        .by(person)
        .expect(200)
        .await
        .json();
    let all = page["results"].as_array().unwrap();
    let id = |address: &Value| address["id"].clone();
    let defaults = all.iter().filter(|address| address["is_default"] == true);
    (defaults.map(id).collect(), all.iter().map(id).collect())
}

fn path(address: &Value) -> String {
    format!("{ADDRESSES}{}/", address["id"])
}

both! {
    async fn an_address_is_kept_as_it_was_written(shop: TestShop) {
        let alice = shop.customer("alice").await;
        let body = json!({
            "type": "billing", "full_name": " Alice Liddell ", "line1": "1 Main St", "line2": "", "city": "Springfield",
            "region": "IL", "postal_code": "62701", "country": "us", "phone": "+1 217 555 0100", "label": "Work",
            "is_default": false,
        });
        let kept = shop.post(ADDRESSES).by(&alice).json(body).expect(201).await.json();
        for (name, value) in [
            ("type", json!("billing")), ("full_name", json!("Alice Liddell")), ("line1", json!("1 Main St")),
            ("line2", json!("")), ("city", json!("Springfield")), ("region", json!("IL")), ("postal_code", json!("62701")),
            ("country", json!("US")), ("phone", json!("+1 217 555 0100")), ("label", json!("Work")), ("is_default", json!(false)),
        ] {
            assert_eq!(kept[name], value, "{name}");
        }
        assert_eq!(shop.get(&path(&kept)).by(&alice).expect(200).await.json(), kept);
    }

    async fn the_names_of_other_shops_are_read_and_the_other_path_answers(shop: TestShop) {
        let alice = shop.customer("alice").await;
        shop.patch("/api/v1/auth/profile/").by(&alice).json(json!({"name": "Alice Liddell"})).expect(200).await;
        let body = json!({"address_type": "other", "street_address": "1 Main St", "city": "Springfield", "state": "IL", "country": "US"});
        let kept = shop.post("/api/v1/users/me/addresses/").by(&alice).json(body).expect(201).await.json();
        assert_eq!((&kept["line1"], &kept["region"], &kept["type"]), (&json!("1 Main St"), &json!("IL"), &json!("other")));
        assert_eq!(kept["full_name"], "Alice Liddell", "the account's name, when none is given");
        let same = shop.get(&format!("/api/users/me/addresses/{}", kept["id"])).by(&alice).expect(200).await;
        assert_eq!(same.json(), kept);
    }

    async fn all_that_is_wrong_is_told_at_once(shop: TestShop) {
        let alice = shop.customer("alice").await;
        let body = json!({"type": "home", "line1": " ", "country": "Morocco", "phone": "1".repeat(33), "is_default": "maybe"});
        let refused = shop.post(ADDRESSES).by(&alice).json(body).expect(400).await;
        assert_eq!(refused.faulty(), ["type", "line1", "city", "country", "phone", "is_default"]);
        let kept = keep(&shop, &alice, json!({})).await;
        for bad in [json!({"line1": ""}), json!({"country": "XX"}), json!({"city": 5}), json!({"label": "x".repeat(101)})] {
            shop.patch(&path(&kept)).by(&alice).json(bad).expect(400).await;
        }
        assert_eq!(shop.put(&path(&kept)).by(&alice).json(json!({"city": "Fès"})).expect(400).await.faulty(), ["line1", "country"]);
        assert_eq!(shop.get(&path(&kept)).by(&alice).expect(200).await.json(), kept);
        shop.get(&format!("{ADDRESSES}?type=home")).by(&alice).expect(400).await;
    }

    async fn a_patch_leaves_the_rest_and_a_put_empties_it(shop: TestShop) {
        let alice = shop.customer("alice").await;
        let kept = keep(&shop, &alice, json!({"type": "billing", "label": "Work", "phone": "1", "postal_code": "10000"})).await;
        let patched = shop.patch(&path(&kept)).by(&alice).json(json!({"city": "Fès", "phone": null})).expect(200).await.json();
        assert_eq!((&patched["city"], &patched["phone"], &patched["label"]), (&json!("Fès"), &json!(""), &json!("Work")));
        let put = shop.put(&path(&kept)).by(&alice).json(address()).expect(200).await.json();
        assert_eq!((&put["city"], &put["postal_code"], &put["label"]), (&json!("Rabat"), &json!(""), &json!("")));
        assert_eq!((&put["type"], &put["is_default"]), (&json!("billing"), &json!(true)));
    }

    async fn there_is_one_default_of_each_type(shop: TestShop) {
        let alice = shop.customer("alice").await;
        let first = keep(&shop, &alice, json!({})).await;
        let second = keep(&shop, &alice, json!({})).await;
        let bill = keep(&shop, &alice, json!({"type": "billing"})).await;
        assert_eq!(ids(&shop, &alice, "").await.0, [bill["id"].clone(), first["id"].clone()], "the first of its type");
        let third = keep(&shop, &alice, json!({"is_default": true})).await;
        assert_eq!(ids(&shop, &alice, "?type=shipping").await.0, [third["id"].clone()]);

        let made = shop.post(&format!("{}default/", path(&second))).by(&alice).expect(200).await.json();
        assert_eq!(made["is_default"], true);
        assert_eq!(ids(&shop, &alice, "?type=shipping").await.0, [second["id"].clone()]);
        assert_eq!(ids(&shop, &alice, "?type=billing").await.0, [bill["id"].clone()]);

        shop.patch(&path(&second)).by(&alice).json(json!({"type": "billing"})).expect(200).await;
        assert_eq!(ids(&shop, &alice, "").await.0, [bill["id"].clone()], "a default of one type is none of another");
        shop.delete(&path(&bill)).by(&alice).expect(204).await;
        assert!(ids(&shop, &alice, "").await.0.is_empty());
        shop.get(&path(&bill)).by(&alice).expect(404).await;
        shop.delete(&path(&bill)).by(&alice).expect(404).await;
    }

    async fn of_many_who_become_the_default_at_once_one_does(shop: TestShop) {
        let alice = shop.customer("alice").await;
        let mut paths = Vec::new();
        for _ in 0..8 {
            paths.push(path(&keep(&shop, &alice, json!({})).await));
        }
        let asks = paths.iter().flat_map(|path| [
            shop.post(&format!("{path}default/")).by(&alice),
            shop.patch(path).by(&alice).json(json!({"is_default": true, "label": "x"})),
            shop.post(ADDRESSES).by(&alice).json(json!({"line1": "1", "city": "2", "country": "DE", "is_default": true})),
        ]);
        let answers = at_once(asks).await;
        assert_eq!(with_status(&answers, 200) + with_status(&answers, 201), 24);
        let (defaults, all) = ids(&shop, &alice, "?page_size=100").await;
        assert_eq!((defaults.len(), all.len()), (1, 16));
    }

    async fn a_book_takes_fifty_also_at_once(shop: TestShop) {
        let alice = shop.customer("alice").await;
        for _ in 0..45 {
            keep(&shop, &alice, json!({})).await;
        }
        let answers = at_once((0..12).map(|_| shop.post(ADDRESSES).by(&alice).json(address()))).await;
        assert_eq!((with_status(&answers, 201), with_status(&answers, 400)), (5, 7));
        assert!(answers.iter().filter(|a| a.status == 400).all(|a| a.code() == "address_limit"));
        assert_eq!(count(&shop, "addresses").await, 50);
    }

    /// AZ-06
    async fn nobody_writes_into_somebody_elses_book(shop: TestShop) {
        let (alice, bob) = (shop.customer("alice").await, shop.customer("bob").await);
        let forged = json!({"id": 77, "user": bob.id, "user_id": bob.id, "created_at": "2020-01-01T00:00:00Z"});
        let kept = keep(&shop, &alice, forged.clone()).await;
        assert_ne!(kept["id"], 77);
        shop.patch(&path(&kept)).by(&alice).json(forged).expect(200).await;
        assert_eq!(shop.get(&path(&kept)).by(&alice).expect(200).await.json(), kept);
        assert!(ids(&shop, &bob, "").await.1.is_empty());
    }

    /// AZ-02
    async fn what_is_somebody_elses_is_not_there(shop: TestShop) {
        let (alice, bob) = (shop.customer("alice").await, shop.customer("bob").await);
        let kept = keep(&shop, &alice, json!({})).await;
        let same = |one: &crate::support::Answer| {
            let mut body = one.json();
            body["request_id"] = Value::Null;
            body
        };
        for (method, tail) in [("GET", ""), ("PUT", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "default/")] {
            let ask = |path: String| shop.ask(method, &format!("{path}{tail}")).by(&bob).json(address()).expect(404);
            let foreign = ask(path(&kept)).await;
            let missing = ask(format!("{ADDRESSES}999999/")).await;
            assert_eq!(same(&foreign), same(&missing), "{method}");
        }
        assert_eq!(ids(&shop, &bob, "").await.1.len(), 0);
        assert_eq!(shop.get(&path(&kept)).by(&alice).expect(200).await.json(), kept);
    }

    async fn an_order_goes_to_the_address_that_it_names(shop: TestShop) {
        let alice = shop.customer("alice").await;
        let ada = Buyer::Customer(alice.access.clone());
        let mug = sell(&shop, "Mug", 999, 50).await;
        let home = keep(&shop, &alice, json!({"full_name": "Alice", "postal_code": "10000"})).await;
        let work = keep(&shop, &alice, json!({"line1": "Work"})).await;
        let copy = |line1: &str, name: &str, code: &str| json!({
            "full_name": name, "line1": line1, "line2": "", "city": "Rabat", "region": "", "postal_code": code,
            "country": "MA", "phone": "",
        });
        let (to_home, to_work) = (copy("12 Rue de Fès", "Alice", "10000"), copy("Work", "", ""));
        let order = async |body: Value| {
            ada.adds(&shop, mug, 1).expect(201).await;
            ada.orders(&shop).json(body).expect(201).await.json()
        };
        for (body, shipping, billing) in [
            (json!({}), &to_home, &to_home),
            (json!({"shipping_address_id": work["id"]}), &to_work, &to_work),
            (json!({"billing_address_id": work["id"].to_string()}), &to_home, &to_work),
            (json!({"shipping_address": "A Street"}), &json!("A Street"), &json!("A Street")),
            (json!({"shipping_address": {"line1": "x"}, "billing_address_id": home["id"]}), &json!({"line1": "x"}), &to_home),
        ] {
            let placed = order(body.clone()).await;
            assert_eq!((&placed["shipping_address"], &placed["billing_address"]), (shipping, billing), "{body}");
        }

        keep(&shop, &alice, json!({"type": "billing", "line1": "Work"})).await;
        let placed = order(json!({"shipping_address": "A Street"})).await;
        assert_eq!((&placed["shipping_address"], &placed["billing_address"]), (&json!("A Street"), &to_work), "the default for billing");

        shop.patch(&path(&home)).by(&alice).json(json!({"line1": "Elsewhere"})).expect(200).await;
        shop.delete(&path(&work)).by(&alice).expect(204).await;
        let shown = shop.get(&format!("/api/v1/orders/{}/", placed["id"])).by(&alice).expect(200).await.json();
        assert_eq!(shown, placed, "an order keeps copies");
    }

    async fn nobody_without_an_address_has_to_give_one(shop: TestShop) {
        let mug = sell(&shop, "Mug", 999, 50).await;
        let guest = Buyer::guest(&shop, mug, 1).await;
        let placed = guest.orders(&shop).json(json!({"email": "g@example.org"})).expect(201).await.json();
        assert_eq!((&placed["shipping_address"], &placed["billing_address"]), (&Value::Null, &Value::Null));
        let ada = Buyer::Customer(shop.customer("ada").await.access);
        let placed = ada.buys(&shop, mug, 1).await;
        assert_eq!(placed["shipping_address"], Value::Null);
    }

    /// AZ-04
    async fn nobody_orders_to_somebody_elses_address(shop: TestShop) {
        let (alice, bob) = (shop.customer("alice").await, shop.customer("bob").await);
        let mug = sell(&shop, "Mug", 999, 50).await;
        let kept = keep(&shop, &alice, json!({"line1": "Secret Street"})).await;
        let guest = Buyer::guest(&shop, mug, 1).await;
        let bob = Buyer::Customer(bob.access);
        bob.adds(&shop, mug, 1).expect(201).await;
        for buyer in [&guest, &bob] {
            for id in [kept["id"].clone(), json!(999_999)] {
                let body = json!({"shipping_address_id": id, "billing_address_id": id});
                let refused = buyer.orders(&shop).json(body).expect(400).await;
                assert_eq!(refused.faulty(), ["shipping_address_id", "billing_address_id"]);
                assert!(!refused.text().contains("Secret"));
            }
            for bad in [json!(0), json!(-1), json!("x"), json!([1]), json!(1.5)] {
                buyer.orders(&shop).json(json!({"shipping_address_id": bad})).expect(400).await;
            }
            let both = json!({"shipping_address": "x", "shipping_address_id": kept["id"]});
            assert_eq!(buyer.orders(&shop).json(both).expect(400).await.faulty(), ["shipping_address_id"]);
        }
        assert_eq!(count(&shop, "orders").await, 0);
    }
}
