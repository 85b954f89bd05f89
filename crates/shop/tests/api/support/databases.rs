//! A database for each test: a copy of one that was migrated once.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use db::migrate::Run;
use db::{Db, Engine, Options};
use tokio::sync::OnceCell;

/// A database that is gone when this is dropped.
pub struct Scratch {
    pub options: Options,
    _guard: Guard,
}

enum Guard {
    Folder(PathBuf),
    Database(String),
}

/// A migrated, empty database.
pub async fn scratch(engine: Engine) -> Scratch {
    let (url, guard) = match engine {
        Engine::Sqlite => copy_file().await,
        Engine::Postgres => copy_database().await,
    };
    Scratch {
        options: options(&url),
        _guard: guard,
    }
}

fn options(url: &str) -> Options {
    let mut options = Options::new(url);
    options.pool_size = 8;
    // The machine is busy with other tests.
    options.acquire_timeout = Duration::from_secs(20);
    options.statement_timeout = Duration::from_secs(20);
    options.lock_timeout = Duration::from_secs(20);
    options
}

/// Names that no other process takes.
fn name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "cartwright_test_{}_{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::SeqCst)
    )
}

async fn migrated(options: &Options) -> Db {
    let db = Db::connect(options)
        .await
        .expect("the database of the test opens");
    let run = Run {
        version: "test",
        now: 0,
    };
    db.migrate(shop::migrations::ALL, &run)
        .await
        .expect("the migrations apply");
    db
}

async fn copy_file() -> (String, Guard) {
    /// The files of a migrated database: what SQLite keeps beside it too, until it is opened again.
    static TEMPLATE: OnceCell<Vec<(OsString, Vec<u8>)>> = OnceCell::const_new();
    let folder = || {
        let folder = std::env::temp_dir().join(name());
        std::fs::create_dir_all(&folder).unwrap();
        folder
    };
    let read = async || {
        let folder = folder();
        drop(migrated(&options(&url_in(&folder))).await);
        let files = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let files = files.filter(|file| file.extension().is_none_or(|kind| kind != "db-shm"));
        let files = files.map(|file| {
            (
                file.file_name().unwrap().to_owned(),
                std::fs::read(&file).unwrap(),
            )
        });
        let files = files.collect();
        let _ = std::fs::remove_dir_all(folder);
        files
    };
    let folder = folder();
    for (name, bytes) in TEMPLATE.get_or_init(read).await {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    (url_in(&folder), Guard::Folder(folder))
}

fn url_in(folder: &Path) -> String {
    format!("sqlite://{}/shop.db", folder.display())
}

async fn copy_database() -> (String, Guard) {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let template = TEMPLATE
        .get_or_init(|| async {
            let name = name();
            on_server(&format!("CREATE DATABASE {name}")).await.unwrap();
            drop(migrated(&options(&url_of(&name))).await);
            close(&name).await;
            name
        })
        .await;
    let name = name();
    on_server(&format!("CREATE DATABASE {name} TEMPLATE {template}"))
        .await
        .unwrap();
    (url_of(&name), Guard::Database(name))
}

/// Nobody is connected afterwards, and nobody can be: only then is it a template. The pool that migrated it may still
/// be hanging up.
async fn close(database: &str) {
    let closed = format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false");
    on_server(&closed).await.unwrap();
    // Waits for each to be gone.
    let ended = format!(
        "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE datname = '{database}'"
    );
    on_server(&ended).await.unwrap();
}

fn server() -> String {
    let set = std::env::vars().find(|(name, _)| name == "CARTWRIGHT_TEST_POSTGRES");
    set.expect("CARTWRIGHT_TEST_POSTGRES is not set: run ./test, which starts a PostgreSQL")
        .1
}

fn url_of(database: &str) -> String {
    let server = server();
    let (base, _) = server
        .rsplit_once('/')
        .expect("a URL that ends in a database");
    format!("{base}/{database}?sslmode=disable")
}

async fn on_server(sql: &str) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(&server(), tokio_postgres::NoTls).await?;
    let connection = tokio::spawn(connection);
    let done = client.batch_execute(sql).await;
    drop(client);
    let _ = connection.await;
    done
}

impl Drop for Guard {
    fn drop(&mut self) {
        match self {
            Guard::Folder(folder) => drop(std::fs::remove_dir_all(folder)),
            Guard::Database(name) => {
                let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                // A thread of its own: the test's runtime is about to end.
                let dropping = std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build();
                    runtime.map(|runtime| runtime.block_on(on_server(&sql)))
                });
                let _ = dropping.join();
            }
        }
    }
}
