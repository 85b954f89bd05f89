//! `If-Match`: what somebody changed meanwhile is not written over.

use serde_json::{Value, json};

use crate::shopping::{at_once, with_status};
use crate::support::{Answer, Ask, Person, TestShop};

/// A thing that is read and written: its path, and a write that changes it a little more each time.
struct Thing {
    path: String,
    method: &'static str,
    write_at: String,
    bodies: [Value; 3],
    by: Person,
}

impl Thing {
    fn read(&self, shop: &TestShop) -> Ask {
        shop.get(&self.path).by(&self.by)
    }

    fn write(&self, shop: &TestShop, body: &Value) -> Ask {
        shop.ask(self.method, &self.write_at)
            .by(&self.by)
            .json(body.clone())
    }
}

async fn things(shop: &TestShop) -> Vec<Thing> {
    let (admin, ada) = (shop.admin().await, shop.customer("ada").await);
    let product = shop.product(&admin, "5.00", 9).await;
    let made = shop.post("/api/v1/categories/").by(&admin);
    made.json(json!({"name": "Cups"})).expect(201).await;
    let body = json!({"product_id": product.id});
    shop.post("/api/v1/cart/items/")
        .by(&ada)
        .json(body)
        .expect(201)
        .await;
    let order = shop
        .post("/api/v1/orders/")
        .by(&ada)
        .expect(201)
        .await
        .json()["id"]
        .clone();
    let at = |path: String, method, bodies, by: &Person| Thing {
        write_at: path.clone(),
        path,
        method,
        bodies,
        by: by.clone(),
    };
    let names = || ["One", "Two", "Three"].map(|name| json!({"name": name}));
    let order = Thing {
        write_at: format!("/api/v1/orders/{order}/update_status/"),
        ..at(
            format!("/api/v1/orders/{order}/"),
            "PATCH",
            ["confirmed", "processing", "shipped"].map(|word| json!({"status": word})),
            &admin,
        )
    };
    vec![
        at(
            format!("/api/v1/products/{}/", product.id),
            "PATCH",
            names(),
            &admin,
        ),
        at(
            format!("/api/v1/admin/products/{}/", product.id),
            "PUT",
            ["A", "B", "C"].map(|name| json!({"name": name, "price": 5})),
            &admin,
        ),
        at("/api/v1/categories/cups/".into(), "PATCH", names(), &admin),
        at("/api/v1/auth/profile/".into(), "PATCH", names(), &ada),
        order,
    ]
}

fn tag(answer: &Answer) -> String {
    let tag = answer.header("etag").to_owned();
    assert!(
        tag.starts_with('"') && tag.ends_with('"') && tag.len() > 8,
        "{}: {tag}",
        answer.asked
    );
    tag
}

both! {
    /// OR-10
    async fn what_has_changed_since_it_was_read_is_not_written(shop: TestShop) {
        for thing in things(&shop).await {
            let [first, second, third] = &thing.bodies;
            let read = tag(&thing.read(&shop).expect(200).await);
            let written = tag(&thing.write(&shop, first).header("if-match", &read).expect(200).await);
            assert_ne!(read, written, "{}", thing.path);
            let shown = thing.read(&shop).expect(200).await;
            assert_eq!(tag(&shown), written, "{}: a read after the write has the tag of the write", thing.path);
            for stale in [read.clone(), "\"other\"".into(), format!("W/{written}"), format!("\"x\", {read}")] {
                let refused = thing.write(&shop, second).header("if-match", stale).expect(412).await;
                assert_eq!(refused.code(), "precondition_failed");
            }
            assert_eq!(thing.read(&shop).expect(200).await.json(), shown.json(), "a refused write changes nothing");
            thing.write(&shop, second).header("if-match", format!("\"x\", {written}")).expect(200).await;
            thing.write(&shop, third).header("if-match", "*").expect(200).await;
            for malformed in ["x", "\"", "\"a\" \"b\"", ""] {
                let answer = thing.write(&shop, third).header("if-match", malformed).expect(400).await;
                assert_eq!(answer.faulty(), ["If-Match"], "{malformed}");
            }
        }
    }

    async fn of_many_writers_who_read_the_same_one_wins(shop: TestShop) {
        for thing in things(&shop).await {
            let read = tag(&thing.read(&shop).expect(200).await);
            let answers = at_once((0..8).map(|_| thing.write(&shop, &thing.bodies[0]).header("if-match", &read))).await;
            assert_eq!((with_status(&answers, 200), with_status(&answers, 412)), (1, 7), "{}", thing.path);
        }
    }

    async fn what_has_changed_is_not_deleted_or_cancelled(shop: TestShop) {
        let things = things(&shop).await;
        let cancel = |at: &Thing| shop.post(&format!("{}cancel/", at.path)).by(&at.by);
        let delete = |at: &Thing| shop.delete(&at.path).by(&at.by);
        let (product, category, order) = (&things[0], &things[2], &things[4]);
        for (thing, done) in [(order, 200), (product, 204), (category, 204)] {
            let ask = || if done == 200 { cancel(thing) } else { delete(thing) };
            let old = tag(&thing.read(&shop).expect(200).await);
            let new = tag(&thing.write(&shop, &thing.bodies[0]).expect(200).await);
            ask().header("if-match", old).expect(412).await;
            ask().header("if-match", new).expect(done).await;
        }
        shop.delete("/api/v1/categories/cups/").by(&category.by).header("if-match", "*").expect(404).await;
    }

    async fn a_sale_changes_the_stock_that_was_read(shop: TestShop) {
        let things = things(&shop).await;
        let product = &things[0];
        let read = tag(&product.read(&shop).expect(200).await);
        let ada = &things[3].by;
        let id = product.path.trim_end_matches('/').rsplit('/').next().unwrap().parse::<i64>().unwrap();
        shop.post("/api/v1/cart/items/").by(ada).json(json!({"product_id": id})).expect(201).await;
        shop.post("/api/v1/orders/").by(ada).expect(201).await;
        product.write(&shop, &json!({"stock": 9})).header("if-match", read).expect(412).await;
    }

    async fn the_tag_of_a_compressed_answer_is_strong_and_good_for_a_write(shop: TestShop) {
        let things = things(&shop).await;
        let product = &things[0];
        product.write(&shop, &json!({"description": "long ".repeat(500)})).expect(200).await;
        for coding in ["gzip", "br"] {
            let read = product.read(&shop).header("accept-encoding", coding).expect(200).await;
            assert_eq!(read.header("content-encoding"), coding);
            let tag = tag(&read);
            product.read(&shop).header("accept-encoding", coding).header("if-none-match", &tag).expect(304).await;
            product.write(&shop, &json!({"name": coding})).header("if-match", &tag).expect(200).await;
            product.write(&shop, &json!({"name": "x"})).header("if-match", &tag).expect(412).await;
        }
    }

    async fn admins_see_a_hidden_product_at_its_own_path(shop: TestShop) {
        let (admin, ada) = (shop.admin().await, shop.customer("ada").await);
        let product = shop.product(&admin, "5.00", 9).await;
        let path = format!("/api/v1/products/{}/", product.id);
        shop.patch(&path).by(&admin).json(json!({"is_active": false})).expect(200).await;
        assert_eq!(shop.get(&path).by(&admin).expect(200).await.json()["is_active"], false);
        shop.get(&path).by(&ada).expect(404).await;
        shop.get(&path).expect(404).await;
    }
}
