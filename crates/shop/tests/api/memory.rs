//! Answers of the catalog come from memory and are never older than they may be: at once on the node that wrote, within
//! a second on others.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Person, TestShop};

const PRODUCTS: &str = "/api/v1/products/";
const SECOND: Duration = Duration::from_secs(1);

async fn stock_shown(shop: &TestShop, id: i64) -> [Value; 3] {
    let one = shop.get(&format!("{PRODUCTS}{id}/")).expect(200).await;
    let list = shop.get(PRODUCTS).expect(200).await.json();
    let featured = shop
        .get("/api/v1/products/featured/")
        .expect(200)
        .await
        .json();
    let of = |list: &Value| {
        let all = list["results"].as_array().unwrap().clone();
        all.into_iter().find(|product| product["id"] == id).unwrap()["stock"].clone()
    };
    [one.json()["stock"].clone(), of(&list), of(&featured)]
}

async fn order(shop: &TestShop, buyer: &Person, product: i64, quantity: i64) -> Value {
    let line = json!({"product_id": product, "quantity": quantity});
    shop.post("/api/v1/cart/items/")
        .by(buyer)
        .json(line)
        .expect(201)
        .await;
    shop.post("/api/v1/orders/")
        .by(buyer)
        .expect(201)
        .await
        .json()
}

both! {
    async fn whatever_moves_stock_is_seen_at_once_where_it_was_done(shop: TestShop) {
        let (admin, buyer) = (shop.admin().await, shop.customer("alice").await);
        let product = shop.product(&admin, "5.00", 9).await.id;
        shop.product(&admin, "7.00", 4).await;
        assert_eq!(stock_shown(&shop, product).await, [9, 9, 9]);
        assert_eq!(stock_shown(&shop, product).await, [9, 9, 9]);
        let placed = order(&shop, &buyer, product, 2).await;
        assert_eq!(stock_shown(&shop, product).await, [7, 7, 7]);
        shop.post(&format!("/api/v1/orders/{}/cancel/", placed["id"])).by(&buyer).expect(200).await;
        assert_eq!(stock_shown(&shop, product).await, [9, 9, 9]);
        shop.patch(&format!("{PRODUCTS}{product}/")).by(&admin).json(json!({"stock": 1})).expect(200).await;
        assert_eq!(stock_shown(&shop, product).await, [1, 1, 1]);
        order(&shop, &buyer, product, 1).await;
        assert_eq!(stock_shown(&shop, product).await, [0, 0, 0]);
    }

    async fn what_is_in_stock_is_never_listed_from_before_a_sale(shop: TestShop) {
        let (admin, buyer) = (shop.admin().await, shop.customer("alice").await);
        let product = shop.product(&admin, "5.00", 1).await.id;
        let listed = async || {
            let page = shop.get(&format!("{PRODUCTS}?in_stock=true")).expect(200).await.json();
            page["results"].as_array().unwrap().len()
        };
        assert_eq!((listed().await, listed().await), (1, 1));
        order(&shop, &buyer, product, 1).await;
        assert_eq!(listed().await, 0);
    }

    async fn a_write_of_the_catalog_is_seen_at_once_where_it_was_done(shop: TestShop) {
        let admin = shop.admin().await;
        let product = shop.product(&admin, "5.00", 9).await.id;
        let paths = [PRODUCTS, "/api/v1/categories/", "/api/v1/categories/all/", "/api/v1/products/featured/"];
        let all = async || {
            let mut bodies = Vec::new();
            for path in paths {
                bodies.push(shop.get(path).expect(200).await.text());
            }
            bodies
        };
        let before = all().await;
        assert_eq!(before, all().await);
        shop.post("/api/v1/categories/").by(&admin).json(json!({"name": "Lamps"})).expect(201).await;
        let with_category = all().await;
        assert_ne!((&before[1], &before[2]), (&with_category[1], &with_category[2]));
        let change = json!({"name": "Other", "category": "lamps"});
        shop.patch(&format!("{PRODUCTS}{product}/")).by(&admin).json(change).expect(200).await;
        let renamed = all().await;
        for (before, after) in with_category.iter().zip(&renamed) {
            assert_ne!(before, after);
        }
        shop.delete(&format!("{PRODUCTS}{product}/")).by(&admin).expect(204).await;
        shop.get(&format!("{PRODUCTS}{product}/")).expect(404).await;
        assert!(!all().await[0].contains("Other"));
    }

    async fn other_nodes_see_it_within_a_second(shop: TestShop) {
        let (admin, buyer) = (shop.admin().await, shop.customer("alice").await);
        let product = shop.product(&admin, "5.00", 9).await.id;
        let other = shop.another_node().await;
        assert_eq!(stock_shown(&other, product).await, [9, 9, 9]);
        order(&shop, &buyer, product, 2).await;
        shop.clock.advance(SECOND);
        assert_eq!(stock_shown(&other, product).await, [7, 7, 7]);
        shop.patch(&format!("{PRODUCTS}{product}/")).by(&admin).json(json!({"name": "Renamed"})).expect(200).await;
        shop.clock.advance(SECOND);
        let seen = other.get(&format!("{PRODUCTS}{product}/")).expect(200).await.json();
        assert_eq!(seen["name"], "Renamed");
        for left in [6, 5, 4] {
            order(&shop, &buyer, product, 1).await;
            shop.clock.advance(SECOND);
            assert_eq!(stock_shown(&other, product).await, [left, left, left]);
        }
    }

    /// Far more than are looked at one by one: once they are past, memory is as good as before.
    async fn many_movements_of_another_process_are_forgotten_with_their_moment(shop: TestShop) {
        let admin = shop.admin().await;
        let product = shop.product(&admin, "5.00", 9).await.id;
        let (path, other) = (format!("{PRODUCTS}{product}/"), shop.another_node().await);
        let write = async |sql: &str| {
            let tx = shop.app.db.begin().await.unwrap();
            tx.execute(sql, &[]).await.unwrap();
            tx.commit().await.unwrap();
        };
        let name = async || other.get(&path).expect(200).await.json()["name"].clone();
        name().await;
        write("INSERT INTO stock_movements (stock_item_id, kind, quantity, created_at)
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
            SELECT s.id, 'received', 1, 0 FROM n CROSS JOIN stock_items s").await;
        write("UPDATE products SET name = 'While it lasted'").await;
        shop.clock.advance(SECOND);
        assert_eq!(name().await, "While it lasted", "too many to know whose they were");
        // On PostgreSQL one of them may still be on its way, also at the first look after that.
        shop.clock.advance(Duration::from_secs(31));
        name().await;
        write("UPDATE products SET name = 'Later'").await;
        shop.clock.advance(SECOND);
        assert_eq!(name().await, "While it lasted", "nothing moves any more");
    }

    /// The second answer is the first one's bytes: nothing was asked of the database for it.
    async fn the_second_answer_comes_from_memory(shop: TestShop) {
        let admin = shop.admin().await;
        let product = shop.product(&admin, "5.00", 9).await.id;
        let path = format!("{PRODUCTS}{product}/");
        let first = shop.get(&path).expect(200).await;
        // Behind the back of the shop, as nobody may: only so can it be told where an answer comes from.
        let tx = shop.app.db.begin().await.unwrap();
        tx.execute("UPDATE products SET name = 'Behind the back'", &[]).await.unwrap();
        tx.commit().await.unwrap();
        let second = shop.get(&path).expect(200).await;
        assert_eq!((first.text(), first.header("etag")), (second.text(), second.header("etag")));
        assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
        // Those who send a token, and those who ask in other words, have their own.
        let own = shop.get(&path).by(&admin).expect(200).await;
        assert_eq!(own.json()["name"], "Behind the back");
        assert_eq!(own.header("cache-control"), "private, no-cache");
        let other = shop.get(&format!("{path}?utm_source=x")).expect(200).await;
        assert_eq!(other.json()["name"], "Behind the back");
    }

    async fn compressed_and_plain_answers_are_kept_apart(shop: TestShop) {
        let admin = shop.admin().await;
        shop.product_with(&admin, json!({"name": "Long", "price": "1.00", "description": "word ".repeat(1000)})).await;
        for _ in 0..2 {
            let plain = shop.get(PRODUCTS).expect(200).await;
            let packed = shop.get(PRODUCTS).header("accept-encoding", "gzip").send().await;
            assert_eq!(plain.json()["results"][0]["name"], "Long");
            assert_eq!(packed.header("content-encoding"), "gzip");
            let tag = plain.header("etag").trim_end_matches('"').to_owned();
            assert_eq!(packed.header("etag"), format!("{tag}-gzip\""));
            assert_eq!(packed.header("vary"), "accept-encoding");
            assert_eq!(&packed.body[..2], [0x1f, 0x8b]);
            let tag = packed.header("etag").to_owned();
            shop.get(PRODUCTS).header("accept-encoding", "gzip").header("if-none-match", tag).expect(304).await;
        }
    }
}
