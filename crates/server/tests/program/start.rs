//! The first start, the second, and the starts that are refused.

use serde_json::Value;

use crate::support::{Folder, Shop, login, register, run, text};

#[test]
fn the_first_start_asks_nothing_and_says_where_everything_is() {
    let folder = Folder::new();

    let shop = Shop::open(&folder, &[]);

    let url = format!("http://{}", shop.address);
    let data = folder.path().join("data").display().to_string();
    for words in [
        concat!("Cartwright ", env!("CARGO_PKG_VERSION")),
        "no telemetry",
        &format!("{url}/api/v1/"),
        &format!("{url}/api/v1/docs/"),
        &data,
        "SQLite 3.",
        "Missing for production",
        "SECRET_KEY",
    ] {
        assert!(shop.banner.contains(words), "{words}: {}", shop.banner);
    }
    let health = shop.get("/api/v1/health/");
    assert_eq!(
        (health.status, health.json()["database"].as_str()),
        (200, Some("SQLite"))
    );
}

#[test]
fn the_second_start_keeps_all_data() {
    let folder = Folder::new();
    let shop = Shop::open(&folder, &[]);
    let registered = register(&shop, "ada@shop.example").json();
    shop.signal("TERM");
    drop(shop);

    let shop = Shop::open(&folder, &[]);

    let request = format!(
        "GET /api/v1/auth/profile/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
        registered["tokens"]["access"].as_str().unwrap()
    );
    assert_eq!(
        shop.send(&request).json()["email"],
        "ada@shop.example",
        "the generated secret stays, too"
    );
    assert_eq!(login(&shop, "ada@shop.example").status, 200);
}

#[test]
fn a_taken_port_is_named_with_the_way_out() {
    let shop = Shop::temporary(&[]);
    let (port, folder) = (shop.address.port().to_string(), Folder::new());

    let second = run(&folder, &["--port", &port], &[]);

    let message = text(&second.stderr);
    assert_eq!(second.status.code(), Some(1));
    assert!(
        message.contains(&format!("Port {port} on 127.0.0.1 is taken")),
        "{message}"
    );
    assert!(message.contains("--port"), "{message}");
    assert!(!folder.path().join("data").exists(), "nothing was begun");
}

#[test]
fn a_start_that_cannot_succeed_says_so_in_three_lines_and_exits_with_78() {
    for (env, words) in [
        (
            &[("ENVIRONMENT", "production")][..],
            &[
                "SECRET_KEY, ALLOWED_HOSTS, PUBLIC_URL",
                "openssl rand -hex 32",
            ][..],
        ),
        (
            &[("CARTWRIGHT_DATABASE", "x")],
            &["CARTWRIGHT_DATABASE (from environment) is not a setting"],
        ),
        (&[("BIND", "0.0.0.0:0")], &["ENVIRONMENT is not set"]),
        (
            &[("DATABASE_URL", "mysql://me:hunter2@db/shop")],
            &["DATABASE_URL", "sqlite:// or postgres://"],
        ),
        (
            &[("DATABASE_URL", "postgres://me:hunter2@127.0.0.1:1/shop")],
            &[
                "postgres://me:****@127.0.0.1:1/shop cannot be reached",
                "refused",
            ],
        ),
        (
            &[("DATABASE_URL", "sqlite:///proc/no/shop.db")],
            &["sqlite:///proc/no/shop.db"],
        ),
        (
            &[("CARTWRIGHT_DATA_DIR", "/proc/no")],
            &["The data folder /proc/no cannot be written"],
        ),
    ] {
        let folder = Folder::new();
        let mut env = env.to_vec();
        if !env.iter().any(|(name, _)| *name == "BIND") {
            env.push(("BIND", "127.0.0.1:0"));
        }

        let refused = run(&folder, &[], &env);

        let message = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(78), "{message}");
        assert!((1..=3).contains(&message.lines().count()), "{message}");
        assert!(
            words.iter().all(|words| message.contains(words)),
            "{words:?}: {message}"
        );
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn a_database_of_a_newer_version_is_refused_by_name() {
    let folder = Folder::new();
    assert!(run(&folder, &["migrate"], &[]).status.success());
    let url = format!("sqlite://{}/data/cartwright.db", folder.path().display());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let db = db::Db::connect(&db::Options::new(url)).await.unwrap();
        let tx = db.begin().await.unwrap();
        let future = "INSERT INTO schema_migrations (name, checksum, applied_by, applied_at) VALUES ('9999_future', 'x', '99.4.0', 0)";
        tx.execute(future, &[]).await.unwrap();
        tx.commit().await.unwrap();
    });

    for verb in ["serve", "migrate", "check"] {
        let refused = run(&folder, &[verb], &[("BIND", "127.0.0.1:0")]);

        let message = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(78), "{verb}: {message}");
        assert!(
            message.contains("written by 99.4.0") && message.contains(env!("CARGO_PKG_VERSION")),
            "{verb}: {message}"
        );
    }
}

#[test]
fn another_currency_than_that_of_the_first_start_is_refused() {
    let folder = Folder::new();
    drop(Shop::open(&folder, &[("CURRENCY", "GBP")]));

    let refused = run(&folder, &["serve", "--port", "0"], &[("CURRENCY", "USD")]);

    assert_eq!(refused.status.code(), Some(78));
    assert!(text(&refused.stderr).contains("which is GBP"));
}

#[test]
fn testing_leaves_nothing_behind() {
    let (folder, temporary) = (Folder::new(), Folder::new());
    let temp = temporary.path().to_str().unwrap();
    let entries = || std::fs::read_dir(temp).unwrap().count();

    let mut shop = Shop::open(&folder, &[("ENVIRONMENT", "testing"), ("TMPDIR", temp)]);
    assert_eq!(register(&shop, "ada@shop.example").status, 201);
    assert_eq!(entries(), 1);
    shop.signal("TERM");

    assert!(shop.wait().success());
    assert_eq!(entries(), 0);
    assert!(!folder.path().join("data").exists());
}

#[test]
fn version_and_document_need_no_shop_and_wrong_words_are_2() {
    let folder = Folder::new();

    let version = run(&folder, &["--version"], &[]);
    let document: Value = serde_json::from_slice(&run(&folder, &["openapi"], &[]).stdout).unwrap();

    assert_eq!(
        text(&version.stdout).trim(),
        concat!("cartwright ", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(
        run(&folder, &["--no-such-flag"], &[]).status.code(),
        Some(2)
    );
}
