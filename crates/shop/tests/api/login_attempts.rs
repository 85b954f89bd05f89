//! Guessing passwords: what is counted, against whom, and who is never in the way.

mod lines;

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Answer, PASSWORD, Person, TestShop, fresh_address};

const LOGIN: &str = "/api/v1/auth/login/";
const MINUTE: Duration = Duration::from_secs(60);

async fn try_from(shop: &TestShop, peer: SocketAddr, name: &str, password: &str) -> Answer {
    let body = json!({"email": name, "password": password});
    shop.post(LOGIN).from(peer).json(body).send().await
}

/// From an address that was not seen before.
async fn try_anywhere(shop: &TestShop, name: &str, password: &str) -> Answer {
    try_from(shop, fresh_address(), name, password).await
}

async fn lock(shop: &TestShop, name: &str) {
    for _ in 0..3 {
        assert_wrong(&try_anywhere(shop, name, "wrong password").await);
    }
}

#[track_caller]
fn assert_wrong(answer: &Answer) {
    assert_eq!(answer.code(), "invalid_credentials", "{}", answer.text());
}

#[track_caller]
fn assert_locked(answer: &Answer) {
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (429, "login_locked".to_owned()),
        "{}",
        answer.text()
    );
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=900).contains(&wait), "{wait}");
}

/// The cookie that an answer set, as a request sends it.
fn cookie(answer: &Answer) -> String {
    let all = answer
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().unwrap());
    let known = all
        .filter(|value| value.starts_with("known_device="))
        .collect::<Vec<_>>();
    assert_eq!(known.len(), 1, "{known:?}");
    assert!(
        known[0].contains("; HttpOnly")
            && known[0].contains("; SameSite=")
            && known[0].ends_with("; Secure")
    );
    known[0].split(';').next().unwrap().to_owned()
}

async fn outcomes(shop: &TestShop) -> Vec<(String, Option<String>, bool)> {
    let sql = "SELECT outcome, reason, user_id IS NOT NULL FROM login_attempts ORDER BY id";
    shop.app
        .db
        .read()
        .await
        .unwrap()
        .all(sql, &[])
        .await
        .unwrap()
}

both! {
    /// AU-06
    async fn three_failures_lock_an_account_for_fifteen_minutes_even_for_the_right_password(shop: TestShop) {
        shop.customer("alice").await;
        lock(&shop, "alice@example.org").await;

        let refused = try_anywhere(&shop, "Alice@Example.org", PASSWORD).await;
        assert_locked(&refused);
        assert_eq!(refused.header("retry-after"), "900");
        shop.clock.advance(14 * MINUTE);
        let refused = try_anywhere(&shop, "alice@example.org", PASSWORD).await;
        assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("login_locked", "60"));
        shop.clock.advance(MINUTE);
        assert_eq!(try_anywhere(&shop, "alice@example.org", PASSWORD).await.status, 200);
    }

    /// AU-06
    async fn accounts_that_do_not_exist_are_locked_alike(shop: TestShop) {
        for name in ["nobody@example.org", "nobody"] {
            lock(&shop, name).await;
            assert_locked(&try_anywhere(&shop, name, PASSWORD).await);
        }
    }

    /// AU-05
    async fn a_wrong_password_and_an_unknown_account_are_answered_alike(shop: TestShop) {
        shop.customer("alice").await;
        let ask = async |name: &str| {
            let body = json!({"email": name, "password": "wrong password"});
            let ask = shop.post(LOGIN).from(fresh_address()).header("x-request-id", "same").json(body);
            let answer = ask.send().await;
            let headers: Vec<_> = answer.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            (answer.status, headers.into_iter().filter(|(name, _)| name != "ratelimit").collect::<Vec<_>>(), answer.body)
        };
        for _ in 0..4 {
            assert_eq!(ask("alice@example.org").await, ask("nobody@example.org").await);
        }
    }

    /// AU-05
    async fn a_wrong_password_costs_the_same_work_whoever_it_is(shop: TestShop) {
        shop.customer("alice").await;
        let closed = shop.customer("closed").await;
        let admin = shop.admin().await;
        let body = json!({"is_active": false});
        shop.patch(&format!("/api/v1/admin/users/{}/", closed.id)).by(&admin).json(body).expect(200).await;
        let mut work = Vec::new();
        for name in ["alice@example.org", "nobody@example.org", "closed@example.org", "ALICE@example.org", "no-user-name"] {
            let before = shop.app.accounts.hashing_work();
            try_anywhere(&shop, name, "wrong password").await;
            work.push(shop.app.accounts.hashing_work() - before);
        }
        // Two passes over 19 MiB.
        assert_eq!(work, [2 * 19 * 1024; 5]);
    }

    async fn an_account_has_one_lock_under_all_its_names(shop: TestShop) {
        let body = json!({"email": "ann@example.org", "username": "ann", "password": PASSWORD});
        shop.post("/api/v1/auth/register/").json(body).expect(201).await;
        for name in ["ann", "ANN@example.org", "ann@EXAMPLE.org"] {
            assert_wrong(&try_anywhere(&shop, name, "wrong password").await);
        }
        assert_locked(&try_anywhere(&shop, "Ann", PASSWORD).await);
    }

    /// AU-07
    async fn five_failures_lock_an_address_and_no_other(shop: TestShop) {
        shop.customer("alice").await;
        let attacker = fresh_address();
        for n in 0..5 {
            assert_wrong(&try_from(&shop, attacker, &format!("user{n}@example.org"), "wrong password").await);
        }
        assert_locked(&try_from(&shop, attacker, "alice@example.org", PASSWORD).await);
        assert_eq!(try_anywhere(&shop, "alice@example.org", PASSWORD).await.status, 200);
    }

    /// An own account must not buy guesses at others.
    async fn a_success_is_forgiven_to_the_account_and_not_to_the_address(shop: TestShop) {
        shop.customer("mallory").await;
        let attacker = fresh_address();
        for n in 0..5 {
            assert_wrong(&try_from(&shop, attacker, &format!("user{n}@example.org"), "wrong password").await);
            if n < 4 {
                assert_eq!(try_from(&shop, attacker, "mallory@example.org", PASSWORD).await.status, 200);
            }
        }
        assert_locked(&try_from(&shop, attacker, "mallory@example.org", PASSWORD).await);
    }

    async fn a_success_starts_the_account_anew(shop: TestShop) {
        shop.customer("alice").await;
        for _ in 0..4 {
            for _ in 0..2 {
                assert_wrong(&try_anywhere(&shop, "alice@example.org", "wrong password").await);
            }
            assert_eq!(try_anywhere(&shop, "alice@example.org", PASSWORD).await.status, 200);
        }
    }

    /// AU-09
    async fn no_spelling_of_a_request_gets_around_the_lock(shop: TestShop) {
        shop.customer("alice").await;
        lock(&shop, "alice@example.org").await;
        let body = json!({"email": " ALICE@example.org ", "username": "x", "password": PASSWORD, "extra": "y"});
        for path in [LOGIN, "/api/v1/auth/login", "/api/auth/login/", "/api/token/", "/api/v1/token"] {
            assert_locked(&shop.post(path).from(fresh_address()).json(body.clone()).send().await);
        }
        for path in ["/api/v1/auth/Login/", "/api/v1//auth/login/", "/api/v1/auth/%6cogin/"] {
            let answer = shop.post(path).from(fresh_address()).json(body.clone()).send().await;
            assert!([404, 405, 429].contains(&answer.status.as_u16()), "{}", answer.text());
        }
    }

    /// AU-09
    async fn forwarding_headers_of_strangers_do_not_change_their_address(shop: TestShop) {
        let attacker = fresh_address();
        for n in 0..7 {
            let body = json!({"email": format!("user{n}@example.org"), "password": "wrong password"});
            let mut ask = shop.post(LOGIN).from(attacker).json(body);
            for name in ["x-forwarded-for", "x-real-ip", "forwarded"] {
                ask = ask.header(name, format!("192.0.2.{n}"));
            }
            let answer = ask.send().await;
            if n < 5 { assert_wrong(&answer) } else { assert_locked(&answer) }
        }
    }

    async fn behind_a_trusted_proxy_the_client_counts_and_not_the_proxy(shop: TestShop) {
        let shop = TestShop::with(shop.app.db.engine(), &[("TRUSTED_PROXIES", "10.0.0.0/8")]).await;
        let proxy = fresh_address();
        let from = async |client: &str, n: usize| {
            let body = json!({"email": format!("user{n}@example.org"), "password": "wrong password"});
            shop.post(LOGIN).from(proxy).header("x-forwarded-for", client).json(body).send().await
        };
        for n in 0..5 {
            assert_wrong(&from(&format!("6.6.6.{n}, 203.0.113.9"), n).await);
        }
        assert_locked(&from("203.0.113.9", 5).await);
        assert_wrong(&from("203.0.113.10", 6).await);
    }

    /// AU-10
    async fn a_network_of_ipv6_is_one_address(shop: TestShop) {
        let peer = |n: u16| SocketAddr::new(format!("2001:db8:7:7::{n:x}").parse().unwrap(), 1);
        for n in 0..5 {
            assert_wrong(&try_from(&shop, peer(n), &format!("user{n}@example.org"), "wrong password").await);
        }
        assert_locked(&try_from(&shop, peer(99), "user9@example.org", "wrong password").await);
        let other = "[2001:db8:7:8::1]:1".parse().unwrap();
        assert_wrong(&try_from(&shop, other, "user9@example.org", "wrong password").await);
    }

    /// AU-11
    async fn a_lock_harms_neither_a_live_session_nor_a_known_device(shop: TestShop) {
        let alice = shop.customer("alice").await;
        let signed_in = try_anywhere(&shop, "alice@example.org", PASSWORD).await;
        let known = cookie(&signed_in);
        lock(&shop, "alice@example.org").await;
        let with = async |cookie: &str, name: &str, password: &str| {
            let body = json!({"email": name, "password": password});
            shop.post(LOGIN).from(fresh_address()).header("cookie", cookie).json(body).send().await
        };

        shop.get("/api/v1/auth/profile/").by(&alice).expect(200).await;
        shop.post("/api/v1/auth/refresh/").json(json!({"refresh": alice.refresh})).expect(200).await;
        assert_locked(&try_anywhere(&shop, "alice@example.org", PASSWORD).await);
        assert_eq!(with(&known, "alice@example.org", PASSWORD).await.status, 200);

        // Its own bucket is one of three, too, and only for that account.
        for _ in 0..3 {
            assert_wrong(&with(&known, "alice@example.org", "wrong password").await);
        }
        assert_locked(&with(&known, "alice@example.org", PASSWORD).await);
        shop.customer("bob").await;
        lock(&shop, "bob@example.org").await;
        assert_locked(&with(&known, "bob@example.org", PASSWORD).await);
        assert_locked(&with(&known.replace('=', "=A"), "bob@example.org", PASSWORD).await);
    }

    /// AU-11
    async fn strangers_cannot_keep_somebody_from_saying_the_password_again(shop: TestShop) {
        let alice = shop.customer("alice").await;
        let other = shop.sign_in(&alice.email).await;
        let stranger = fresh_address();
        for n in 0..5 {
            assert_wrong(&try_from(&shop, stranger, &format!("user{n}@example.org"), "wrong password").await);
        }
        lock(&shop, "alice@example.org").await;
        let change = async |by: &Person, old: &str, new: &str| {
            let body = json!({"old_password": old, "new_password": new});
            shop.post("/api/v1/auth/change-password/").by(by).from(stranger).json(body).send().await
        };
        let export = async |by: &Person, password: &str| {
            let body = json!({"current_password": password});
            shop.post("/api/v1/auth/profile/export/").by(by).from(stranger).json(body).send().await
        };

        // The session's own places: three wrong ones lock it, and no other.
        for answer in [change(&alice, "wrong password", "Another-77").await, export(&alice, "wrong password").await] {
            assert_eq!(answer.status, 400, "{}", answer.text());
        }
        assert_eq!(change(&alice, "wrong password", "Another-77").await.faulty(), ["old_password"]);
        assert_locked(&change(&alice, PASSWORD, "Another-77").await);
        assert_locked(&export(&alice, PASSWORD).await);
        assert_locked(&try_anywhere(&shop, "alice@example.org", PASSWORD).await);
        assert_eq!(export(&other, PASSWORD).await.status, 200);
        assert_eq!(change(&other, PASSWORD, "Another-77").await.status, 200);
    }

    async fn a_burst_gets_no_more_guesses_than_a_patient_attacker(shop: TestShop) {
        shop.customer("alice").await;
        let answers = join_all((0..12).map(|_| try_anywhere(&shop, "alice@example.org", "wrong password"))).await;
        let looked_at = answers.iter().filter(|answer| answer.code() == "invalid_credentials").count();
        assert_eq!(looked_at, 3);
        answers.iter().filter(|answer| answer.status != 400).for_each(assert_locked);
    }

    async fn many_right_passwords_at_once_are_all_let_in(shop: TestShop) {
        shop.customer("alice").await;
        let peer = fresh_address();
        let answers = join_all((0..12).map(|_| try_from(&shop, peer, "alice@example.org", PASSWORD))).await;
        assert!(answers.iter().all(|answer| answer.status == 200));
    }

    async fn each_attempt_is_recorded_with_its_outcome_and_reason(shop: TestShop) {
        shop.customer("alice").await;
        try_anywhere(&shop, "nobody@example.org", "wrong password").await;
        lock(&shop, "alice@example.org").await;
        try_anywhere(&shop, "alice@example.org", PASSWORD).await;
        shop.clock.advance(15 * MINUTE);
        try_anywhere(&shop, "alice@example.org", PASSWORD).await;

        let row = |outcome: &str, reason: Option<&str>, known| (outcome.to_owned(), reason.map(str::to_owned), known);
        let wrong = row("failed", Some("wrong_password"), true);
        assert_eq!(outcomes(&shop).await, [
            row("failed", Some("unknown_account"), false), wrong.clone(), wrong.clone(), wrong,
            row("locked", Some("account"), true), row("succeeded", None, true),
        ]);
    }

    /// What is typed into the wrong field may be a password.
    async fn what_is_no_address_is_not_kept(shop: TestShop) {
        try_anywhere(&shop, "my-secret-password", "alice").await;
        let kept: Vec<(String, String)> = shop.app.db.read().await.unwrap()
            .all("SELECT email_key, account_bucket FROM login_attempts", &[]).await.unwrap();
        assert!(kept[0].0.is_empty() && !kept[0].1.contains("secret"), "{kept:?}");
    }

    async fn old_attempts_are_forgotten(shop: TestShop) {
        try_anywhere(&shop, "nobody@example.org", "wrong password").await;
        shop.clock.advance(91 * 24 * 60 * MINUTE);
        let swept = shop::housekeeping::sweep(&shop.app).await.unwrap();
        assert_eq!(swept.login_attempts, 1);
    }

    async fn sign_ups_are_ten_an_hour_an_address(shop: TestShop) {
        let peer = fresh_address();
        let sign_up = async |n: usize, peer| {
            let body = json!({"email": format!("user{n}@example.org"), "password": PASSWORD});
            shop.post("/api/v1/auth/register/").from(peer).json(body).send().await
        };
        for n in 0..10 {
            assert_eq!(sign_up(n, peer).await.status, 201);
        }
        let refused = sign_up(10, peer).await;
        assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("rate_limited", "3600"));
        assert_eq!(sign_up(11, fresh_address()).await.status, 201);
        shop.clock.advance(60 * MINUTE);
        assert_eq!(sign_up(12, peer).await.status, 201);
    }

    /// What does not compress is too long for an index of PostgreSQL.
    async fn a_name_that_nobody_can_have_is_refused_where_it_stands(shop: TestShop) {
        let admin = shop.admin().await;
        let long = format!("a@{}", random_letters(6000));
        for field in ["email", "username"] {
            let body = json!({field: long, "password": PASSWORD});
            let refused = shop.post(LOGIN).json(body).expect(400).await;
            assert_eq!((refused.faulty(), &refused.json()["errors"][0]["code"]), (vec![field.to_owned()], &json!("max_length")));
        }
        let unlock = "/api/v1/admin/security/unlock/";
        let refused = shop.post(unlock).by(&admin).json(json!({"email": long})).expect(400).await;
        assert_eq!(refused.faulty(), ["email"]);
        assert!(outcomes(&shop).await.iter().all(|(outcome, ..)| outcome == "succeeded"));

        // The longest that is looked at.
        let longest = format!("a@{}", random_letters(252));
        assert_wrong(&try_anywhere(&shop, &longest, "wrong password").await);
        shop.post(unlock).by(&admin).json(json!({"email": longest})).expect(200).await;
        // Of the most bytes.
        let wide: String = random_letters(252).chars().map(|c| char::from_u32(0x2_0000 + u32::from(c)).unwrap()).collect();
        assert_wrong(&try_anywhere(&shop, &format!("a@{wide}"), "wrong password").await);
    }
}

fn random_letters(many: usize) -> String {
    let mut state = 88_172_645_463_325_252_u64;
    let letter = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'a' + u8::try_from(state % 26).unwrap())
    };
    (0..many).map(letter).collect()
}
