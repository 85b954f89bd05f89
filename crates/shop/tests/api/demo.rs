//! The demo shop: believable, sound, and the same for the same seed.

use db::Engine;
use serde_json::{Value, json};
use shop::demo::{Demo, Made, fill};

use crate::support::TestShop;

const SMALL: Demo = Demo {
    products: 24,
    orders: 240,
    days: 60,
    seed: 7,
};

async fn filled(engine: Engine, demo: &Demo) -> (TestShop, Made) {
    let shop = TestShop::on(engine).await;
    let made = fill(&shop.app, demo, &mut |_, _| {}).await.unwrap();
    (shop, made)
}

/// What a visitor and an admin see.
async fn seen(shop: &TestShop) -> (Value, Vec<(Value, Value, Value, Value)>) {
    let products = shop
        .get("/api/v1/products/?page_size=100&ordering=id")
        .expect(200)
        .await
        .json();
    let admin = shop.admin().await;
    let orders = shop
        .get("/api/v1/orders/?page_size=100")
        .by(&admin)
        .expect(200)
        .await
        .json();
    let orders = orders["results"].as_array().unwrap().iter();
    let orders = orders
        .map(|o| {
            (
                o["order_number"].clone(),
                o["total_amount"].clone(),
                o["status"].clone(),
                o["created_at"].clone(),
            )
        })
        .collect();
    (products, orders)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demo_is_sound_believable_and_the_same_on_both_engines() {
    let (sqlite, made) = filled(Engine::Sqlite, &SMALL).await;
    let (postgres, same) = filled(Engine::Postgres, &SMALL).await;
    assert_eq!((made.products, made.orders, made.customers), (24, 240, 40));
    assert_eq!(made, same);
    for shop in [&sqlite, &postgres] {
        let findings = shop::check::check(&shop.app).await.unwrap();
        assert!(findings.is_empty(), "{findings:?}");
    }
    let seen_here = seen(&sqlite).await;
    assert_eq!(seen_here, seen(&postgres).await);
    // Every product has its picture, thumbnails and all.
    for product in seen_here.0["results"].as_array().unwrap() {
        let small = product["images"][0]["thumbnails"]["small"]
            .as_str()
            .unwrap();
        let file = small.strip_prefix("https://shop.test").unwrap();
        sqlite.get(file).expect(200).await;
        assert!(product["category_name"].is_string() && product["price"] != "0.00");
    }
    // Old orders have arrived; some were cancelled; the youngest are still on their way.
    let mut words: Vec<&str> = seen_here
        .1
        .iter()
        .map(|order| order.2.as_str().unwrap())
        .collect();
    words.sort_unstable();
    words.dedup();
    assert!(
        words.contains(&"delivered") && words.len() >= 3,
        "{words:?}"
    );
    assert!(
        sqlite
            .get("/api/v1/products/?search=mug")
            .expect(200)
            .await
            .json()["count"]
            .as_i64()
            > Some(0)
    );
    let other = Demo {
        seed: 8,
        products: 2,
        orders: 5,
        ..SMALL
    };
    assert_ne!(
        seen(&filled(Engine::Sqlite, &other).await.0).await.1,
        seen_here.1
    );
}

both! {
    async fn what_a_demo_customer_paid_can_be_given_back(shop: TestShop) {
        fill(&shop.app, &SMALL, &mut |_, _| {}).await.unwrap();
        let admin = shop.admin().await;
        let payments = shop.get("/api/v1/payments/?page_size=100").by(&admin).expect(200).await.json();
        let paid = payments["results"].as_array().unwrap().iter().find(|one| one["provider"] == "sandbox").unwrap();
        let path = format!("/api/v1/payments/{}/refund/", paid["id"]);
        let refund = shop.post(&path).by(&admin).json(json!({})).expect(201).await.json();
        assert_eq!((&refund["status"], &refund["amount"]), (&json!("succeeded"), &paid["amount"]));
        assert_eq!(shop::check::check(&shop.app).await.unwrap().len(), 0);
    }

    async fn a_demo_goes_only_into_an_empty_shop(shop: TestShop) {
        let admin = shop.admin().await;
        shop.product(&admin, "1.00", 1).await;
        let refused = fill(&shop.app, &SMALL, &mut |_, _| {}).await.unwrap_err().to_string();
        assert!(refused.contains("products") && refused.contains("--data-dir"), "{refused}");
        assert!(refused.lines().count() <= 3);
        assert_eq!(shop.get("/api/v1/products/").expect(200).await.json()["count"], 1);
    }
}
