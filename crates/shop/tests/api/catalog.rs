//! Categories and products: reading, finding, writing, and what must not be possible.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::support::{Person, TestShop};

const PRODUCTS: &str = "/api/v1/products/";
const CATEGORIES: &str = "/api/v1/categories/";

async fn category(shop: &TestShop, admin: &Person, body: Value) -> Value {
    shop.post(CATEGORIES)
        .by(admin)
        .json(body)
        .expect(201)
        .await
        .json()
}

/// Names of a list, in its order.
async fn names(shop: &TestShop, query: &str) -> Vec<String> {
    let page = shop
        .get(&format!("{PRODUCTS}?{query}"))
        .expect(200)
        .await
        .json();
    let results = page["results"].as_array().unwrap();
    assert!(page["count"].is_null() || page["next"].is_string() || page["count"] == results.len());
    results
        .iter()
        .map(|product| product["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Ids of all pages, by following `next`.
async fn walk(shop: &TestShop, query: &str) -> Vec<i64> {
    let (mut ids, mut path) = (Vec::new(), format!("{PRODUCTS}?{query}"));
    loop {
        let page = shop.get(&path).expect(200).await.json();
        ids.extend(
            page["results"]
                .as_array()
                .unwrap()
                .iter()
                .map(|product| product["id"].as_i64().unwrap()),
        );
        match page["next"].as_str() {
            Some(next) => path = next.strip_prefix("https://shop.test").unwrap().to_owned(),
            None => return ids,
        }
    }
}

async fn assert_sound(shop: &TestShop) {
    let findings = shop::check::check(&shop.app).await.unwrap();
    assert!(findings.is_empty(), "{findings:?}");
}

/// Four products in two categories, made in this order.
async fn small_shop(shop: &TestShop, admin: &Person) {
    let tools = category(shop, admin, json!({"name": "Tools"})).await;
    category(
        shop,
        admin,
        json!({"name": "Garden Tools", "parent": tools["id"]}),
    )
    .await;
    for product in [
        json!({"name": "Hammer", "description": "Strikes nails", "price": "10.00", "stock": 5, "category": "tools", "sku": "HAM-1"}),
        json!({"name": "Spade", "price": 20, "stock": 0, "category": "garden-tools"}),
        json!({"name": "Crème brûlée torch", "price": "30.50", "stock": "3", "category": tools["id"]}),
        json!({"name": "Anvil", "price": "10.00", "stock": 1}),
    ] {
        shop.product_with(admin, product).await;
    }
}

both! {
    async fn a_product_is_shown_with_all_that_the_contract_names(shop: TestShop) {
        let admin = shop.admin().await;
        let electronics = category(&shop, &admin, json!({"name": "Electronics"})).await;
        let body = json!({"name": "Laptop", "description": "A cool laptop", "price": "1299.99", "stock": "10", "category": 1});
        let made = shop.post("/api/admin/products/").by(&admin).json(body).expect(201).await.json();
        let shown = shop.get("/api/products/1").expect(200).await.json();
        assert_eq!(shown, made);
        let members: Vec<_> = shown.as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, [
            "id", "name", "slug", "description", "sku", "price", "currency", "stock", "in_stock", "image", "images",
            "is_active", "is_featured", "category", "category_name", "options", "variants", "created_at", "updated_at",
        ]);
        assert_eq!(shown["category"], json!({"id": electronics["id"], "name": "Electronics", "slug": "electronics"}));
        assert_eq!(
            [&shown["slug"], &shown["price"], &shown["currency"], &shown["stock"], &shown["in_stock"], &shown["sku"]],
            [&json!("laptop"), &json!("1299.99"), &json!("USD"), &json!(10), &json!(true), &Value::Null]
        );
        assert_eq!(shop.get("/api/v1/products/laptop/").expect(200).await.json(), made);
        assert_sound(&shop).await;
    }

    async fn every_filter_and_order_acts(shop: TestShop) {
        let admin = shop.admin().await;
        small_shop(&shop, &admin).await;
        for (query, expected) in [
            ("", vec!["Anvil", "Crème brûlée torch", "Spade", "Hammer"]),
            ("category=tools", vec!["Crème brûlée torch", "Spade", "Hammer"]),
            ("category=2", vec!["Spade"]),
            ("category=Garden%20Tools", vec!["Spade"]),
            ("category=nothing", vec![]),
            ("min_price=10.01&max_price=30.50", vec!["Crème brûlée torch", "Spade"]),
            ("min_price=20", vec!["Crème brûlée torch", "Spade"]),
            ("in_stock=false", vec!["Spade"]),
            ("in_stock=true", vec!["Anvil", "Crème brûlée torch", "Hammer"]),
            ("ordering=price", vec!["Hammer", "Anvil", "Spade", "Crème brûlée torch"]),
            ("ordering=-price,name", vec!["Crème brûlée torch", "Spade", "Anvil", "Hammer"]),
            ("ordering=name", vec!["Anvil", "Crème brûlée torch", "Hammer", "Spade"]),
            ("ordering=created_at", vec!["Hammer", "Spade", "Crème brûlée torch", "Anvil"]),
            ("id__in=1,4,99", vec!["Anvil", "Hammer"]),
            ("search=CREME", vec!["Crème brûlée torch"]),
            ("search=tor%20br%C3%BBl", vec!["Crème brûlée torch"]),
            ("search=ham-1", vec!["Hammer"]),
            ("search=nail", vec!["Hammer"]),
            ("search=ammer", vec!["Hammer"]),
            ("search=mer", vec![]),
            ("search=hammer%20spade", vec![]),
            ("search=%20", vec!["Anvil", "Crème brûlée torch", "Spade", "Hammer"]),
            ("search=*", vec![]),
            ("is_featured=true&utm_source=mail", vec![]),
            ("category=tools&search=s&min_price=1&in_stock=true&ordering=-name", vec!["Hammer"]),
        ] {
            assert_eq!(names(&shop, query).await, expected, "{query}");
        }
    }

    /// IN-06
    async fn what_does_not_parse_is_400_and_never_ignored(shop: TestShop) {
        for (query, attr) in [
            ("min_price=abc", "min_price"), ("max_price=1.005", "max_price"), ("min_price=1e3", "min_price"),
            ("in_stock=maybe", "in_stock"), ("ordering=stock", "ordering"), ("ordering=price;drop", "ordering"),
            ("colour=red", "colour"), ("id__in=1,x", "id__in"), ("page=0", "page"), ("page=abc", "page"),
            ("page_size=0", "page_size"), ("cursor=x", "cursor"), ("category=99999999999999999999", "category"),
        ] {
            let answer = shop.get(&format!("{PRODUCTS}?{query}")).expect(400).await;
            assert_eq!(answer.faulty(), [attr], "{query}");
        }
        let long = format!("{PRODUCTS}?search={}", "a".repeat(5000));
        assert_eq!(shop.get(&long).expect(400).await.faulty(), ["search"]);
        let all = shop.get(&format!("{long}&ordering=foo&min_price=abc")).expect(400).await;
        assert_eq!(all.faulty(), ["search", "min_price", "ordering"]);
        shop.get(&format!("{PRODUCTS}?page_size=1000000000")).expect(200).await;
        shop.get(&format!("{PRODUCTS}?page=1000000000000000000")).expect(404).await;
        for id in ["abc", "9223372036854775808", "-1", "0"] {
            shop.get(&format!("{PRODUCTS}{id}/")).expect(404).await;
            shop.get(&format!("{CATEGORIES}{id}/")).expect(404).await;
        }
    }

    async fn many_ids_are_refused_before_they_are_read(shop: TestShop) {
        let ids = |ids: Vec<String>| format!("{PRODUCTS}?id__in={}", ids.join(","));
        shop.get(&ids((1..=100).map(|id| id.to_string()).collect())).expect(200).await;
        for many in [(1..=101).map(|id| id.to_string()).collect(), vec![String::new(); 7800]] {
            let answer = shop.get(&ids(many)).expect(400).await;
            assert_eq!(answer.json()["errors"][0]["code"], "max_length");
            assert!(answer.body.len() < 1024, "{}", answer.text());
        }
    }

    /// IN-01, IN-03
    async fn hostile_text_is_text(shop: TestShop) {
        let admin = shop.admin().await;
        small_shop(&shop, &admin).await;
        for hostile in [
            "' OR '1'='1", "'; DROP TABLE products; --", "\" OR 1=1 --", "1) UNION SELECT 1 --", "%27", "a*", "\"",
            "NEAR(a b)", "words:a", "'a':* | 'b'", "!a", "(a+)+$", "\\", "$1", "?", "\u{93f}", "\u{1e900}\u{1e901}", "a\u{301}",
        ] {
            let encoded: String = hostile.bytes().map(|byte| format!("%{byte:02X}")).collect();
            for name in ["search", "category"] {
                let page = shop.get(&format!("{PRODUCTS}?{name}={encoded}")).expect(200).await.json();
                assert!(page["results"].as_array().unwrap().len() < 4, "{name}={hostile}");
            }
            for name in ["min_price", "in_stock", "ordering", "id__in", "page", "cursor"] {
                shop.get(&format!("{PRODUCTS}?{name}={encoded}")).expect(400).await;
            }
            shop.get(&format!("{PRODUCTS}{encoded}/")).expect(404).await;
        }
        assert_eq!(names(&shop, "").await.len(), 4);
    }

    async fn pages_can_be_walked_to_the_end_without_a_double(shop: TestShop) {
        let admin = shop.admin().await;
        for at in 0..23 {
            let body = json!({"name": format!("Thing {}", at % 5), "price": at % 3, "stock": at % 2});
            shop.product_with(&admin, body).await;
        }
        for query in ["", "ordering=price", "ordering=-price,name", "ordering=name", "ordering=-created_at"] {
            for way in ["page_size=5", "page_size=5&cursor="] {
                let ids = walk(&shop, &format!("{way}&{query}")).await;
                let distinct: HashSet<_> = ids.iter().collect();
                assert_eq!((ids.len(), distinct.len()), (23, 23), "{way}&{query}");
            }
        }
        assert_eq!(walk(&shop, "in_stock=true&page_size=4&category=&cursor=").await.len(), 11);
        shop.get(&format!("{PRODUCTS}?page=3&page_size=20")).expect(404).await;
        shop.get(&format!("{PRODUCTS}?cursor=WzFd&ordering=price")).expect(400).await;
    }

    async fn an_answer_is_sent_again_only_when_it_changed(shop: TestShop) {
        let admin = shop.admin().await;
        let product = shop.product(&admin, "5.00", 3).await;
        let one = format!("{PRODUCTS}{}/", product.id);
        for path in [PRODUCTS, one.as_str(), CATEGORIES, "/api/v1/categories/all/", "/api/v1/products/featured/"] {
            let first = shop.get(path).expect(200).await;
            assert_eq!(first.header("cache-control"), "no-cache", "{path}");
            let tag = first.header("etag").to_owned();
            assert!(tag.starts_with('"'), "{path}: {tag} is no strong tag");
            let again = shop.get(path).header("if-none-match", tag).expect(304).await;
            assert!(again.body.is_empty());
        }
        let tag = shop.get(&one).expect(200).await.header("etag").to_owned();
        shop.patch(&one).by(&admin).json(json!({"stock": 2})).expect(200).await;
        let fresh = shop.get(&one).header("if-none-match", tag).expect(200).await;
        assert_eq!(fresh.json()["stock"], 2);
    }

    /// ST-10, IN-08
    async fn prices_are_exact_and_never_negative(shop: TestShop) {
        let admin = shop.admin().await;
        for (price, shown) in [
            (r#""99999999.99""#, "99999999.99"), ("99999999.99", "99999999.99"), ("0.10", "0.10"), ("1.500", "1.50"),
            ("0", "0.00"), ("129900.00", "129900.00"),
        ] {
            let body = format!(r#"{{"name": "Thing", "price": {price}}}"#);
            let made = shop.post(PRODUCTS).by(&admin).text(body).expect(201).await.json();
            assert_eq!(made["price"], shown);
        }
        for price in ["-1", "1.005", "1e2", r#""1,50""#, r#""١""#, r#""abc""#, "true", "null", "99999999999999.99", "[1]"] {
            let body = format!(r#"{{"name": "Thing", "price": {price}}}"#);
            let answer = shop.post(PRODUCTS).by(&admin).text(body).expect(400).await;
            assert_eq!(answer.faulty(), ["price"], "{price}");
        }
        for stock in ["-1", "1.5", r#""x""#, "99999999999"] {
            let body = format!(r#"{{"name": "Thing", "price": 1, "stock": {stock}}}"#);
            assert_eq!(shop.post(PRODUCTS).by(&admin).text(body).expect(400).await.faulty(), ["stock"], "{stock}");
        }
        let product = shop.product(&admin, "1.00", 1).await;
        let faulty = json!({"price": -1, "stock": -5});
        let answer = shop.patch(&format!("{PRODUCTS}{}/", product.id)).by(&admin).json(faulty).expect(400).await;
        assert_eq!(answer.faulty(), ["price", "stock"]);
    }

    async fn only_admins_write_and_see_what_is_hidden(shop: TestShop) {
        let (admin, customer) = (shop.admin().await, shop.customer("ann").await);
        let product = shop.product(&admin, "1.00", 1).await;
        let one = format!("{PRODUCTS}{}/", product.id);
        for (method, path) in [
            ("POST", PRODUCTS), ("PUT", one.as_str()), ("PATCH", one.as_str()), ("DELETE", one.as_str()),
            ("POST", CATEGORIES), ("GET", "/api/v1/products/low_stock/"), ("GET", "/api/v1/admin/products/"),
            ("GET", "/api/v1/admin/categories/"), ("GET", "/api/v1/products/?is_active=false"),
        ] {
            shop.ask(method, path).expect(401).await;
            assert_eq!(shop.ask(method, path).by(&customer).expect(403).await.code(), "permission_denied");
        }
        shop.patch(&one).by(&admin).json(json!({"is_active": false})).expect(200).await;
        shop.get(&one).expect(404).await;
        shop.get(&format!("{PRODUCTS}{}/", product.shown["slug"].as_str().unwrap())).expect(404).await;
        assert!(names(&shop, "").await.is_empty());
        let admins = shop.get("/api/v1/admin/products/").by(&admin).expect(200).await.json();
        assert_eq!(admins["count"], 1);
        let hidden = shop.get("/api/v1/products/?is_active=false").by(&admin).expect(200).await.json();
        assert_eq!(hidden["count"], 1);
        shop.get(&format!("/api/v1/admin/products/{}/", product.id)).by(&admin).expect(200).await;
        shop.get(&format!("/api/v1/admin/products/{}/", product.id)).expect(401).await;
    }

    async fn a_patch_changes_what_it_names_and_nothing_else(shop: TestShop) {
        let admin = shop.admin().await;
        small_shop(&shop, &admin).await;
        let before = shop.get("/api/v1/products/hammer/").expect(200).await.json();
        let body = json!({"price": "11.5", "id": 77, "created_at": "2001-01-01T00:00:00Z", "slug": null, "in_stock": false, "category_name": "x"});
        let mut after = shop.patch("/api/v1/products/hammer/").by(&admin).json(body).expect(200).await.json();
        assert_eq!([&after["price"], &after["variants"][0]["price"]], [&json!("11.50"), &json!("11.50")]);
        after["price"] = before["price"].clone();
        after["variants"][0]["price"] = before["price"].clone();
        assert_eq!(after, before);

        let cleared = json!({"category": null, "sku": "", "description": "", "name": "Mallet"});
        let cleared = shop.patch("/api/v1/products/hammer/").by(&admin).json(cleared).expect(200).await.json();
        assert_eq!([&cleared["category"], &cleared["sku"], &cleared["slug"]], [&Value::Null, &Value::Null, &json!("hammer")]);
        assert_eq!(names(&shop, "search=hammer").await, [] as [&str; 0]);
        assert_eq!(names(&shop, "search=mallet").await, ["Mallet"]);

        // What was read can be sent back.
        let mut whole = shop.get("/api/v1/products/spade/").expect(200).await.json();
        whole["price"] = json!("21.00");
        let put = shop.put("/api/v1/products/spade/").by(&admin).json(whole.clone()).expect(200).await.json();
        assert_eq!([&put["price"], &put["category"]], [&json!("21.00"), &whole["category"]]);
        assert_eq!(shop.put("/api/v1/products/spade/").by(&admin).json(json!({})).expect(400).await.faulty(), ["name"]);
        assert_sound(&shop).await;
    }

    async fn writing_the_stock_adjusts_what_can_be_sold(shop: TestShop) {
        let (admin, ann) = (shop.admin().await, shop.customer("ann").await);
        let product = shop.product(&admin, "2.00", 10).await;
        let add = json!({"product_id": product.id, "quantity": 4});
        shop.post("/api/v1/cart/items/").by(&ann).json(add).expect(201).await;
        shop.post("/api/v1/orders/").by(&ann).expect(201).await;
        let one = format!("{PRODUCTS}{}/", product.id);
        assert_eq!(shop.get(&one).expect(200).await.json()["stock"], 6);
        let changed = shop.patch(&one).by(&admin).json(json!({"stock": 20})).expect(200).await.json();
        assert_eq!(changed["stock"], 20);
        let emptied = shop.patch(&one).by(&admin).json(json!({"stock": 0})).expect(200).await.json();
        assert_eq!([&emptied["stock"], &emptied["in_stock"]], [&json!(0), &json!(false)]);
        assert_sound(&shop).await;
    }

    async fn variants_have_prices_stock_and_skus_of_their_own(shop: TestShop) {
        let admin = shop.admin().await;
        let variant = |size: &str, price: &str, stock: i64| json!({"sku": format!("SHIRT-{size}"), "options": {"Size": size}, "price": price, "stock": stock});
        let body = json!({"name": "Shirt", "options": [{"name": "Size", "values": ["S", "M"]}], "variants": [variant("S", "12.00", 3), variant("M", "10.00", 4)]});
        let shirt = shop.product_with(&admin, body).await.shown;
        assert_eq!([&shirt["price"], &shirt["stock"], &shirt["sku"]], [&json!("10.00"), &json!(7), &Value::Null]);
        assert_eq!(shirt["variants"][1]["options"], json!({"Size": "M"}));
        assert_eq!(names(&shop, "search=shirt-m").await, ["Shirt"]);

        let own = json!({"price": "1", "stock": 1, "sku": "X"});
        let answer = shop.patch("/api/v1/products/shirt/").by(&admin).json(own).expect(400).await;
        assert_eq!(answer.faulty(), ["price", "stock", "sku"]);
        let faulty = json!({"variants": [variant("S", "-1", 1), variant("XXL", "1", 1), {"id": 999, "options": {"Size": "M"}, "price": "1"}]});
        let answer = shop.patch("/api/v1/products/shirt/").by(&admin).json(faulty).expect(400).await;
        assert_eq!(answer.faulty(), ["variants.0.price"]);

        let kept = json!({"variants": [variant("M", "11.00", 9), {"options": {"Size": "L"}, "price": "15"}], "options": [{"name": "Size", "values": ["M", "L"]}]});
        let changed = shop.patch("/api/v1/products/shirt/").by(&admin).json(kept).expect(200).await.json();
        assert_eq!([&changed["price"], &changed["stock"]], [&json!("11.00"), &json!(9)]);
        assert_eq!(changed["variants"][0]["id"], shirt["variants"][1]["id"]);
        assert_eq!(changed["options"], json!([{"name": "Size", "values": ["M", "L"]}]));
        let four = json!({"name": "X", "price": 1, "options": [{"name": "A"}, {"name": "B"}, {"name": "C"}, {"name": "D"}]});
        assert!(shop.post(PRODUCTS).by(&admin).json(four).expect(400).await.faulty().contains(&"options".to_owned()));
        assert_sound(&shop).await;
    }

    /// IN-10, IN-11
    async fn names_may_repeat_and_skus_may_not(shop: TestShop) {
        let admin = shop.admin().await;
        let mut slugs = Vec::new();
        for name in ["Mug", "Mug", "MUG!", "кружка", "杯子", "2024", "Featured", "<script>alert(1)</script>"] {
            let made = shop.product_with(&admin, json!({"name": name, "price": 1})).await;
            assert_eq!(made.shown["name"], name);
            slugs.push(made.shown["slug"].as_str().unwrap().to_owned());
        }
        let (russian, chinese) = ("product-4", "product-5");
        assert_eq!(slugs, ["mug", "mug-2", "mug-3", russian, chinese, "product-2024", "product-featured", "script-alert-1-script"]);
        let nosniff = shop.get(PRODUCTS).expect(200).await;
        assert_eq!(nosniff.header("x-content-type-options"), "nosniff");

        shop.product_with(&admin, json!({"name": "A", "price": 1, "sku": "ONE"})).await;
        for (method, path, body) in [
            ("POST", PRODUCTS, json!({"name": "B", "price": 1, "sku": "ONE"})),
            ("POST", PRODUCTS, json!({"name": "B", "price": 1, "slug": "mug"})),
            ("PATCH", "/api/v1/products/mug/", json!({"sku": "ONE"})),
            ("PATCH", "/api/v1/products/mug/", json!({"slug": "mug-2"})),
        ] {
            let field = ["sku", "slug"].into_iter().find(|name| body.get(name).is_some()).unwrap();
            let refused = shop.ask(method, path).by(&admin).json(body).expect(409).await;
            assert_eq!((refused.code().as_str(), refused.faulty()), ("duplicate", vec![field.to_owned()]));
        }
        for slug in ["12", "all", "Big", "a b", "a/b", "-"] {
            let body = json!({"name": "B", "price": 1, "slug": slug});
            assert_eq!(shop.post(PRODUCTS).by(&admin).json(body).expect(400).await.faulty(), ["slug"], "{slug}");
        }
        assert_eq!(names(&shop, "search=b").await.len(), 0);
    }

    /// OR-09
    async fn a_product_that_was_bought_is_hidden_and_its_order_stays_readable(shop: TestShop) {
        let (admin, ann) = (shop.admin().await, shop.customer("ann").await);
        let bought = shop.product(&admin, "2.00", 5).await;
        let other = shop.product(&admin, "3.00", 5).await;
        shop.post("/api/v1/cart/items/").by(&ann).json(json!({"product_id": bought.id})).expect(201).await;
        let order = shop.post("/api/v1/orders/").by(&ann).expect(201).await.json();
        for product in [&bought, &other] {
            shop.delete(&format!("{PRODUCTS}{}/", product.id)).by(&admin).expect(204).await;
            shop.get(&format!("{PRODUCTS}{}/", product.id)).expect(404).await;
        }
        shop.get(&format!("/api/v1/admin/products/{}/", bought.id)).by(&admin).expect(200).await;
        shop.get(&format!("/api/v1/admin/products/{}/", other.id)).by(&admin).expect(404).await;
        shop.delete(&format!("{PRODUCTS}{}/", other.id)).by(&admin).expect(404).await;
        let kept = shop.get(&format!("/api/v1/orders/{}/", order["id"])).by(&ann).expect(200).await.json();
        assert_eq!(kept["items"][0]["product_name"], bought.shown["name"]);
        assert_sound(&shop).await;
    }

    async fn categories_are_a_forest_by_name(shop: TestShop) {
        let admin = shop.admin().await;
        let tools = category(&shop, &admin, json!({"name": "Tools", "description": "To work with"})).await;
        let garden = category(&shop, &admin, json!({"name": "Garden", "parent": "tools"})).await;
        category(&shop, &admin, json!({"name": "Books", "parent": null})).await;
        shop.product_with(&admin, json!({"name": "Spade", "price": 1, "category": "garden"})).await;
        let roots = shop.get(CATEGORIES).expect(200).await.json();
        assert_eq!([&roots["count"], &roots["next"]], [&json!(2), &Value::Null]);
        let shown = &roots["results"][1];
        let members: Vec<_> = shown.as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["id", "name", "slug", "description", "parent", "children", "product_count"]);
        assert_eq!([&shown["name"], &shown["product_count"]], [&json!("Tools"), &json!(1)]);
        assert_eq!([&shown["children"][0]["id"], &shown["children"][0]["parent"]], [&garden["id"], &tools["id"]]);
        let flat = shop.get("/api/v1/categories/all/").expect(200).await.json();
        assert_eq!(flat["count"], 3);
        let one = format!("/api/v1/admin/categories/{}/", garden["id"]);
        let renamed = shop.put(&one).by(&admin).json(json!({"name": "Garden & Yard"})).expect(200).await.json();
        assert_eq!([&renamed["slug"], &renamed["parent"]], [&json!("garden"), &tools["id"]]);
        assert_eq!(names(&shop, "category=garden").await, ["Spade"]);
        let spade = shop.get("/api/v1/products/spade/").expect(200).await.json();
        assert_eq!(spade["category_name"], "Garden & Yard");
    }

    /// IN-09
    async fn a_category_never_stands_below_itself(shop: TestShop) {
        let admin = shop.admin().await;
        let mut parent = Value::Null;
        for depth in 1..=50 {
            parent = category(&shop, &admin, json!({"name": format!("Level {depth}"), "parent": parent})).await["id"].clone();
        }
        let deeper = json!({"name": "Too deep", "parent": parent});
        assert_eq!(shop.post(CATEGORIES).by(&admin).json(deeper).expect(400).await.faulty(), ["parent"]);
        for (which, below) in [(1, 1), (1, 50), (2, 3)] {
            let move_it = shop.patch(&format!("{CATEGORIES}{which}/")).by(&admin).json(json!({"parent": below}));
            assert_eq!(move_it.expect(400).await.faulty(), ["parent"]);
        }
        let other = category(&shop, &admin, json!({"name": "Other"})).await;
        let move_it = shop.patch(&format!("{CATEGORIES}level-1/")).by(&admin).json(json!({"parent": other["id"]}));
        assert_eq!(move_it.expect(400).await.faulty(), ["parent"]);
        let unknown = json!({"name": "X", "parent": 999});
        assert_eq!(shop.post(CATEGORIES).by(&admin).json(unknown).expect(400).await.faulty(), ["parent"]);
        assert_eq!(shop.get("/api/v1/categories/all/").expect(200).await.json()["count"], 51);
        shop.get(CATEGORIES).expect(200).await;
    }

    /// IN-10
    async fn categories_get_slugs_whatever_their_names(shop: TestShop) {
        let admin = shop.admin().await;
        let mut slugs = Vec::new();
        for name in ["Café Crème", "Café crème", "дом", "家", "42", "All"] {
            slugs.push(category(&shop, &admin, json!({"name": name})).await["slug"].as_str().unwrap().to_owned());
        }
        assert_eq!(slugs, ["cafe-creme", "cafe-creme-2", "category-3", "category-4", "category-42", "category-all"]);
        let taken = json!({"name": "X", "slug": "cafe-creme"});
        assert_eq!(shop.post(CATEGORIES).by(&admin).json(taken).expect(409).await.code(), "duplicate");
        assert_eq!(shop.post(CATEGORIES).by(&admin).json(json!({"name": "  "})).expect(400).await.faulty(), ["name"]);
    }

    /// OR-09
    async fn a_category_in_use_is_not_deleted(shop: TestShop) {
        let admin = shop.admin().await;
        category(&shop, &admin, json!({"name": "Parent"})).await;
        category(&shop, &admin, json!({"name": "Child", "parent": "parent"})).await;
        let product = shop.product_with(&admin, json!({"name": "Toy", "price": 1, "category": "child"})).await;
        for slug in ["parent", "child"] {
            let answer = shop.delete(&format!("{CATEGORIES}{slug}/")).by(&admin).expect(409).await;
            assert_eq!(answer.code(), "in_use");
        }
        shop.delete(&format!("{PRODUCTS}{}/", product.id)).by(&admin).expect(204).await;
        shop.delete("/api/v1/categories/child/").by(&admin).expect(204).await;
        shop.delete("/api/v1/categories/child/").by(&admin).expect(404).await;
        shop.delete("/api/v1/admin/categories/1/").by(&admin).expect(204).await;
        assert_eq!(shop.get(CATEGORIES).expect(200).await.json()["count"], 0);
    }

    async fn what_stands_out_and_what_runs_out_is_listed(shop: TestShop) {
        let admin = shop.admin().await;
        for at in 0..12 {
            shop.product_with(&admin, json!({"name": format!("P{at}"), "price": 1, "stock": at, "is_featured": at < 2})).await;
        }
        let featured = shop.get("/api/v1/products/featured/").expect(200).await.json();
        let shown: Vec<_> = featured["results"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(shown, ["P1", "P0", "P11", "P10", "P9", "P8", "P7", "P6", "P5", "P4"]);
        let low = shop.get("/api/v1/products/low_stock/").by(&admin).expect(200).await.json();
        assert_eq!(low["count"], 10);
    }

    async fn what_another_process_writes_is_seen_within_a_second(shop: TestShop) {
        let admin = shop.admin().await;
        category(&shop, &admin, json!({"name": "Mine"})).await;
        assert_eq!(shop.get(CATEGORIES).expect(200).await.json()["count"], 1);
        let tx = shop.app.db.begin().await.unwrap();
        tx.execute("INSERT INTO categories (name, slug, created_at, updated_at) VALUES ('Theirs', 'theirs', 0, 0)", &[]).await.unwrap();
        tx.execute("UPDATE generations SET value = value + 1 WHERE area = 'catalog'", &[]).await.unwrap();
        tx.commit().await.unwrap();
        shop.clock.advance(std::time::Duration::from_secs(1));
        assert_eq!(shop.get(CATEGORIES).expect(200).await.json()["count"], 2);
    }

    async fn writers_of_the_same_product_do_not_lose_each_other(shop: TestShop) {
        let admin = shop.admin().await;
        let product = shop.product(&admin, "1.00", 1).await;
        let one = format!("{PRODUCTS}{}/", product.id);
        let writes = [json!({"name": "New"}), json!({"price": "2.00"}), json!({"stock": 7}), json!({"sku": "NEW"}), json!({"description": "Fresh"})];
        let all = writes.into_iter().map(|body| shop.patch(&one).by(&admin).json(body).expect(200));
        futures_util::future::join_all(all).await;
        let shown = shop.get(&one).expect(200).await.json();
        assert_eq!(
            [&shown["name"], &shown["price"], &shown["stock"], &shown["sku"], &shown["description"]],
            [&json!("New"), &json!("2.00"), &json!(7), &json!("NEW"), &json!("Fresh")]
        );
        let same = (0..8).map(|_| shop.post(PRODUCTS).by(&admin).json(json!({"name": "Same", "price": 1})).expect(201));
        let made = futures_util::future::join_all(same).await;
        let slugs: HashSet<String> = made.iter().map(|answer| answer.json()["slug"].to_string()).collect();
        assert_eq!(slugs.len(), 8);
        assert_sound(&shop).await;
    }
}

#[tokio::test]
async fn a_node_sees_its_own_categories_though_the_replica_is_late() {
    let shop = TestShop::beside_a_late_replica().await;
    let admin = shop.admin().await;
    assert_eq!(shop.get(CATEGORIES).expect(200).await.json()["count"], 0);
    category(&shop, &admin, json!({"name": "Tea"})).await;
    assert_eq!(shop.get(CATEGORIES).expect(200).await.json()["count"], 1);
}
