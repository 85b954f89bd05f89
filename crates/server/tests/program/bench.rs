//! `cartwright bench`: a second of each on both engines.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Folder, Shop, run, text};

/// What a run leaves behind among the temporary files; there `TMPDIR` is a folder of the test's own.
fn bench(folder: &Folder, env: &[(&str, &str)]) -> Value {
    let temporary = folder.path().join("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let shown = temporary.display().to_string();
    let env: Vec<_> = env.iter().copied().chain([("TMPDIR", &*shown)]).collect();
    let done = run(
        folder,
        &["bench", "--secs", "1", "--people", "4", "--json"],
        &env,
    );
    let (out, err) = (text(&done.stdout), text(&done.stderr));
    assert_eq!(done.status.code(), Some(0), "{out}{err}");
    assert!(files(&temporary).is_empty(), "nothing is left over");
    serde_json::from_str(&out).unwrap()
}

fn says_what_the_machine_carries(report: &Value, engine: &str) {
    assert_eq!(
        (&report["ok"], &report["engine"], &report["generator"]),
        (&true.into(), &engine.into(), &"same machine".into())
    );
    for workload in ["list", "detail", "search", "add", "journey"] {
        let of = &report["workloads"][workload];
        assert!(of["per_second"].as_f64() > Some(0.0), "{workload}: {of}");
        let [p50, p99] = ["p50_ms", "p99_ms"].map(|p| of["time"][p].as_f64().unwrap());
        assert!(p50 > 0.0 && p50 <= p99, "{workload}: {of}");
    }
    let orders = report["orders_per_second"].as_f64().unwrap();
    assert_eq!(
        report["orders_per_day"].as_f64(),
        Some((orders * 36_000.0).round())
    );
}

/// Every file below it, with its bytes.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(files(&path)),
            false => all.push((path.clone(), std::fs::read(&path).unwrap())),
        }
    }
    all.sort();
    all
}

#[test]
fn bench_measures_sqlite_and_touches_nothing_of_the_shop() {
    let folder = Folder::new();
    let mut shop = Shop::open(&folder, &[]);
    shop.signal("TERM");
    shop.wait();
    let data = folder.path().join("data");
    let before = files(&data);
    assert!(!before.is_empty());

    let report = bench(&folder, &[]);

    says_what_the_machine_carries(&report, "SQLite");
    assert!(files(&data) == before, "the shop's folder is as it was");
}

/// As a user who may make databases and nothing else, and who cannot be dropped while one is left.
#[test]
fn bench_measures_postgres_and_removes_its_database() {
    let set = std::env::vars().find(|(name, _)| name == "CARTWRIGHT_TEST_POSTGRES");
    let (_, url) = set.unwrap_or_else(|| panic!("CARTWRIGHT_TEST_POSTGRES is not set: run ./test"));
    let role = format!("bench_{}", std::process::id());
    let server = url.split_once('@').unwrap().1;
    tell(
        &url,
        &format!("CREATE ROLE {role} LOGIN CREATEDB PASSWORD 'bench'"),
    );
    let folder = Folder::new();

    let report = bench(
        &folder,
        &[("DATABASE_URL", &format!("postgres://{role}:bench@{server}"))],
    );

    says_what_the_machine_carries(&report, "PostgreSQL");
    assert!(!folder.path().join("data").exists(), "no shop was opened");
    tell(&url, &format!("DROP ROLE {role}"));
}

fn tell(url: &str, statement: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let db = db::Db::connect(&db::Options::new(url)).await.unwrap();
        let tx = db.begin().await.unwrap();
        tx.execute(statement, &[]).await.unwrap();
        tx.commit().await.unwrap();
    });
}

#[test]
fn bench_says_in_words_what_a_merchant_asks() {
    let folder = Folder::new();
    let done = run(&folder, &["bench", "--secs", "1", "--people", "2"], &[]);
    let out = text(&done.stdout);
    for words in [
        "orders a second",
        "on a day in which a tenth of all",
        "A page of the catalog takes",
        "this same machine",
        "own data was not touched",
    ] {
        assert!(out.contains(words), "{words}: {out}");
    }
    assert!(files(folder.path()).is_empty(), "no shop was made");
}
