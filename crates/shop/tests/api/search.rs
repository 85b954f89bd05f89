//! Searching: what comes first, what is forgiven, what can be counted, and that both engines find the same.

use std::collections::BTreeMap;

use db::migrate::Run;
use db::{Db, Engine, Options, args};
use serde_json::{Value, json};
use shop::catalog::products::learn_words_anew;
use shop::migrations;

use crate::support::{Person, TestShop, scratch};

const PRODUCTS: &str = "/api/v1/products/";

async fn list(shop: &TestShop, query: &str) -> Value {
    shop.get(&format!("{PRODUCTS}?{query}"))
        .expect(200)
        .await
        .json()
}

fn names_in(page: &Value) -> Vec<String> {
    let results = page["results"].as_array().unwrap();
    results
        .iter()
        .map(|product| product["name"].as_str().unwrap().to_owned())
        .collect()
}

async fn names(shop: &TestShop, query: &str) -> Vec<String> {
    names_in(&list(shop, query).await)
}

async fn shelf(shop: &TestShop, admin: &Person) {
    for (name, sku, description) in [
        ("Desk lamp", "L-1", "For a laptop desk"),
        ("Laptop", "LT-13", "Light"),
        ("Laptop sleeve", "S-9", ""),
        ("Headphones", "HP", "Hear your laptops sing"),
        ("Straßenkarte", "M-1", "Für Köln"),
        ("Keyboard", "KB", "Quiet keys"),
    ] {
        let body = json!({"name": name, "sku": sku, "description": description, "price": "10.00", "stock": 1});
        shop.product_with(admin, body).await;
    }
}

both! {
    async fn what_is_called_so_comes_first(shop: TestShop) {
        let admin = shop.admin().await;
        shelf(&shop, &admin).await;
        // Named so, the newest first; then those that only speak of it.
        assert_eq!(names(&shop, "search=laptop").await, ["Laptop sleeve", "Laptop", "Headphones", "Desk lamp"]);
        assert_eq!(names(&shop, "search=lap").await, ["Laptop sleeve", "Laptop", "Headphones", "Desk lamp"]);
        assert_eq!(
            names(&shop, "search=l").await,
            ["Desk lamp", "Laptop sleeve", "Laptop", "Headphones"]
        );
        assert_eq!(names(&shop, "search=LT-13").await, ["Laptop"]);
        assert_eq!(names(&shop, "search=strasse").await, ["Straßenkarte"]);
        // An order of the client's own wins.
        assert_eq!(names(&shop, "search=laptop&ordering=name").await, ["Desk lamp", "Headphones", "Laptop", "Laptop sleeve"]);
        assert_eq!(names(&shop, "search=laptop&ordering=id").await[0], "Desk lamp");
    }

    async fn slips_are_forgiven_where_little_is_found(shop: TestShop) {
        let admin = shop.admin().await;
        shelf(&shop, &admin).await;
        for (typed, meant) in [
            ("labtop", "Laptop sleeve"), ("latpop", "Laptop sleeve"), ("laptp", "Laptop sleeve"), ("hedphons", "Headphones"),
            ("keybord", "Keyboard"), ("strasenkarte", "Straßenkarte"), ("keyboards", "Keyboard"), ("labtop%20sleev", "Laptop sleeve"),
        ] {
            assert_eq!(names(&shop, &format!("search={typed}")).await.first().map(String::as_str), Some(meant), "{typed}");
        }
        // What was typed comes before what may have been meant.
        shop.product_with(&admin, json!({"name": "Labtop", "price": 1})).await;
        assert_eq!(names(&shop, "search=labtop").await[0], "Labtop");
        for nothing in ["search=ltx", "search=L-2", "search=kb7", "search=xyzxyz", "search=laptop%20hammer"] {
            assert_eq!(names(&shop, nothing).await, [""; 0], "{nothing}");
        }
        // A name that is changed is found anew and no longer as it was.
        shop.patch(&format!("{PRODUCTS}6/")).by(&admin).json(json!({"name": "Typewriter", "description": ""})).expect(200).await;
        assert_eq!(names(&shop, "search=typewritter").await, ["Typewriter"]);
        assert_eq!(names(&shop, "search=keyboard").await, [""; 0]);
    }

    async fn a_search_can_be_walked_by_page_and_by_cursor(shop: TestShop) {
        let admin = shop.admin().await;
        for at in 0..7 {
            let (name, text) = if at % 2 == 0 { (format!("Mug {at}"), "") } else { (format!("Cup {at}"), "as good as a mug") };
            shop.product_with(&admin, json!({"name": name, "description": text, "price": 1})).await;
        }
        let all = names(&shop, "search=mug").await;
        assert_eq!(all, ["Mug 6", "Mug 4", "Mug 2", "Mug 0", "Cup 5", "Cup 3", "Cup 1"]);
        for start in ["search=mug&page_size=2", "search=mug&page_size=3&cursor="] {
            let (mut seen, mut path) = (Vec::new(), format!("{PRODUCTS}?{start}"));
            loop {
                let page = shop.get(&path).expect(200).await.json();
                seen.extend(names_in(&page));
                assert!(page["count"].is_null() || page["count"] == 7);
                match page["next"].as_str() {
                    Some(next) => path = next.strip_prefix("https://shop.test").unwrap().to_owned(),
                    None => break,
                }
            }
            assert_eq!(seen, all, "{start}");
        }
        shop.get(&format!("{PRODUCTS}?search=mug&page=3")).expect(404).await;
        let other = list(&shop, "ordering=name&page_size=2&cursor=").await["next"].as_str().unwrap().to_owned();
        let cursor = other.split("cursor=").nth(1).unwrap();
        shop.get(&format!("{PRODUCTS}?search=mug&cursor={cursor}")).expect(400).await;
    }

    async fn facets_count_what_their_filters_find(shop: TestShop) {
        let admin = shop.admin().await;
        for (name, parent) in [("Home", Value::Null), ("Kitchen", json!("home")), ("Garden", json!("home")), ("Books", Value::Null)] {
            shop.post("/api/v1/categories/").by(&admin).json(json!({"name": name, "parent": parent})).expect(201).await;
        }
        for at in 0..30 {
            let category = [Some("kitchen"), Some("garden"), Some("books"), None][at % 4];
            let price = format!("{}.{:02}", (at * at) % 97, at);
            let body = json!({"name": format!("Mug {at}"), "category": category, "price": price, "stock": at % 3});
            shop.product_with(&admin, body).await;
        }
        assert!(list(&shop, "search=mug").await.get("facets").is_none());
        for base in ["", "search=mug&", "category=home&", "search=mug&in_stock=true&min_price=5&"] {
            let page = list(&shop, &format!("{base}facets=1&page_size=1")).await;
            let (facets, count) = (&page["facets"], &page["count"]);
            assert_eq!(facets["approximate"], false);
            let found = async |more: String| list(&shop, &format!("{base}{more}")).await["count"].clone();
            for category in facets["category"].as_array().unwrap() {
                if !base.contains("category") {
                    assert_eq!(found(format!("category={}", category["slug"].as_str().unwrap())).await, category["count"]);
                }
            }
            let mut sum = 0;
            for range in facets["price"].as_array().unwrap() {
                let bounds = (range["min"].as_str().unwrap(), range["max"].as_str().unwrap());
                if !base.contains("price") {
                    assert_eq!(found(format!("min_price={}&max_price={}", bounds.0, bounds.1)).await, range["count"]);
                }
                sum += range["count"].as_i64().unwrap();
            }
            assert_eq!(&json!(sum), count);
            let stock = &facets["availability"];
            assert_eq!(&json!(stock["in_stock"].as_i64().unwrap() + stock["out_of_stock"].as_i64().unwrap()), count);
            if !base.contains("stock") {
                assert_eq!(found("in_stock=true".into()).await, stock["in_stock"]);
            }
        }
        let facets = list(&shop, "facets=1&id__in=1").await["facets"].clone();
        let names: Vec<_> = facets["category"].as_array().unwrap().iter().map(|c| c["name"].clone()).collect();
        assert_eq!(names, [json!("Home"), json!("Kitchen")]);
        shop.get(&format!("{PRODUCTS}?facets=2")).expect(400).await;
    }

    async fn facets_of_very_many_are_estimated(shop: TestShop) {
        let admin = shop.admin().await;
        for name in ["First", "Second", "Third"] {
            shop.post("/api/v1/categories/").by(&admin).json(json!({"name": name})).expect(201).await;
        }
        // One category after the other, the cheap ones first, as shops import them.
        let tx = shop.app.db.begin().await.unwrap();
        let many = "INSERT INTO products (name, slug, category_id, price_minor, created_at, updated_at)
          WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 11999)
          SELECT 'P', CAST(i AS TEXT), 1 + i / 4000, 100 + i, 0, 0 FROM n";
        tx.execute(many, &[]).await.unwrap();
        tx.execute("UPDATE generations SET value = value + 1 WHERE area = 'catalog'", &[]).await.unwrap();
        tx.commit().await.unwrap();
        shop.clock.advance(std::time::Duration::from_secs(1));

        for (query, all) in [("", 12_000), ("min_price=2&", 11_900), ("max_price=121&", 12_000)] {
            let page = list(&shop, &format!("{query}facets=1")).await;
            let facets = &page["facets"];
            assert_eq!((&page["count"], &facets["approximate"]), (&json!(all), &json!(true)), "{query}");
            let categories = facets["category"].as_array().unwrap();
            let counts: Vec<i64> = categories.iter().map(|category| category["count"].as_i64().unwrap()).collect();
            assert!(counts.len() == 3 && counts.iter().all(|count| (3_600..=4_400).contains(count)), "{query}: {counts:?}");
            let ranges = facets["price"].as_array().unwrap();
            let sum: i64 = ranges.iter().map(|range| range["count"].as_i64().unwrap()).sum();
            assert!((all - 10..=all).contains(&sum), "{query}: {sum}");
            let highest = ranges.last().unwrap()["max"].as_str().unwrap();
            assert!(highest > "119" && highest < "122", "{query}: {highest}");
            assert_eq!(facets["availability"], json!({"in_stock": 0, "out_of_stock": all}), "{query}");
        }
    }

    async fn facts_follow_whoever_writes(shop: TestShop) {
        let admin = shop.admin().await;
        let facts = async || -> Vec<(i64, i64, bool, bool, bool)> {
            shop.clock.advance(std::time::Duration::from_secs(1));
            let all = "SELECT f.id, f.price_minor, f.is_active, f.is_featured, t.in_stock
              FROM product_facts f JOIN product_stock t ON t.id = f.id ORDER BY f.id";
            shop.app.db.read().await.unwrap().all(all, &[]).await.unwrap()
        };
        let body = json!({"name": "Shirt", "options": [{"name": "Size", "values": ["S", "M"]}], "variants": [
            {"options": ["S"], "price": "2.00", "stock": 1}, {"options": ["M"], "price": "3.00", "stock": 0},
        ]});
        let shirt = shop.post(PRODUCTS).by(&admin).json(body).expect(201).await.json();
        let id = shirt["id"].as_i64().unwrap();
        let variant = |at: usize| shirt["variants"][at]["id"].clone();
        assert_eq!(facts().await, [(id, 200, true, false, true)]);
        let path = format!("{PRODUCTS}{id}/");
        let change = async |body: Value| drop(shop.patch(&path).by(&admin).json(body).expect(200).await);
        change(json!({"is_featured": true, "variants": [
            {"id": variant(0), "price": "2.50", "stock": 0}, {"id": variant(1), "stock": 5},
        ]})).await;
        assert_eq!(facts().await, [(id, 250, true, true, true)]);
        // What is hidden is not for sale.
        change(json!({"variants": [{"id": variant(0)}, {"id": variant(1), "is_active": false}]})).await;
        assert_eq!(facts().await, [(id, 250, true, true, false)]);
        change(json!({"variants": [{"id": variant(0)}, {"id": variant(1), "is_active": true}]})).await;
        assert_eq!(facts().await, [(id, 250, true, true, true)]);
        change(json!({"variants": [{"id": variant(0)}]})).await;
        assert_eq!(facts().await, [(id, 250, true, true, false)]);
        change(json!({"stock": 3, "is_active": false})).await;
        assert_eq!(facts().await, [(id, 250, false, true, true)]);
        shop.delete(&path).by(&admin).expect(204).await;
        assert_eq!(facts().await, []);
    }

    async fn the_last_piece_leaves_the_facets(shop: TestShop) {
        let admin = shop.admin().await;
        let ada = shop.customer("ada").await;
        let mug = shop.product_with(&admin, json!({"name": "Mug", "price": "1.00", "stock": 1})).await;
        let stock = async || {
            shop.clock.advance(std::time::Duration::from_secs(1));
            list(&shop, "search=mug&facets=1").await["facets"]["availability"].clone()
        };
        assert_eq!(stock().await, json!({"in_stock": 1, "out_of_stock": 0}));
        shop.post("/api/v1/cart/items/").by(&ada).json(json!({"product_id": mug.id, "quantity": 1})).expect(201).await;
        let order = shop.post("/api/v1/orders/").by(&ada).json(json!({"shipping_address": "1 Main Street"})).expect(201).await.json();
        assert_eq!(stock().await, json!({"in_stock": 0, "out_of_stock": 1}));
        shop.post(&format!("/api/v1/orders/{}/cancel/", order["id"])).by(&ada).json(json!({})).expect(200).await;
        assert_eq!(stock().await, json!({"in_stock": 1, "out_of_stock": 0}));
    }

    /// IN-03
    async fn hostile_searches_are_words_and_quick(shop: TestShop) {
        let admin = shop.admin().await;
        shelf(&shop, &admin).await;
        for hostile in [
            "%28a%2B%29%2B%24", "%22%20OR%201%3D1", "NEAR%28a%20b%29", "title%3Alaptop", "%27%3A%2A%26%7C%21", "%2A", "-laptop", "%5Elaptop",
            "a%00b", &"x".repeat(200), &"%F0%9F%92%A5".repeat(50), &"laptop%20".repeat(20),
        ] {
            let started = std::time::Instant::now();
            let answer = shop.get(&format!("{PRODUCTS}?facets=1&search={hostile}")).send().await;
            assert!([200, 400].contains(&answer.status.as_u16()), "{hostile}: {}", answer.text());
            assert!(started.elapsed().as_secs() < 2, "{hostile}");
        }
        shop.get(&format!("{PRODUCTS}?search={}", "x".repeat(7000))).expect(400).await;
        shop.get(&format!("{PRODUCTS}?regex=a")).expect(400).await;
    }
}

/// One category after another in turn, as shops with many categories deal them: a part that is drawn by a step of its
/// own would meet some of them only.
#[tokio::test]
async fn no_category_is_missing_from_an_estimate() {
    let shop = TestShop::on(Engine::Sqlite).await;
    let tx = shop.app.db.begin().await.unwrap();
    for sql in [
        "INSERT INTO categories (name, slug, created_at, updated_at)
          WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 144) SELECT 'C' || i, 'c' || i, 0, 0 FROM n",
        "INSERT INTO products (name, slug, category_id, price_minor, created_at, updated_at)
          WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 19999)
          SELECT 'P', CAST(i AS TEXT), CASE WHEN i % 144 < 90 THEN 1 + i % 144 END, 100, 0, 0 FROM n",
        "UPDATE generations SET value = value + 1 WHERE area = 'catalog'",
    ] {
        tx.execute(sql, &[]).await.unwrap();
    }
    tx.commit().await.unwrap();
    shop.clock.advance(std::time::Duration::from_secs(1));
    let page = list(&shop, "facets=1").await;
    let categories = page["facets"]["category"].as_array().unwrap();
    let counts: Vec<i64> = categories
        .iter()
        .map(|category| category["count"].as_i64().unwrap())
        .collect();
    // 139 each.
    assert!(
        counts.len() == 90 && counts.iter().all(|count| (60..=240).contains(count)),
        "{counts:?}"
    );
}

/// Who writes a product holds its row; who buys its last piece does not wait for that.
#[tokio::test]
async fn the_last_piece_is_sold_while_the_price_is_changed() {
    let shop = TestShop::on(Engine::Postgres).await;
    let (admin, ada) = (shop.admin().await, shop.customer("ada").await);
    let mug = shop.product(&admin, "19.99", 1).await;
    let line = json!({"product_id": mug.id, "quantity": 1});
    shop.post("/api/v1/cart/items/")
        .by(&ada)
        .json(line)
        .expect(201)
        .await;
    let writing = shop.app.db.begin().await.unwrap();
    let raised = "UPDATE products SET price_minor = price_minor + 1";
    writing.execute(raised, &[]).await.unwrap();
    let order = json!({"shipping_address": "1 Main Street"});
    shop.post("/api/v1/orders/")
        .by(&ada)
        .json(order)
        .expect(201)
        .await;
}

/// SQLite has no statistics: it takes the index of the featured only where that fits as well as that of the active.
#[tokio::test]
async fn the_featured_are_found_by_their_index_on_sqlite() {
    let shop = TestShop::on(Engine::Sqlite).await;
    let statement = "EXPLAIN QUERY PLAN SELECT p.id FROM products p
      WHERE (p.is_active = TRUE) AND (p.is_featured) ORDER BY p.id DESC LIMIT 10";
    let conn = shop.app.db.read().await.unwrap();
    let plan: Vec<(i64, i64, i64, String)> = conn.all(statement, &[]).await.unwrap();
    assert!(plan[0].3.contains("products_featured"), "{plan:?}");
}

/// The same goods on both engines are found by the same words, in the same order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_engines_find_the_same() {
    const WORDS: [&str; 18] = [
        "lamp",
        "laptop",
        "laptops",
        "Straße",
        "naïve",
        "mug",
        "mugs",
        "über",
        "garden",
        "gardening",
        "x1",
        "2000",
        "Øre",
        "家",
        // Letters with signs above, below and beside them, which some take for the end of a word.
        "กิน",
        "กา",
        "हिन्दी",
        "مُحَمَّد",
    ];
    let mut found: Vec<BTreeMap<String, Value>> = Vec::new();
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let shop = TestShop::on(engine).await;
        let admin = shop.admin().await;
        let mut state = 7usize;
        let mut word = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            WORDS[(state >> 33) % WORDS.len()]
        };
        for at in 0..40 {
            let name = format!("{} {}", word(), word());
            let description = format!("{}, {}; {}!", word(), word(), word());
            let body = json!({"name": name, "description": description, "sku": format!("K-{at}"), "price": at, "stock": at % 2});
            shop.product_with(&admin, body).await;
        }
        let mut answers = BTreeMap::new();
        let queries = [
            "lamp",
            "lap",
            "laptop",
            "labtop",
            "strasse",
            "strase",
            "naive",
            "UBER",
            "gard",
            "gardning",
            "x1",
            "200",
            "ore",
            "%E5%AE%B6",
            "%E0%B8%99",
            "%E0%B8%81%E0%B8%B4",
            "%E0%B8%AB%E0%B8%B4%E0%B8%99",
            "%E0%A4%B9%E0%A4%BF%E0%A4%A8",
            "%D9%85%D9%8F%D8%AD",
            "mug%20lamp",
            "mgus",
            "k-7",
            "k",
            "laptp%20gardn",
            "nothing",
            "m",
        ];
        for query in queries {
            for more in [
                "",
                "&in_stock=true&page_size=3&page=1",
                "&min_price=10&cursor=",
                "&ordering=price",
            ] {
                let mut page = list(&shop, &format!("facets=1&search={query}{more}")).await;
                page["results"] = names_in(&page).into();
                answers.insert(format!("{query}{more}"), page);
            }
        }
        found.push(answers);
    }
    let postgres = found.pop().unwrap();
    for (query, page) in found.pop().unwrap() {
        assert_eq!(page, postgres[&query], "{query}");
    }
}

/// What took another while it had one waited for itself, as soon as as many asked as there are connections.
#[tokio::test]
async fn a_list_with_facets_needs_one_connection() {
    let (shop, _) = TestShop::counting_trips(&[]).await;
    let admin = shop.admin().await;
    shelf(&shop, &admin).await;
    let page = list(&shop, "search=laptop&facets=1&in_stock=true").await;
    assert_eq!(page["facets"]["approximate"], false);
}

/// What SQL cannot fold is learned by the program, when a database of before is opened.
#[tokio::test]
async fn words_and_stock_of_an_older_shop_are_found() {
    let scratch = scratch(Engine::Sqlite).await;
    let options = Options::new(format!("{}.old", scratch.options.url));
    let db = Db::connect(&options).await.unwrap();
    let run = Run {
        version: "old",
        now: 0,
    };
    let upgrade = migrations::ALL
        .iter()
        .position(|step| step.name == "0023_faster_search");
    db.migrate(&migrations::ALL[..upgrade.unwrap()], &run)
        .await
        .unwrap();
    let tx = db.begin().await.unwrap();
    for (id, stock) in [(1, 0), (2, 3)] {
        for row in [
            format!(
                "products (id, name, slug, description, price_minor, created_at, updated_at)
                VALUES ({id}, 'Mug {id}', 'mug-{id}', 'กิน', 100, 0, 0)"
            ),
            format!(
                "variants (id, product_id, sku, price_minor, created_at, updated_at) VALUES ({id}, {id}, 'TEA-{id}', 100, 0, 0)"
            ),
            format!("stock_items (variant_id, location_id, on_hand) VALUES ({id}, 1, {stock})"),
            format!("product_search (rowid, title, body) VALUES ({id}, 'old', '')"),
        ] {
            tx.execute(&format!("INSERT INTO {row}"), &[])
                .await
                .unwrap();
        }
    }
    tx.commit().await.unwrap();

    db.migrate(migrations::ALL, &run).await.unwrap();
    assert_eq!(learn_words_anew(&db).await.unwrap(), 2);
    assert_eq!(learn_words_anew(&db).await.unwrap(), 0);
    let conn = db.read().await.unwrap();
    for (words, found) in [
        ("old", &[][..]),
        ("\"กิ\"*", &[1, 2]),
        ("title : \"tea\" AND 2", &[2]),
    ] {
        let ids: Vec<i64> = conn
            .all(
                "SELECT rowid FROM product_search WHERE product_search MATCH $1",
                args![words],
            )
            .await
            .unwrap();
        assert_eq!(ids, found, "{words}");
    }
    let in_stock = "SELECT id FROM product_stock WHERE in_stock = TRUE";
    assert_eq!(conn.all::<i64>(in_stock, &[]).await.unwrap(), [2]);
}
