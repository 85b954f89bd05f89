//! No secret reaches a log: an account goes through all that can happen to it, with all of the log switched on, and then
//! the log is searched for whatever opened something on the way.

use serde_json::json;

use crate::support::{Answer, Folder, Shop, eventually};

const KEY: &str = "canary-key-0123456789-0123456789-0123456789";
const OLD: &str = "canary old password";
const NEW: &str = "canary new password";
const WRONG: &str = "canary wrong password";

struct Flow {
    shop: Shop,
    folder: Folder,
    /// What must stand in no log.
    secrets: Vec<String>,
}

/// PR-05
#[test]
fn no_secret_reaches_the_log() {
    let mut folder = Folder::new();
    for (format, level) in [("json", "trace"), ("text", "info")] {
        let env = [
            ("SECRET_KEY", KEY),
            ("LOG_FORMAT", format),
            ("LOG_LEVEL", level),
        ];
        let (shop, name) = (Shop::open(&folder, &env), format!("{format}@example.org"));
        let mut flow = Flow {
            shop,
            folder,
            secrets: [KEY, OLD, NEW, WRONG].map(str::to_owned).to_vec(),
        };
        let log = flow.shop.follow_log();
        flow.walk(&name);
        flow.stumble(&name);
        let Flow {
            shop,
            folder: back,
            secrets,
        } = flow;
        folder = back;
        shop.signal("TERM");
        let log = log.join().unwrap();
        assert!(log.contains("/api/v1/auth/verify-email/…/"), "{log}");
        for secret in secrets.iter().map(String::as_str).chain(["$argon2", "eyJ"]) {
            assert!(secret.len() > 2, "an empty secret is in every log");
            assert!(!log.contains(secret), "`{secret}` is in the log");
        }
    }
}

impl Flow {
    /// Everything as it should go.
    fn walk(&mut self, email: &str) {
        let tokens = self.post("register", &json!({"email": email, "password": OLD}), 201);
        self.keep(&tokens.json()["tokens"]);
        let token = self.mailed("verify-email");
        let verified = self
            .shop
            .get(&format!("/api/v1/auth/verify-email/{token}/"));
        assert_eq!(verified.status, 200);
        self.keep(&verified.json());
        let refresh = verified.json()["refresh"].clone();
        let renewed = self.post("refresh", &json!({"refresh": refresh}), 200);
        self.keep(&renewed.json());
        self.post("password-reset", &json!({"email": email}), 200);
        let token = self.mailed("reset-password");
        let reset = json!({"token": token, "new_password": NEW});
        self.post("password-reset/confirm", &reset, 200);
        let signed_in = self.post("login", &json!({"email": email, "password": NEW}), 200);
        self.keep(&signed_in.json());
        let access = signed_in.json()["access"].as_str().unwrap().to_owned();
        let asked = self.shop.send(&format!(
            "GET /api/v1/auth/profile/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {access}\r\n\r\n"
        ));
        assert_eq!(asked.status, 200);
        self.post(
            "logout",
            &json!({"refresh": signed_in.json()["refresh"]}),
            200,
        );
    }

    /// Everything as it should not.
    fn stumble(&mut self, email: &str) {
        let (secrets, shop) = (self.secrets.clone(), &self.shop);
        let token = secrets.last().unwrap();
        assert_eq!(login_with(shop, email, WRONG).status, 400);
        // Typed into the wrong field.
        assert_eq!(login_with(shop, WRONG, WRONG).status, 400);
        for path in [
            format!("/api/v1/auth/verify-email/{token}/"),
            format!("/api/v1/auth/reset-password/{token}/"),
            format!("/api/v1/auth/profile/?access_token={token}"),
            format!("/api/v1/{token}/"),
            format!("/{token}"),
        ] {
            assert!((400..500).contains(&shop.get(&path).status), "{path}");
        }
        for body in [
            format!("{{\"email\": \"x\", \"password\": \"{OLD}\""),
            format!("{{\"password\": \"{OLD}\", \"password\": \"{NEW}\"}}"),
            format!("\"{OLD}\""),
            format!("{{\"{OLD}\": 1, \"email\": [\"{NEW}\"], \"password\": {{\"{WRONG}\": 1}}}}"),
        ] {
            for path in ["login", "register", "refresh", "password-reset/confirm"] {
                let answer = shop.send(&format!(
                    "POST /api/v1/auth/{path}/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                ));
                assert!((400..500).contains(&answer.status), "{path}: {body}");
            }
        }
        for header in [
            format!("Authorization: Bearer {token}"),
            format!("Authorization: Basic {token}"),
            format!("Cookie: known_device={token}; cart_session={token}"),
            format!("X-Request-Id: {OLD}"),
            format!("User-Agent: {token}"),
        ] {
            shop.send(&format!(
                "GET /api/v1/auth/profile/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n\r\n"
            ));
        }
    }

    #[track_caller]
    fn post(&self, path: &str, body: &serde_json::Value, status: u16) -> Answer {
        let answer = self.shop.post(&format!("/api/v1/auth/{path}/"), body);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        answer
    }

    /// The tokens of an answer are secrets from now on.
    fn keep(&mut self, tokens: &serde_json::Value) {
        for name in ["access", "refresh"] {
            self.secrets.push(tokens[name].as_str().unwrap().to_owned());
        }
    }

    /// The token of the mail that has such a link; the mail is taken out of the outbox.
    fn mailed(&mut self, page: &str) -> String {
        let outbox = self.folder.path().join("data/outbox");
        let mut found = None;
        eventually("the mail", || {
            for file in std::fs::read_dir(&outbox).into_iter().flatten().flatten() {
                let is_mail = file.path().extension().is_some_and(|kind| kind == "eml");
                // It may be on its way to its name.
                let mail = match is_mail {
                    true => std::fs::read_to_string(file.path()).unwrap_or_default(),
                    false => String::new(),
                };
                if let Some((_, rest)) = mail.split_once(&format!("/{page}/")) {
                    found = rest.split('/').next().map(str::to_owned);
                    std::fs::remove_file(file.path()).unwrap();
                }
            }
            found.is_some()
        });
        let token = found.unwrap();
        self.secrets.push(token.clone());
        token
    }
}

fn login_with(shop: &Shop, name: &str, password: &str) -> Answer {
    shop.post(
        "/api/v1/auth/login/",
        &json!({"email": name, "password": password}),
    )
}
