//! Reports: what was sold, day by day and at a glance, and that both follow every step of every order.

use std::time::Duration;

use serde_json::{Value, json};

use crate::shopping::{Buyer, books_are_right, count, sell, tamper};
use crate::support::{Person, TestShop};

const REPORT: &str = "/api/v1/orders/sales_report/";
const ANALYTICS: &str = "/api/v1/products/analytics/";

/// A shop in Kathmandu (UTC+5:45): its clock shows 17:45 of the first of March.
struct Kathmandu {
    shop: TestShop,
    boss: Person,
}

impl Kathmandu {
    async fn on(engine: db::Engine) -> Self {
        let settings = [("TIME_ZONE", "Asia/Kathmandu"), ("ACCESS_TOKEN_TTL", "30d")];
        let shop = TestShop::with(engine, &settings).await;
        let boss = shop.admin().await;
        Kathmandu { shop, boss }
    }

    async fn report(&self, query: &str) -> Value {
        let ask = self.shop.get(&format!("{REPORT}{query}")).by(&self.boss);
        ask.expect(200).await.json()
    }

    async fn analytics(&self) -> Value {
        self.shop
            .get(ANALYTICS)
            .by(&self.boss)
            .expect(200)
            .await
            .json()
    }

    async fn moves(&self, order: &Value, word: &str) {
        let path = format!("/api/v1/orders/{}/update_status/", order["id"]);
        let ask = self.shop.patch(&path).by(&self.boss);
        ask.json(json!({"status": word})).expect(200).await;
    }

    async fn hours_go_by(&self, hours: u64) {
        self.shop.clock.advance(Duration::from_secs(hours * 3600));
    }
}

/// (day, orders, revenue, placed orders, placed revenue) of the days on which anything was sold.
fn sold(report: &Value) -> Vec<(String, i64, String, i64, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let days = report["daily_breakdown"].as_array().unwrap().iter();
    days.filter(|day| day["placed_orders"] != 0 || day["orders"] != 0)
        .map(|day| {
            let (orders, placed) = (
                day["orders"].as_i64().unwrap(),
                day["placed_orders"].as_i64().unwrap(),
            );
            (
                text(&day["day"]),
                orders,
                text(&day["revenue"]),
                placed,
                text(&day["placed_revenue"]),
            )
        })
        .collect()
}

fn row(
    day: &str,
    orders: i64,
    revenue: &str,
    placed: i64,
    placed_revenue: &str,
) -> (String, i64, String, i64, String) {
    (
        day.into(),
        orders,
        revenue.into(),
        placed,
        placed_revenue.into(),
    )
}

both! {
    async fn an_empty_shop_has_sold_nothing(s: Kathmandu) {
        let report = s.report("").await;
        assert_eq!((&report["period_days"], &report["total_orders"], &report["total_revenue"], &report["currency"]), (&json!(30), &json!(0), &json!("0.00"), &json!("USD")));
        let days = report["daily_breakdown"].as_array().unwrap();
        assert_eq!((days.len(), &days[0]["day"], &days[29]["day"]), (30, &json!("2026-01-31"), &json!("2026-03-01")));
        let shown = s.analytics().await;
        assert_eq!((&shown["total_revenue"], &shown["total_products"], &shown["top_products"], &shown["recent_orders"]), (&json!("0.00"), &json!(0), &json!([]), &json!([])));
        assert_eq!(shown["orders_by_status"]["pending"], 0);
    }

    async fn orders_count_on_the_day_of_the_shop_on_which_they_were_placed(s: Kathmandu) {
        let mug = sell(&s.shop, "Mug", 1250, 100).await;
        let pen = sell(&s.shop, "Pen", 99, 100).await;
        let ada = Buyer::Customer(s.shop.customer("ada").await.access);
        let first = ada.buys(&s.shop, mug, 2).await;
        s.hours_go_by(6).await;
        let evening = ada.buys(&s.shop, pen, 10).await;
        // A quarter of an hour before midnight there, and a quarter after.
        s.shop.clock.advance(Duration::from_secs(15 * 60));
        let tomorrow = ada.buys(&s.shop, mug, 1).await;
        s.moves(&first, "paid").await;
        s.moves(&tomorrow, "paid").await;
        s.hours_go_by(24).await;
        s.moves(&evening, "cancelled").await;

        let report = s.report("?days=3").await;
        assert_eq!(sold(&report), [row("2026-03-01", 1, "25.00", 1, "25.00"), row("2026-03-02", 1, "12.50", 1, "12.50")]);
        assert_eq!((&report["total_orders"], &report["total_revenue"], &report["placed_orders"], &report["placed_revenue"]), (&json!(2), &json!("37.50"), &json!(2), &json!("37.50")));
        assert_eq!(s.report("?days=1").await["daily_breakdown"].as_array().unwrap().len(), 1);
        assert_eq!(sold(&s.report("?date_from=2026-03-01&date_to=2026-03-01").await).len(), 1);
        assert_eq!(sold(&s.report("?date_from=2026-03-02").await).len(), 1);
        assert_eq!(s.shop.get("/api/analytics/sales/?days=3").by(&s.boss).expect(200).await.json(), report);

        let shown = s.analytics().await;
        assert_eq!((&shown["total_revenue"], &shown["total_orders"], &shown["total_products"]), (&json!("37.50"), &json!(3), &json!(2)));
        assert_eq!((&shown["orders_by_status"]["paid"], &shown["orders_by_status"]["cancelled"]), (&json!(2), &json!(1)));
        assert_eq!(shown["top_products"], json!([{"product_id": mug.product, "product_name": "Mug", "sku": format!("SKU-{}", mug.product), "quantity_sold": 3, "revenue": "37.50"}]));
        let recent: Vec<&Value> = shown["recent_orders"].as_array().unwrap().iter().map(|order| &order["id"]).collect();
        assert_eq!(recent, [&tomorrow["id"], &evening["id"], &first["id"]]);
        assert_eq!(s.shop.get("/api/analytics/").by(&s.boss).expect(200).await.json(), shown);
        books_are_right(&s.shop).await;
    }

    async fn each_step_is_seen_in_the_next_report(s: Kathmandu) {
        let mug = sell(&s.shop, "Mug", 1000, 100).await;
        let ada = Buyer::Customer(s.shop.customer("ada").await.access);
        let order = ada.buys(&s.shop, mug, 1).await;
        for (word, expected) in [
            ("confirmed", row("2026-03-01", 0, "0.00", 1, "10.00")),
            ("paid", row("2026-03-01", 1, "10.00", 1, "10.00")),
            ("shipped", row("2026-03-01", 1, "10.00", 1, "10.00")),
        ] {
            s.moves(&order, word).await;
            for _ in 0..2 {
                assert_eq!(sold(&s.report("?days=1").await), std::slice::from_ref(&expected), "{word}");
            }
            books_are_right(&s.shop).await;
        }
        let other = ada.buys(&s.shop, mug, 1).await;
        s.report("").await;
        s.moves(&other, "cancelled").await;
        assert_eq!(s.report("").await["placed_orders"], 1);
        assert_eq!(s.analytics().await["top_products"][0]["quantity_sold"], 1);
        assert_eq!(count(&s.shop, "order_changes").await, 0);
        books_are_right(&s.shop).await;
    }

    async fn reports_of_many_at_once_count_everything_once(s: Kathmandu) {
        let mug = sell(&s.shop, "Mug", 1000, 100).await;
        let mut asks = Vec::new();
        for n in 0..24 {
            asks.push(Buyer::guest(&s.shop, mug, 1).await.orders(&s.shop));
            if n % 3 == 0 {
                asks.push(s.shop.get(REPORT).by(&s.boss));
            }
        }
        let answers = crate::shopping::at_once(asks).await;
        assert!(answers.iter().all(|answer| answer.status.is_success()));
        assert_eq!(s.report("").await["placed_orders"], 24);
        assert_eq!(s.analytics().await["top_products"][0]["quantity_sold"], 24);
        books_are_right(&s.shop).await;
    }

    async fn what_is_low_is_listed_with_the_least_first(s: Kathmandu) {
        sell(&s.shop, "Plenty", 1000, 100).await;
        let few = sell(&s.shop, "Few", 1000, 5).await;
        let none = sell(&s.shop, "None", 1000, 0).await;
        let low = s.analytics().await["low_stock_products"].clone();
        assert_eq!(low, json!([
            {"id": none.product, "name": "None", "slug": "none", "stock": 0}, {"id": few.product, "name": "Few", "slug": "few", "stock": 5},
        ]));
    }

    /// IN-06
    async fn a_period_is_from_one_day_to_ten_years(s: Kathmandu) {
        for (query, names) in [
            ("days=0", vec!["days"]), ("days=-1", vec!["days"]), ("days=abc", vec!["days"]), ("days=1000000000000", vec!["days"]),
            ("days=3661", vec!["days"]), ("date_from=yesterday&date_to=x", vec!["date_from", "date_to"]),
            ("date_from=2026-03-02&date_to=2026-03-01", vec!["date_from"]), ("date_from=1990-01-01", vec!["date_from"]),
            ("days=5&date_from=2026-01-01", vec!["days"]), ("date_to=-9999-01-01", vec!["date_to"]), ("colour=red", vec!["colour"]),
            ("date_to=2026-02-30", vec!["date_to"]), ("date_to=9999-12-31", vec!["date_to"]),
        ] {
            let answer = s.shop.get(&format!("{REPORT}?{query}")).by(&s.boss).expect(400).await;
            assert_eq!(answer.faulty(), names, "{query}");
        }
        assert_eq!(s.report("?days=3660").await["period_days"], 3660);
    }

    async fn the_audit_finds_totals_that_are_not_what_was_sold(s: Kathmandu) {
        let mug = sell(&s.shop, "Mug", 1000, 100).await;
        let ada = Buyer::Customer(s.shop.customer("ada").await.access);
        ada.buys(&s.shop, mug, 1).await;
        s.report("").await;
        books_are_right(&s.shop).await;
        for (damage, repair) in [
            ("UPDATE sales SET orders = orders + 1", "UPDATE sales SET orders = orders - 1"),
            ("UPDATE product_sales SET quantity = quantity + 1", "UPDATE product_sales SET quantity = quantity - 1"),
            ("UPDATE counted_orders SET status = 'paid'", "UPDATE counted_orders SET status = 'pending'"),
        ] {
            tamper(&s.shop, damage).await;
            assert!(!shop::check::check(&s.shop.app).await.unwrap().is_empty(), "{damage}");
            tamper(&s.shop, repair).await;
            books_are_right(&s.shop).await;
        }
    }
}
