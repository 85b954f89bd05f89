//! `cartwright torture`: a small run on both engines, and one of a shop that was broken on purpose.

use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};

use serde_json::Value;

use crate::support::{Folder, cartwright, eventually, run, text};

/// What a run leaves behind among the temporary files; there `TMPDIR` is the test's own.
fn torture(env: &[(&str, &str)]) -> (Value, Folder) {
    let folder = Folder::new();
    let temporary = folder.path().display().to_string();
    let args = [
        "torture", "--orders", "60", "--kills", "1", "--buyers", "6", "--seed", "5", "--json",
    ];
    let env: Vec<_> = env
        .iter()
        .copied()
        .chain([("TMPDIR", &*temporary)])
        .collect();
    let done = run(&folder, &args, &env);
    let (out, err) = (text(&done.stdout), text(&done.stderr));
    assert_eq!(done.status.code(), Some(0), "{out}{err}");
    (serde_json::from_str(&out).unwrap(), folder)
}

fn all_held(report: &Value) {
    assert_eq!(
        (&report["ok"], &report["seed"], &report["kills"]),
        (&true.into(), &5.into(), &1.into())
    );
    for figure in [
        "orders",
        "submitted_twice",
        "cancelled_twice",
        "payments",
        "refunds",
        "events_twice",
    ] {
        assert!(report[figure].as_u64() > Some(0), "{figure}: {report}");
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn torture_holds_on_sqlite_and_touches_nothing_of_the_shop() {
    let (report, folder) = torture(&[]);
    all_held(&report);
    assert_eq!(report["engine"], "SQLite");
    assert!(
        is_empty(folder.path()),
        "no shop was opened, nothing is left over"
    );
}

#[test]
fn torture_holds_on_postgres_and_removes_its_database() {
    let set = std::env::vars().find(|(name, _)| name == "CARTWRIGHT_TEST_POSTGRES");
    let (_, url) = set.unwrap_or_else(|| panic!("CARTWRIGHT_TEST_POSTGRES is not set: run ./test"));
    let (report, folder) = torture(&[("DATABASE_URL", &url)]);
    all_held(&report);
    assert_eq!(report["engine"], "PostgreSQL");
    assert!(is_empty(folder.path()), "nothing is left over");
}

/// Each piece that comes back on the shelf brings one more with it, and the shop's own books say so: its audit is content.
const ONE_TOO_MANY: &str = "
    UPDATE stock_items SET on_hand = on_hand + 1 WHERE id = NEW.stock_item_id;
    INSERT INTO stock_movements (stock_item_id, kind, quantity, created_at)
        VALUES (NEW.stock_item_id, 'received', 1, NEW.created_at);";

#[test]
fn torture_names_what_a_broken_shop_does_and_the_seed_on_sqlite() {
    let folder = Folder::new();
    let begun = begin(&folder, &[]);
    let files = files_of_the_run(&folder);
    let shop = files.display().to_string().replace("_files", "/shop.db");

    tell(
        &format!("sqlite://{shop}"),
        &[&format!(
            "CREATE TRIGGER one_too_many AFTER INSERT ON stock_movements WHEN NEW.kind = 'released' BEGIN {ONE_TOO_MANY} END"
        )],
    );

    names_the_fault(&begun.wait_with_output().unwrap());
}

#[test]
fn torture_names_what_a_broken_shop_does_and_the_seed_on_postgres() {
    let set = std::env::vars().find(|(name, _)| name == "CARTWRIGHT_TEST_POSTGRES");
    let (_, url) = set.unwrap_or_else(|| panic!("CARTWRIGHT_TEST_POSTGRES is not set: run ./test"));
    let (base, _) = url.rsplit_once('/').unwrap();
    let (_, server) = base.rsplit_once('@').unwrap();
    // Its owner tells this run's database from those of others.
    let role = format!("cartwright_broken_{}", std::process::id());
    tell(
        &url,
        &[&format!(
            "CREATE ROLE {role} LOGIN CREATEDB PASSWORD 'torture'"
        )],
    );
    let folder = Folder::new();
    let begun = begin(
        &folder,
        &[(
            "DATABASE_URL",
            &format!("postgres://{role}:torture@{server}/postgres"),
        )],
    );
    files_of_the_run(&folder);
    let mine = format!("SELECT datname::text FROM pg_database WHERE datdba = '{role}'::regrole");

    let shop = format!("{base}/{}", ask(&url, &mine));
    tell(
        &shop,
        &[
            &format!("CREATE FUNCTION one_too_many() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {ONE_TOO_MANY} RETURN NEW; END $$"),
            "CREATE TRIGGER one_too_many AFTER INSERT ON stock_movements FOR EACH ROW WHEN (NEW.kind = 'released')
                EXECUTE FUNCTION one_too_many()",
        ],
    );

    names_the_fault(&begun.wait_with_output().unwrap());
    tell(&url, &[&format!("DROP ROLE {role}")]);
}

fn begin(folder: &Folder, env: &[(&str, &str)]) -> Child {
    let args = [
        "torture", "--orders", "60", "--kills", "1", "--buyers", "6", "--seed", "5",
    ];
    cartwright(folder, &args)
        .envs(env.iter().copied())
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn names_the_fault(done: &Output) {
    let (out, err) = (text(&done.stdout), text(&done.stderr));
    assert_eq!(done.status.code(), Some(1), "{out}{err}");
    for words in [
        "BROKEN  Stock is right to the piece",
        " meant",
        "held    The shop's own audit",
        "held    No cart became two orders",
        "Do it again with: cartwright torture --seed 5",
        "server.log",
    ] {
        assert!(out.contains(words), "{words}: {out}{err}");
    }
}

/// Made by the migrations; the server is started afterwards.
fn files_of_the_run(folder: &Folder) -> PathBuf {
    let find = || {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        let mut paths = entries.map(|entry| entry.unwrap().path());
        paths.find(|path| path.join("server.log").exists())
    };
    eventually("the server has a log", || find().is_some());
    find().unwrap()
}

fn tell(url: &str, statements: &[&str]) {
    on(url, async |db| {
        let tx = db.begin().await.unwrap();
        for statement in statements {
            tx.execute(statement, &[]).await.unwrap();
        }
        tx.commit().await.unwrap();
    });
}

fn ask(url: &str, query: &str) -> String {
    on(url, async |db| {
        db.read().await.unwrap().one(query, &[]).await.unwrap()
    })
}

fn on<T>(url: &str, work: impl AsyncFnOnce(db::Db) -> T) -> T {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { work(db::Db::connect(&db::Options::new(url)).await.unwrap()).await })
}
