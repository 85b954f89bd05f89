//! Accounts of a Django shop: they come in with their hashes and sign in with their passwords.

use std::path::PathBuf;

use futures_util::future::join_all;
use serde_json::json;
use shop::import::users::import_users;
use shop::import::{Options, Report};

use crate::support::{TestShop, fresh_address};

/// Hashed by Django 5.2 in each of the ways below.
const PASSWORD: &str = "Grüße aus Django 7";

const ROWS: &str = "\
id,password,last_login,is_superuser,username,first_name,last_name,email,is_active,date_joined
1,pbkdf2_sha256$20000$seasalt0123$+K7rZkS4ii8j9nuySqhCV09+2VCMKDtcGODTmFBZEbg=,,f,pia,Pia,Beck,Pia@Example.org,t,2019-05-06 07:08:09.5+00
2,\"argon2$argon2id$v=19$m=102400,t=2,p=8$MDhwMERnNUNBcU9PM3B2RGV6eXNZWg$VJbowoPikeiKMmnvn+6P05/kk3Ne3WW2bp8sIuPQRJg\",,1,ari,,,ari@example.org,1,2019-05-06T07:08:09Z
3,bcrypt_sha256$$2b$05$pv.GVPZTwq25lFB8IRan1./lsgKJYc5jVbenqPsrzJe2pBWU2qTXu,,False,bo@home,,,bo@example.org,True,2019-05-06 07:08:09
4,bcrypt$$2b$05$2yS0YtpBmWvtRaimsFMGWu4mtcWrRLet/G0.WTrFwmVS6ICtremeO,,0,bea,,,bea@example.org,,
5,!vcpRxss3HNyMfaIrDm5Btp4vQNECgYd33NoWgFVc,,0,una,,,una@example.org,t,
6,bcrypt$$2b$05$2yS0YtpBmWvtRaimsFMGWu4mtcWrRLet/G0.WTrFwmVS6ICtremeO,,0,cara,,,cara@example.org,f,
7,md5$salt$5f4dcc3b5aa765d61d8327deb882cf99,,0,mo,,,mo@example.org,t,
8,!x,,0,mo,,,no address,t,
9,!x,,0,pia2,,,pia@example.ORG,t,
10,!x,,maybe,mo,,,mo@example.org,t,
";

struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn import(shop: &TestShop, text: &str, dry_run: bool) -> Report {
    let name = format!(
        "cartwright-users-{}-{}",
        std::process::id(),
        fresh_address().ip()
    );
    let file = File(std::env::temp_dir().join(name));
    std::fs::write(&file.0, text).unwrap();
    let options = Options {
        dry_run,
        ..Options::default()
    };
    import_users(&shop.app, &file.0, &options, &mut |_, _| ())
        .await
        .unwrap()
}

async fn log_in(shop: &TestShop, name: &str, password: &str) -> crate::support::Answer {
    let body = json!({"email": name, "password": password});
    shop.post("/api/v1/auth/login/")
        .from(fresh_address())
        .json(body)
        .send()
        .await
}

async fn stored(shop: &TestShop, email: &str) -> String {
    let conn = shop.app.db.read().await.unwrap();
    conn.one(
        "SELECT password_hash FROM users WHERE email_key = $1",
        &[email.into()],
    )
    .await
    .unwrap()
}

both! {
    async fn accounts_of_django_sign_in_and_their_hashes_are_renewed(shop: TestShop) {
        let report = import(&shop, ROWS, false).await;

        assert_eq!((report.rows, report.imported, report.skipped), (10, 6, 4));
        let lines: Vec<u64> = report.faults.iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [8, 9, 10, 11], "{:?}", report.faults);
        for name in ["pia", "ari", "bo@example.org", "bea"] {
            assert_eq!(log_in(&shop, name, "wrong password").await.code(), "invalid_credentials", "{name}");
            let signed_in = log_in(&shop, name, PASSWORD).await;
            assert_eq!(signed_in.status, 200, "{name}: {}", signed_in.text());
            let email = signed_in.json()["user"]["email"].as_str().unwrap().to_lowercase();
            let renewed = stored(&shop, &email).await;
            assert!(renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{name}");
            assert_eq!(log_in(&shop, name, PASSWORD).await.status, 200);
            assert_eq!(stored(&shop, &email).await, renewed);
        }
        for (name, password) in [("una", PASSWORD), ("una", "!"), ("cara", PASSWORD)] {
            assert_eq!(log_in(&shop, name, password).await.code(), "invalid_credentials", "{name}");
        }
    }

    async fn their_first_sign_ins_at_once_are_all_let_in(shop: TestShop) {
        import(&shop, ROWS, false).await;
        let answers = join_all((0..3).map(|_| log_in(&shop, "pia", PASSWORD))).await;
        let statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
        assert_eq!(statuses, [200, 200, 200]);
        let conn = shop.app.db.read().await.unwrap();
        let failed: i64 = conn.one("SELECT COUNT(*) FROM login_attempts WHERE outcome <> 'succeeded'", &[]).await.unwrap();
        assert_eq!(failed, 0);
    }

    async fn what_is_known_of_them_comes_along(shop: TestShop) {
        let report = import(&shop, ROWS, false).await;

        assert!(report.notes.iter().any(|note| note.starts_with("1 usernames")), "{:?}", report.notes);
        let pia = log_in(&shop, "pia", PASSWORD).await.json()["user"].clone();
        assert_eq!((&pia["email"], &pia["name"], &pia["role"]), (&json!("Pia@Example.org"), &json!("Pia Beck"), &json!("customer")));
        assert_eq!((&pia["date_joined"], &pia["email_verified"]), (&json!("2019-05-06T07:08:09.5Z"), &json!(false)));
        assert_eq!(log_in(&shop, "ari", PASSWORD).await.json()["user"]["role"], "admin");
        assert_eq!(log_in(&shop, "bo@example.org", PASSWORD).await.json()["user"]["username"], json!(null));
    }

    async fn a_second_run_changes_nothing_and_a_dry_run_writes_nothing(shop: TestShop) {
        let dry = import(&shop, ROWS, true).await;
        assert_eq!((dry.imported, log_in(&shop, "pia", PASSWORD).await.status.as_u16()), (6, 400));

        import(&shop, ROWS, false).await;
        log_in(&shop, "pia", PASSWORD).await;
        let renewed = stored(&shop, "pia@example.org").await;
        let again = import(&shop, ROWS, false).await;
        assert_eq!((again.imported, again.unchanged), (0, 6));
        assert_eq!(stored(&shop, "pia@example.org").await, renewed);
    }
}
