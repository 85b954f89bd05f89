//! PostgreSQL is slow, is cut off around a COMMIT, or refuses; a proxy makes it so.

use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use db::{Options, Scratch};

use super::buyers::{Buyers, borrowed, check_is_silent, make_boss, settings};
use super::proxy::{Fault, Proxy};
use crate::support::{Folder, Shop, eventually};

/// A shop whose database is behind a proxy.
struct Site {
    proxy: Proxy,
    shop: Shop,
    log: JoinHandle<String>,
    buyers: Buyers,
    /// Of the database itself.
    env: Vec<(&'static str, String)>,
    folder: Folder,
    scratch: Scratch,
}

impl Site {
    async fn open(people: usize, more: &[(&'static str, &str)]) -> Self {
        let set = std::env::vars().find(|(name, _)| name == "CARTWRIGHT_TEST_POSTGRES");
        let (_, url) =
            set.unwrap_or_else(|| panic!("CARTWRIGHT_TEST_POSTGRES is not set: run ./test"));
        let name = format!("cartwright_faults_{}", client::shop::run_name());
        let scratch = Scratch::create(&Options::new(url), &name).await.unwrap();
        let (user, rest) = scratch.url.split_once('@').unwrap();
        let (address, name) = rest.split_once('/').unwrap();
        let proxy = Proxy::before(address.parse::<SocketAddr>().unwrap());
        let mut env = settings(&scratch.url);
        env.extend(
            more.iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        let folder = Folder::new();
        make_boss(&folder, &borrowed(&env));
        let through = format!("{user}@{}/{name}?sslmode=disable", proxy.address);
        let mut behind = borrowed(&env);
        behind.push(("DATABASE_URL", &through));
        let shop = Shop::open(&folder, &behind);
        let log = shop.follow_log();
        let buyers = Buyers::at(shop.address, people).await;
        Self {
            proxy,
            shop,
            log,
            buyers,
            env,
            folder,
            scratch,
        }
    }

    /// All that must hold when it is over.
    async fn close(mut self) {
        self.proxy.heals();
        self.serves_again();
        self.buyers.audit().await;
        check_is_silent(&self.folder, &borrowed(&self.env));
        self.shop.signal("TERM");
        let log = self.log.join().unwrap();
        assert!(self.shop.wait().success());
        for word in ["panicked", "\"level\":\"ERROR\""] {
            assert!(!log.contains(word), "{log}");
        }
        self.scratch.remove().await.unwrap();
    }

    fn serves_again(&self) {
        eventually("the shop is ready", || {
            self.shop.get("/api/v1/readyz/").status == 200
        });
    }
}

const SOON: &str = "dependency_unavailable";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_commit_did_not_reach_the_database_comes_with_the_next_try() {
    let site = Site::open(1, &[]).await;
    site.buyers.puts_into_cart(2).await;

    site.proxy.breaks(Fault::CutBeforeCommit);
    let refused = site.buyers.asks_once("an order").await;
    site.proxy.heals();

    assert_eq!(refused.reason(), format!("503 {SOON}"));
    assert_eq!(
        (site.proxy.cut(), site.buyers.placed("an order").await),
        (1, 0)
    );
    let again = site.buyers.asks_once("an order").await;
    assert_eq!(
        (again.status, again.header("idempotency-replayed")),
        (201, None)
    );
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_commit_was_done_but_not_answered_is_there_once() {
    let site = Site::open(1, &[]).await;
    site.buyers.puts_into_cart(2).await;

    site.proxy.breaks(Fault::CutAfterCommit);
    let refused = site.buyers.asks_once("an order").await;
    site.proxy.heals();

    assert_eq!(refused.reason(), format!("503 {SOON}"));
    assert_eq!(
        (site.proxy.cut(), site.buyers.placed("an order").await),
        (1, 1)
    );
    let again = site.buyers.asks_once("an order").await;
    assert_eq!(
        (again.status, again.header("idempotency-replayed")),
        (201, Some("true"))
    );
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_refuses_every_request_is_told_to_come_again() {
    let site = Site::open(1, &[]).await;
    site.buyers.puts_into_cart(1).await;

    site.proxy.breaks(Fault::Refuse);

    for _ in 0..20 {
        let refused = site.buyers.asks_once("an order").await;
        assert_eq!(refused.reason(), format!("503 {SOON}"));
        for path in ["readyz/", "health/", "categories/", "products/999/"] {
            let answer = site.shop.get(&format!("/api/v1/{path}"));
            assert_eq!(answer.status, 503, "{path}");
            let head = answer.head.to_lowercase();
            assert!(head.contains("retry-after: "), "{path}: {head}");
        }
        assert_eq!(site.shop.get("/api/v1/livez/").status, 200);
    }
    site.proxy.heals();
    site.serves_again();
    assert_eq!(site.buyers.asks_once("an order").await.status, 201);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_does_not_answer_holds_nobody_longer_than_allowed() {
    let site = Site::open(1, &[("REQUEST_TIMEOUT", "3s")]).await;
    site.buyers.puts_into_cart(1).await;

    site.proxy.breaks(Fault::Slow(Duration::from_secs(3600)));
    let refused = site.buyers.asks_once("an order").await;
    site.proxy.heals();

    assert_eq!(refused.reason(), "503 timeout");
    site.serves_again();
    assert_eq!(site.buyers.asks_once("an order").await.status, 201);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_the_database_no_order_is_lost_doubled_or_made_up() {
    let site = Site::open(8, &[]).await;
    let answers = || site.buyers.counts.borrow().answers;
    let sabotage = async {
        loop {
            for fault in [
                Some(Fault::CutBeforeCommit),
                Some(Fault::CutAfterCommit),
                Some(Fault::Slow(Duration::from_millis(5))),
                Some(Fault::Refuse),
                None,
            ] {
                match fault {
                    Some(fault) => site.proxy.breaks(fault),
                    None => site.proxy.heals(),
                }
                let until = answers() + 20;
                while answers() < until {
                    tokio::task::yield_now().await;
                }
            }
        }
    };

    tokio::select! {
        () = site.buyers.order("storm", 120) => {}
        () = sabotage => {}
    }

    let counts = *site.buyers.counts.borrow();
    assert!(counts.replayed > 0 && counts.refused > 0, "{counts:?}");
    site.close().await;
}
