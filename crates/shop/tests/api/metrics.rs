//! What those who watch over the shop are told: metrics, timings, slow statements.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use db::{Db, Engine, args};
use serde_json::json;
use tracing::Instrument;

use crate::support::{TestShop, fresh_address};

const TOKEN: &str = "a token for the metrics";

struct Watched(TestShop);

impl Watched {
    async fn on(engine: Engine) -> Self {
        Watched(TestShop::with(engine, &[("METRICS_TOKEN", TOKEN)]).await)
    }

    /// The value of a line, which is 0 as long as there is none.
    async fn value(&self, line: &str) -> f64 {
        let answer = self.0.get("/metrics").bearer(TOKEN).expect(200).await;
        let text = answer.text();
        let found = text
            .lines()
            .find_map(|l| l.strip_prefix(line)?.strip_prefix(' '));
        found.map_or(0.0, |value| value.parse().unwrap())
    }
}

both! {
    async fn requests_are_counted_by_the_template_of_their_route(w: Watched) {
        let shop = &w.0;
        let admin = shop.admin().await;
        let thing = shop.product(&admin, "5.00", 3).await;
        for _ in 0..3 {
            shop.get(&format!("/api/v1/products/{}/", thing.id)).expect(200).await;
            shop.get("/api/products/").expect(200).await;
        }
        shop.get("/api/v1/products/987654/").expect(404).await;
        shop.get("/nowhere/987654/").expect(404).await;

        let count = |route: &str, status: &str| format!(
            "cartwright_http_request_duration_seconds_count{{method=\"GET\",route=\"{route}\",status=\"{status}\"}}");
        assert_eq!(w.value(&count("/products/{id}/", "2xx")).await, 3.0, "made, and kept in memory");
        assert_eq!(w.value(&count("/products/", "2xx")).await, 3.0, "an alias is no route of its own");
        assert_eq!(w.value(&count("/products/{id}/", "4xx")).await, 1.0);
        assert_eq!(w.value(&count("none", "4xx")).await, 1.0);
        assert_eq!(w.value("cartwright_http_errors_total{code=\"not_found\"}").await, 2.0);
        assert_eq!(w.value("cartwright_http_requests_in_flight").await, 1.0, "the one that asks");
        let text = shop.get("/metrics").bearer(TOKEN).expect(200).await.text();
        assert!(!text.contains("987654"), "no address of a request becomes a label");
    }

    async fn orders_logins_and_jobs_are_counted(w: Watched) {
        let shop = &w.0;
        let (admin, alice) = (shop.admin().await, shop.customer("alice").await);
        let thing = shop.product(&admin, "5.00", 3).await;
        let line = json!({"product_id": thing.id});
        for _ in 0..2 {
            shop.post("/api/v1/cart/items/").by(&alice).json(line.clone()).expect(201).await;
            let order = shop.post("/api/v1/orders/").by(&alice).header("idempotency-key", "k");
            order.json(json!({})).expect(201).await;
        }
        let wrong = json!({"email": alice.email, "password": "not it at all"});
        shop.post("/api/v1/auth/login/").from(fresh_address()).json(wrong).expect(400).await;
        shop::jobs(&shop.app).run_due().await.unwrap();

        assert_eq!(w.value("cartwright_orders_placed_total{buyer=\"account\"}").await, 1.0, "not the repeated one");
        assert_eq!(w.value("cartwright_login_attempts_total{outcome=\"failed\"}").await, 1.0);
        assert_eq!(w.value("cartwright_login_attempts_total{outcome=\"succeeded\"}").await, 1.0);
        let counted = "cartwright_job_duration_seconds_count{kind=\"count_orders\",outcome=\"done\"}";
        assert!(w.value(counted).await >= 1.0);
        assert!(w.value("cartwright_db_statement_duration_seconds_count{kind=\"write\"}").await > 5.0);
        assert!(w.value("cartwright_db_commit_duration_seconds_count").await > 2.0);
        let pool = match shop.app.db.engine() {
            Engine::Sqlite => "writer",
            Engine::Postgres => "connections",
        };
        assert!(w.value(&format!("cartwright_db_pool_size{{pool=\"{pool}\"}}")).await >= 1.0);
    }

    async fn metrics_are_for_whoever_has_the_token(w: Watched) {
        w.0.get("/metrics").expect(401).await;
        w.0.get("/metrics").bearer("another token, as long").expect(401).await;
        let admin = w.0.admin().await;
        w.0.get("/metrics").by(&admin).expect(401).await;
        let answer = w.0.get("/metrics").bearer(TOKEN).header("host", "10.0.0.7:8000").expect(200).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.header("content-type").starts_with("application/openmetrics-text"));
        assert!(answer.text().ends_with("# EOF\n"));
    }

    async fn every_line_of_the_metrics_is_well_formed(w: Watched) {
        let text = w.0.get("/metrics").bearer(TOKEN).expect(200).await.text();
        for line in text.lines().filter(|line| !line.starts_with("# ")) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with("cartwright_"), "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
        for name in ["process_resident_memory_bytes", "build_info", "process_cpu_seconds_total"] {
            assert!(text.contains(&format!("\ncartwright_{name}")), "{name}: {text}");
        }
    }

    async fn without_the_setting_there_are_no_metrics_and_no_timings(shop: TestShop) {
        shop.get("/metrics").expect(404).await;
        let answer = shop.get("/api/v1/products/").expect(200).await;
        assert_eq!(answer.header("server-timing"), "");
    }
}

#[tokio::test]
async fn an_answer_says_how_long_it_took_where_that_is_wanted() {
    let shop = TestShop::with(Engine::Sqlite, &[("SERVER_TIMING", "true")]).await;
    let answer = shop.get("/api/v1/products/").expect(200).await;
    let timing = answer.header("server-timing").to_owned();
    assert!(timing.starts_with("total;dur="), "{timing}");
    assert!(
        timing.contains("statements\"") && !timing.contains("\"0 "),
        "{timing}"
    );
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn slow_lines(engine: Engine) -> String {
    let shop = TestShop::on(engine).await;
    let log = Log::default();
    let writer = log.clone();
    let lines = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::WARN)
        .with_writer(move || writer.clone())
        .finish();
    let mut options = shop.options();
    options.slow_statement = Duration::from_nanos(1);
    let _guard = tracing::subscriber::set_default(lines);
    let db = Db::connect(&options).await.unwrap();
    let ask = async {
        let conn = db.read().await.unwrap();
        let found: i64 = conn
            .one(
                "SELECT COUNT(*)\n  FROM users WHERE email = $1",
                args!["zo@example.org"],
            )
            .await
            .unwrap();
        assert_eq!(found, 0);
    };
    ask.instrument(tracing::error_span!("request", request_id = "r-7"))
        .await;
    let text = log.0.lock().unwrap().clone();
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn a_slow_statement_is_told_with_the_request_but_without_its_arguments() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let text = slow_lines(engine).await;
        let line = text
            .lines()
            .find(|line| line.contains("FROM users"))
            .unwrap();
        assert!(
            line.contains("SELECT COUNT(*) FROM users WHERE email = $1"),
            "{line}"
        );
        assert!(line.contains("r-7") && line.contains("\"ms\""), "{line}");
        assert!(!text.contains("zo@example.org"), "{text}");
    }
}
