//! Mails: from the queue to a mail server, past its moods.

use std::time::Duration;

use db::Engine;
use serde_json::json;
use shop::mail::{self, Letter, Template};
use shop::transact;

use crate::support::{Delivered, Mail, MailServer, Manners, Mood, TestShop};

const PLAIN: Manners = Manners {
    starttls: false,
    smtps: false,
    auth: "",
};
const STARTTLS: Manners = Manners {
    starttls: true,
    smtps: false,
    auth: "PLAIN LOGIN",
};

/// A shop with a mail server of its own.
struct MailingShop {
    shop: TestShop,
    server: MailServer,
}

impl MailingShop {
    async fn on(engine: Engine) -> Self {
        Self::with(engine, PLAIN, "smtp://localhost:{port}").await
    }

    async fn with(engine: Engine, manners: Manners, url: &str) -> Self {
        let server = MailServer::start(manners).await;
        let url = url
            .replace("{port}", &server.port.to_string())
            .replace("{ca}", &server.ca.display().to_string());
        let settings = [
            ("EMAIL_URL", &*url),
            ("EMAIL_FROM", "The Shop <mail@shop.test>"),
        ];
        let shop = TestShop::with(engine, &settings).await;
        MailingShop { shop, server }
    }

    async fn write(&self) {
        let values = json!({"link": "https://shop.test/v/abc/", "hours": 24});
        let letter = Letter::new("alice@example.org", Template::VerifyEmail, values);
        let (app, now) = (&self.shop.app, self.shop.clock.now());
        transact!(app.db, tx => { mail::enqueue(tx, &letter, now).await }).unwrap();
    }

    /// Lets time pass and does what is due then.
    async fn after(&self, seconds: u64) -> Vec<Delivered> {
        self.shop.clock.advance(Duration::from_secs(seconds));
        shop::jobs(&self.shop.app).run_due().await.unwrap();
        self.server.delivered()
    }

    async fn failed_jobs(&self) -> Vec<String> {
        let conn = self.shop.app.db.read().await.unwrap();
        let sql = "SELECT last_error FROM jobs WHERE failed_at IS NOT NULL";
        conn.all(sql, db::args![]).await.unwrap()
    }
}

both! {
    async fn a_letter_reaches_the_mail_server_as_text_and_as_html(mailing: MailingShop) {
        mailing.write().await;
        let delivered = mailing.after(0).await;

        assert_eq!(delivered.len(), 1);
        assert_eq!((&*delivered[0].from, &*delivered[0].to), ("mail@shop.test", &["alice@example.org".to_owned()][..]));
        let mail = Mail::read(&delivered[0].message);
        assert_eq!(mail.header("From"), "\"The Shop\" <mail@shop.test>");
        assert_eq!(mail.header("To"), "alice@example.org");
        assert_eq!(mail.header("Subject"), "Confirm your email address");
        assert_eq!(mail.header("Date"), "Sun, 01 Mar 2026 12:00:00 +0000");
        assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
        assert!(mail.header("Message-ID").ends_with("@shop.test>"));
        assert_eq!(mail.link(), "https://shop.test/v/abc/");
        assert!(mail.html.contains("href=\"https:&#x2f;&#x2f;shop.test&#x2f;v&#x2f;abc&#x2f;\""), "{}", mail.html);
        assert_eq!(mailing.after(3600).await.len(), 1, "once");
    }

    async fn a_mail_server_that_says_nothing_holds_up_mails_only(mailing: MailingShop) {
        // Connections are taken by the system, and nobody speaks.
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", silent.local_addr().unwrap());
        let mailing = MailingShop { shop: TestShop::with(mailing.shop.app.db.engine(), &[("EMAIL_URL", &url)]).await, ..mailing };
        for _ in 0..6 {
            mailing.write().await;
        }
        let count = async |sql: &str| -> i64 {
            let conn = mailing.shop.app.db.read().await.unwrap();
            conn.one(sql, db::args![]).await.unwrap()
        };
        let runner = tokio::spawn(shop::jobs(&mailing.shop.app).run(std::future::pending()));

        // Sooner than one mail is given up.
        let in_time = tokio::time::timeout(Duration::from_secs(10), async {
            while count("SELECT COUNT(*) FROM jobs WHERE kind = 'count_orders' AND run_at > created_at AND leased_until IS NULL").await == 0
                || count("SELECT COUNT(*) FROM jobs WHERE kind = 'mail' AND leased_until IS NOT NULL").await != 3
            {
                tokio::task::yield_now().await;
            }
        });
        in_time.await.expect("another job is done while three mails wait");
        assert_eq!(count("SELECT COUNT(*) FROM jobs WHERE kind = 'mail'").await, 6);
        runner.abort();
    }

    async fn what_is_rolled_back_is_not_sent(mailing: MailingShop) {
        let letter = Letter::new("alice@example.org", Template::VerifyEmail, json!({}));
        let (app, now) = (&mailing.shop.app, mailing.shop.clock.now());
        let undone: Result<(), shop::error::Error> = transact!(app.db, tx => {
            mail::enqueue(tx, &letter, now).await?;
            Err(shop::error::Code::Conflict.into())
        });
        assert!(undone.is_err());
        assert!(mailing.after(60).await.is_empty());
    }

    async fn a_server_that_is_busy_or_hangs_up_is_asked_again_later(mailing: MailingShop) {
        mailing.server.moods(&[Mood::Refuse("451 4.7.1 greylisted, come again"), Mood::HangUp]);
        mailing.write().await;
        assert!(mailing.after(0).await.is_empty());
        assert!(mailing.after(4).await.is_empty(), "not before five seconds");
        assert!(mailing.after(1).await.is_empty(), "it hung up");
        assert!(mailing.after(9).await.is_empty(), "not before ten seconds more");
        let delivered = mailing.after(1).await;
        assert_eq!(delivered.len(), 1);
        assert!(mailing.failed_jobs().await.is_empty());
    }

    async fn what_no_server_will_ever_take_is_set_aside(mailing: MailingShop) {
        mailing.server.moods(&[Mood::Refuse("550 5.1.1 no such user")]);
        mailing.write().await;
        assert!(mailing.after(0).await.is_empty());
        assert!(mailing.after(86_400).await.is_empty());
        let failed = mailing.failed_jobs().await;
        assert!(failed.len() == 1 && failed[0].contains("no such user"), "{failed:?}");

        let letter = Letter::new("alice@example.org", Template::VerifyEmail, json!({}));
        let (app, now) = (&mailing.shop.app, mailing.shop.clock.now());
        transact!(app.db, tx => { mail::enqueue(tx, &letter, now).await }).unwrap();
        assert!(mailing.after(0).await.is_empty());
        assert_eq!(mailing.failed_jobs().await.len(), 2, "a mail without its link");

        // Whose address it was is known for a month.
        let app = &mailing.shop.app;
        for (days, gone) in [(28, 0), (3, 2), (3, 0)] {
            mailing.shop.clock.advance(Duration::from_secs(days * 86_400));
            assert_eq!(shop::housekeeping::sweep(app).await.unwrap().failed_jobs, gone);
        }
        let left: i64 = app.db.read().await.unwrap().one("SELECT COUNT(*) FROM jobs WHERE kind = 'mail'", &[]).await.unwrap();
        assert_eq!(left, 0);
    }
}

#[tokio::test]
async fn a_password_goes_over_tls_only() {
    for (manners, url) in [
        (STARTTLS, "smtp://shop:p%40ss@localhost:{port}?ca={ca}"),
        (
            STARTTLS,
            "smtp://shop:p%40ss@localhost:{port}?tls=required&ca={ca}",
        ),
        (
            Manners {
                smtps: true,
                starttls: false,
                auth: "LOGIN",
            },
            "smtps://shop:p%40ss@localhost:{port}?ca={ca}",
        ),
    ] {
        let mailing = MailingShop::with(Engine::Sqlite, manners, url).await;
        mailing.write().await;
        let delivered = mailing.after(0).await;
        assert_eq!(delivered.len(), 1, "{url}");
        assert!(delivered[0].over_tls, "{url}");
        assert_eq!(
            delivered[0].by,
            Some(("shop".to_owned(), "p@ss".to_owned()))
        );
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_trusted_gets_nothing_and_is_tried_again() {
    for (manners, url) in [
        // Nobody signed its certificate.
        (STARTTLS, "smtp://shop:p%40ss@localhost:{port}"),
        // It has no TLS, or somebody between took the offer away.
        (PLAIN, "smtp://localhost:{port}?tls=required&ca={ca}"),
        // A wrong password may be put right.
        (STARTTLS, "smtp://shop:wrong@localhost:{port}?ca={ca}"),
    ] {
        let mailing = MailingShop::with(Engine::Sqlite, manners, url).await;
        mailing.write().await;
        assert!(mailing.after(0).await.is_empty(), "{url}");
        assert!(mailing.failed_jobs().await.is_empty(), "{url}");
    }
}
