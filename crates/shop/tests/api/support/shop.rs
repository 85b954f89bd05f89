//! A whole shop for one test: its own database, a clock that stands still, and all layers.

use db::{Db, Engine};
use shop::app::App;
use shop::clock::Clock;
use shop::config::{Config, Sources};
use shop::http::{Front, Routes};

use super::client::Ask;
use super::databases::{self, Scratch};
use super::trips::Trips;
use super::watch_log::Watch;

/// 2026-03-01 12:00 UTC.
const NOON: i64 = 1_772_366_400_000_000;

pub const SECRET_KEY: &str = "a-secret-for-tests-of-at-least-32-bytes";

pub struct TestShop {
    pub app: App,
    pub clock: Clock,
    pub front: Front,
    _watch: Watch,
    // Dropped last: the app holds connections.
    scratch: Vec<Scratch>,
}

impl TestShop {
    pub async fn on(engine: Engine) -> Self {
        Self::with(engine, &[]).await
    }

    /// A shop with settings of its own: `("CART_MAX_LINES", "3")`.
    pub async fn with(engine: Engine, settings: &[(&str, &str)]) -> Self {
        let scratch = databases::scratch(engine).await;
        Self::of(app(&scratch, settings).await, vec![scratch])
    }

    /// A shop on PostgreSQL with one connection, of which each round trip is counted.
    pub async fn counting_trips(settings: &[(&str, &str)]) -> (Self, Trips) {
        let mut scratch = databases::scratch(Engine::Postgres).await;
        let url = scratch.options.url.clone();
        let server = url
            .split(['@', '/'])
            .find(|part| part.contains(':') && !part.ends_with(':'));
        let server = server.unwrap().to_owned();
        let (trips, proxy) = Trips::before(server.clone()).await;
        scratch.options.url = url.replacen(&server, &proxy, 1);
        scratch.options.pool_size = 1;
        let shop = Self::of(app(&scratch, settings).await, vec![scratch]);
        (shop, trips)
    }

    /// A shop on PostgreSQL whose replica hears of nothing.
    pub async fn beside_a_late_replica() -> Self {
        let replica = databases::scratch(Engine::Postgres).await;
        let mut scratch = databases::scratch(Engine::Postgres).await;
        scratch.options.read_url = Some(replica.options.url.clone());
        Self::of(app(&scratch, &[]).await, vec![scratch, replica])
    }

    /// How its database is reached.
    pub fn options(&self) -> db::Options {
        self.scratch[0].options.clone()
    }

    /// Another process on the same database, with the same clock.
    pub async fn another_node(&self) -> Self {
        self.node(self.app.config.clone()).await
    }

    /// The same, started with other settings.
    pub async fn another_node_with(&self, settings: &[(&str, &str)]) -> Self {
        self.node(config(settings)).await
    }

    async fn node(&self, config: Config) -> Self {
        Self::open(config, &self.options(), self.clock.clone()).await
    }

    pub(super) async fn open(config: Config, options: &db::Options, clock: Clock) -> Self {
        let db = Db::connect(options)
            .await
            .expect("the database opens twice");
        let app = App::new(config, db, clock).await;
        Self::of(app.expect("the second node starts"), Vec::new())
    }

    /// Closes the shop as a crash does, with whatever was on its way, and opens it on the same database.
    pub async fn reopen(&mut self) {
        let next = self.another_node().await;
        (self.app, self.front) = (next.app, next.front);
    }

    fn of(app: App, scratch: Vec<Scratch>) -> Self {
        TestShop {
            clock: app.clock.clone(),
            front: shop::http::front(app.clone()),
            app,
            _watch: Watch::start(),
            scratch,
        }
    }

    /// The same shop with other routes, for tests of the ground.
    pub fn serving(self, routes: Routes) -> Self {
        TestShop {
            front: shop::http::serve(self.app.clone(), vec![routes]),
            ..self
        }
    }

    pub fn get(&self, path: &str) -> Ask {
        Ask::new(&self.front, "GET", path)
    }

    pub fn post(&self, path: &str) -> Ask {
        Ask::new(&self.front, "POST", path)
    }

    pub fn put(&self, path: &str) -> Ask {
        Ask::new(&self.front, "PUT", path)
    }

    pub fn patch(&self, path: &str) -> Ask {
        Ask::new(&self.front, "PATCH", path)
    }

    pub fn delete(&self, path: &str) -> Ask {
        Ask::new(&self.front, "DELETE", path)
    }

    pub fn ask(&self, method: &str, path: &str) -> Ask {
        Ask::new(&self.front, method, path)
    }
}

async fn app(scratch: &Scratch, settings: &[(&str, &str)]) -> App {
    let db = Db::connect(&scratch.options)
        .await
        .expect("the database of the test opens");
    App::new(config(settings), db, Clock::fixed(NOON))
        .await
        .expect("the shop starts")
}

fn config(settings: &[(&str, &str)]) -> Config {
    let mut flags = vec![
        ("ENVIRONMENT", "testing"),
        ("SECRET_KEY", SECRET_KEY),
        ("PUBLIC_URL", "https://shop.test"),
        ("ALLOWED_HOSTS", "localhost,shop.test"),
        ("CORS_ALLOWED_ORIGINS", "https://front.test"),
    ];
    flags.extend_from_slice(settings);
    Config::from_sources(&Sources::from_flags(&flags)).expect("the settings of the test are valid")
}
