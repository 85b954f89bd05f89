//! Two PostgreSQL servers, one following the other (`synchronous_standby_names`): one of them is lost.

use std::time::Duration;

use super::cluster::Cluster;
use super::proxy::{Fault, Proxy};
use super::site::{Site, settings};
use crate::support::{Folder, cartwright};

/// A shop on a primary with a standby, behind an address that can lead to either.
struct Pair {
    site: Site,
    proxy: Proxy,
    _wire: Proxy,
    primary: Cluster,
    standby: Cluster,
    _folder: Folder,
}

impl Pair {
    async fn open(people: usize) -> Self {
        let folder = Folder::new();
        let primary = Cluster::primary(&folder);
        // What is committed reaches the standby late: who did not wait for it would lose orders.
        let wire = Proxy::before(primary.address);
        let standby = Cluster::standby(&folder, wire.address);
        wire.breaks(Fault::Slow(Duration::from_millis(20)));
        let proxy = Proxy::before(primary.address);
        let home = Folder::new();
        let through = format!(
            "postgres://postgres@{}/postgres?sslmode=disable",
            proxy.address
        );
        let env = settings(&[("DATABASE_URL", &*through), ("REQUEST_TIMEOUT", "5s")]);
        let mut serve = cartwright(&home, &["serve", "--port", "0"]);
        serve.envs(env.iter().cloned());
        let site = Site::open(home, env, &mut serve, people).await;
        Self {
            site,
            proxy,
            _wire: wire,
            primary,
            standby,
            _folder: folder,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_primary_takes_no_confirmed_order_with_it() {
    let mut pair = Pair::open(6).await;
    let buyers = &pair.site.buyers;
    let failover = async {
        buyers.until(|counts| counts.confirmed >= 40).await;
        pair.primary.kill();
        pair.proxy.leads_to(pair.standby.address);
        let before = buyers.counts();
        buyers
            .until(|counts| counts.refused >= before.refused + 20)
            .await;
        pair.standby.promote();
        buyers
            .until(|counts| counts.confirmed >= before.confirmed + 40)
            .await;
    };

    tokio::select! {
        () = buyers.order("order", usize::MAX) => {}
        () = failover => {}
    }

    pair.site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_standby_is_away_nothing_is_confirmed_and_nothing_is_lost() {
    let mut pair = Pair::open(1).await;
    let buyers = &pair.site.buyers;
    buyers.puts_into_cart(1).await;

    pair.standby.stop();
    let refused = buyers.asks_once("an order").await;
    pair.standby.is_back();

    assert_eq!(refused.reason(), "503 timeout");
    let again = buyers.insists_on("an order").await;
    assert_eq!(
        (again.status, again.header("idempotency-replayed")),
        (201, Some("true"))
    );
    pair.site.close().await;
}
