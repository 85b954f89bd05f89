//! The limits by address, on one node and on several that share a Redis.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::support::{Answer, PASSWORD, TestShop, fresh_address};

const HEALTH: &str = "/api/v1/categories/";

/// A network of IPv6 that no other run of the tests has used: Redis may outlive them.
fn fresh_network() -> SocketAddr {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    bytes[..2].copy_from_slice(&[0x20, 0x01]);
    SocketAddr::new(std::net::Ipv6Addr::from(bytes).into(), 1)
}

async fn ask(shop: &TestShop, peer: SocketAddr) -> Answer {
    shop.get(HEALTH).from(peer).send().await
}

async fn sign_up(shop: &TestShop, peer: SocketAddr, n: usize) -> u16 {
    let body = json!({"email": format!("user{n}@example.org"), "password": PASSWORD});
    shop.post("/api/v1/auth/register/")
        .from(peer)
        .json(body)
        .send()
        .await
        .status
        .as_u16()
}

/// What the wire does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Pass,
    Cut,
    Stall,
}

/// The real Redis behind a wire that can be cut.
struct Redis {
    url: String,
    wire: watch::Sender<Wire>,
}

async fn redis() -> Redis {
    let set = std::env::vars().find(|(name, _)| name == "CARTWRIGHT_TEST_REDIS");
    let (_, real) =
        set.expect("CARTWRIGHT_TEST_REDIS is not set: run ./test, which starts a Redis");
    let real = real.trim_start_matches("redis://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let (wire, state) = watch::channel(Wire::Pass);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (mut state, real) = (state.clone(), real.clone());
            tokio::spawn(async move {
                if *state.borrow() == Wire::Cut {
                    return;
                }
                let mut server = TcpStream::connect(real).await.unwrap();
                tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut server) => {}
                    _ = state.wait_for(|wire| *wire != Wire::Pass) => {}
                }
                // Stalled: the connection stays and says nothing.
                let _ = state.wait_for(|wire| *wire != Wire::Stall).await;
            });
        }
    });
    Redis { url, wire }
}

both! {
    async fn requests_of_an_address_are_limited_and_told(shop: TestShop) {
        let shop = TestShop::with(shop.app.db.engine(), &[("RATE_LIMIT", "3/m")]).await;
        let peer = fresh_address();
        for left in ["2", "1", "0"] {
            let answer = ask(&shop, peer).await;
            assert_eq!(answer.status, 200);
            assert!(answer.header("ratelimit").starts_with(&format!("\"client\";r={left};t=")), "{}", answer.header("ratelimit"));
            assert_eq!(answer.header("ratelimit-policy"), "\"client\";q=3;w=60");
        }
        let refused = ask(&shop, peer).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str(), refused.header("retry-after")), (429, "rate_limited", "20"));
        assert_eq!(ask(&shop, fresh_address()).await.status, 200);
        for probe in ["/livez", "/api/v1/readyz/"] {
            let answer = shop.get(probe).from(peer).expect(200).await;
            assert_eq!((answer.header("ratelimit"), answer.header("ratelimit-policy")), ("", ""), "nothing is counted");
        }
        shop.clock.advance(Duration::from_secs(20));
        assert_eq!(ask(&shop, peer).await.status, 200);
        assert_eq!(ask(&shop, peer).await.status, 429);
    }

    async fn without_a_limit_nothing_is_told(shop: TestShop) {
        let shop = TestShop::with(shop.app.db.engine(), &[("RATE_LIMIT", "off")]).await;
        assert_eq!(ask(&shop, fresh_address()).await.header("ratelimit"), "");
    }

    async fn nodes_with_a_redis_count_together(shop: TestShop) {
        let redis = redis().await;
        let settings = [("RATE_LIMIT", "4/m"), ("REDIS_URL", &*redis.url)];
        let (one, two) = (TestShop::with(shop.app.db.engine(), &settings).await, TestShop::with(shop.app.db.engine(), &settings).await);
        let peer = fresh_network();

        assert_eq!(ask(&one, peer).await.header("ratelimit"), "\"client\";r=3;t=15");
        assert_eq!(ask(&two, peer).await.header("ratelimit"), "\"client\";r=2;t=30");
        assert_eq!([ask(&one, peer).await.status, ask(&two, peer).await.status], [200, 200]);
        let refused = ask(&two, peer).await;
        assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("rate_limited", "15"));
        assert_eq!(ask(&one, peer).await.status, 429);

        let lifted = [("RATE_LIMIT", "off"), ("REDIS_URL", &*redis.url)];
        let (one, two) = (TestShop::with(shop.app.db.engine(), &lifted).await, TestShop::with(shop.app.db.engine(), &lifted).await);
        for n in 0..10 {
            assert_eq!(sign_up(if n < 4 { &one } else { &two }, peer, n).await, 201, "{n}");
        }
        assert_eq!([sign_up(&one, peer, 10).await, sign_up(&two, peer, 11).await], [429, 429]);
        one.clock.advance(Duration::from_secs(3600));
        assert_eq!(sign_up(&one, peer, 12).await, 201);
    }

    /// DO-14
    async fn when_redis_is_away_each_node_counts_for_itself(shop: TestShop) {
        let redis = redis().await;
        let settings = [("RATE_LIMIT", "off"), ("REDIS_URL", &*redis.url)];
        let shop = TestShop::with(shop.app.db.engine(), &settings).await;
        for (turn, how) in [Wire::Cut, Wire::Stall].into_iter().enumerate() {
            redis.wire.send_replace(Wire::Pass);
            let peer = fresh_network();
            for n in 0..6 {
                assert_eq!(sign_up(&shop, peer, 1000 * turn + n).await, 201);
            }
            redis.wire.send_replace(how);
            for n in 6..10 {
                assert_eq!(sign_up(&shop, peer, 1000 * turn + n).await, 201);
            }
            assert_eq!(sign_up(&shop, peer, 1000 * turn + 10).await, 429);

            // Failed logins are counted in the database.
            let name = format!("nobody{turn}@example.org");
            for expected in [400, 400, 400, 429] {
                let body = json!({"email": name, "password": "wrong password"});
                shop.post("/api/v1/auth/login/").from(fresh_network()).json(body).expect(expected).await;
            }
        }
    }

    async fn a_redis_that_was_never_there_stands_in_nobodys_way(shop: TestShop) {
        let settings = [("RATE_LIMIT", "2/m"), ("REDIS_URL", "redis://127.0.0.1:1")];
        let shop = TestShop::with(shop.app.db.engine(), &settings).await;
        let peer = fresh_address();
        let statuses = [ask(&shop, peer).await.status, ask(&shop, peer).await.status, ask(&shop, peer).await.status];
        assert_eq!(statuses, [200, 200, 429]);
    }
}
