//! Time that passes, and processes that die.

use std::time::Duration;

use super::play::{Game, LEASES, TTL};
use crate::support::{Ask, CrashPoint, TestShop};

impl Game {
    pub(super) async fn pass(&mut self, seconds: i64) {
        self.note(format!("{seconds} seconds pass"));
        self.shop
            .clock
            .advance(Duration::from_secs(seconds.unsigned_abs()));
        self.book.now += seconds;
        self.jobs().await;
        self.book.pass(0, TTL);
        self.look_at_last(20).await;
    }

    pub(super) async fn reopen(&mut self) {
        self.note("the shop is closed and opened".into());
        self.shop.reopen().await;
    }

    /// Now and then the process that was asked dies in the middle, and whoever asked turns to the next one.
    pub(super) async fn crashes(&mut self, ask: Ask) -> bool {
        if self.dice.roll(20) > 0 {
            return false;
        }
        let at = self.crash_point();
        self.note(format!("  … and the shop dies at {at:?}"));
        let work = async |node: TestShop| drop(ask.at(&node).send().await);
        self.shop.dies_at(at, work).await;
        self.shop.reopen().await;
        true
    }

    /// Most requests take fewer steps: then the answer is lost.
    fn crash_point(&mut self) -> CrashPoint {
        let (steps, turns) = (self.dice.roll(25), self.dice.roll(6));
        CrashPoint { steps, turns }
    }

    /// What is due is done. Who does it may die too: its leases are over after a while, and it is done then.
    pub(super) async fn jobs(&mut self) {
        if self.dice.roll(20) == 0 {
            let at = self.crash_point();
            self.note(format!("  … who does the jobs dies at {at:?}"));
            let work = async |node: TestShop| drop(shop::jobs(&node.app).run_due().await);
            self.shop.dies_at(at, work).await;
            self.shop.reopen().await;
            self.wait(LEASES).await;
        } else {
            self.do_jobs().await;
        }
    }

    pub(super) async fn do_jobs(&self) {
        shop::jobs(&self.shop.app).run_due().await.unwrap();
    }

    pub(super) async fn wait(&mut self, seconds: i64) {
        self.shop
            .clock
            .advance(Duration::from_secs(seconds.unsigned_abs()));
        self.do_jobs().await;
        self.book.pass(seconds, TTL);
    }
}
