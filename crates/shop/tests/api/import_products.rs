//! Products and categories from files: what they become, and that no run doubles or loses anything.

use std::path::PathBuf;

use serde_json::{Value, json};
use shop::import::categories::import_categories;
use shop::import::products::import_products;
use shop::import::{Options, Report};

use crate::support::{TestShop, real_file};

/// A file that is gone when this is dropped.
struct File(PathBuf);

impl File {
    fn new(text: &str) -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = NEXT.fetch_add(1, Ordering::SeqCst);
        let name = format!("cartwright-products-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        File(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn gift_shop() -> Options {
    Options {
        columns: "sku=StockCode,name=Description,price=UnitPrice"
            .parse()
            .unwrap(),
        ..Options::default()
    }
}

async fn products(shop: &TestShop, text: &str, options: &Options) -> anyhow::Result<Report> {
    import_products(&shop.app, &File::new(text).0, options, &mut |_, _| ()).await
}

async fn categories(shop: &TestShop, tree: &Value) -> Report {
    let file = File::new(&tree.to_string());
    import_categories(&shop.app, &file.0, &Options::default(), &mut |_, _| ())
        .await
        .unwrap()
}

/// The one product that a search finds.
async fn found(shop: &TestShop, search: &str) -> Value {
    let page = shop
        .get(&format!("/api/v1/products/?search={search}"))
        .expect(200)
        .await
        .json();
    assert_eq!(page["count"], 1, "{page}");
    page["results"][0].clone()
}

async fn assert_sound(shop: &TestShop) {
    let findings = shop::check::check(&shop.app).await.unwrap();
    assert!(findings.is_empty(), "{findings:?}");
}

const LINES: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
1,85123A,WHITE HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom
1,85123A,White hanging heart,6,2010-12-01 08:27:00,2.55,17850,United Kingdom
2,85123a,OTHER HEART,6,2010-12-01 08:27:00,1.00,17850,United Kingdom
3,85123A,White hanging heart,1,2010-12-02 08:26:00,2.95,,United Kingdom
4,85123A,damaged,-3,2010-12-02 09:00:00,0,,United Kingdom
5,71053,,5,2010-12-02 09:00:00,3.39,,United Kingdom
6,22423,REGENCY CAKESTAND,5,2010-12-02 09:00:00,12.750,,United Kingdom
7,M,Manual,1,2010-12-02 09:00:00,0.001,,United Kingdom
8,M,Manual,1,2010-12-02 09:00:00,-5.00,,United Kingdom
9,M,Manual,1,2010-12-02 09:00:00,abc,,United Kingdom
";

both! {
    async fn one_product_for_each_sku_with_its_usual_name_and_last_price(shop: TestShop) {
        let report = products(&shop, LINES, &Options { stock: 25, ..gift_shop() }).await.unwrap();
        let lines: Vec<u64> = report.faults.iter().map(|fault| fault.line).collect();
        assert_eq!((report.rows, report.imported, report.skipped), (10, 3, 5));
        assert_eq!(lines, [6, 7, 9, 10, 11], "{:?}", report.faults);

        let heart = found(&shop, "85123a%20white").await;
        assert_eq!(
            [&heart["name"], &heart["price"], &heart["sku"], &heart["stock"]],
            [&json!("White hanging heart"), &json!("2.95"), &json!("85123A"), &json!(25)]
        );
        assert_eq!(found(&shop, "cakestand").await["price"], "12.75");
        assert_sound(&shop).await;
    }

    async fn a_second_run_doubles_nothing_and_brings_names_and_prices_up_to_date(shop: TestShop) {
        products(&shop, LINES, &Options { stock: 25, ..gift_shop() }).await.unwrap();
        let again = products(&shop, LINES, &Options { stock: 99, ..gift_shop() }).await.unwrap();
        assert_eq!((again.imported, again.unchanged), (0, 3));

        let dearer = LINES.replace("12.750", "13.00").replace("REGENCY CAKESTAND", "Cakestand of the regent");
        let changed = products(&shop, &dearer, &gift_shop()).await.unwrap();
        assert_eq!((changed.imported, changed.unchanged), (1, 2));
        let stand = found(&shop, "regent").await;
        assert_eq!([&stand["price"], &stand["stock"]], [&json!("13.00"), &json!(25)]);
        assert_eq!(shop.get("/api/v1/products/").expect(200).await.json()["count"], 3);
        assert_sound(&shop).await;
    }

    async fn a_dry_or_strict_run_writes_nothing(shop: TestShop) {
        let dry = products(&shop, LINES, &Options { dry_run: true, ..gift_shop() }).await.unwrap();
        assert_eq!((dry.imported, dry.skipped), (3, 5));
        let strict = products(&shop, LINES, &Options { strict: true, ..gift_shop() }).await.unwrap_err();
        assert!(strict.to_string().starts_with("Line 6: "), "{strict}");
        assert_eq!(shop.get("/api/v1/products/").expect(200).await.json()["count"], 0);
    }

    async fn a_catalog_in_json_brings_its_categories_and_stock(shop: TestShop) {
        let file = r#"[
          {"title": "Lash Mascara", "description": "For lashes.", "category": "beauty", "price": 9.99, "stock": 99, "sku": "BEA-1", "thumbnail": "https://cdn.example/1.webp"},
          {"title": "Lipstick", "category": "beauty", "price": "12.50", "stock": "7", "sku": "BEA-2"},
          {"title": "Sofa", "category": "furniture", "price": 1, "stock": -1, "sku": "FUR-1"}
        ]"#;
        let report = products(&shop, file, &Options::default()).await.unwrap();
        assert_eq!((report.imported, report.skipped), (2, 1), "{report:?}");
        let mascara = found(&shop, "mascara").await;
        assert_eq!(mascara["category_name"], "beauty");
        assert_eq!([&mascara["stock"], &mascara["description"]], [&json!(99), &json!("For lashes.")]);
        assert_eq!(mascara["image"], "https://cdn.example/1.webp");
        let all = shop.get("/api/v1/categories/all/").expect(200).await.json();
        assert_eq!([&all["count"], &all["results"][0]["product_count"]], [&json!(1), &json!(2)]);
        assert_sound(&shop).await;
    }

    async fn variants_of_one_product_are_left_as_they_are(shop: TestShop) {
        let admin = shop.admin().await;
        let body = json!({"name": "Shirt", "options": [{"name": "Size"}], "variants": [
            {"sku": "S-1", "options": {"Size": "S"}, "price": "10"}, {"sku": "S-2", "options": {"Size": "M"}, "price": "11"}]});
        shop.product_with(&admin, body).await;
        let report = products(&shop, "sku,name,price\nS-1,Other shirt,1.00\n", &Options::default()).await.unwrap();
        assert_eq!(report.imported, 0);
        assert!(report.notes.iter().any(|note| note.contains("S-1")), "{report:?}");
        assert_eq!(found(&shop, "s-1").await["name"], "Shirt");
    }

    async fn a_tree_of_categories_keeps_its_shape_and_is_never_doubled(shop: TestShop) {
        let step = |id: &str, name: &str| json!({"id": id, "name": name});
        let tree = json!([
            {"id": "c", "name": "Cases", "path": [step("a", "Audio"), step("p", "Players"), step("c", "Cases")], "subCategories": []},
            {"id": "a", "name": "Audio", "path": [step("a", "Audio")], "subCategories": [step("c", "Cases")]},
            {"id": "n", "name": null, "path": [step("a", "Audio"), {"id": "n", "name": null}]},
            {"id": "k", "name": "Kitchen", "subCategories": [step("m", "Mugs")]},
            {"id": "m", "name": "Mugs"},
            {"id": "x", "name": "X", "parent": "y"},
            {"id": "y", "name": "Y", "parent": "x"}
        ]);
        let report = categories(&shop, &tree).await;
        assert_eq!((report.rows, report.imported, report.skipped), (7, 5, 3), "{report:?}");
        let shown = shop.get("/api/v1/categories/").expect(200).await.json();
        assert_eq!(shown["results"][0]["children"][0]["children"][0]["name"], "Cases");
        assert_eq!(shown["results"][1]["children"][0]["name"], "Mugs");

        let again = categories(&shop, &tree).await;
        assert_eq!((again.imported, again.unchanged), (0, 5));
        let renamed = serde_json::from_str(&tree.to_string().replace("Kitchen", "Cooking")).unwrap();
        assert_eq!(categories(&shop, &renamed).await.imported, 1);
        assert_eq!(shop.get("/api/v1/categories/all/").expect(200).await.json()["count"], 5);
    }

    async fn the_real_files_come_in(shop: TestShop) {
        let names = [
            "categories-electronics-cc0.json.gz",
            "products-mit.json.gz",
            "online-retail-2010-12-to-2011-06.csv.gz",
        ];
        let [Some(tree), Some(catalog), Some(gifts)] = names.map(real_file) else {
            return;
        };
        let (usual, quiet) = (Options::default(), &mut |_, _| ());
        let tree = import_categories(&shop.app, &tree, &usual, quiet).await.unwrap();
        assert_eq!((tree.rows, tree.skipped), (4584, 1));
        let all = shop.get("/api/v1/categories/all/").expect(200).await.json();
        assert_eq!(all["count"].as_u64(), Some(tree.imported));

        let catalog = import_products(&shop.app, &catalog, &usual, quiet).await.unwrap();
        assert_eq!((catalog.imported, catalog.skipped), (194, 0));

        let gifts = import_products(&shop.app, &gifts, &gift_shop(), quiet).await.unwrap();
        assert_eq!(gifts.rows, 245_903);
        assert_eq!(shop.get("/api/v1/products/").expect(200).await.json()["count"], 194 + gifts.imported);
        assert_eq!(found(&shop, "84029G").await["name"], "KNITTED UNION FLAG HOT WATER BOTTLE");
        assert_sound(&shop).await;
    }
}
