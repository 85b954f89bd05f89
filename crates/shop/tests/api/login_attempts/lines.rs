//! Many logins at once: those who wait for one account or one address leave room for all others.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::*;

both! {
    /// Who waits for the outcome of attempts that nobody finished takes no place that others need.
    async fn logins_of_one_address_that_wait_leave_room_for_others(shop: TestShop) {
        shop.customer("alice").await;
        let attacker = fresh_address();
        leave_pending(&shop, attacker, 5).await;
        let mut waiting: FuturesUnordered<_> = (0..90)
            .map(|n| {
                let (shop, name) = (&shop, format!("user{n}@example.org"));
                async move { try_from(shop, attacker, &name, "wrong password").await }
            })
            .collect();

        // Those that find the line full are told so at once.
        for _ in 0..20 {
            let refused = waiting.next().await.unwrap();
            assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("overloaded", "1"));
        }
        let answer = tokio::select! {
            answer = try_anywhere(&shop, "alice@example.org", PASSWORD) => answer,
            () = async { while waiting.next().await.is_some() {} } => panic!("they had to wait"),
        };
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    async fn logins_to_one_account_leave_room_for_others(shop: TestShop) {
        shop.customer("alice").await;
        shop.customer("mallory").await;
        let mut logins: FuturesUnordered<_> = (0..80)
            .map(|_| try_anywhere(&shop, "mallory@example.org", PASSWORD))
            .collect();

        let mut first = logins.next().await.unwrap();
        while first.status == 503 {
            first = logins.next().await.unwrap();
        }
        let (alice, rest) = tokio::join!(
            try_anywhere(&shop, "alice@example.org", PASSWORD),
            logins.map(|answer| answer.status.as_u16()).collect::<Vec<_>>(),
        );
        assert_eq!(alice.status, 200, "{}", alice.text());
        assert!(rest.iter().all(|status| [200, 503].contains(status)), "{rest:?}");
    }

    /// Whose address is jammed does not stand in the lines of accounts.
    async fn logins_of_one_address_do_not_fill_the_lines_of_accounts(shop: TestShop) {
        let alice = shop.customer("alice").await;
        let attacker = fresh_address();
        leave_pending(&shop, attacker, 5).await;
        // Past the gate are others; of those behind them, most are for alice.
        let others = (0..10).map(|n| format!("user{n}@example.org"));
        let mut waiting: FuturesUnordered<_> = others
            .chain(vec![alice.email.clone(); 19])
            .map(|name| {
                let shop = &shop;
                async move { try_from(shop, attacker, &name, "wrong password").await }
            })
            .collect();
        for _ in 0..8 {
            assert_eq!(waiting.next().await.unwrap().code(), "overloaded");
        }
        let answer = tokio::select! {
            answer = try_anywhere(&shop, &alice.email, PASSWORD) => answer,
            () = async { while waiting.next().await.is_some() {} } => panic!("they had to wait"),
        };
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// AU-11
    async fn those_who_are_known_wait_for_nobody_of_their_network(shop: TestShop) {
        let (alice, mallory) = (shop.customer("alice").await, shop.customer("mallory").await);
        let there = fresh_address();
        let device = async |email: &str| cookie(&try_from(&shop, there, email, PASSWORD).await);
        let (known, other) = (device(&alice.email).await, device(&mallory.email).await);
        let log_in = |email: &str, cookie: &str, password: &str| {
            let body = json!({"email": email, "password": password});
            shop.post(LOGIN).from(there).header("cookie", cookie.to_owned()).json(body).send()
        };
        let mut waiting: FuturesUnordered<_> = (0..60).map(|_| log_in(&mallory.email, &other, PASSWORD)).collect();
        while waiting.next().await.unwrap().status != 503 {}

        let again = beside(log_in(&alice.email, &known, PASSWORD), waiting).await;
        assert_eq!(again.status, 200, "{}", again.text());
    }

    /// AU-11
    async fn a_full_line_of_strangers_is_not_in_the_way_of_a_known_device(shop: TestShop) {
        let alice = shop.customer("alice").await;
        let known = cookie(&try_anywhere(&shop, &alice.email, PASSWORD).await);
        for _ in 0..3 {
            leave_pending_for(&shop, &format!("user:{}", alice.id), fresh_address()).await;
        }
        let mut waiting: FuturesUnordered<_> = (0..40)
            .map(|_| try_anywhere(&shop, &alice.email, "wrong password"))
            .collect();
        let refused = waiting.next().await.unwrap();
        assert_eq!(refused.code(), "overloaded");

        let body = json!({"email": alice.email, "password": PASSWORD});
        let from_there = shop.post(LOGIN).from(fresh_address()).header("cookie", known).json(body).send();
        let again = beside(from_there, waiting).await;
        assert_eq!(again.status, 200, "{}", again.text());
    }

    /// Who finds the shop busy may come again.
    async fn a_sign_up_that_is_refused_as_overloaded_is_not_counted(shop: TestShop) {
        let peer = fresh_address();
        let mut logins: FuturesUnordered<_> = (0..200)
            .map(|n| {
                let (shop, name) = (&shop, format!("user{n}@example.org"));
                async move { try_anywhere(shop, &name, "wrong password").await }
            })
            .collect();
        let sign_up = async |n: usize| {
            let body = json!({"email": format!("new{n}@example.org"), "password": PASSWORD});
            let answer = shop.post("/api/v1/auth/register/").from(peer).json(body).send().await;
            answer.status.as_u16()
        };
        // There is no room left now.
        while logins.next().await.unwrap().status != 503 {}
        let (mut seen, ()) = tokio::join!(
            join_all((0..20).map(sign_up)),
            async { while logins.next().await.is_some() {} },
        );
        assert!(seen.contains(&503), "{seen:?}");
        for n in 20..30 {
            seen.push(sign_up(n).await);
        }

        assert_eq!(seen.iter().filter(|status| **status == 201).count(), 10, "{seen:?}");
    }
}

/// What one is answered while the others go on.
async fn beside(
    one: impl Future<Output = Answer>,
    mut others: FuturesUnordered<impl Future>,
) -> Answer {
    let others = async {
        while others.next().await.is_some() {}
        std::future::pending().await
    };
    tokio::select! {
        answer = one => answer,
        answer = others => answer,
    }
}

/// Attempts whose clients hung up before they were decided.
async fn leave_pending(shop: &TestShop, peer: SocketAddr, many: usize) {
    for n in 0..many {
        leave_pending_for(shop, &format!("name:{n}"), peer).await;
    }
}

async fn leave_pending_for(shop: &TestShop, account: &str, peer: SocketAddr) {
    let sql = "INSERT INTO login_attempts (at, email_key, ip, user_agent, outcome, account_bucket, address_bucket) \
        VALUES ($1, '', $2, '', 'pending', $3, $4)";
    let (now, ip) = (shop.clock.now(), peer.ip().to_string());
    let address = format!("address:{ip}");
    let args = db::args![now, ip, account, address];
    let tx = shop.app.db.begin().await.unwrap();
    tx.execute(sql, args).await.unwrap();
    tx.commit().await.unwrap();
}
