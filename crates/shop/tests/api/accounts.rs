//! Sign-up, sign-in, tokens, profile and password, as a client meets them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use serde_json::{Value, json};
use shop::accounts::{NewSuperuser, authenticate, create_superuser};

use crate::support::{Answer, TestShop, fresh_address};

mod sessions;

const PASSWORD: &str = "SecurePass123";

const REGISTER: &str = "/api/v1/auth/register/";

const LOGIN: &str = "/api/v1/auth/login/";

const LOGOUT: &str = "/api/v1/auth/logout/";

const REFRESH: &str = "/api/v1/auth/refresh/";

const PROFILE: &str = "/api/v1/auth/profile/";

struct Tokens {
    access: String,
    refresh: String,
}

/// The tokens of a sign-up, a sign-in or a refresh.
fn tokens(answer: &Answer) -> Tokens {
    let body = answer.json();
    let at = body.get("tokens").unwrap_or(&body);
    let text = |name: &str| match at[name].as_str() {
        Some(text) => text.to_owned(),
        None => panic!("{} has no {name}: {}", answer.asked, answer.text()),
    };
    Tokens {
        access: text("access"),
        refresh: text("refresh"),
    }
}

async fn sign_up(shop: &TestShop, email: &str) -> Tokens {
    let body = json!({"email": email, "password": PASSWORD});
    tokens(&shop.post(REGISTER).json(body).expect(201).await)
}

async fn log_in(shop: &TestShop, name: &str, password: &str) -> Answer {
    shop.post(LOGIN)
        .json(json!({"email": name, "password": password}))
        .send()
        .await
}

async fn session(shop: &TestShop, email: &str) -> Tokens {
    tokens(&log_in(shop, email, PASSWORD).await)
}

async fn refresh(shop: &TestShop, token: &str) -> Answer {
    shop.post(REFRESH)
        .json(json!({"refresh": token}))
        .send()
        .await
}

async fn profile(shop: &TestShop, access: &str) -> Answer {
    shop.get(PROFILE).bearer(access).send().await
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, code: &str) {
    let got = (answer.status.as_u16(), answer.code());
    assert_eq!(
        got,
        (status, code.to_owned()),
        "{}: {}",
        answer.asked,
        answer.text()
    );
}

#[track_caller]
fn assert_faulty(answer: &Answer, fields: &[&str]) {
    assert_refused(answer, 400, "validation_error");
    let mut faulty = answer.faulty();
    faulty.sort_unstable();
    faulty.dedup();
    assert_eq!(faulty, fields, "{}", answer.text());
    assert!(
        fields.iter().all(|field| answer.json()[field].is_array()),
        "{}",
        answer.text()
    );
}

/// What another node, or somebody at the database, does.
async fn execute(shop: &TestShop, sql: &str) {
    let tx = shop.app.db.begin().await.unwrap();
    tx.execute(sql, &[]).await.unwrap();
    tx.commit().await.unwrap();
}

/// Signs up, signs in and reads the profile as a document prints it.
async fn walk(shop: &TestShop, register: (&str, Value), login: (&str, Value), profile: &str) {
    let (body, name) = (register.1.clone(), register.1.get("name").cloned());

    let registered = shop.post(register.0).json(register.1).expect(201).await;
    let signed_in = shop.post(login.0).json(login.1).expect(200).await;
    let me = shop
        .get(profile)
        .bearer(&tokens(&signed_in).access)
        .expect(200)
        .await
        .json();

    tokens(&registered);
    assert!(
        registered.json()["message"]
            .as_str()
            .is_some_and(|message| !message.is_empty())
    );
    assert_eq!(
        (&registered.json()["user"], &signed_in.json()["user"]),
        (&me, &me)
    );
    for field in ["email", "username", "first_name", "last_name", "phone"] {
        if let Some(sent) = body.get(field) {
            assert_eq!(&me[field], sent);
        }
    }
    let whole = format!(
        "{} {}",
        me["first_name"].as_str().unwrap(),
        me["last_name"].as_str().unwrap()
    );
    assert_eq!(me["name"], name.unwrap_or(whole.into()));
    assert_eq!(
        (&me["role"], &me["email_verified"]),
        (&json!("customer"), &json!(false))
    );
    assert_eq!(me["date_joined"], "2026-03-01T12:00:00Z");
}

both! {
    async fn the_first_document_works_as_printed(shop: TestShop) {
        let body = json!({
            "email": "test@example.com", "password": "password123", "password2": "password123",
            "first_name": "Test", "last_name": "User",
        });
        let login = json!({"email": "test@example.com", "password": "password123"});
        walk(&shop, ("/api/auth/register/", body), ("/api/auth/login/", login), "/api/auth/profile/").await;
    }

    async fn the_second_document_works_as_printed(shop: TestShop) {
        let body = json!({
            "username": "testuser", "email": "test@example.com", "password": "Test123!", "password2": "Test123!",
            "first_name": "Test", "last_name": "User", "phone": "1234567890",
        });
        let login = json!({"username": "testuser", "password": "Test123!"});
        walk(&shop, ("/api/auth/register/", body), ("/api/auth/login/", login.clone()), "/api/auth/profile/").await;

        let Tokens { access, refresh } = tokens(&shop.post("/api/auth/login/").json(login).expect(200).await);
        let refreshed = shop.post("/api/auth/token/refresh/").json(json!({"refresh": refresh})).expect(200).await;
        let patched = shop.patch("/api/auth/profile/").bearer(&access).json(json!({"phone": "42"})).expect(200).await;
        assert_eq!(patched.json()["phone"], "42");
        let change = json!({"old_password": "Test123!", "new_password": "Another-Pass-1"});
        shop.post("/api/auth/change-password/").bearer(&access).json(change).expect(200).await;
        let out = json!({"refresh": tokens(&refreshed).refresh});
        shop.post("/api/auth/logout/").bearer(&access).json(out).expect(200).await;
        assert_refused(&profile(&shop, &access).await, 401, "token_revoked");
    }

    async fn the_third_document_works_as_printed(shop: TestShop) {
        let body = json!({
            "email": "test@example.com", "username": "testuser", "password": "SecurePass123",
            "password_confirm": "SecurePass123", "first_name": "Test", "last_name": "User",
        });
        let login = json!({"email": "test@example.com", "password": "SecurePass123"});
        walk(&shop, (REGISTER, body), (LOGIN, login), PROFILE).await;

        let body = json!({
            "email": "user@example.com", "username": "johndoe", "password": "SecurePassword123",
            "password_confirm": "SecurePassword123", "first_name": "John", "last_name": "Doe", "phone": "+212600123456",
        });
        let login = json!({"email": "user@example.com", "password": "SecurePassword123"});
        walk(&shop, (REGISTER, body), (LOGIN, login.clone()), "/api/v1/users/me/").await;

        let Tokens { access, refresh } = tokens(&shop.post(LOGIN).json(login).expect(200).await);
        shop.post(LOGOUT).bearer(&access).json(json!({"refresh": refresh})).expect(200).await;
    }

    async fn the_fourth_document_works_as_printed(shop: TestShop) {
        let body = json!({
            "email": "testuser@example.com", "password": "SomeSecurePassword123", "name": "Test User",
            "phone": "1234567890",
        });
        let login = json!({"email": "testuser@example.com", "password": "SomeSecurePassword123"});
        walk(&shop, ("/api/users/register/", body), ("/api/token/", login), "/api/users/profile/").await;
    }

    async fn an_address_is_one_account_whatever_its_case(shop: TestShop) {
        let body = |email: &str, name: &str| json!({"email": email, "username": name, "password": PASSWORD});
        shop.post(REGISTER).json(body("Case@Example.com", "Case")).expect(201).await;

        let again = shop.post(REGISTER).json(body("case@example.COM", "CASE")).send().await;

        assert_faulty(&again, &["email", "username"]);
        assert_eq!(again.json()["email"], json!(["A user with this email already exists."]));
        for name in ["CASE@example.com", "case"] {
            for field in ["email", "username"] {
                let login = shop.post(LOGIN).json(json!({field: name, "password": PASSWORD})).expect(200).await;
                assert_eq!(login.json()["user"]["email"], "Case@Example.com");
            }
        }
    }

    async fn one_address_registered_at_once_is_one_account(shop: TestShop) {
        let body = json!({"email": "race@example.com", "password": PASSWORD});

        let answers = join_all((0..6).map(|_| shop.post(REGISTER).json(body.clone()).send())).await;

        let made = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(made, 1);
        answers.iter().filter(|answer| answer.status != 201).for_each(|answer| assert_faulty(answer, &["email"]));
    }

    async fn all_faulty_fields_of_a_sign_up_stand_in_one_answer(shop: TestShop) {
        sign_up(&shop, "taken@example.com").await;
        let malformed = json!({
            "email": "no address", "password": "1234567", "password2": "other", "username": "two words",
            "phone": "1".repeat(33),
        });
        let taken = json!({"email": "TAKEN@example.com", "password": "qwerty123"});

        let malformed = shop.post(REGISTER).json(malformed).send().await;
        let taken = shop.post(REGISTER).json(taken).send().await;
        let empty = shop.post(REGISTER).send().await;

        assert_faulty(&malformed, &["email", "password", "password2", "phone", "username"]);
        assert_faulty(&taken, &["email", "password"]);
        assert_faulty(&empty, &["email", "password"]);
    }

    async fn what_cannot_be_read_hides_no_other_fault(shop: TestShop) {
        let body = json!({"email": "a", "password": "1", "phone": 7, "username": "a b", "first_name": "x".repeat(151)});
        assert_faulty(&shop.post(REGISTER).json(body).send().await, &["email", "first_name", "password", "phone", "username"]);
        assert_faulty(&shop.post(REGISTER).json(json!({"phone": 7})).send().await, &["email", "password", "phone"]);
        assert_faulty(&shop.post(LOGIN).json(json!({"email": 7})).send().await, &["email", "password"]);

        let access = sign_up(&shop, "ann@example.com").await.access;
        let patch = json!({"email": "bad", "phone": 7, "username": "a\nb", "address": "x".repeat(1001)});
        let answer = shop.patch(PROFILE).bearer(&access).json(patch).send().await;
        assert_faulty(&answer, &["address", "email", "phone", "username"]);
        // Whether it is the account's own address is not known yet.
        let patch = json!({"username": "somebody@example.com", "phone": 7});
        assert_faulty(&shop.patch(PROFILE).bearer(&access).json(patch).send().await, &["phone"]);
        let change = json!({"old_password": 5, "new_password": "x"});
        let answer = shop.post("/api/v1/auth/change-password/").bearer(&access).json(change).send().await;
        assert_faulty(&answer, &["new_password", "old_password"]);
        let reset = json!({"token": 5, "new_password": "x"});
        assert_faulty(&shop.post("/api/v1/auth/password-reset/confirm/").json(reset).send().await, &["new_password", "token"]);
    }

    /// AU-01, AU-03
    async fn passwords_that_everybody_knows_or_nobody_can_type_are_refused(shop: TestShop) {
        let long = "x".repeat(10 * 1024);
        for password in ["1234567", "12345678", "qwerty123", "ann@example.com", "cartwright", "        ", &long] {
            let body = json!({"email": "ann@example.com", "password": password});
            assert_faulty(&shop.post(REGISTER).json(body).send().await, &["password"]);
        }
        assert_faulty(&log_in(&shop, "ann@example.com", &long).await, &["password"]);
        assert_refused(&log_in(&shop, "ann@example.com", "12345678").await, 400, "invalid_credentials");
    }

    /// AU-02
    async fn a_passphrase_counts_to_its_last_character(shop: TestShop) {
        let phrase = format!(" {} 🛒 Ende ", "Äpfel und Birnen im Warenkorb ".repeat(3));
        let body = json!({"email": "ann@example.com", "password": phrase});
        shop.post(REGISTER).json(body).expect(201).await;

        assert_eq!(log_in(&shop, "ann@example.com", &phrase).await.status, 200);
        let cut: String = phrase.chars().take(70).collect();
        for wrong in [phrase.trim(), &cut, &phrase.to_uppercase()] {
            assert_refused(&log_in(&shop, "ann@example.com", wrong).await, 400, "invalid_credentials");
        }
    }

    async fn a_wrong_login_is_answered_as_each_document_prints_it(shop: TestShop) {
        for (n, (path, status)) in [
            (LOGIN, 400), ("/api/auth/login/", 401), ("/api/token/", 401), ("/api/v1/token/", 401),
        ].into_iter().enumerate() {
            let known = format!("ann{n}@example.com");
            sign_up(&shop, &known).await;
            for email in [&known, &format!("nobody{n}@example.com"), &format!("nobody{n}")] {
                let body = json!({"email": email, "password": "wrong password"});
                let answer = shop.post(path).from(fresh_address()).json(body).send().await;
                assert_refused(&answer, status, "invalid_credentials");
                assert_eq!(answer.json()["non_field_errors"], json!(["Invalid email or password."]));
                assert_eq!(answer.header("www-authenticate"), if status == 401 { "Bearer" } else { "" });
            }
        }
        assert_faulty(&shop.post(LOGIN).json(json!({})).send().await, &["email", "password"]);
    }

    /// AU-15
    async fn a_closed_account_looks_like_a_wrong_password(shop: TestShop) {
        sign_up(&shop, "ann@example.com").await;
        execute(&shop, "UPDATE users SET is_active = FALSE").await;

        for password in [PASSWORD, "wrong password"] {
            assert_refused(&log_in(&shop, "ann@example.com", password).await, 400, "invalid_credentials");
        }
    }

    /// AU-15
    async fn an_address_that_must_be_verified_first_gets_no_tokens(shop: TestShop) {
        let shop = TestShop::with(shop.app.db.engine(), &[("REQUIRE_EMAIL_VERIFICATION", "true")]).await;

        let body = json!({"email": "ann@example.com", "password": PASSWORD});
        let registered = shop.post(REGISTER).json(body).expect(201).await.json();

        assert!(registered.get("tokens").is_none(), "{registered}");
        assert!(registered["message"].as_str().is_some_and(|message| message.contains("check your email")));
        assert_refused(&log_in(&shop, "ann@example.com", PASSWORD).await, 403, "email_not_verified");
        assert_refused(&log_in(&shop, "ann@example.com", "wrong password").await, 400, "invalid_credentials");
    }

    /// TK-09
    async fn changing_the_password_ends_the_other_sessions(shop: TestShop) {
        let here = sign_up(&shop, "ann@example.com").await;
        let elsewhere = session(&shop, "ann@example.com").await;
        let change = |old: &str, new: &str| {
            let body = json!({"old_password": old, "new_password": new});
            shop.post("/api/v1/auth/change-password/").bearer(&here.access).json(body).send()
        };

        assert_faulty(&change("wrong password", "New-Pass-123").await, &["old_password"]);
        assert_faulty(&change("wrong password", "12345678").await, &["new_password", "old_password"]);
        assert_eq!(change(PASSWORD, "New-Pass-123").await.status, 200);

        assert_eq!(profile(&shop, &here.access).await.status, 200);
        assert_refused(&profile(&shop, &elsewhere.access).await, 401, "token_revoked");
        assert_refused(&refresh(&shop, &elsewhere.refresh).await, 401, "token_revoked");
        assert_eq!(refresh(&shop, &here.refresh).await.status, 200);
        assert_refused(&log_in(&shop, "ann@example.com", PASSWORD).await, 400, "invalid_credentials");
        assert_eq!(log_in(&shop, "ann@example.com", "New-Pass-123").await.status, 200);
    }

    /// A stolen device must not be a way around the lock.
    async fn the_old_password_cannot_be_guessed_either(shop: TestShop) {
        let here = sign_up(&shop, "ann@example.com").await;
        let change = |old: &str| {
            let body = json!({"old_password": old, "new_password": "New-Pass-123"});
            shop.post("/api/v1/auth/change-password/").bearer(&here.access).json(body).send()
        };
        for _ in 0..3 {
            assert_faulty(&change("a guess").await, &["old_password"]);
        }
        assert_refused(&change(PASSWORD).await, 429, "login_locked");
        let other = json!({"email": "else@example.com", "current_password": PASSWORD});
        let answer = shop.patch("/api/v1/auth/profile/").bearer(&here.access).json(other).send().await;
        assert_refused(&answer, 429, "login_locked");
        assert_eq!(profile(&shop, &here.access).await.status, 200);
    }

    async fn a_superuser_is_an_admin_whose_address_counts_as_verified(shop: TestShop) {
        let new = NewSuperuser { email: "root@example.com", password: PASSWORD, username: Some("root") };
        create_superuser(&shop.app, &new).await.unwrap();

        let user = log_in(&shop, "root", PASSWORD).await.json()["user"].clone();

        assert_eq!((&user["role"], &user["email_verified"]), (&json!("admin"), &json!(true)));
        let again = create_superuser(&shop.app, &new).await.unwrap_err();
        assert_eq!(again.fields().iter().map(|fault| &*fault.attr).collect::<Vec<_>>(), ["email", "username"]);
        let weak = NewSuperuser { email: "nonsense", password: "12345678", username: None };
        assert!(create_superuser(&shop.app, &weak).await.is_err());
    }

    /// AZ-06, AZ-07
    async fn nobody_makes_themselves_more_than_they_are(shop: TestShop) {
        let mut greedy = json!({
            "email": "ann@example.com", "password": PASSWORD, "role": "admin", "is_staff": true, "is_superuser": true,
            "id": 999, "email_verified": true, "is_active": false, "date_joined": "2000-01-01T00:00:00Z",
        });

        let registered = shop.post(REGISTER).json(greedy.clone()).expect(201).await;
        let access = tokens(&registered).access;
        greedy["password"] = json!("Plaintext-Password-1");
        let put = shop.put(PROFILE).bearer(&access).json(greedy.clone()).expect(200).await.json();
        let patched = shop.patch(PROFILE).bearer(&access).json(greedy).expect(200).await.json();

        for user in [&registered.json()["user"], &put, &patched] {
            assert_eq!((&user["role"], &user["email_verified"]), (&json!("customer"), &json!(false)));
            assert!(user["id"] != 999 && user.get("password").is_none() && user["date_joined"] != "2000-01-01T00:00:00Z");
        }
        assert_eq!(log_in(&shop, "ann@example.com", PASSWORD).await.status, 200);
        for header in ["x-user-id", "x-wcpay-platform-checkout-user", "x-forwarded-user", "x-original-url"] {
            assert_refused(&shop.get(PROFILE).header(header, "1").send().await, 401, "not_authenticated");
        }
    }

    async fn a_profile_changes_only_where_it_is_told_to(shop: TestShop) {
        sign_up(&shop, "taken@example.com").await;
        let access = sign_up(&shop, "ann@example.com").await.access;
        let patch = |body: Value| shop.patch(PROFILE).bearer(&access).json(body).send();

        let named = json!({"name": "Ada Maria Lovelace", "username": "ada", "address": "12 St James's Square"});
        let named = patch(named).await.json();
        assert_eq!((&named["first_name"], &named["last_name"]), (&json!("Ada Maria"), &json!("Lovelace")));
        let kept = shop.put("/api/users/profile/").bearer(&access).json(json!({"phone": "7"})).expect(200).await.json();
        assert_eq!((&kept["name"], &kept["username"], &kept["phone"]), (&json!("Ada Maria Lovelace"), &json!("ada"), &json!("7")));
        let emptied = patch(json!({"username": null, "phone": null})).await.json();
        assert_eq!((&emptied["username"], &emptied["phone"]), (&Value::Null, &json!("")));
        let faulty = json!({"username": "a b", "first_name": "x".repeat(151), "email": "nonsense"});
        assert_faulty(&patch(faulty).await, &["email", "first_name", "username"]);
    }

    async fn another_address_needs_the_password(shop: TestShop) {
        sign_up(&shop, "taken@example.com").await;
        let access = sign_up(&shop, "ann@example.com").await.access;
        let patch = |body: Value| shop.patch(PROFILE).bearer(&access).json(body).send();

        assert_faulty(&patch(json!({"email": "new@example.com"})).await, &["current_password"]);
        let guessed = json!({"email": "new@example.com", "current_password": "wrong password"});
        assert_faulty(&patch(guessed).await, &["current_password"]);
        let taken = json!({"email": "TAKEN@example.com", "current_password": PASSWORD});
        assert_faulty(&patch(taken).await, &["email"]);
        let other_case = patch(json!({"email": "Ann@Example.com"})).await;
        assert_eq!(other_case.json()["email"], "Ann@Example.com");
        let asked = patch(json!({"email": "new@example.com", "current_password": PASSWORD})).await;
        assert_eq!(asked.json()["email"], "Ann@Example.com", "not before the mail is answered");
    }

    /// IN-12
    async fn line_breaks_have_no_place_in_addresses_and_names(shop: TestShop) {
        let broken = json!({
            "email": "a@example.com\r\nBcc: x@example.com", "password": PASSWORD, "username": "a\r\nb",
            "first_name": "A\nB", "last_name": "\u{1b}[31m", "phone": "1\r2", "address": "1 Street\nTown",
        });
        let answer = shop.post(REGISTER).json(broken).expect(400).await;
        assert_faulty(&answer, &["email", "first_name", "last_name", "phone", "username"]);
        let access = sign_up(&shop, "ann@example.com").await.access;
        let change = json!({"email": "b@example.com\nX: y", "current_password": PASSWORD, "name": "A\nB C"});
        let answer = shop.patch(PROFILE).bearer(&access).json(change).expect(400).await;
        assert_faulty(&answer, &["email", "first_name"]);
    }

    /// DO-06
    async fn a_flood_of_logins_is_shed(shop: TestShop) {
        let shop = TestShop::with(shop.app.db.engine(), &[("REQUEST_TIMEOUT", "10m")]).await;
        let names: Vec<String> = (0..200).map(|n| format!("nobody{n}@example.com")).collect();

        let answers = join_all(names.iter().map(|name| {
            let body = json!({"email": name, "password": PASSWORD});
            shop.post(LOGIN).from(fresh_address()).json(body).send()
        })).await;

        let (served, shed): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 400);
        assert!(served.len() >= 64 && !shed.is_empty(), "{} served, {} shed", served.len(), shed.len());
        for answer in shed {
            assert_refused(answer, 503, "overloaded");
            assert_eq!(answer.header("retry-after"), "1");
        }
    }

    async fn the_browser_forgets_the_cart_that_went_into_the_account(shop: TestShop) {
        sign_up(&shop, "ann@example.com").await;
        let log_in = || shop.post(LOGIN).json(json!({"email": "ann@example.com", "password": PASSWORD}));

        let own = log_in().header("cookie", "cart_session=abc").expect(200).await;
        let by_header = log_in().header("x-cart-token", "abc").expect(200).await;
        let foreign = log_in().header("cookie", "cart_session=abc").header("origin", "https://evil.test").expect(200).await;

        let forgotten = |answer: &Answer| {
            let all = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
            all.into_iter().any(|value| value.starts_with("cart_session=; ") && value.contains("Max-Age=0") && value.contains("; Secure"))
        };
        assert_eq!([&own, &by_header, &foreign].map(forgotten), [true, false, false]);
        assert_eq!(own.json()["cart_adjustments"], json!([]));
    }
}
