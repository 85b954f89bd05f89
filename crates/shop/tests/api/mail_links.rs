//! Links in mails: addresses are proven, passwords set anew.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Answer, PASSWORD, Person, TestShop, fresh_address};

const LOGIN: &str = "/api/v1/auth/login/";
const RESEND: &str = "/api/v1/auth/resend-verification/";
const RESET: &str = "/api/v1/auth/password-reset/";
const CONFIRM: &str = "/api/v1/auth/password-reset/confirm/";
const NEW: &str = "another long phrase 7";
const HOUR: Duration = Duration::from_secs(3600);

async fn ask(shop: &TestShop, path: &str, email: &str) -> Answer {
    let ask = shop.post(path).from(fresh_address());
    ask.json(json!({"email": email})).send().await
}

/// The token of the newest mail to somebody.
async fn token(shop: &TestShop, email: &str) -> String {
    shop.mail_to(email).await.token().to_owned()
}

async fn verify(shop: &TestShop, token: &str) -> Answer {
    shop.get(&format!("/api/v1/auth/verify-email/{token}/"))
        .send()
        .await
}

async fn reset(shop: &TestShop, token: &str, password: &str) -> Answer {
    let body = json!({"token": token, "new_password": password});
    shop.post(CONFIRM).json(body).send().await
}

async fn reset_token(shop: &TestShop, email: &str) -> String {
    assert_eq!(ask(shop, RESET, email).await.status, 200);
    token(shop, email).await
}

async fn log_in(shop: &TestShop, email: &str, password: &str) -> Answer {
    let body = json!({"email": email, "password": password});
    shop.post(LOGIN)
        .from(fresh_address())
        .json(body)
        .send()
        .await
}

async fn profile(shop: &TestShop, access: &str) -> Answer {
    shop.get("/api/v1/auth/profile/")
        .bearer(access)
        .send()
        .await
}

#[track_caller]
fn assert_gone(answer: &Answer) {
    let seen = (answer.status.as_u16(), answer.code());
    assert_eq!(
        seen,
        (410, "token_used_or_expired".to_owned()),
        "{}",
        answer.text()
    );
}

/// Everything that the database holds of links and jobs.
async fn at_rest(shop: &TestShop) -> String {
    let conn = shop.app.db.read().await.unwrap();
    let jobs: Vec<String> = conn
        .all("SELECT payload FROM jobs", db::args![])
        .await
        .unwrap();
    let hashes = "SELECT token_hash FROM mail_links WHERE token_hash IS NOT NULL";
    let hashes: Vec<Vec<u8>> = conn.all(hashes, db::args![]).await.unwrap();
    format!(
        "{jobs:?} {:?}",
        hashes
            .iter()
            .map(|hash| String::from_utf8_lossy(hash).into_owned())
            .collect::<Vec<_>>()
    )
}

both! {
    async fn the_mail_of_a_sign_up_proves_the_address_and_signs_in(shop: TestShop) {
        shop.customer("alice").await;
        let mail = shop.mail_to("alice@example.org").await;
        assert!(mail.link().starts_with("https://shop.test/api/v1/auth/verify-email/"), "{}", mail.link());
        assert!(mail.html.contains(mail.token()) && mail.text.contains("24 hours"));
        assert!(!at_rest(&shop).await.contains(mail.token()));

        let answer = verify(&shop, mail.token()).await;

        assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"));
        let body = answer.json();
        assert_eq!((&body["user"]["email_verified"], &body["message"]), (&json!(true), &json!("Email verified.")));
        assert_eq!(profile(&shop, body["access"].as_str().unwrap()).await.json()["email_verified"], true);
        let refreshed = json!({"refresh": body["refresh"]});
        shop.post("/api/v1/auth/refresh/").json(refreshed).expect(200).await;
    }

    /// AU-12
    async fn a_link_works_once_and_for_a_day(shop: TestShop) {
        shop.customer("alice").await;
        let first = token(&shop, "alice@example.org").await;
        for wrong in ["x", &first[1..], &format!("{first}A"), &"A".repeat(43), &first.to_lowercase()] {
            assert_gone(&verify(&shop, wrong).await);
        }
        assert_eq!(ask(&shop, RESEND, "ALICE@example.org").await.status, 200);
        assert_gone(&verify(&shop, &first).await);
        let second = token(&shop, "alice@example.org").await;
        let path = format!("/api/v1/auth/verify-email/{second}/");
        let all = join_all((0..10).map(|n| match n % 2 {
            0 => shop.get(&path).send(),
            _ => shop.post(&path).send(),
        })).await;
        let good = all.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(good, 1);
        all.iter().filter(|answer| answer.status != 200).for_each(assert_gone);

        shop.customer("late").await;
        let late = token(&shop, "late@example.org").await;
        shop.clock.advance(24 * HOUR - Duration::from_secs(1));
        shop.get(&format!("/api/v1/auth/verify-email/{late}/")).header("sec-fetch-dest", "document").expect(200).await;
        shop.clock.advance(Duration::from_secs(1));
        assert_gone(&verify(&shop, &late).await);
    }

    async fn a_browser_gets_a_button_so_that_looking_uses_nothing_up(shop: TestShop) {
        shop.customer("alice").await;
        let path = format!("/api/v1/auth/verify-email/{}/", token(&shop, "alice@example.org").await);
        let browser = |ask: crate::support::Ask| ask.header("sec-fetch-dest", "document").header("accept", "text/html,*/*");

        shop.ask("HEAD", &path).expect(200).await;
        let seen = browser(shop.get(&path)).expect(200).await;
        shop.get(&path).header("accept", "text/html,*/*").expect(200).await;
        assert_eq!((seen.header("content-type"), seen.header("cache-control")), ("text/html; charset=utf-8", "no-store"));
        assert!(seen.text().contains("<form method=\"post\">") && !seen.text().contains("<script"));
        let policy = seen.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("form-action 'self'") && !policy.contains("unsafe"));

        let form = |path: &str| browser(shop.post(path)).body("application/x-www-form-urlencoded", "");
        let done = form(&path).expect(200).await;
        assert!(done.text().contains("confirmed") && done.header("set-cookie").is_empty());
        for again in [form(&path).expect(410).await, browser(shop.get(&path)).expect(410).await] {
            assert!(again.text().contains("used or has expired"));
        }
        assert_eq!(shop.sign_in("alice@example.org").await.email, "alice@example.org");
    }

    /// AU-05
    async fn asking_tells_nobody_whether_there_is_an_account(shop: TestShop) {
        shop.customer("alice").await;
        shop.customer("verified").await;
        let token = token(&shop, "verified@example.org").await;
        verify(&shop, &token).await;
        let before = shop.mails().await.len();
        for path in [RESEND, RESET] {
            let mut answers = Vec::new();
            for email in ["alice@example.org", "verified@example.org", "nobody@example.org"] {
                let answer = ask(&shop, path, email).await;
                let names: Vec<_> = answer.headers.keys().map(|name| name.as_str().to_owned()).collect();
                answers.push((answer.status, names, answer.text()));
            }
            assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        }
        let new: Vec<_> = shop.mails().await[before..].iter().map(|mail| (mail.header("To").to_owned(), mail.header("Subject").to_owned())).collect();
        let new: Vec<_> = new.iter().map(|(to, subject)| (&**to, &**subject)).collect();
        assert_eq!(new, [
            ("alice@example.org", "Confirm your email address"),
            ("alice@example.org", "Set a new password"),
            ("verified@example.org", "Set a new password"),
        ]);
    }

    async fn of_links_asked_for_at_once_one_works(shop: TestShop) {
        shop.customer("alice").await;
        for path in [RESEND, RESET] {
            let answers = join_all((0..3).map(|_| ask(&shop, path, "alice@example.org"))).await;
            assert!(answers.iter().all(|answer| answer.status == 200));
            shop.mails().await;
        }
        let open = "SELECT purpose, COUNT(*) FROM mail_links WHERE ended_at IS NULL GROUP BY purpose ORDER BY purpose";
        let open: Vec<(String, i64)> = shop.app.db.read().await.unwrap().all(open, db::args![]).await.unwrap();
        assert_eq!(open, [("reset_password".to_owned(), 1), ("verify_email".to_owned(), 1)]);
        let token = token(&shop, "alice@example.org").await;
        assert_eq!(reset(&shop, &token, NEW).await.status, 200);
    }

    async fn asking_is_limited_by_address_and_by_account(shop: TestShop) {
        for path in [RESEND, RESET] {
            for email in ["alice@example.org", "nobody@example.org"] {
                for _ in 0..3 {
                    assert_eq!(ask(&shop, path, email).await.status, 200);
                }
                let limited = ask(&shop, path, &email.to_uppercase()).await;
                assert_eq!((limited.status.as_u16(), limited.code()), (429, "rate_limited".to_owned()));
                assert!(!limited.header("retry-after").is_empty());
            }
            let here = fresh_address();
            for n in 0..6 {
                let body = json!({"email": format!("n{n}@example.org")});
                shop.post(path).from(here).json(body).expect(if n < 5 { 200 } else { 429 }).await;
            }
            for body in [json!({}), json!({"email": "a@b.co\r\nBcc: x@y.zz"}), json!({"email": 7})] {
                let answer = shop.post(path).json(body).expect(400).await;
                assert_eq!(answer.faulty(), ["email"]);
            }
        }
    }

    /// AU-15
    async fn who_must_verify_first_signs_in_afterwards(shop: TestShop) {
        let shop = TestShop::with(shop.app.db.engine(), &[("REQUIRE_EMAIL_VERIFICATION", "true")]).await;
        let body = json!({"email": "ann@example.org", "password": PASSWORD});
        shop.post("/api/v1/auth/register/").json(body).expect(201).await;
        assert_eq!(log_in(&shop, "ann@example.org", PASSWORD).await.code(), "email_not_verified");
        assert_eq!(log_in(&shop, "ann@example.org", "wrong password").await.code(), "invalid_credentials");

        let token = token(&shop, "ann@example.org").await;
        assert_eq!(verify(&shop, &token).await.status, 200);

        assert_eq!(log_in(&shop, "ann@example.org", PASSWORD).await.status, 200);
    }

    /// AU-13
    async fn a_link_leads_to_the_configured_address_whatever_a_request_says(shop: TestShop) {
        shop.customer("alice").await;
        let body = json!({"email": "alice@example.org"});
        for (name, value) in [
            ("x-forwarded-host", "evil.test"), ("forwarded", "host=evil.test"), ("x-original-host", "evil.test"), ("origin", "https://evil.test"),
        ] {
            shop.post(RESET).from(fresh_address()).header(name, value).json(body.clone()).send().await;
        }
        shop.post(RESET).header("host", "evil.test").json(body).expect(400).await;
        for mail in shop.mails().await {
            assert!(mail.link().starts_with("https://shop.test/"), "{}", mail.link());
            assert!(!format!("{mail:?}").contains("evil"));
        }
    }

    async fn a_storefront_takes_the_links_over(shop: TestShop) {
        let shop = TestShop::with(shop.app.db.engine(), &[("STOREFRONT_URL", "https://front.test/shop/")]).await;
        shop.customer("alice").await;
        let mail = shop.mail_to("alice@example.org").await;
        assert_eq!(mail.link(), format!("https://front.test/shop/verify-email/{}", mail.token()));
        ask(&shop, RESET, "alice@example.org").await;
        let mail = shop.mail_to("alice@example.org").await;
        assert_eq!(mail.link(), format!("https://front.test/shop/reset-password/{}", mail.token()));
    }

    /// AU-13, AU-11
    async fn a_reset_sets_the_password_once_and_ends_every_session(shop: TestShop) {
        let (alice, other) = (shop.customer("alice").await, shop.sign_in("alice@example.org").await);
        let bob = shop.customer("bob").await;
        for _ in 0..3 {
            log_in(&shop, "alice@example.org", "wrong password").await;
        }
        assert_eq!(log_in(&shop, "alice@example.org", PASSWORD).await.code(), "login_locked");
        let older = reset_token(&shop, "alice@example.org").await;
        let token = reset_token(&shop, "alice@example.org").await;
        assert_gone(&reset(&shop, &older, NEW).await);
        assert!(!at_rest(&shop).await.contains(&token));

        let all = join_all((0..10).map(|_| reset(&shop, &token, NEW))).await;

        assert_eq!(all.iter().filter(|answer| answer.status == 200).count(), 1);
        all.iter().filter(|answer| answer.status != 200).for_each(assert_gone);
        for Person { access, refresh, .. } in [alice, other] {
            assert_eq!(profile(&shop, &access).await.code(), "token_revoked");
            let refreshed = shop.post("/api/v1/auth/refresh/").json(json!({"refresh": refresh})).expect(401).await;
            assert_eq!(refreshed.code(), "token_revoked");
        }
        assert_eq!(profile(&shop, &bob.access).await.status, 200);
        assert_eq!(log_in(&shop, "alice@example.org", NEW).await.status, 200, "the lock is gone");
        assert_eq!(log_in(&shop, "alice@example.org", PASSWORD).await.code(), "invalid_credentials");
        assert_eq!(shop.mail_to("alice@example.org").await.header("Subject"), "Your password was changed");
    }

    /// AU-13
    async fn a_reset_must_be_answered_within_an_hour_by_the_account_that_asked(shop: TestShop) {
        shop.customer("alice").await;
        let token = reset_token(&shop, "alice@example.org").await;
        for (body, faulty) in [
            (json!({"token": token, "new_password": "12345678"}), &["new_password"][..]),
            (json!({"token": token, "new_password": NEW, "new_password2": "other"}), &["new_password2"]),
            (json!({"token": token}), &["new_password"]),
            (json!({}), &["new_password", "token"]),
            (json!({"token": token, "password": "alice@example.org"}), &["new_password"]),
        ] {
            let answer = shop.post(CONFIRM).json(body).expect(400).await;
            let mut found = answer.faulty();
            found.sort();
            assert_eq!(found, faulty);
        }
        shop.clock.advance(HOUR - Duration::from_secs(1));
        let page = format!("/api/v1/auth/reset-password/{token}/");
        shop.get(&page).expect(200).await;
        shop.clock.advance(Duration::from_secs(1));
        assert_gone(&reset(&shop, &token, NEW).await);
        shop.get(&page).expect(410).await;

        // Closed meanwhile, or never there.
        let alice = shop.sign_in("alice@example.org").await;
        let token = reset_token(&shop, "alice@example.org").await;
        let admin = shop.admin().await;
        let closed = json!({"is_active": false});
        shop.patch(&format!("/api/v1/admin/users/{}/", alice.id)).by(&admin).json(closed).expect(200).await;
        assert_gone(&reset(&shop, &token, NEW).await);
        assert_gone(&reset(&shop, &"A".repeat(43), NEW).await);
        let before = shop.mails().await.len();
        ask(&shop, RESET, "alice@example.org").await;
        assert_eq!(shop.mails().await.len(), before);
    }

    async fn who_asked_for_a_reset_is_kept(shop: TestShop) {
        shop.customer("alice").await;
        let peer = fresh_address();
        let body = json!({"email": "alice@example.org"});
        shop.post(RESET).from(peer).header("user-agent", "Lynx").json(body).expect(200).await;

        assert!(shop.mail_to("alice@example.org").await.text.contains(&peer.ip().to_string()));
        let sql = "SELECT ip, user_agent FROM mail_links WHERE purpose = 'reset_password'";
        let kept: (String, String) = shop.app.db.read().await.unwrap().one(sql, db::args![]).await.unwrap();
        assert_eq!(kept, (peer.ip().to_string(), "Lynx".to_owned()));
        shop.clock.advance(91 * 24 * HOUR);
        assert_eq!(shop::housekeeping::sweep(&shop.app).await.unwrap().mail_links, 2);
    }

    async fn a_page_of_ours_sets_the_password_too(shop: TestShop) {
        shop.customer("alice").await;
        ask(&shop, RESET, "alice@example.org").await;
        let link = shop.mail_to("alice@example.org").await.link().to_owned();
        let path = link.strip_prefix("https://shop.test").unwrap();
        assert!(shop.get(path).expect(200).await.text().contains("name=\"new_password\""));

        let form = |body: String| shop.post(path).body("application/x-www-form-urlencoded", body);
        let weak = form("new_password=12345678&new_password2=1".into()).expect(400).await.text();
        assert!(weak.matches("<li>").count() >= 2 && weak.contains("<form"), "{weak}");
        let typed = "new_password=p%C3%A9tanque+%26+pastis+9&new_password2=p%C3%A9tanque+%26+pastis+9";
        form(typed.into()).expect(200).await;
        form(typed.into()).expect(410).await;

        assert_eq!(log_in(&shop, "alice@example.org", "pétanque & pastis 9").await.status, 200);
    }

    /// AU-16
    async fn a_stranger_who_signed_up_first_keeps_nothing_after_a_reset(shop: TestShop) {
        let admin = shop.admin().await;
        let product = shop.product(&admin, "19.99", 5).await;
        let stranger = shop.customer("victim").await;
        let address = json!({"type": "shipping", "full_name": "Eve", "line1": "1 Den", "city": "X", "country": "FR", "postal_code": "75001"});
        shop.post("/api/v1/addresses/").by(&stranger).json(address).expect(201).await;
        shop.post("/api/v1/cart/items/").by(&stranger).json(json!({"product_id": product.id})).expect(201).await;
        shop.patch("/api/v1/auth/profile/").by(&stranger).json(json!({"phone": "666", "address": "1 Den"})).expect(200).await;

        let token = reset_token(&shop, "victim@example.org").await;
        assert_eq!(reset(&shop, &token, NEW).await.status, 200);

        assert_eq!(profile(&shop, &stranger.access).await.code(), "token_revoked");
        assert_eq!(log_in(&shop, "victim@example.org", PASSWORD).await.code(), "invalid_credentials");
        let signed_in = log_in(&shop, "victim@example.org", NEW).await.json();
        let access = signed_in["access"].as_str().unwrap();
        let user = &signed_in["user"];
        assert_eq!((&user["phone"], &user["address"], &user["email_verified"]), (&json!(""), &json!(""), &json!(true)));
        let cart = shop.get("/api/v1/cart/").bearer(access).expect(200).await.json();
        assert_eq!(cart["items"], json!([]));
        let kept = shop.get("/api/v1/addresses/").bearer(access).expect(200).await.json();
        assert_eq!(kept["count"], 0);

        // Of an owner who was known before, a reset takes nothing.
        shop.post("/api/v1/cart/items/").bearer(access).json(json!({"product_id": product.id})).expect(201).await;
        let token = reset_token(&shop, "victim@example.org").await;
        assert_eq!(reset(&shop, &token, PASSWORD).await.status, 200);
        let owner = shop.sign_in("victim@example.org").await;
        let cart = shop.get("/api/v1/cart/").by(&owner).expect(200).await.json();
        assert_eq!(cart["items"].as_array().unwrap().len(), 1);
    }

    /// TK-03
    async fn a_token_of_a_mail_opens_nothing_else(shop: TestShop) {
        let alice = shop.customer("alice").await;
        let verifying = token(&shop, "alice@example.org").await;
        let resetting = reset_token(&shop, "alice@example.org").await;
        for token in [&verifying, &resetting] {
            assert_eq!(profile(&shop, token).await.code(), "token_invalid");
            let refreshed = shop.post("/api/v1/auth/refresh/").json(json!({"refresh": token})).expect(401).await;
            assert_eq!(refreshed.code(), "token_invalid");
            let checked = shop.post("/api/v1/token/verify/").json(json!({"token": token})).expect(401).await;
            assert_eq!(checked.code(), "token_invalid");
        }
        assert_gone(&reset(&shop, &verifying, NEW).await);
        assert_gone(&verify(&shop, &resetting).await);
        for token in [&alice.refresh, &alice.access] {
            assert_gone(&reset(&shop, token, NEW).await);
            assert_gone(&verify(&shop, token).await);
        }
        assert_eq!(reset(&shop, &resetting, NEW).await.status, 200);
    }

    async fn a_changed_password_is_told_and_ends_what_was_asked_for(shop: TestShop) {
        let alice = shop.customer("alice").await;
        let token = reset_token(&shop, "alice@example.org").await;
        let body = json!({"old_password": PASSWORD, "new_password": NEW});
        shop.post("/api/v1/auth/change-password/").by(&alice).json(body).expect(200).await;

        assert_gone(&reset(&shop, &token, PASSWORD).await);
        let mail = shop.mail_to("alice@example.org").await;
        assert_eq!(mail.header("Subject"), "Your password was changed");
        assert!(mail.text.contains("2026-03-01T12:00:00Z"), "{}", mail.text);
    }

    async fn another_address_counts_once_its_mail_is_answered(shop: TestShop) {
        let alice = shop.customer("alice").await;
        let change = |email: &str| {
            let body = json!({"email": email, "current_password": PASSWORD, "first_name": "Alice"});
            shop.patch("/api/v1/auth/profile/").from(fresh_address()).by(&alice).json(body).send()
        };
        let resetting = reset_token(&shop, "alice@example.org").await;
        assert_eq!(change("typo@example.org").await.status, 200);
        let typo = token(&shop, "typo@example.org").await;
        let shown = change("New@example.org").await.json();
        assert_eq!((&shown["email"], &shown["first_name"]), (&json!("alice@example.org"), &json!("Alice")));
        assert_eq!(log_in(&shop, "new@example.org", PASSWORD).await.code(), "invalid_credentials");
        let mail = shop.mail_to("New@example.org").await;
        assert_eq!(mail.header("Subject"), "Confirm your new email address");

        assert_gone(&verify(&shop, &typo).await);
        let verified = verify(&shop, mail.token()).await.json();

        assert_eq!((&verified["user"]["email"], &verified["user"]["email_verified"]), (&json!("New@example.org"), &json!(true)));
        assert_eq!(log_in(&shop, "new@example.org", PASSWORD).await.status, 200);
        assert_eq!(log_in(&shop, "alice@example.org", PASSWORD).await.code(), "invalid_credentials");
        let notice = shop.mail_to("alice@example.org").await;
        assert!(notice.header("Subject").contains("changed") && notice.text.contains("New@example.org"));
        assert_gone(&reset(&shop, &resetting, NEW).await);
        assert_eq!(profile(&shop, &alice.access).await.json()["email"], "New@example.org");
    }

    async fn an_address_that_somebody_took_meanwhile_stays_theirs(shop: TestShop) {
        let alice = shop.customer("alice").await;
        let change = json!({"email": "new@example.org", "current_password": PASSWORD});
        shop.patch("/api/v1/auth/profile/").by(&alice).json(change.clone()).expect(200).await;
        let token = token(&shop, "new@example.org").await;
        shop.customer("new").await;

        let answer = verify(&shop, &token).await;

        assert_eq!((answer.status.as_u16(), answer.code()), (409, "duplicate".to_owned()));
        assert_eq!(profile(&shop, &alice.access).await.json()["email"], "alice@example.org");
        let again = shop.patch("/api/v1/auth/profile/").by(&alice).json(change).expect(400).await;
        assert_eq!(again.faulty(), ["email"]);
    }

    /// AU-16
    async fn an_address_change_that_was_asked_for_dies_with_the_password(shop: TestShop) {
        for (name, by_reset) in [("one", true), ("two", false)] {
            let person = shop.customer(name).await;
            let change = json!({"email": format!("eve-{name}@example.org"), "current_password": PASSWORD});
            shop.patch("/api/v1/auth/profile/").from(fresh_address()).by(&person).json(change).expect(200).await;
            let changing = token(&shop, &format!("eve-{name}@example.org")).await;
            if by_reset {
                let token = reset_token(&shop, &person.email).await;
                assert_eq!(reset(&shop, &token, NEW).await.status, 200);
            } else {
                let body = json!({"old_password": PASSWORD, "new_password": NEW});
                shop.post("/api/v1/auth/change-password/").by(&person).json(body).expect(200).await;
            }
            assert_gone(&verify(&shop, &changing).await);
            assert_eq!(log_in(&shop, &person.email, NEW).await.status, 200);
        }
    }

    async fn mails_to_new_addresses_are_limited(shop: TestShop) {
        let alice = shop.customer("alice").await;
        for n in 0..4 {
            let change = json!({"email": "victim@example.org", "current_password": PASSWORD});
            let ask = shop.patch("/api/v1/auth/profile/").from(fresh_address()).by(&alice).json(change);
            ask.expect(if n < 3 { 200 } else { 429 }).await;
        }
    }
}
