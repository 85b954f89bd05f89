//! Prices and stock of many products at once.

use serde_json::{Value, json};

use crate::shopping::at_once;
use crate::support::{Person, TestShop};

const BULK: &str = "/api/v1/products/bulk/";

async fn shown(shop: &TestShop, id: i64) -> (String, i64) {
    let product = shop
        .get(&format!("/api/v1/products/{id}/"))
        .expect(200)
        .await
        .json();
    (
        product["price"].as_str().unwrap().to_owned(),
        product["stock"].as_i64().unwrap(),
    )
}

async fn sound(shop: &TestShop) {
    let findings = shop::check::check(&shop.app).await.unwrap();
    assert!(findings.is_empty(), "{findings:?}");
}

/// Three products in two categories; the last has two variants.
async fn goods(shop: &TestShop, admin: &Person) {
    for name in ["Tools", "Toys"] {
        shop.post("/api/v1/categories/")
            .by(admin)
            .json(json!({"name": name}))
            .expect(201)
            .await;
    }
    for product in [
        json!({"name": "Hammer", "price": "10.00", "stock": 5, "sku": "H", "category": "tools"}),
        json!({"name": "Saw", "price": "19.99", "stock": 2, "sku": "S", "category": "tools"}),
        json!({"name": "Bear", "category": "toys", "variants": [
            {"title": "Big", "price": "8.00", "stock": 1, "sku": "B1"}, {"title": "Small", "price": "4.05", "stock": 9, "sku": "B2"},
        ]}),
    ] {
        shop.product_with(admin, product).await;
    }
}

both! {
    /// ID-01, ID-02, ID-03, ID-06
    async fn the_same_key_changes_them_once(shop: TestShop) {
        let admin = shop.admin().await;
        goods(&shop, &admin).await;
        let keyed = |body: Value| shop.post(BULK).by(&admin).json(body).header("idempotency-key", "k1");
        let more = || json!({"skus": ["H"], "price": {"delta": "1.00"}, "stock": {"delta": -1}});
        keyed(json!({"skus": ["none"], "price": {"delta": 1}})).expect(400).await;
        let first = keyed(more()).expect(200).await;
        let again = keyed(more()).expect(200).await;
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.json(), first.json());
        assert_eq!(shown(&shop, 1).await, ("11.00".into(), 4));
        assert_eq!(keyed(json!({"skus": ["H"], "stock": {"set": 1}})).expect(422).await.code(), "idempotency_key_reused");
        // What is only shown uses no key up.
        let preview = shop.post(&format!("{BULK}?dry_run=1")).by(&admin).header("idempotency-key", "k2");
        preview.json(more()).expect(200).await;
        let many = at_once((0..8).map(|_| shop.post(BULK).by(&admin).json(more()).header("idempotency-key", "k2"))).await;
        assert!(many.iter().all(|answer| answer.status == 200 || answer.code() == "idempotency_in_progress"), "{}", many[0].text());
        assert_eq!(shown(&shop, 1).await, ("12.00".into(), 3));
        sound(&shop).await;
    }

    async fn prices_and_stock_change_for_all_that_is_meant(shop: TestShop) {
        let admin = shop.admin().await;
        goods(&shop, &admin).await;
        let change = async |body: Value| shop.post(BULK).by(&admin).json(body).expect(200).await.json();
        let done = change(json!({"filter": {"category": "tools"}, "price": {"percent": "-10"}})).await;
        assert_eq!([&done["products"], &done["variants"], &done["unchanged"]], [&json!(2), &json!(2), &json!(0)]);
        assert_eq!(done["changes"][1]["price_before"], "19.99");
        assert_eq!((shown(&shop, 1).await, shown(&shop, 2).await), (("9.00".into(), 5), ("17.99".into(), 2)));
        change(json!({"skus": ["B2", "H"], "price": {"delta": "1.50"}, "stock": {"delta": -5}})).await;
        assert_eq!((shown(&shop, 1).await, shown(&shop, 3).await), (("10.50".into(), 0), ("5.55".into(), 5)));
        let done = change(json!({"ids": [3], "price": {"set": 7}, "stock": {"set": "4"}})).await;
        assert_eq!([&done["products"], &done["variants"], &done["unchanged"]], [&json!(1), &json!(2), &json!(0)]);
        assert_eq!(shown(&shop, 3).await, ("7.00".into(), 8));
        let done = change(json!({"filter": {}, "price": {"percent": 0}})).await;
        assert_eq!([&done["variants"], &done["unchanged"]], [&json!(0), &json!(4)]);
        let log = shop.get("/api/v1/admin/audit-log/?action=product.updated&subject_id=3").by(&admin).expect(200).await.json();
        assert_eq!(log["count"], 2);
        assert_eq!(log["results"][0]["after"]["variants"][0]["price_minor"], 700);
        // The list is ordered by what it shows.
        let list = shop.get("/api/v1/products/?ordering=price").expect(200).await.json();
        assert_eq!(list["results"][0]["name"], "Bear");
        sound(&shop).await;
    }

    async fn a_preview_says_the_same_and_writes_nothing(shop: TestShop) {
        let admin = shop.admin().await;
        goods(&shop, &admin).await;
        let body = json!({"filter": {"search": "saw"}, "price": {"percent": 50}, "stock": {"delta": 3}});
        let preview = shop.post(&format!("{BULK}?dry_run=1")).by(&admin).json(body.clone()).expect(200).await.json();
        assert_eq!(shown(&shop, 2).await, ("19.99".into(), 2));
        let mut done = shop.post(BULK).by(&admin).json(body).expect(200).await.json();
        assert_eq!((&preview["dry_run"], &done["dry_run"]), (&json!(true), &json!(false)));
        done["dry_run"] = json!(true);
        assert_eq!(preview, done);
        assert_eq!(shown(&shop, 2).await, ("29.99".into(), 5));
    }

    async fn all_of_it_or_nothing(shop: TestShop) {
        let admin = shop.admin().await;
        goods(&shop, &admin).await;
        for (body, faulty) in [
            (json!({"ids": [1, 2, 3], "price": {"delta": "-5"}}), vec!["price"]),
            (json!({"ids": [1, 2, 3], "stock": {"delta": -2}}), vec!["stock"]),
            (json!({"ids": [1, 2, 3], "stock": {"delta": -2}, "price": {"delta": "-5"}}), vec!["price", "stock"]),
            (json!({"skus": ["H", "NO", "S", "NEITHER"], "price": {"set": 1}}), vec!["skus.1", "skus.3"]),
            (json!({"ids": [1, 99], "price": {"set": 1}}), vec!["ids.1"]),
            (json!({"ids": [1], "skus": ["S"], "price": {"set": 1, "percent": 5}}), vec!["ids", "price"]),
            (json!({"ids": [], "stock": {}}), vec!["ids", "stock"]),
            (json!({"price": {"set": -1}, "stock": {"set": "x"}}), vec!["price.set", "stock.set"]),
            (json!({"ids": [1], "price": {"percent": "-100.1"}}), vec!["price.percent"]),
            (json!({"ids": [1], "price": {"percent": "1e3"}}), vec!["price.percent"]),
            (json!({}), vec!["ids", "price"]),
            (json!({"ids": vec![1; 1001], "stock": {"set": 1}}), vec!["ids"]),
            // What is misspelt must not mean everything.
            (json!({"filter": {"catgory": "tools"}, "price": {"percent": "-10"}}), vec!["filter.catgory"]),
            (json!({"id": [1], "filter": {}, "price": {"sett": 1}, "stock": {"set": 1, "by": 2}}), vec!["price.sett", "stock.by", "id"]),
        ] {
            let answer = shop.post(BULK).by(&admin).json(body.clone()).expect(400).await;
            assert_eq!(answer.faulty(), faulty, "{body}");
        }
        assert_eq!(shown(&shop, 1).await, ("10.00".into(), 5));
        let log = shop.get("/api/v1/admin/audit-log/?action=product.updated").by(&admin).expect(200).await.json();
        assert_eq!(log["count"], 0);
        sound(&shop).await;
    }

    async fn what_is_sold_meanwhile_stays_sold(shop: TestShop) {
        let admin = shop.admin().await;
        let product = shop.product(&admin, "1.00", 50).await.id;
        let alice = shop.customer("alice").await;
        let buy = async || {
            for _ in 0..5 {
                shop.post("/api/v1/cart/items/").by(&alice).json(json!({"product_id": product})).expect(201).await;
                shop.post("/api/v1/orders/").by(&alice).expect(201).await;
            }
        };
        let stock = async || {
            for _ in 0..5 {
                shop.post(BULK).by(&admin).json(json!({"ids": [product], "stock": {"delta": 2}})).expect(200).await;
            }
        };
        futures_util::future::join(buy(), stock()).await;
        assert_eq!(shown(&shop, product).await.1, 50 - 5 + 10);
        sound(&shop).await;
    }
}
