//! A shop in a folder of its own with buyers at its door, and what must hold of it when all is over.

use std::process::Command;
use std::thread::JoinHandle;

use db::{Options, Scratch};

use super::buyers::{BOSS, Buyers};
use crate::support::{Folder, PASSWORD, Shop, eventually, run, text};

pub(super) type Settings = Vec<(&'static str, String)>;

/// With these a fault is seen soon, and nobody is refused for asking often.
pub(super) fn settings(more: &[(&'static str, &str)]) -> Settings {
    const SAME: &[(&str, &str)] = &[
        ("DATABASE_CONNECTIONS", "8"),
        ("RATE_LIMIT", "off"),
        ("EMAIL_URL", "log:"),
        ("LOG_FORMAT", "json"),
        ("LOG_LEVEL", "warn"),
    ];
    let all = SAME.iter().chain(more);
    all.map(|(name, value)| (*name, (*value).to_owned()))
        .collect()
}

/// A database of its own on the PostgreSQL that `./test` starts.
pub(super) async fn scratch() -> Scratch {
    let set = std::env::vars().find(|(name, _)| name == "CARTWRIGHT_TEST_POSTGRES");
    let (_, url) = set.unwrap_or_else(|| panic!("CARTWRIGHT_TEST_POSTGRES is not set: run ./test"));
    let name = format!("cartwright_faults_{}", client::shop::run_name());
    Scratch::create(&Options::new(url), &name).await.unwrap()
}

pub(super) struct Site {
    pub(super) shop: Shop,
    pub(super) buyers: Buyers,
    log: JoinHandle<String>,
    /// Of whoever comes to look, past any proxy.
    env: Settings,
    folder: Folder,
}

impl Site {
    /// `serve` opens the shop that these settings lead to.
    pub(super) async fn open(
        folder: Folder,
        env: Settings,
        serve: &mut Command,
        people: usize,
    ) -> Self {
        let account = ["--email", BOSS, "--password", PASSWORD];
        let make_boss = [&["createsuperuser", "--no-input"], &account[..]].concat();
        succeeds(&folder, &env, &make_boss);
        let shop = Shop::start(serve);
        let log = shop.follow_log();
        let buyers = Buyers::at(shop.address, people).await;
        Self {
            shop,
            buyers,
            log,
            env,
            folder,
        }
    }

    /// Every order is accounted for and the shop's own audit finds nothing. Returns its log.
    pub(super) async fn close(mut self) -> String {
        self.is_ready();
        self.buyers.audit().await;
        succeeds(&self.folder, &self.env, &["check"]);
        self.shop.signal("TERM");
        let log = self.log.join().unwrap();
        assert!(self.shop.wait().success());
        for word in ["panicked", "internal_error"] {
            assert!(!log.contains(word), "{log}");
        }
        log
    }

    pub(super) fn is_ready(&self) {
        eventually("the shop is ready", || {
            self.shop.get("/api/v1/readyz/").status == 200
        });
    }
}

fn succeeds(folder: &Folder, env: &Settings, args: &[&str]) {
    let env: Vec<_> = env.iter().map(|(name, value)| (*name, &**value)).collect();
    let done = run(folder, args, &env);
    let said = text(&done.stdout) + &text(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{said}");
}
