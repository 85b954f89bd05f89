//! Past orders from a file: what they become, and that no run doubles or loses anything.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde_json::json;
use shop::import::{Options, Report, orders::import_orders};

use crate::support::{TestShop, real_file};

const HEADER: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

/// A file that is gone when this is dropped.
struct File(PathBuf);

impl File {
    fn new(text: &str) -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = NEXT.fetch_add(1, Ordering::SeqCst);
        let name = format!("cartwright-orders-{}-{name}", std::process::id());
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

async fn import(shop: &TestShop, rows: &str, options: &Options) -> anyhow::Result<Report> {
    let file = File::new(&format!("{HEADER}{rows}"));
    import_orders(&shop.app, &file.0, options, &mut |_, _| ()).await
}

async fn taken(shop: &TestShop, rows: &str) -> Report {
    import(shop, rows, &Options::default()).await.unwrap()
}

/// One number out of the database.
async fn number(shop: &TestShop, sql: &str) -> i64 {
    let conn = shop.app.db.read().await.unwrap();
    conn.one(sql, &[]).await.unwrap()
}

async fn assert_sound(shop: &TestShop) {
    let findings = shop::check::check(&shop.app).await.unwrap();
    assert!(findings.is_empty(), "{findings:?}");
}

/// Made without the catalog's help: this is about orders.
async fn put_mug(shop: &TestShop) {
    let tx = shop.app.db.begin().await.unwrap();
    for sql in [
        "INSERT INTO products (id, name, slug, price_minor, created_at, updated_at) VALUES (7, 'Mug of today', 'mug', 999, 0, 0)",
        "INSERT INTO variants (id, product_id, sku, price_minor, created_at, updated_at) VALUES (8, 7, 'MUG', 999, 0, 0)",
        "INSERT INTO stock_items (variant_id, location_id) SELECT 8, id FROM locations WHERE is_default = TRUE",
    ] {
        tx.execute(sql, &[]).await.unwrap();
    }
    tx.commit().await.unwrap();
}

both! {
    async fn a_sale_becomes_a_delivered_order_with_the_files_names_prices_and_time(shop: TestShop) {
        put_mug(&shop).await;
        let rows = "536365,MUG,MUG OF OLD,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n\
                    536365,MUG,MUG OF OLD,1,2010-12-01 08:27:00,2.10,17850.0,United Kingdom\n\
                    536365,GONE,,2,2010-12-01 08:26:00,1.00,17850.0,United Kingdom\n\
                    536365,MUG,,1,2010-12-01 08:26:00,1.00,17850.0,United Kingdom\n";
        let report = taken(&shop, rows).await;
        assert_eq!((report.rows, report.imported, report.skipped), (4, 1, 0));
        assert_eq!(report.notes[0], "4 lines: 1 sales over 20.40 USD, 0 cancellations over 0.00 USD");

        let conn = shop.app.db.read().await.unwrap();
        let orders: Vec<(String, String, String, String, i64)> = conn
            .all("SELECT external_id, source, status, note, created_at FROM orders", &[]).await.unwrap();
        let expected = ["536365", "import", "delivered", "Customer 17850, United Kingdom"];
        let (number, source, status, note, at) = &orders[0];
        assert_eq!([number.as_str(), source, status, note], expected);
        assert_eq!(shop::clock::Time(*at).to_string(), "2010-12-01T08:26:00Z");
        let amounts: Vec<(i64, i64, i64)> =
            conn.all("SELECT items_count, total_minor, captured_minor FROM orders", &[]).await.unwrap();
        assert_eq!(amounts, [(10, 2040, 2040)]);
        let lines: Vec<(Option<i64>, String, i64, i64)> = conn
            .all("SELECT variant_id, product_name, quantity, price_minor FROM order_lines ORDER BY id", &[]).await.unwrap();
        let name = |text: &str| text.to_owned();
        assert_eq!(lines, [
            (Some(8), name("MUG OF OLD"), 6, 255),
            (Some(8), name("MUG OF OLD"), 1, 210),
            (None, name("GONE"), 2, 100),
            (Some(8), name("Mug of today"), 1, 100),
        ]);
        assert_eq!(super::number(&shop, "SELECT COUNT(*) FROM stock_movements").await, 0);
        assert_sound(&shop).await;
    }

    async fn a_c_invoice_becomes_a_cancelled_order_that_nobody_paid(shop: TestShop) {
        let report = taken(&shop, "C536379,D,Discount,-3,2010-12-01 09:41:00,27.50,,\n").await;
        assert_eq!(report.notes[0], "1 lines: 0 sales over 0.00 USD, 1 cancellations over 82.50 USD");
        let conn = shop.app.db.read().await.unwrap();
        let orders: Vec<(String, i64, i64, String)> = conn
            .all("SELECT status, total_minor, captured_minor, note FROM orders", &[]).await.unwrap();
        assert_eq!(orders, [("cancelled".to_owned(), 8250, 0, String::new())]);
        assert_eq!(number(&shop, "SELECT COUNT(*) FROM payments").await, 0);
        assert_sound(&shop).await;
    }

    async fn an_address_is_kept_as_the_orders_email_and_makes_no_account(shop: TestShop) {
        taken(&shop, "1,A,Mug,1,2010-12-01,1.00,ann@example.com,\n").await;
        let conn = shop.app.db.read().await.unwrap();
        let orders: Vec<(String, Option<i64>, String)> =
            conn.all("SELECT email, user_id, note FROM orders", &[]).await.unwrap();
        assert_eq!(orders, [("ann@example.com".to_owned(), None, String::new())]);
        assert_eq!(number(&shop, "SELECT COUNT(*) FROM users").await, 0);
    }

    async fn faulty_rows_are_reported_with_line_and_reason_and_the_rest_is_taken(shop: TestShop) {
        let rows = "1,A,Mug,1,2010-12-01,1.00,,\n\
                    1,A,Mug,none,2010-12-01,1.00,,\n\
                    2,A,damaged,-4,2010-12-01,0.0,,\n\
                    short,row\n\
                    3,A,Mug,1,2010-12-01,0.001,,\n";
        let report = taken(&shop, rows).await;
        assert_eq!((report.rows, report.imported, report.skipped), (5, 1, 4));
        let faults: Vec<_> = report.faults.iter().map(|fault| (fault.line, fault.reason.as_str())).collect();
        assert_eq!(faults, [
            (3, "quantity `none` is not a whole number"),
            (4, "a negative quantity outside a cancellation, which is a stock correction and no sale"),
            (5, "has 2 cells where the header has 8"),
            (6, "price `0.001` has more decimals than USD"),
        ]);
        assert_eq!(number(&shop, "SELECT COUNT(*) FROM order_lines").await, 1);
    }

    async fn strict_and_dry_runs_write_nothing(shop: TestShop) {
        let rows = "1,A,Mug,1,2010-12-01,1.00,,\n2,A,Mug,0,2010-12-01,1.00,,\n";
        let strict = Options { strict: true, ..Options::default() };
        let error = import(&shop, rows, &strict).await.unwrap_err().to_string();
        assert_eq!(error, "Line 3: quantity is 0.\nNothing was written.");
        let dry = Options { dry_run: true, ..Options::default() };
        let report = import(&shop, rows, &dry).await.unwrap();
        assert_eq!((report.imported, report.skipped), (1, 1));
        assert_eq!(number(&shop, "SELECT COUNT(*) FROM orders").await, 0);
    }

    async fn a_run_that_broke_off_is_finished_by_another_and_nothing_doubles(shop: TestShop) {
        let rows: String = (0..300).map(|n| format!("{n},A,Mug,2,2010-12-01,1.50,,\n{n},B,Jug,1,2010-12-01,2.00,,\n")).collect();
        // The first run saw half of the file.
        let half = rows.len() / 2 - 10;
        let half = &rows[..rows[..half].rfind('\n').unwrap() + 1];
        let first = taken(&shop, half).await;
        let second = taken(&shop, &rows).await;
        assert_eq!((second.imported + first.imported, second.unchanged), (300, first.imported));
        let third = taken(&shop, &rows).await;
        assert_eq!((third.imported, third.unchanged), (0, 300));
        assert_eq!(number(&shop, "SELECT COUNT(*) FROM orders").await, 300);
        assert_sound(&shop).await;
    }

    async fn a_product_that_is_erased_meanwhile_is_kept_by_name(shop: TestShop) {
        let early = "early,MUG,Mug,1,2010-12-01,1.00,,\n";
        taken(&shop, early).await;
        put_mug(&shop).await;
        let mut rows = early.to_owned();
        rows.extend((0..400).map(|n| format!("{n},A,Pen,1,2010-12-01,1.00,,\n")));
        rows.push_str("late,MUG,Mug,1,2010-12-01,1.00,,\n");
        let file = File::new(&format!("{HEADER}{rows}"));
        let mut erased = false;
        // The first batch has looked the mug up.
        let mut progress = |_, _| if !std::mem::replace(&mut erased, true) {
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(async {
                let tx = shop.app.db.begin().await.unwrap();
                assert_eq!(tx.execute("DELETE FROM products", &[]).await.unwrap(), 1);
                tx.commit().await.unwrap();
            }));
        };
        let report = import_orders(&shop.app, &file.0, &Options::default(), &mut progress).await.unwrap();
        assert_eq!((report.imported, report.unchanged), (401, 1));
        assert_eq!(number(&shop, "SELECT COUNT(*) FROM order_lines WHERE product_id IS NULL").await, 402);
        assert_sound(&shop).await;
    }

    async fn the_lines_of_an_invoice_may_stand_apart(shop: TestShop) {
        let mut rows = "apart,A,Mug,1,2010-12-01,1.00,,\n".to_owned();
        rows.extend((0..500).map(|n| format!("{n},A,Mug,1,2010-12-01,1.00,,\n")));
        rows.push_str("apart,B,Jug,1,2010-12-01,2.00,,\n");
        assert_eq!(taken(&shop, &rows).await.imported, 501);
        let total = "SELECT total_minor FROM orders WHERE external_id = 'apart'";
        assert_eq!(number(&shop, total).await, 300);
    }

    async fn columns_are_mapped_and_json_is_read(shop: TestShop) {
        let json = r#"{"sales": [{"bill": 17, "item": "A", "n": 2, "when": "2010-12-01T08:00:00Z", "each": 2.50},
                                 {"bill": 17, "item": "B", "n": 1, "when": "2010-12-01T08:00:00Z", "each": "1.00"}]}"#;
        let file = File::new(json);
        let columns = "invoice=bill,sku=item,quantity=n,date=when,price=each".parse().unwrap();
        let options = Options { columns, ..Options::default() };
        let report = import_orders(&shop.app, &file.0, &options, &mut |_, _| ()).await.unwrap();
        assert_eq!((report.imported, report.faults), (1, vec![]));
        assert_eq!(number(&shop, "SELECT total_minor FROM orders WHERE external_id = '17'").await, 600);
    }
}

/// What the reports should say, added up from the file by hand: nothing of the import is used.
#[derive(Default)]
struct ByHand {
    /// Orders and pence of each day.
    days: BTreeMap<String, (i64, i64)>,
    /// Pieces and pence of each SKU.
    skus: HashMap<String, (i64, i64)>,
    sales: HashSet<String>,
    cancellations: HashSet<String>,
}

impl ByHand {
    fn read(file: &Path) -> Self {
        let text = flate2::read::GzDecoder::new(std::fs::File::open(file).unwrap());
        let mut sums = ByHand::default();
        let mut day_of: HashMap<String, String> = HashMap::new();
        for row in csv::Reader::from_reader(text).records() {
            let row = row.unwrap();
            let (invoice, sku, quantity, price) = (
                &row[0],
                row[1].trim(),
                row[3].parse::<i64>().unwrap(),
                &row[5],
            );
            let (pounds, decimals) = price.split_once('.').unwrap_or((price, ""));
            let decimals = decimals.trim_end_matches('0');
            if decimals.len() > 2 {
                continue;
            }
            let pence = pounds.parse::<i64>().unwrap() * 100
                + format!("{decimals:0<2}").parse::<i64>().unwrap();
            let cancelled = invoice.starts_with('C');
            if pence <= 0 || (quantity < 0) != cancelled {
                continue;
            }
            if cancelled {
                sums.cancellations.insert(invoice.to_owned());
                continue;
            }
            let day = day_of
                .entry(invoice.to_owned())
                .or_insert_with(|| row[4][..10].to_owned());
            let of_day = sums.days.entry(day.clone()).or_default();
            of_day.0 += i64::from(sums.sales.insert(invoice.to_owned()));
            of_day.1 += quantity * pence;
            let of_sku = sums.skus.entry(sku.to_owned()).or_default();
            of_sku.0 += quantity;
            of_sku.1 += quantity * pence;
        }
        sums
    }
}

async fn reports_say_what_the_file_says(shop: &TestShop, file: &Path) {
    let pounds = |pence: i64| format!("{}.{:02}", pence / 100, pence % 100);
    let boss = shop.admin().await;
    let by_hand = ByHand::read(file);
    let report = "/api/v1/orders/sales_report/?date_from=2010-12-01&date_to=2011-06-30";
    let report = shop.get(report).by(&boss).expect(200).await.json();
    let days = report["daily_breakdown"].as_array().unwrap();
    assert_eq!(days.len(), 212);
    for day in days {
        let (orders, pence) = by_hand
            .days
            .get(day["day"].as_str().unwrap())
            .copied()
            .unwrap_or_default();
        assert_eq!(
            (&day["orders"], &day["revenue"]),
            (&json!(orders), &json!(pounds(pence))),
            "{day}"
        );
        assert_eq!(
            (&day["placed_orders"], &day["placed_revenue"]),
            (&json!(orders), &json!(pounds(pence))),
            "{day}"
        );
    }
    let total = by_hand.days.values().map(|(_, pence)| pence).sum();
    assert_eq!(
        (&report["total_revenue"], &report["total_orders"]),
        (&json!(pounds(total)), &json!(by_hand.sales.len()))
    );

    let shown = shop
        .get("/api/v1/products/analytics/")
        .by(&boss)
        .expect(200)
        .await
        .json();
    assert_eq!(shown["total_revenue"], json!(pounds(total)));
    assert_eq!(
        shown["orders_by_status"]["delivered"],
        json!(by_hand.sales.len())
    );
    assert_eq!(
        shown["orders_by_status"]["cancelled"],
        json!(by_hand.cancellations.len())
    );
    let mut top: Vec<_> = by_hand.skus.iter().collect();
    top.sort_by_key(|(sku, (pieces, pence))| (-pieces, -pence, (*sku).clone()));
    for (shown, (sku, (pieces, pence))) in shown["top_products"].as_array().unwrap().iter().zip(top)
    {
        assert_eq!(
            (&shown["sku"], &shown["quantity_sold"], &shown["revenue"]),
            (&json!(sku), &json!(pieces), &json!(pounds(*pence)))
        );
    }
}

/// A shop in London, empty.
struct GiftShop(TestShop);

impl GiftShop {
    async fn on(engine: db::Engine) -> Self {
        let settings = [("CURRENCY", "GBP"), ("TIME_ZONE", "Europe/London")];
        GiftShop(TestShop::with(engine, &settings).await)
    }
}

both! {
    async fn the_gift_shops_order_book(shop: GiftShop) {
        the_gift_shops_order_book_is_whole(shop.0).await;
    }
}

/// Counts and sums by another program.
async fn the_gift_shops_order_book_is_whole(shop: TestShop) {
    let Some(file) = real_file("online-retail-2010-12-to-2011-06.csv.gz") else {
        return;
    };
    let mut told = Vec::new();
    let options = Options::default();
    let report = import_orders(&shop.app, &file, &options, &mut |done, total| {
        told.push((done, total));
    })
    .await
    .unwrap();
    assert_eq!((report.rows, report.skipped), (245_903, 1_479));
    assert_eq!((report.imported, report.unchanged), (11_665, 0));
    assert_eq!(told.last(), Some(&(244_424, 244_424)));
    assert!(told.is_sorted());

    let count = async |status: &str| {
        let sql = format!("SELECT COUNT(*) FROM orders WHERE status = '{status}'");
        number(&shop, &sql).await
    };
    assert_eq!(
        (count("delivered").await, count("cancelled").await),
        (9_659, 2_006)
    );
    let captured = "SELECT CAST(SUM(captured_minor) AS BIGINT) FROM orders";
    assert_eq!(number(&shop, captured).await, 482_646_649);
    let cancelled =
        "SELECT CAST(SUM(total_minor) AS BIGINT) FROM orders WHERE status = 'cancelled'";
    assert_eq!(number(&shop, cancelled).await, 42_851_573);
    assert_eq!(
        number(&shop, "SELECT COUNT(*) FROM order_lines").await,
        244_424
    );
    assert_sound(&shop).await;
    reports_say_what_the_file_says(&shop, &file).await;
    assert_sound(&shop).await;
}
