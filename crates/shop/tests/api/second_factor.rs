//! Codes beside the password.

use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use db::{Engine, args};
use ring::hmac;
use serde_json::{Value, json};

use crate::shopping::{at_once, with_status};
use crate::support::{Ask, PASSWORD, Person, SECRET_KEY, TestShop, fresh_address};

const FACTOR: &str = "/api/v1/auth/second-factor/";

/// What an authenticator app shows, so many half minutes from now (RFC 6238).
fn code(shop: &TestShop, secret: &str, steps: i64) -> String {
    let secret = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &secret);
    let step = shop.clock.now().seconds() / 30 + steps;
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let at = usize::from(tag.as_ref()[19] & 0xf);
    let number = u32::from_be_bytes(tag.as_ref()[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

fn log_in(shop: &TestShop, email: &str, otp: Option<&str>) -> Ask {
    shop.post("/api/v1/auth/login/")
        .from(fresh_address())
        .json(json!({"email": email, "password": PASSWORD, "otp": otp}))
}

async fn enrol(shop: &TestShop, person: &Person) -> String {
    let body = json!({"current_password": PASSWORD});
    let enrolled = shop.post(FACTOR).by(person).json(body).expect(201).await;
    enrolled.json()["secret"].as_str().unwrap().to_owned()
}

/// The secret and the recovery codes.
async fn enabled(shop: &TestShop, person: &Person) -> (String, Vec<String>) {
    let secret = enrol(shop, person).await;
    let body = json!({"otp": code(shop, &secret, 0)});
    let confirmed = shop
        .post(&format!("{FACTOR}confirm/"))
        .by(person)
        .json(body);
    let codes = confirmed.expect(200).await.json()["recovery_codes"].clone();
    shop.clock.advance(Duration::from_secs(30));
    (secret, serde_json::from_value(codes).unwrap())
}

fn disable(shop: &TestShop, person: &Person, otp: Option<&str>) -> Ask {
    shop.post(&format!("{FACTOR}disable/"))
        .by(person)
        .from(fresh_address())
        .json(json!({"current_password": PASSWORD, "otp": otp}))
}

/// A shop whose admins must have a second factor.
struct Strict(TestShop);

impl Strict {
    async fn on(engine: Engine) -> Self {
        Strict(TestShop::with(engine, &[("REQUIRE_ADMIN_TOTP", "true")]).await)
    }
}

both! {
    async fn a_device_is_enrolled_and_signing_in_takes_its_codes(shop: TestShop) {
        let boss = shop.admin().await;
        let other = shop.sign_in(&boss.email).await;
        assert_eq!(shop.post(FACTOR).by(&boss).expect(400).await.faulty(), ["current_password"]);
        let enrolled = shop.post(FACTOR).by(&boss).json(json!({"current_password": PASSWORD})).expect(201).await.json();
        let secret = enrolled["secret"].as_str().unwrap();
        let uri = enrolled["otpauth_uri"].as_str().unwrap();
        assert!(uri.starts_with("otpauth://totp/Cartwright:admin") && uri.contains(&format!("secret={secret}&issuer=Cartwright")), "{uri}");
        let svg = enrolled["qr_code_svg"].as_str().unwrap();
        assert!(svg.contains("<svg") && svg.ends_with("</svg>"), "{svg}");

        log_in(&shop, &boss.email, None).expect(200).await;
        let wrong = shop.post(&format!("{FACTOR}confirm/")).by(&boss).json(json!({"otp": code(&shop, secret, 5)})).expect(400).await;
        assert_eq!(wrong.faulty(), ["otp"]);
        let body = json!({"otp": code(&shop, secret, 0)});
        let confirmed = shop.post(&format!("{FACTOR}confirm/")).by(&boss).json(body.clone()).expect(200).await.json();
        assert_eq!(confirmed["recovery_codes"].as_array().unwrap().len(), 10);
        let again = shop.post(&format!("{FACTOR}confirm/")).by(&boss).json(body).expect(409).await;
        assert_eq!(again.code(), "conflict");
        shop.post(FACTOR).by(&boss).json(json!({"current_password": PASSWORD})).expect(400).await;
        shop.get("/api/v1/auth/profile/").by(&other).expect(401).await;
        let shown = shop.get(FACTOR).by(&boss).expect(200).await.json();
        assert_eq!((&shown["enabled"], &shown["recovery_codes_left"], &shown["required"]), (&json!(true), &json!(10), &json!(false)));

        let asked = log_in(&shop, &boss.email, None).expect(401).await;
        assert_eq!((asked.code().as_str(), asked.json().get("access")), ("otp_required", None));
        shop.clock.advance(Duration::from_secs(30));
        let now = code(&shop, secret, 0);
        log_in(&shop, &boss.email, Some(&format!("{} {}", &now[..3], &now[3..]))).expect(200).await;
    }

    async fn a_code_is_used_once_also_at_once(shop: TestShop) {
        let boss = shop.admin().await;
        let (secret, _) = enabled(&shop, &boss).await;
        let next = code(&shop, &secret, 0);
        let answers = at_once((0..2).map(|_| log_in(&shop, &boss.email, Some(&next)))).await;
        assert_eq!((with_status(&answers, 200), with_status(&answers, 401)), (1, 1));
        assert!(answers.iter().any(|answer| answer.status == 401 && answer.code() == "otp_invalid"));
        // What is before it is used up with it.
        assert_eq!(log_in(&shop, &boss.email, Some(&code(&shop, &secret, -1))).expect(401).await.code(), "otp_invalid");
        log_in(&shop, &boss.email, Some(&code(&shop, &secret, 1))).expect(200).await;
    }

    async fn the_code_that_confirmed_signs_nobody_in(shop: TestShop) {
        let boss = shop.admin().await;
        let secret = enrol(&shop, &boss).await;
        let used = code(&shop, &secret, 0);
        shop.post(&format!("{FACTOR}confirm/")).by(&boss).json(json!({"otp": used})).expect(200).await;
        assert_eq!(log_in(&shop, &boss.email, Some(&used)).expect(401).await.code(), "otp_invalid");
    }

    async fn wrong_codes_count_as_failed_logins(shop: TestShop) {
        let boss = shop.admin().await;
        let (secret, _) = enabled(&shop, &boss).await;
        for wrong in [code(&shop, &secret, 9), "AAAA-AAAA-AAAA-AAAA".into(), "x".repeat(300)] {
            assert_eq!(log_in(&shop, &boss.email, Some(&wrong)).expect(401).await.code(), "otp_invalid");
        }
        let right = code(&shop, &secret, 0);
        assert_eq!(log_in(&shop, &boss.email, Some(&right)).expect(429).await.code(), "login_locked");
        // To know the password is no way to guess codes, nor is asking which one is needed a failure.
        shop.clock.advance(Duration::from_secs(16 * 60));
        for _ in 0..4 {
            log_in(&shop, &boss.email, None).expect(401).await;
        }
        log_in(&shop, &boss.email, Some(&code(&shop, &secret, 0))).expect(200).await;
        let boss = shop.get("/api/v1/admin/security/login-attempts/?outcome=failed").bearer(
            log_in(&shop, &boss.email, Some(&code(&shop, &secret, 1))).expect(200).await.json()["access"].as_str().unwrap(),
        ).expect(200).await.json();
        assert!(boss["results"].as_array().unwrap().iter().all(|attempt| attempt["reason"] == "wrong_code"));
    }

    async fn a_recovery_code_signs_in_once(shop: TestShop) {
        let boss = shop.admin().await;
        let (_, codes) = enabled(&shop, &boss).await;
        let typed = codes[3].to_lowercase().replace('-', " ");
        let answers = at_once((0..2).map(|_| log_in(&shop, &boss.email, Some(&typed)))).await;
        assert_eq!((with_status(&answers, 200), with_status(&answers, 401)), (1, 1));
        let left = shop.get(FACTOR).by(&boss).expect(200).await.json()["recovery_codes_left"].clone();
        assert_eq!(left, 9);
        log_in(&shop, &boss.email, Some(&codes[4])).expect(200).await;
        let eve = shop.admin().await;
        enabled(&shop, &eve).await;
        assert_eq!(log_in(&shop, &eve.email, Some(&codes[5])).expect(401).await.code(), "otp_invalid");
    }

    async fn turning_it_off_takes_password_and_code(shop: TestShop) {
        let boss = shop.admin().await;
        disable(&shop, &boss, None).expect(404).await;
        let (secret, codes) = enabled(&shop, &boss).await;
        let asked = disable(&shop, &boss, None).expect(400).await;
        assert_eq!((asked.faulty(), asked.json()["errors"][0]["code"].clone()), (vec!["otp".to_owned()], json!("required")));
        assert_eq!(disable(&shop, &boss, Some("000000")).expect(400).await.faulty(), ["otp"]);
        disable(&shop, &boss, Some(&codes[0])).expect(204).await;
        log_in(&shop, &boss.email, None).expect(200).await;
        assert_ne!(enrol(&shop, &boss).await, secret);
        let log = shop.get("/api/v1/admin/audit-log/?action=second_factor.changed").by(&boss).expect(200).await.json();
        let changes: Vec<_> = log["results"].as_array().unwrap().iter().map(|entry| entry["after"]["enabled"].clone()).collect();
        assert_eq!(changes, [json!(false), json!(true)]);
        assert!(!log.to_string().contains(&secret));
    }

    async fn another_admin_helps_who_lost_everything(shop: TestShop) {
        let (boss, lost) = (shop.admin().await, shop.admin().await);
        enabled(&shop, &lost).await;
        let path = |person: &Person| format!("/api/v1/admin/users/{}/second-factor/", person.id);
        let (secret, _) = enabled(&shop, &boss).await;
        shop.delete(&path(&boss)).by(&boss).expect(403).await;
        shop.delete(&path(&lost)).by(&boss).expect(204).await;
        shop.delete(&path(&lost)).by(&boss).expect(404).await;
        shop.delete("/api/v1/admin/users/999999/second-factor/").by(&boss).expect(404).await;
        log_in(&shop, &lost.email, None).expect(200).await;
        log_in(&shop, &boss.email, Some(&code(&shop, &secret, 0))).expect(200).await;
    }

    async fn neither_the_secret_nor_recovery_codes_stand_in_the_database(shop: TestShop) {
        let boss = shop.admin().await;
        let (secret, codes) = enabled(&shop, &boss).await;
        let conn = shop.app.db.read().await.unwrap();
        let stored: Vec<u8> = conn.one("SELECT secret FROM second_factors WHERE user_id = $1", args![boss.id]).await.unwrap();
        let plain = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
        assert!(!stored.windows(8).any(|part| part == &plain[..8]));
        let all = crate::privacy::all_texts(&shop).await;
        assert!(!all.contains(&secret) && !codes.iter().any(|code| all.contains(code)));
    }

    async fn with_a_new_key_only_recovery_codes_sign_in_until_the_old_one_is_named(shop: TestShop) {
        let boss = shop.admin().await;
        let (secret, codes) = enabled(&shop, &boss).await;
        let new_key = ("SECRET_KEY", "another-secret-for-tests-of-32-bytes");
        let forgetful = shop.another_node_with(&[new_key]).await;
        let refused = log_in(&forgetful, &boss.email, Some(&code(&shop, &secret, 0))).expect(401).await;
        assert_eq!(refused.code(), "otp_unreadable");
        assert!(refused.text().contains("recovery code"), "{}", refused.text());
        let signed_in = log_in(&forgetful, &boss.email, Some(&codes[0])).expect(200).await.json();
        let boss = Person { access: signed_in["access"].as_str().unwrap().to_owned(), ..boss };
        let asked = disable(&forgetful, &boss, Some(&code(&shop, &secret, 0))).expect(400).await;
        assert_eq!((asked.faulty(), asked.json()["errors"][0]["code"].clone()), (vec!["otp".to_owned()], json!("unreadable")));

        let careful = shop.another_node_with(&[new_key, ("SECRET_KEY_PREVIOUS", SECRET_KEY)]).await;
        log_in(&careful, &boss.email, Some(&code(&shop, &secret, 0))).expect(200).await;
        // It is sealed with the new one by now.
        log_in(&forgetful, &boss.email, Some(&code(&shop, &secret, 1))).expect(200).await;
    }

    async fn a_mail_signs_nobody_in_who_has_a_second_factor(shop: TestShop) {
        let alice = shop.customer("alice").await;
        let token = shop.mail_to(&alice.email).await.token().to_owned();
        let (secret, _) = enabled(&shop, &alice).await;
        let answer = shop.post(&format!("/api/v1/auth/verify-email/{token}/")).expect(401).await;
        assert_eq!((answer.code().as_str(), answer.json().get("access")), ("otp_required", None));
        let signed_in = log_in(&shop, &alice.email, Some(&code(&shop, &secret, 0))).expect(200).await.json();
        assert_eq!(signed_in["user"]["email_verified"], true);
    }

    async fn where_it_is_required_an_admin_without_it_is_a_customer(shop: Strict) {
        let shop = shop.0;
        let boss = shop.admin().await;
        let alice = shop.customer("alice").await;
        for (method, path) in [("GET", "/api/v1/admin/users/"), ("POST", "/api/v1/products/"), ("GET", "/api/v1/admin/products/"), ("GET", "/api/v1/admin/audit-log/")] {
            assert_eq!(shop.ask(method, path).by(&boss).json(json!({})).expect(403).await.code(), "second_factor_required", "{path}");
        }
        assert_eq!(shop.get("/api/v1/admin/users/").by(&alice).expect(403).await.code(), "permission_denied");
        assert_eq!(shop.get("/api/v1/orders/").by(&boss).expect(200).await.json()["count"], 0);
        shop.get("/api/v1/auth/profile/").by(&boss).expect(200).await;
        assert_eq!(shop.get(FACTOR).by(&boss).expect(200).await.json()["required"], true);

        let (_, codes) = enabled(&shop, &boss).await;
        let users = shop.get("/api/v1/admin/users/").by(&boss).expect(200).await.json();
        assert_eq!(users["count"], 2);
        let log = shop.get("/api/v1/admin/audit-log/").by(&boss).expect(200).await.json();
        assert_eq!(log["results"][0]["action"], "second_factor.changed");

        disable(&shop, &boss, Some(&codes[0])).expect(204).await;
        shop.get("/api/v1/admin/users/").by(&boss).expect(403).await;
    }

    async fn who_has_a_second_factor_needs_it_to_be_erased(shop: TestShop) {
        let alice = shop.customer("alice").await;
        let (_, codes) = enabled(&shop, &alice).await;
        let erase = |otp: Value| shop.post("/api/v1/auth/profile/erase/").by(&alice).json(json!({"current_password": PASSWORD, "otp": otp}));
        assert_eq!(erase(Value::Null).expect(400).await.faulty(), ["otp"]);
        erase(json!(codes[0])).expect(204).await;
        let conn = shop.app.db.read().await.unwrap();
        let left: i64 = conn.one("SELECT COUNT(*) FROM recovery_codes", &[]).await.unwrap();
        assert_eq!(left, 0);
    }

    /// AU-16
    async fn a_stranger_leaves_no_second_factor_behind_either(shop: TestShop) {
        let stranger = shop.customer("victim").await;
        enabled(&shop, &stranger).await;
        let body = json!({"email": stranger.email});
        shop.post("/api/v1/auth/password-reset/").json(body).expect(200).await;
        let token = shop.mail_to(&stranger.email).await.token().to_owned();
        let body = json!({"token": token, "new_password": PASSWORD});
        shop.post("/api/v1/auth/password-reset/confirm/").json(body).expect(200).await;
        log_in(&shop, &stranger.email, None).expect(200).await;
    }

    async fn a_reset_of_the_owner_leaves_the_second_factor_on(shop: TestShop) {
        let alice = shop.customer("alice").await;
        let token = shop.mail_to(&alice.email).await.token().to_owned();
        shop.post(&format!("/api/v1/auth/verify-email/{token}/")).expect(200).await;
        let (_, codes) = enabled(&shop, &alice).await;
        let body = json!({"email": alice.email});
        shop.post("/api/v1/auth/password-reset/").json(body).expect(200).await;
        let token = shop.mail_to(&alice.email).await.token().to_owned();
        let body = json!({"token": token, "new_password": PASSWORD});
        shop.post("/api/v1/auth/password-reset/confirm/").json(body).expect(200).await;
        assert_eq!(log_in(&shop, &alice.email, None).expect(401).await.code(), "otp_required");
        log_in(&shop, &alice.email, Some(&codes[0])).expect(200).await;
    }
}
