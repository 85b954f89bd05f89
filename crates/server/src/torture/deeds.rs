//! What a buyer does with one order, by the seed. Who loses an answer asks again, under the same key.

use std::cell::RefCell;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use client::bank::Bank;
use client::http::Answer;
use client::shop::{Ask, Caller};
use serde_json::{Value, json};

use super::book::Book;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Plain,
    SoldOutSoon,
    TwiceWithKey,
    TwiceWithoutKey,
    Cancelled,
    CancelledTwice,
    Verified,
    EventTwice,
    DeclinedThenPaid,
    WrongAmount,
    CancelledThenPaid,
    RefundedTwice,
    BankCutOff,
}

const DEEDS: [Deed; 16] = [
    Deed::Plain,
    Deed::Plain,
    Deed::SoldOutSoon,
    Deed::TwiceWithKey,
    Deed::TwiceWithKey,
    Deed::TwiceWithoutKey,
    Deed::Cancelled,
    Deed::CancelledTwice,
    Deed::CancelledTwice,
    Deed::Verified,
    Deed::EventTwice,
    Deed::DeclinedThenPaid,
    Deed::WrongAmount,
    Deed::CancelledThenPaid,
    Deed::RefundedTwice,
    Deed::BankCutOff,
];

impl Deed {
    pub(super) fn of(number: u64) -> Deed {
        let at = usize::try_from(number % DEEDS.len() as u64).unwrap_or(0);
        DEEDS.get(at).copied().unwrap_or(Deed::Plain)
    }
}

pub(super) struct Buyer<'a> {
    pub(super) caller: Caller,
    /// The same account at a second device.
    pub(super) twin: Caller,
    pub(super) staff: Caller,
    pub(super) bank: &'a Bank,
    pub(super) book: &'a RefCell<Book>,
    /// The newest order of this buyer.
    pub(super) last: i64,
}

type Answered = std::io::Result<Answer>;

impl Buyer<'_> {
    pub(super) async fn does(&mut self, deed: Deed, number: u64, at: usize) -> Result<()> {
        let key = format!("order-{at}");
        let lines = self.wishes(deed, number >> 8);
        if !self.fills_cart(&lines).await? {
            self.book.borrow_mut().counts.sold_out += 1;
            return Ok(());
        }
        let order = match deed {
            Deed::TwiceWithKey => self.orders_twice(Some(&key)).await?,
            Deed::TwiceWithoutKey => self.orders_twice(None).await?,
            _ => self.orders(&key).await?,
        };
        let Some(order) = order else {
            // Others took the last pieces between the cart and the order.
            self.book.borrow_mut().counts.sold_out += 1;
            return Ok(());
        };
        let entry = self.book.borrow_mut().placed(&order, lines)?;
        self.last = order["id"].as_i64().unwrap_or_default();
        self.goes_on(deed, &order, entry, &key).await
    }

    /// One to four things, every other buyer in the opposite order: whoever locked them as they come would deadlock.
    fn wishes(&self, deed: Deed, number: u64) -> Vec<(usize, i64)> {
        let mut book = self.book.borrow_mut();
        let hot = book.hot();
        if deed == Deed::SoldOutSoon {
            return vec![(hot, 1)];
        }
        let pick = |shift: u32, of: usize| usize::try_from(number >> shift).unwrap_or(0) % of;
        let (first, many) = (pick(0, hot), 1 + pick(8, 4));
        let mut lines: Vec<_> = (0..many)
            .map(|n| ((first + n) % hot, 1 + i64::from(pick(16, 2) == n % 2)))
            .collect();
        if pick(20, 2) == 1 {
            lines.reverse();
            book.counts.reversed += 1;
        }
        lines
    }

    /// From an empty cart; false when something is sold out. A lost answer begins it anew.
    async fn fills_cart(&mut self, lines: &[(usize, i64)]) -> Result<bool> {
        'anew: loop {
            self.caller.insist(Ask::delete("cart/clear/")).await?;
            for (thing, quantity) in lines {
                let product = self.book.borrow().things.get(*thing).map(|thing| thing.id);
                let line = json!({"product_id": product, "quantity": quantity});
                match self.caller.ask(Ask::post("cart/items/", &line)).await {
                    Ok(answer) if answer.is_ok() => {}
                    Ok(answer) if answer.reason().contains("out_of_stock") => return Ok(false),
                    answer => {
                        self.lost(answer).await?;
                        continue 'anew;
                    }
                }
            }
            return Ok(true);
        }
    }

    /// An answer that did not come, or that the server was too busy for.
    async fn lost(&self, answer: Answered) -> Result<()> {
        match answer {
            Ok(answer) if answer.status != 503 => bail!("{} {}", answer.reason(), answer.text()),
            _ => {
                self.book.borrow_mut().counts.answers_lost += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
                self.caller.server().is_back(Duration::from_secs(60)).await
            }
        }
    }

    async fn orders(&mut self, key: &str) -> Result<Option<Value>> {
        loop {
            let nothing = json!({});
            let answer = self
                .caller
                .ask(Ask::post("orders/", &nothing).keyed(key))
                .await;
            match answer {
                Ok(answer) if answer.is_ok() => return Ok(Some(answer.json())),
                Ok(answer) if answer.reason().contains("out_of_stock") => return Ok(None),
                answer => self.lost(answer).await?,
            }
        }
    }

    /// The same cart from two devices at the same moment.
    async fn orders_twice(&mut self, key: Option<&str>) -> Result<Option<Value>> {
        self.book.borrow_mut().counts.submitted_twice += 1;
        let nothing = json!({});
        let ask = match key {
            Some(key) => Ask::post("orders/", &nothing).keyed(key),
            None => Ask::post("orders/", &nothing),
        };
        let (one, two) = tokio::join!(self.caller.ask(ask), self.twin.ask(ask));
        let mut ids: Vec<i64> = [&one, &two]
            .into_iter()
            .filter_map(|answer| answer.as_ref().ok().filter(|answer| answer.is_ok()))
            .filter_map(|answer| answer.json()["id"].as_i64())
            .collect();
        ids.dedup();
        if ids.len() > 1 {
            let what = format!("one cart became orders {ids:?}");
            self.book.borrow_mut().problem("twice", what);
        }
        if let Some(key) = key {
            return self.orders(key).await;
        }
        // Who has no key looks whether it happened.
        loop {
            let page = self.caller.insist(Ask::get("orders/?page_size=5")).await?;
            let new: Vec<Value> = page["results"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|order| order["id"].as_i64() > Some(self.last))
                .cloned()
                .collect();
            match new.as_slice() {
                [] => {}
                [order] => return Ok(Some(order.clone())),
                many => {
                    let what = format!("one cart became {} orders", many.len());
                    self.book.borrow_mut().problem("twice", what);
                    return Ok(many.last().cloned());
                }
            }
            let answer = self.caller.ask(Ask::post("orders/", &nothing)).await;
            match answer {
                Ok(answer) if answer.is_ok() => {}
                answer => self.lost(answer).await?,
            }
        }
    }

    async fn goes_on(&mut self, deed: Deed, order: &Value, entry: usize, key: &str) -> Result<()> {
        let id = &order["id"];
        match deed {
            Deed::Plain | Deed::SoldOutSoon | Deed::TwiceWithKey | Deed::TwiceWithoutKey => Ok(()),
            Deed::Cancelled => self.cancels(id, entry, false).await,
            Deed::CancelledTwice => self.cancels(id, entry, true).await,
            _ => {
                self.mark(entry, |entry| entry.at_the_bank = true);
                if deed == Deed::BankCutOff {
                    self.bank.cut_next();
                }
                let begin = json!({"order_id": id, "provider": "razorpay"});
                let begun = self
                    .caller
                    .insist(Ask::post("payments/initiate/", &begin))
                    .await?;
                self.pays(deed, id, &begun, entry, key).await
            }
        }
    }

    async fn cancels(&mut self, id: &Value, entry: usize, twice: bool) -> Result<()> {
        let path = format!("orders/{id}/cancel/");
        let nothing = json!({});
        let ask = Ask::post(&path, &nothing);
        self.book.borrow_mut().counts.cancelled += 1;
        if twice {
            self.book.borrow_mut().counts.cancelled_twice += 1;
            let (one, two) = tokio::join!(self.caller.ask(ask), self.twin.ask(ask));
            let done = [one, two]
                .into_iter()
                .flatten()
                .filter(Answer::is_ok)
                .count();
            if done > 1 {
                let what = format!("order {id} was cancelled {done} times");
                self.book.borrow_mut().problem("stock", what);
            }
        }
        loop {
            match self.caller.ask(ask).await {
                Ok(answer) if answer.is_ok() || answer.reason().contains("not_cancellable") => {
                    break;
                }
                answer => self.lost(answer).await?,
            }
        }
        self.mark(entry, |entry| entry.cancelled = true);
        Ok(())
    }

    async fn pays(
        &mut self,
        deed: Deed,
        id: &Value,
        begun: &Value,
        entry: usize,
        key: &str,
    ) -> Result<()> {
        let bank = self.bank;
        let reference = begun["razorpay_order_id"]
            .as_str()
            .context("no Razorpay order")?;
        let pay = |status, less| bank.pays(reference, status, less);
        match deed {
            Deed::EventTwice => {
                self.book.borrow_mut().counts.events_twice += 1;
                bank.tells(&pay("captured", 0), 2);
            }
            Deed::DeclinedThenPaid => {
                bank.tells(&pay("failed", 0), 1);
                bank.tells(&pay("captured", 0), 2);
            }
            Deed::WrongAmount => bank.tells(&pay("captured", 1), 1),
            Deed::CancelledThenPaid => {
                self.cancels(id, entry, false).await?;
                bank.tells(&pay("captured", 0), 1);
            }
            // The event is lost: the buyer who comes back has it asked for.
            _ => {
                let payment = pay("captured", 0);
                let hint = json!({"order_id": id, "razorpay_order_id": reference, "razorpay_payment_id": payment,
                    "razorpay_signature": bank.signature(reference, &payment)});
                self.caller
                    .insist(Ask::post("payments/verify/", &hint))
                    .await?;
            }
        }
        if deed == Deed::RefundedTwice {
            self.book.borrow_mut().counts.refunded_twice += 1;
            let path = format!("payments/{}/refund/", begun["payment_id"]);
            let (all, key) = (json!({}), format!("refund-{key}"));
            let ask = Ask::post(&path, &all).keyed(&key);
            let mut other = self.staff.again(3000);
            let _ = tokio::join!(self.staff.ask(ask), other.ask(ask));
            self.staff.insist(ask).await?;
        }
        Ok(())
    }

    fn mark(&self, entry: usize, change: impl FnOnce(&mut super::book::Entry)) {
        if let Some(entry) = self.book.borrow_mut().entries.get_mut(entry) {
            change(entry);
        }
    }
}
