//! What tokens are worth, and how sessions end.

use super::*;

both! {
    /// TK-01, TK-03, TK-04, TK-12
    async fn only_a_live_access_token_opens_anything(shop: TestShop) {
        let Tokens { access, refresh: refresh_token } = sign_up(&shop, "ann@example.com").await;
        let parts: Vec<&str> = access.split('.').collect();
        let with = |header: &str, signature: &str| {
            format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode(header), parts[1])
        };

        for token in [
            with(r#"{"alg":"none","typ":"at+jwt"}"#, ""),
            with(r#"{"alg":"None","typ":"at+jwt"}"#, parts[2]),
            with(r#"{"typ":"at+jwt"}"#, parts[2]),
            with(r#"{"alg":"HS512","typ":"at+jwt"}"#, parts[2]),
            with(r#"{"alg":"HS256","typ":"at+jwt","kid":"../../dev/null"}"#, parts[2]),
            with(r#"{"alg":"HS256","typ":"at+jwt","jku":"http://127.0.0.1:1/keys"}"#, parts[2]),
            format!("{access}x"),
            refresh_token.clone(),
            "x".repeat(5_000),
        ] {
            let answer = profile(&shop, &token).await;
            assert_refused(&answer, 401, "token_invalid");
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
        assert_refused(&refresh(&shop, &access).await, 401, "token_invalid");
        assert_refused(&shop.get(PROFILE).send().await, 401, "not_authenticated");
        let in_query = shop.get(&format!("{PROFILE}?token={access}&access_token={access}")).send().await;
        assert_refused(&in_query, 401, "not_authenticated");
        assert_eq!(profile(&shop, &access).await.status, 200);

        shop.clock.advance(Duration::from_secs(15 * 60 + 6));
        assert_refused(&profile(&shop, &access).await, 401, "token_expired");
    }

    async fn refreshing_rotates_and_a_lost_answer_can_be_asked_for_again(shop: TestShop) {
        let first = sign_up(&shop, "ann@example.com").await.refresh;

        let at_once = join_all((0..8).map(|_| refresh(&shop, &first))).await;
        shop.clock.advance(Duration::from_secs(10));
        let late = tokens(&refresh(&shop, &first).await);

        assert_ne!(late.refresh, first);
        assert!(at_once.iter().all(|answer| tokens(answer).refresh == late.refresh));
        assert_eq!(profile(&shop, &late.access).await.status, 200);
        assert_eq!(refresh(&shop, &late.refresh).await.status, 200);
    }

    /// TK-05
    async fn a_refresh_token_used_twice_ends_the_family(shop: TestShop) {
        for (email, late) in [("late@example.com", true), ("early@example.com", false)] {
            let first = sign_up(&shop, email).await.refresh;
            let second = tokens(&refresh(&shop, &first).await);
            let newest = if late {
                shop.clock.advance(Duration::from_secs(11));
                second.refresh
            } else {
                tokens(&refresh(&shop, &second.refresh).await).refresh
            };

            let reused = refresh(&shop, &first).await;

            assert_refused(&reused, 401, "token_reused");
            assert_refused(&refresh(&shop, &newest).await, 401, "token_revoked");
            assert_refused(&refresh(&shop, &first).await, 401, "token_revoked");
            assert_refused(&profile(&shop, &second.access).await, 401, "token_revoked");
            assert_eq!(log_in(&shop, email, PASSWORD).await.status, 200);
        }
        let admin = shop.admin().await;
        let noted = shop.get("/api/v1/admin/audit-log/?action=session.token_reused").by(&admin).expect(200).await.json();
        assert_eq!((&noted["count"], &noted["results"][0]["after"]["ended"]), (&json!(2), &json!(true)));
    }

    /// TK-13
    async fn a_session_cannot_be_refreshed_for_ever(shop: TestShop) {
        let six_days = Duration::from_secs(6 * 24 * 60 * 60);
        let mut token = sign_up(&shop, "ann@example.com").await.refresh;
        for _ in 0..4 {
            shop.clock.advance(six_days);
            token = tokens(&refresh(&shop, &token).await).refresh;
        }

        shop.clock.advance(six_days);

        assert_refused(&refresh(&shop, &token).await, 401, "token_expired");
    }

    async fn a_refresh_token_that_lay_idle_expires(shop: TestShop) {
        let token = sign_up(&shop, "ann@example.com").await.refresh;
        shop.clock.advance(Duration::from_secs(7 * 24 * 60 * 60));
        assert_refused(&refresh(&shop, &token).await, 401, "token_expired");
    }

    /// TK-07
    async fn logging_out_ends_the_session_at_once(shop: TestShop) {
        sign_up(&shop, "ann@example.com").await;
        for field in ["refresh", "refresh_token"] {
            let here = session(&shop, "ann@example.com").await;
            let elsewhere = session(&shop, "ann@example.com").await;
            assert_eq!(profile(&shop, &here.access).await.status, 200);

            shop.post(LOGOUT).bearer(&here.access).json(json!({field: here.refresh})).expect(200).await;

            assert_refused(&profile(&shop, &here.access).await, 401, "token_revoked");
            assert_refused(&refresh(&shop, &here.refresh).await, 401, "token_revoked");
            assert_eq!(profile(&shop, &elsewhere.access).await.status, 200);
        }
    }

    async fn either_token_is_enough_to_log_out(shop: TestShop) {
        sign_up(&shop, "ann@example.com").await;
        let path = "/api/users/logout/";

        let by_access = session(&shop, "ann@example.com").await;
        shop.post(path).bearer(&by_access.access).expect(200).await;
        assert_refused(&profile(&shop, &by_access.access).await, 401, "token_revoked");

        let by_refresh = session(&shop, "ann@example.com").await;
        shop.post(path).json(json!({"refresh": by_refresh.refresh})).expect(200).await;
        assert_refused(&profile(&shop, &by_refresh.access).await, 401, "token_revoked");

        let late = session(&shop, "ann@example.com").await;
        shop.clock.advance(Duration::from_secs(16 * 60));
        shop.post(path).bearer(&late.access).json(json!({"refresh": late.refresh})).expect(200).await;
        assert_refused(&refresh(&shop, &late.refresh).await, 401, "token_revoked");

        assert_refused(&shop.post(path).send().await, 401, "not_authenticated");
        assert_refused(&shop.post(path).bearer("nonsense").send().await, 401, "token_invalid");
        assert_refused(&shop.post(path).json(json!({"refresh": "nonsense"})).send().await, 401, "token_invalid");
    }

    /// TK-08
    async fn nobody_can_log_somebody_else_out(shop: TestShop) {
        let victim = sign_up(&shop, "victim@example.com").await;
        let access = sign_up(&shop, "ann@example.com").await.access;

        for foreign in [&*victim.refresh, &"A".repeat(43)] {
            let answer = shop.post(LOGOUT).bearer(&access).json(json!({"refresh": foreign})).send().await;
            assert_refused(&answer, 404, "not_found");
        }

        assert_eq!(profile(&shop, &victim.access).await.status, 200);
        assert_eq!(refresh(&shop, &victim.refresh).await.status, 200);
    }

    /// TK-10: somebody else takes the role away and then closes the account, while the token is valid.
    async fn a_token_is_worth_what_the_database_says(shop: TestShop) {
        let new = NewSuperuser { email: "root@example.com", password: PASSWORD, username: None };
        create_superuser(&shop.app, &new).await.unwrap();
        let access = session(&shop, "root@example.com").await.access;
        assert!(authenticate(&shop.app, &access).await.unwrap().is_admin());

        execute(&shop, "UPDATE users SET role = 'customer'").await;
        let changed = std::time::Instant::now();
        while authenticate(&shop.app, &access).await.unwrap().is_admin() {
            tokio::task::yield_now().await;
        }
        assert!(changed.elapsed() < Duration::from_millis(1_500), "within a second");

        execute(&shop, "UPDATE users SET is_active = FALSE").await;
        while authenticate(&shop.app, &access).await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert_refused(&profile(&shop, &access).await, 401, "token_revoked");
    }

    async fn a_token_can_be_checked_without_using_it_up(shop: TestShop) {
        let ours = sign_up(&shop, "ann@example.com").await;
        let verify = |token: &str| shop.post("/api/v1/token/verify/").json(json!({"token": token})).send();

        assert_eq!(verify(&ours.access).await.status, 200);
        assert_eq!(verify(&ours.refresh).await.status, 200);
        assert_refused(&verify("nonsense").await, 401, "token_invalid");
        assert_eq!(refresh(&shop, &ours.refresh).await.status, 200);
        assert_refused(&verify(&ours.refresh).await, 401, "token_reused");
        shop.post(LOGOUT).bearer(&ours.access).expect(200).await;
        assert_refused(&verify(&ours.access).await, 401, "token_revoked");
    }

    async fn a_stale_access_token_does_not_stand_in_the_way_of_a_login(shop: TestShop) {
        let stale = sign_up(&shop, "ann@example.com").await.access;
        shop.clock.advance(Duration::from_secs(60 * 60));
        let body = json!({"email": "ann@example.com", "password": PASSWORD});
        shop.post(LOGIN).bearer(&stale).json(body).expect(200).await;
    }

    /// TK-07
    async fn writing_down_that_a_session_is_used_does_not_make_it_live_longer_elsewhere(shop: TestShop) {
        let access = sign_up(&shop, "ann@example.com").await.access;
        let other = shop.another_node().await;
        assert_eq!(profile(&other, &access).await.status, 200);
        shop.post(LOGOUT).bearer(&access).expect(200).await;

        for _ in 0..14 {
            // It is written down once a minute.
            shop.clock.advance(Duration::from_secs(61));
            let answer = profile(&other, &access).await;
            if answer.status != 200 {
                return assert_refused(&answer, 401, "token_revoked");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("it still lives there");
    }
}
