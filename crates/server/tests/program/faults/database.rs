//! PostgreSQL is slow, is cut off around a COMMIT, or refuses; a proxy makes it so.

use std::time::Duration;

use db::Scratch;

use super::proxy::{Fault, Proxy};
use super::site::{Site, scratch, settings};
use crate::support::{Folder, cartwright};

/// A shop whose database is behind a proxy.
struct Behind {
    site: Site,
    proxy: Proxy,
    scratch: Scratch,
}

impl Behind {
    async fn open(people: usize, more: &[(&'static str, &str)]) -> Self {
        let scratch = scratch().await;
        let (user, rest) = scratch.url.split_once('@').unwrap();
        let (address, name) = rest.split_once('/').unwrap();
        let proxy = Proxy::before(address.parse().unwrap());
        let through = format!("{user}@{}/{name}?sslmode=disable", proxy.address);
        let (folder, mut env) = (Folder::new(), settings(more));
        let mut serve = cartwright(&folder, &["serve", "--port", "0"]);
        serve.envs(env.iter().cloned()).env("DATABASE_URL", through);
        env.push(("DATABASE_URL", scratch.url.clone()));
        let site = Site::open(folder, env, &mut serve, people).await;
        Self {
            site,
            proxy,
            scratch,
        }
    }

    async fn close(self) {
        self.proxy.heals();
        let log = self.site.close().await;
        assert!(!log.contains("\"level\":\"ERROR\""), "{log}");
        self.scratch.remove().await.unwrap();
    }
}

const SOON: &str = "dependency_unavailable";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_commit_did_not_reach_the_database_comes_with_the_next_try() {
    let shop = Behind::open(1, &[]).await;
    shop.site.buyers.puts_into_cart(2).await;

    shop.proxy.breaks(Fault::CutBeforeCommit);
    let refused = shop.site.buyers.asks_once("an order").await;
    shop.proxy.heals();

    assert_eq!(refused.reason(), format!("503 {SOON}"));
    assert_eq!(
        (shop.proxy.cut(), shop.site.buyers.placed("an order").await),
        (1, 0)
    );
    let again = shop.site.buyers.insists_on("an order").await;
    assert_eq!(
        (again.status, again.header("idempotency-replayed")),
        (201, None)
    );
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_commit_was_done_but_not_answered_is_there_once() {
    let shop = Behind::open(1, &[]).await;
    shop.site.buyers.puts_into_cart(2).await;

    shop.proxy.breaks(Fault::CutAfterCommit);
    let refused = shop.site.buyers.asks_once("an order").await;
    shop.proxy.heals();

    assert_eq!(refused.reason(), format!("503 {SOON}"));
    assert_eq!(
        (shop.proxy.cut(), shop.site.buyers.placed("an order").await),
        (1, 1)
    );
    let again = shop.site.buyers.insists_on("an order").await;
    assert_eq!(
        (again.status, again.header("idempotency-replayed")),
        (201, Some("true"))
    );
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_refuses_every_request_is_told_to_come_again() {
    let shop = Behind::open(1, &[]).await;
    shop.site.buyers.puts_into_cart(1).await;

    shop.proxy.breaks(Fault::Refuse);

    for _ in 0..20 {
        let refused = shop.site.buyers.asks_once("an order").await;
        assert_eq!(refused.reason(), format!("503 {SOON}"));
        for path in ["readyz/", "health/", "categories/", "products/999/"] {
            let answer = shop.site.shop.get(&format!("/api/v1/{path}"));
            assert_eq!(answer.status, 503, "{path}");
            let head = answer.head.to_lowercase();
            assert!(head.contains("retry-after: "), "{path}: {head}");
        }
        assert_eq!(shop.site.shop.get("/api/v1/livez/").status, 200);
    }
    shop.proxy.heals();
    shop.site.is_ready();
    shop.site.buyers.insists_on("an order").await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_does_not_answer_holds_nobody_longer_than_allowed() {
    let shop = Behind::open(1, &[("REQUEST_TIMEOUT", "3s")]).await;
    shop.site.buyers.puts_into_cart(1).await;

    shop.proxy.breaks(Fault::Slow(Duration::from_secs(3600)));
    let refused = shop.site.buyers.asks_once("an order").await;
    shop.proxy.heals();

    assert_eq!(refused.reason(), "503 timeout");
    shop.site.is_ready();
    shop.site.buyers.insists_on("an order").await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_the_database_no_order_is_lost_doubled_or_made_up() {
    let shop = Behind::open(8, &[]).await;
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
                    Some(fault) => shop.proxy.breaks(fault),
                    None => shop.proxy.heals(),
                }
                let enough = shop.site.buyers.counts().answers + 20;
                shop.site
                    .buyers
                    .until(|counts| counts.answers >= enough)
                    .await;
            }
        }
    };

    tokio::select! {
        () = shop.site.buyers.order("storm", 120) => {}
        () = sabotage => {}
    }

    let counts = shop.site.buyers.counts();
    assert!(counts.replayed > 0 && counts.refused > 0, "{counts:?}");
    shop.close().await;
}
