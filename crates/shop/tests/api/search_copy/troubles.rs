//! What may befall the copy while the shop is open: whatever it is, searches are answered, and rightly.

use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::*;

async fn mug(shop: &TestShop) {
    let admin = shop.admin().await;
    shop.product_with(&admin, json!({"name": "Mug", "price": 1}))
        .await;
}

/// Looked for in all the ways that read the copy.
async fn mugs(shop: &TestShop, page_size: usize) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for more in ["", "&ordering=name", "&facets=1", "&in_stock=false"] {
        let query = format!("search=mug{more}&page_size={page_size}");
        found.push(names(shop, &query).await);
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_does_not_hold_is_not_found() {
    let shop = TestShop::on(Engine::Postgres).await;
    mug(&shop).await;
    assert_eq!(mugs(&shop, 5).await, [["Mug"]; 4]);

    tamper(&shop, &["DELETE FROM product_search WHERE rowid > 0"]).await;

    assert_eq!(mugs(&shop, 6).await, [[""; 0]; 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_search_at_once_with_one_connection() {
    let (shop, _) = TestShop::counting_trips(&[]).await;
    let admin = shop.admin().await;
    // From which the spelling is known.
    shop.product_with(&admin, json!({"name": "Laptop", "price": 1}))
        .await;
    write(&shop, &[
        "INSERT INTO products (name, slug, price_minor, created_at, updated_at)
          SELECT 'Laptop', 'laptop-' || CAST(i AS TEXT), 100 + i, 0, 0 FROM generate_series(1, 600) i",
        "INSERT INTO variants (product_id, position, title, options, price_minor, is_active, created_at, updated_at)
          SELECT id, 0, '', '[]', price_minor, TRUE, 0, 0 FROM products p
          WHERE NOT EXISTS (SELECT 1 FROM variants v WHERE v.product_id = p.id)",
        "UPDATE product_facts SET words = CAST('''laptop'':1A' AS tsvector)",
    ])
    .await;
    until_copied(&shop).await;
    for ordering in ["&ordering=-price", ""] {
        let queries =
            [5, 6, 7, 8].map(|size| format!("search=labtop{ordering}&facets=1&page_size={size}"));
        shop.clock.advance(SECOND);
        let pages = join_all(queries.iter().map(|query| list(&shop, query)));
        for page in timeout(10 * SECOND, pages).await.unwrap() {
            assert_eq!(page["count"], 601);
        }
        assert!(shop.app.catalog.has_search_copy());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_damaged_while_it_is_open_is_made_anew() {
    let shop = TestShop::on(Engine::Postgres).await;
    let plain = without_copy(&shop).await;
    mug(&shop).await;
    for (at, damage) in [
        "DELETE FROM product_search_data",
        "DROP TABLE product_facts",
    ]
    .into_iter()
    .enumerate()
    {
        agree(&shop, &plain).await;
        let before = files(&shop);

        tamper(&shop, &[damage]).await;

        assert_eq!(mugs(&shop, 5 + at).await, [["Mug"]; 4], "{damage}");
        assert!(!shop.app.catalog.has_search_copy(), "{damage}");
        shop.clock.advance(Duration::from_secs(600));
        agree(&shop, &plain).await;
        assert_ne!(files(&shop), before, "{damage}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_was_not_finished_is_made_anew() {
    let mut shop = TestShop::on(Engine::Postgres).await;
    let plain = without_copy(&shop).await;
    mug(&shop).await;
    agree(&shop, &plain).await;
    let before = files(&shop);

    shop.reopen().await;
    tamper(
        &shop,
        &[
            "DELETE FROM copied",
            "INSERT INTO product_search (rowid, title, body) VALUES (999, 'mug', '')",
        ],
    )
    .await;

    agree(&shop, &plain).await;
    let after = files(&shop);
    assert_eq!(after.len(), 1);
    assert_ne!(after, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_that_is_given_up_leaves_it_whole() {
    let shop = TestShop::on(Engine::Postgres).await;
    let plain = without_copy(&shop).await;
    for _ in 0..6 {
        mug(&shop).await;
    }
    agree(&shop, &plain).await;
    for at in 1..40 {
        let hide = format!("UPDATE products SET is_active = NOT is_active WHERE id % 3 = {at} % 3");
        write(&shop, &[&hide]).await;
        let search = format!("search=mug&page_size={at}");
        let _ = timeout(Duration::from_micros(400 * at), list(&shop, &search)).await;
    }
    agree(&shop, &plain).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_database_fails_it_is_not_asked_twice() {
    let shop = TestShop::on(Engine::Postgres).await;
    mug(&shop).await;
    until_copied(&shop).await;
    write(&shop, &["ALTER TABLE products RENAME TO away"]).await;
    let failed = || shop.app.db.stats().failed.load(Ordering::Relaxed);
    let before = failed();

    shop.get(&format!("{PRODUCTS}?search=mug&page_size=8"))
        .expect(500)
        .await;

    assert_eq!(failed() - before, 1);
    assert!(shop.app.catalog.has_search_copy());
    write(&shop, &["ALTER TABLE away RENAME TO products"]).await;
    assert_eq!(mugs(&shop, 9).await, [["Mug"]; 4]);
    assert!(shop.app.catalog.has_search_copy());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_look_that_fails_does_not_close_it() {
    let shop = TestShop::on(Engine::Postgres).await;
    let plain = without_copy(&shop).await;
    mug(&shop).await;
    agree(&shop, &plain).await;
    let before = files(&shop);

    write(&shop, &["ALTER TABLE product_changes RENAME TO away"]).await;
    assert_eq!(names(&shop, "search=mug&page_size=5").await, ["Mug"]);
    assert!(!shop.app.catalog.has_search_copy());
    write(&shop, &["ALTER TABLE away RENAME TO product_changes"]).await;

    agree(&shop, &plain).await;
    assert_eq!(files(&shop), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_cannot_be_written_for_a_while_is_kept() {
    let shop = TestShop::on(Engine::Postgres).await;
    let plain = without_copy(&shop).await;
    mug(&shop).await;
    agree(&shop, &plain).await;
    let before = files(&shop);

    let other = file(&shop).await;
    let writing = other.begin().await.unwrap();
    write(&shop, &["UPDATE products SET is_active = FALSE"]).await;
    assert_eq!(names(&shop, "search=mug&page_size=5").await, [""; 0]);
    assert!(!shop.app.catalog.has_search_copy());
    writing.commit().await.unwrap();
    drop(other);

    shop.clock.advance(Duration::from_secs(60));
    agree(&shop, &plain).await;
    assert_eq!(files(&shop), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_follows_an_import_on_another_node() {
    let shop = TestShop::on(Engine::Postgres).await;
    let (admin, plain) = (shop.admin().await, without_copy(&shop).await);
    mug(&shop).await;
    agree(&shop, &plain).await;
    let line = |at| json!({"title": format!("Mug {at}"), "sku": format!("K-{at}"), "price": at});
    let lines: Vec<Value> = (1..=300).map(line).collect();
    let file = shop.app.config.data_dir.join("products.json");
    std::fs::write(&file, json!(lines).to_string()).unwrap();

    let options = shop::import::Options::default();
    let report =
        shop::import::products::import_products(&plain.app, &file, &options, &mut |_, _| ()).await;
    assert_eq!(report.unwrap().imported, 300);

    shop.clock.advance(SECOND);
    assert_eq!(list(&shop, "search=mug").await["count"], 301);
    until_copied(&shop).await;
    agree(&shop, &plain).await;
    let some = list(&plain, "page_size=100&ordering=price").await;
    for (at, product) in (0..).zip(some["results"].as_array().unwrap()) {
        let change = match at % 2 {
            0 => json!({"name": format!("Lamp {at}")}),
            _ => json!({"is_active": false}),
        };
        plain
            .patch(&format!("{PRODUCTS}{}/", product["id"]))
            .by(&admin)
            .json(change)
            .expect(200)
            .await;
    }
    agree(&shop, &plain).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_none_can_be_written_the_database_answers() {
    let shop = TestShop::on(Engine::Postgres).await;
    mug(&shop).await;
    let data = &shop.app.config.data_dir;
    let folder = data.join("search");
    std::fs::create_dir_all(data).unwrap();
    std::fs::write(&folder, "no folder").unwrap();
    assert_eq!(mugs(&shop, 5).await, [["Mug"]; 4]);
    assert!(!shop.app.catalog.has_search_copy());

    std::fs::remove_file(folder).unwrap();
    shop.clock.advance(LEFT_ALONE);

    assert_eq!(mugs(&shop, 6).await, [["Mug"]; 4]);
    assert!(shop.app.catalog.has_search_copy());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_changes_go_and_it_need_not_be_made_anew() {
    let shop = TestShop::on(Engine::Postgres).await;
    let plain = without_copy(&shop).await;
    mug(&shop).await;
    agree(&shop, &plain).await;
    let before = files(&shop);
    // A transaction of long ago, with more of them than are thrown away at once.
    write(&shop, &[
        "INSERT INTO product_changes (xid, product_id, changed_at)
          SELECT CAST(CASE WHEN i > 7000 THEN '5' ELSE '6' END AS xid8), i, now() - INTERVAL '2 days'
          FROM generate_series(1, 13000) i",
    ])
    .await;

    let swept = shop::housekeeping::sweep(&plain.app).await.unwrap();

    assert_eq!(swept.product_changes, 13_000);
    agree(&shop, &plain).await;
    assert_eq!(files(&shop), before);
}
