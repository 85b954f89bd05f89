//! The copy that a node on PostgreSQL searches: it finds what the database finds, at once, whatever becomes of it.

mod troubles;

use std::path::PathBuf;
use std::time::Duration;

use db::{Db, Engine, Options};
use serde_json::{Value, json};

use crate::support::{Person, TestShop};

const PRODUCTS: &str = "/api/v1/products/";
const SECOND: Duration = Duration::from_secs(1);
/// How long a file that could not be used is left alone, the first time.
const LEFT_ALONE: Duration = Duration::from_secs(10);

async fn list(shop: &TestShop, query: &str) -> Value {
    shop.get(&format!("{PRODUCTS}?{query}"))
        .expect(200)
        .await
        .json()
}

async fn names(shop: &TestShop, query: &str) -> Vec<String> {
    let page = list(shop, query).await;
    let results = page["results"].as_array().unwrap().iter();
    results
        .map(|product| product["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Another node of the shop, which searches in the database.
async fn without_copy(shop: &TestShop) -> TestShop {
    shop.another_node_with(&[("SEARCH_COPY", "false")]).await
}

async fn write(shop: &TestShop, statements: &[&str]) {
    let tx = shop.app.db.begin().await.unwrap();
    let told = "UPDATE generations SET value = value + 1 WHERE area = 'catalog'";
    for sql in statements.iter().chain([&told]) {
        tx.execute(sql, &[]).await.unwrap();
    }
    tx.commit().await.unwrap();
    shop.clock.advance(SECOND);
}

/// Waits until what is done in the background is done.
async fn until_copied(shop: &TestShop) {
    for at in 0..600 {
        list(shop, &format!("search=anything{at}")).await;
        if shop.app.catalog.has_search_copy() {
            return;
        }
        shop.clock.advance(SECOND);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("there is no copy");
}

const WORDS: [&str; 9] = [
    "lamp", "laptop", "laptops", "Straße", "mug", "mugs", "garden", "x1", "家",
];

/// Both answer every search in the same words.
async fn agree(shop: &TestShop, plain: &TestShop) {
    shop.clock.advance(SECOND);
    let queries = [
        "lamp",
        "lap",
        "l",
        "labtop",
        "strasse",
        "mug",
        "mug%20lamp",
        "gardn",
        "x1",
        "%E5%AE%B6",
        "k-1",
        "nothing",
        "!",
    ];
    for query in queries {
        for more in [
            "",
            "&in_stock=true&page_size=3",
            "&in_stock=false&page_size=2&page=1&min_price=5",
            "&category=home&page_size=2&cursor=",
            "&ordering=-price&page_size=3",
            "&ordering=name&max_price=30",
            "&id__in=1,2,3,4,5,6",
        ] {
            let query = format!("facets=1&search={query}{more}");
            assert_eq!(
                list(shop, &query).await,
                list(plain, &query).await,
                "{query}"
            );
        }
    }
    assert!(shop.app.catalog.has_search_copy());
    assert!(!plain.app.catalog.has_search_copy());
    assert_copy_answers(shop).await;
}

/// It finds what is nowhere else.
async fn assert_copy_answers(shop: &TestShop) {
    let word = format!("phantom{}", shop.clock.now().0);
    let words =
        format!("INSERT INTO product_search (rowid, title, body) VALUES (-1, '{word}', '')");
    tamper(
        shop,
        &[
            "CREATE TEMP TABLE phantom AS SELECT * FROM product_facts LIMIT 1",
            "UPDATE phantom SET id = -1, is_active = TRUE",
            "INSERT INTO product_facts SELECT * FROM phantom",
            &words,
        ],
    )
    .await;
    let page = list(shop, &format!("search={word}")).await;
    assert_eq!((&page["count"], &page["results"]), (&json!(1), &json!([])));
    tamper(
        shop,
        &[
            "DELETE FROM product_search WHERE rowid = -1",
            "DELETE FROM product_facts WHERE id = -1",
        ],
    )
    .await;
}

/// Writes into the file of the copy, past the shop.
async fn tamper(shop: &TestShop, statements: &[&str]) {
    let file = file(shop).await;
    let tx = file.begin().await.unwrap();
    for sql in statements {
        tx.execute(sql, &[]).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn file(shop: &TestShop) -> Db {
    let url = format!("sqlite://{}", files(shop)[0].display());
    Db::connect(&Options::new(url)).await.unwrap()
}

/// A row of numbers that look drawn.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_finds_what_the_database_finds_whatever_is_written() {
    let shop = TestShop::on(Engine::Postgres).await;
    let (admin, plain) = (shop.admin().await, without_copy(&shop).await);
    for (name, parent) in [("Home", Value::Null), ("Kitchen", json!("home"))] {
        let category = json!({"name": name, "parent": parent});
        shop.post("/api/v1/categories/")
            .by(&admin)
            .json(category)
            .expect(201)
            .await;
    }
    let mut dice = Dice(7);
    let mut ids: Vec<i64> = Vec::new();
    for at in 0..120 {
        match dice.below(if at < 20 { 2 } else { 8 }) {
            0..=2 => {
                let category =
                    [Value::Null, json!("home"), json!("kitchen")][dice.below(3)].clone();
                let body = json!({
                    "name": format!("{} {}", dice.word(), dice.word()), "description": format!("{}, {}!", dice.word(), dice.word()),
                    "sku": format!("K-{at}"), "price": 1 + dice.below(50), "stock": dice.below(2),
                    "category": category,
                });
                ids.push(shop.product_with(&admin, body).await.id);
            }
            kind => {
                let id = ids[dice.below(ids.len())];
                let body = match kind {
                    3 => json!({"name": dice.word()}),
                    4 => json!({"stock": dice.below(2)}),
                    5 => json!({"price": 1 + dice.below(50), "category": "kitchen"}),
                    6 => json!({"is_active": dice.below(3) > 0}),
                    _ => {
                        ids.retain(|other| *other != id);
                        shop.delete(&format!("{PRODUCTS}{id}/"))
                            .by(&admin)
                            .expect(204)
                            .await;
                        continue;
                    }
                };
                shop.patch(&format!("{PRODUCTS}{id}/"))
                    .by(&admin)
                    .json(body)
                    .expect(200)
                    .await;
            }
        }
        if at % 15 == 14 {
            agree(&shop, &plain).await;
        }
    }
    let change =
        json!({"filter": {"category": "home"}, "price": {"percent": "50"}, "stock": {"delta": 3}});
    shop.post("/api/v1/products/bulk/")
        .by(&admin)
        .json(change)
        .expect(200)
        .await;
    agree(&shop, &plain).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_is_found_at_once_here_and_within_a_second_elsewhere() {
    let shop = TestShop::on(Engine::Postgres).await;
    let (admin, ada) = (shop.admin().await, shop.customer("ada").await);
    let other = shop.another_node_with(&[]).await;
    let mug = shop
        .product_with(&admin, json!({"name": "Mug", "price": 1, "stock": 1}))
        .await;
    let path = format!("{PRODUCTS}{}/", mug.id);
    let stock = async |shop: &TestShop| {
        let page = list(shop, "search=cup&facets=1").await;
        page["facets"]["availability"]["in_stock"].clone()
    };
    assert_eq!(names(&shop, "search=mug").await, ["Mug"]);
    assert_eq!(names(&other, "search=mug").await, ["Mug"]);
    shop.patch(&path)
        .by(&admin)
        .json(json!({"name": "Cup"}))
        .expect(200)
        .await;
    assert_eq!(names(&shop, "search=cup").await, ["Cup"]);
    assert_eq!(names(&shop, "search=mug").await, [""; 0]);
    assert_eq!(stock(&shop).await, 1);
    shop.clock.advance(SECOND);
    assert_eq!(names(&other, "search=cup").await, ["Cup"]);
    assert_eq!(stock(&other).await, 1);
    buy(&shop, &ada, mug.id).await;
    shop.clock.advance(SECOND);
    assert_eq!(
        (stock(&shop).await, stock(&other).await),
        (json!(0), json!(0))
    );
    shop.delete(&path).by(&admin).expect(204).await;
    assert_eq!(names(&shop, "search=cup").await, [""; 0]);
    assert!(shop.app.catalog.has_search_copy() && other.app.catalog.has_search_copy());
}

async fn buy(shop: &TestShop, by: &Person, product: i64) {
    shop.post("/api/v1/cart/items/")
        .by(by)
        .json(json!({"product_id": product, "quantity": 1}))
        .expect(201)
        .await;
    shop.post("/api/v1/orders/")
        .by(by)
        .json(json!({"shipping_address": "1 Main Street"}))
        .expect(201)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_late_is_not_missed() {
    let shop = TestShop::on(Engine::Postgres).await;
    let admin = shop.admin().await;
    let ids = [
        shop.product_with(&admin, json!({"name": "Mug one", "price": 1}))
            .await
            .id,
        shop.product_with(&admin, json!({"name": "Mug two", "price": 1}))
            .await
            .id,
    ];
    let late = shop.app.db.begin().await.unwrap();
    let hidden = format!(
        "UPDATE products SET is_active = FALSE WHERE id = {}",
        ids[0]
    );
    late.execute(&hidden, &[]).await.unwrap();
    // Others begin, commit and are seen meanwhile.
    shop.patch(&format!("{PRODUCTS}{}/", ids[1]))
        .by(&admin)
        .json(json!({"name": "Mug three"}))
        .expect(200)
        .await;
    assert_eq!(names(&shop, "search=mug").await, ["Mug three", "Mug one"]);
    shop.clock.advance(SECOND);
    assert_eq!(names(&shop, "search=mug&in_stock=false").await.len(), 2);
    late.commit().await.unwrap();
    shop.clock.advance(SECOND);
    let page = list(&shop, "search=mug&facets=1&page_size=1").await;
    assert_eq!(
        (&page["count"], &page["results"][0]["name"]),
        (&json!(1), &json!("Mug three"))
    );
    assert!(shop.app.catalog.has_search_copy());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_changes_are_taken_in_while_the_database_answers() {
    let shop = TestShop::on(Engine::Postgres).await;
    let plain = without_copy(&shop).await;
    assert_eq!(list(&shop, "search=mug").await["count"], 0);
    assert!(shop.app.catalog.has_search_copy());
    write(&shop, &[
        "INSERT INTO products (name, slug, price_minor, created_at, updated_at)
          SELECT 'Mug', CAST(i AS TEXT), 100 + i, 0, 0 FROM generate_series(1, 12000) i",
        "INSERT INTO variants (product_id, position, title, options, price_minor, is_active, created_at, updated_at)
          SELECT id, 0, '', '[]', price_minor, TRUE, 0, 0 FROM products",
        "UPDATE product_facts SET words = CAST(CASE WHEN id % 3 = 0 THEN '''mug'':1A' ELSE '''mug'':1' END AS tsvector)",
    ]).await;
    for round in 0..2 {
        for query in [
            "facets=1&search=mug",
            "facets=1&search=mug&max_price=50",
            "search=mug&ordering=price",
        ] {
            // Not as the round before, or the answer would be that one.
            let query = format!("{query}&page_size={}", 7 + round);
            assert_eq!(
                list(&shop, &query).await,
                list(&plain, &query).await,
                "{round}: {query}"
            );
        }
        until_copied(&shop).await;
    }
}

/// The folder of the copy and the file that is in use.
fn files(shop: &TestShop) -> Vec<PathBuf> {
    let folder = shop.app.config.data_dir.join("search");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .filter(|file| file.extension().is_some_and(|end| end == "db"))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_kept_or_made_anew_after_a_crash() {
    let mut shop = TestShop::on(Engine::Postgres).await;
    let (admin, plain) = (shop.admin().await, without_copy(&shop).await);
    shop.product_with(&admin, json!({"name": "Mug", "price": 1}))
        .await;
    agree(&shop, &plain).await;
    let first = files(&shop);

    // What was written meanwhile is taken in.
    shop.reopen().await;
    plain
        .product_with(&admin, json!({"name": "Mug lamp", "price": 2}))
        .await;
    agree(&shop, &plain).await;
    assert_eq!(files(&shop), first);

    // Garbage, which neither the file nor what is beside it survives.
    shop.reopen().await;
    let folder = first[0].parent().unwrap();
    for file in std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        // Whoever still closes the one of before has it mapped.
        let _ = std::fs::remove_file(&file);
        std::fs::write(file, "garbage ".repeat(1000)).unwrap();
    }
    let url = format!("sqlite://{}", first[0].display());
    let broken = Db::connect(&Options::new(url)).await;
    assert!(broken.is_err_and(|error| error.is_damage()));
    agree(&shop, &plain).await;
    assert_ne!(files(&shop), first);

    // Of another database.
    let second = files(&shop);
    shop.reopen().await;
    tamper(
        &shop,
        &[
            "UPDATE copied SET history = 'another'",
            "DELETE FROM product_facts",
        ],
    )
    .await;
    list(&shop, "search=mug").await;
    shop.clock.advance(LEFT_ALONE);
    agree(&shop, &plain).await;
    assert_ne!(files(&shop), second);

    // Too old: what has changed since was thrown away.
    let third = files(&shop);
    shop.reopen().await;
    plain
        .product_with(&admin, json!({"name": "Mug garden", "price": 3}))
        .await;
    write(
        &plain,
        &["UPDATE product_changes SET changed_at = now() - INTERVAL '2 days'"],
    )
    .await;
    assert!(
        shop::housekeeping::sweep(&plain.app)
            .await
            .unwrap()
            .product_changes
            > 0
    );
    list(&shop, "search=mug").await;
    shop.clock.advance(LEFT_ALONE);
    agree(&shop, &plain).await;
    assert_ne!(files(&shop), third);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_has_one_owner_and_the_next_takes_over() {
    let shop = TestShop::on(Engine::Postgres).await;
    let admin = shop.admin().await;
    shop.product_with(&admin, json!({"name": "Mug", "price": 1}))
        .await;
    assert_eq!(names(&shop, "search=mug").await, ["Mug"]);
    let other = shop.another_node().await;
    assert_eq!(names(&other, "search=mug").await, ["Mug"]);
    assert!(shop.app.catalog.has_search_copy() && !other.app.catalog.has_search_copy());
    let TestShop { app, front, .. } = shop;
    drop((app, front));
    other.clock.advance(LEFT_ALONE);
    assert_eq!(names(&other, "search=mug&page_size=2").await, ["Mug"]);
    assert!(other.app.catalog.has_search_copy());
}
