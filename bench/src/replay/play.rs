//! Filling carts and placing orders, through lost connections too.
//!
//! An order carries an Idempotency-Key, so after a lost answer the same request is sent again. Adding to a cart has no
//! key: after a lost answer the cart is emptied and filled anew.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use serde_json::{Value, json};

use super::Replay;
use crate::invoices::Invoice;
use crate::output::bar;
use crate::parallel::at_once;
use crate::shop::{Ask, Caller};
use crate::stats::{Counts, Times};
use crate::verify::{Acknowledged, Log};

#[derive(Default)]
pub(crate) struct Played {
    /// Acknowledged orders with the index of their invoice.
    pub(crate) orders: Vec<(usize, Acknowledged)>,
    pub(crate) lines: u64,
    pub(crate) adds: Times,
    pub(crate) placings: Times,
    pub(crate) cancels: Times,
    /// Why invoices did not become orders.
    pub(crate) refusals: Counts,
    /// Lost connections, 429 and 5xx, all of them tried again.
    pub(crate) answers: Counts,
    pub(crate) problems: Vec<String>,
}

impl Played {
    pub(crate) fn cancelled(&self) -> usize {
        self.orders
            .iter()
            .filter(|(_, order)| order.cancelled)
            .count()
    }
}

pub(crate) async fn play(replay: &Replay, callers: Vec<Caller>, log: &mut Log) -> Result<Played> {
    let bar = bar("Placing orders", replay.book.invoices.len());
    let queue = RefCell::new(Queue::new(replay, callers));
    let log = RefCell::new(log);
    let parts = at_once(replay.options.customers, async |_| {
        let mut customer = Customer {
            replay,
            played: Played::default(),
        };
        loop {
            let next = match replay.options.paused.get() {
                true => Next::AllBusy,
                false => queue.borrow_mut().take(),
            };
            match next {
                Next::Invoice(at, mut caller) => {
                    customer.shop(&mut caller, at, &log).await?;
                    caller.leave();
                    queue
                        .borrow_mut()
                        .give_back(replay.book.invoices[at].customer, caller);
                    bar.inc(1);
                }
                Next::AllBusy => tokio::time::sleep(Duration::from_millis(1)).await,
                Next::End => return Ok(customer.played),
            }
        }
    })
    .await?;
    bar.finish_and_clear();
    Ok(parts.into_iter().fold(Played::default(), |mut all, part| {
        all.orders.extend(part.orders);
        all.lines += part.lines;
        all.adds.merge(part.adds);
        all.placings.merge(part.placings);
        all.cancels.merge(part.cancels);
        all.refusals.merge(part.refusals);
        all.answers.merge(part.answers);
        all.problems.extend(part.problems);
        all
    }))
}

/// Invoices nobody has taken yet, and the customers who are not shopping just now.
struct Queue<'a> {
    replay: &'a Replay,
    waiting: std::collections::VecDeque<usize>,
    callers: Vec<Option<Caller>>,
}

enum Next {
    Invoice(usize, Caller),
    AllBusy,
    End,
}

impl<'a> Queue<'a> {
    fn new(replay: &'a Replay, callers: Vec<Caller>) -> Self {
        Self {
            replay,
            waiting: (0..replay.book.invoices.len()).collect(),
            callers: callers.into_iter().map(Some).collect(),
        }
    }

    fn take(&mut self) -> Next {
        for place in 0..self.waiting.len() {
            let at = self.waiting[place];
            if let Some(caller) = self.callers[self.replay.book.invoices[at].customer].take() {
                self.waiting.remove(place);
                return Next::Invoice(at, caller);
            }
        }
        if self.waiting.is_empty() {
            Next::End
        } else {
            Next::AllBusy
        }
    }

    fn give_back(&mut self, customer: usize, caller: Caller) {
        self.callers[customer] = Some(caller);
    }
}

struct Customer<'a> {
    replay: &'a Replay,
    played: Played,
}

enum Step {
    Done(Value),
    Refused(String),
    /// Nobody knows whether it was done; the server is back.
    Lost,
}

enum Kind {
    Add,
    Place,
    Cancel,
    Other,
}

impl Customer<'_> {
    async fn shop(
        &mut self,
        caller: &mut Caller,
        at: usize,
        log: &RefCell<&mut Log>,
    ) -> Result<()> {
        let invoice = &self.replay.book.invoices[at];
        let order = match self.buy(caller, invoice).await? {
            Ok(order) => order,
            Err(reason) => {
                self.played.refusals.add(reason);
                return self.empty(caller).await;
            }
        };
        let text = |member: &str| {
            order[member]
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| anyhow!("an order without {member}: {order}"))
        };
        let id = order["id"]
            .as_i64()
            .ok_or_else(|| anyhow!("an order without id: {order}"))?;
        let mut order = Acknowledged {
            order_number: text("order_number")?,
            id,
            total: text("total_amount")?,
            cancelled: false,
        };
        log.borrow_mut().write(&order)?;
        if order.total != invoice.total.format() {
            self.played.problems.push(format!(
                "invoice {} is order {id} over {} instead of {}",
                invoice.number,
                order.total,
                invoice.total.format()
            ));
        }
        let every = self.replay.options.cancel_every;
        if every > 0 && (at + 1).is_multiple_of(every) {
            match self.cancel(caller, id).await? {
                Ok(()) => {
                    order.cancelled = true;
                    log.borrow_mut().write(&order)?;
                }
                Err(reason) => self.played.refusals.add(format!("{reason} (cancelling)")),
            }
        }
        self.played.lines += invoice.lines.len() as u64;
        self.played.orders.push((at, order));
        Ok(())
    }

    /// The order, or why there is none.
    async fn buy(
        &mut self,
        caller: &mut Caller,
        invoice: &Invoice,
    ) -> Result<Result<Value, String>> {
        'cart: loop {
            for (goods, quantity) in &invoice.lines {
                let body =
                    json!({"product_id": self.replay.products[*goods], "quantity": quantity});
                match self
                    .step(caller, Ask::post("cart/items/", &body), Kind::Add)
                    .await?
                {
                    Step::Done(_) => {}
                    Step::Refused(reason) => return Ok(Err(format!("{reason} (adding)"))),
                    Step::Lost => {
                        self.empty(caller).await?;
                        continue 'cart;
                    }
                }
            }
            break;
        }
        let body = json!({"expected_total": invoice.total.format(), "shipping_address": "1 Main Street, Springfield", "note": invoice.number});
        let key = format!("replay-{}-{}", self.replay.options.run, invoice.number);
        loop {
            match self
                .step(caller, Ask::post("orders/", &body).keyed(&key), Kind::Place)
                .await?
            {
                Step::Done(order) => return Ok(Ok(order)),
                Step::Refused(reason) => return Ok(Err(format!("{reason} (ordering)"))),
                Step::Lost => {}
            }
        }
    }

    async fn cancel(&mut self, caller: &mut Caller, id: i64) -> Result<Result<(), String>> {
        let (body, mut lost) = (json!({}), false);
        loop {
            match self
                .step(
                    caller,
                    Ask::post(&format!("orders/{id}/cancel/"), &body),
                    Kind::Cancel,
                )
                .await?
            {
                Step::Done(_) => return Ok(Ok(())),
                // The answer that was lost may have been the one that said yes.
                Step::Refused(reason) if lost => {
                    return match self
                        .step(caller, Ask::get(&format!("orders/{id}/")), Kind::Other)
                        .await?
                    {
                        Step::Done(order) if order["status"] == "cancelled" => Ok(Ok(())),
                        Step::Lost => continue,
                        _ => Ok(Err(reason)),
                    };
                }
                Step::Refused(reason) => return Ok(Err(reason)),
                Step::Lost => lost = true,
            }
        }
    }

    async fn empty(&mut self, caller: &mut Caller) -> Result<()> {
        loop {
            match self
                .step(caller, Ask::delete("cart/clear/"), Kind::Other)
                .await?
            {
                Step::Lost => {}
                Step::Done(_) => return Ok(()),
                Step::Refused(reason) if reason.starts_with("404") => return Ok(()),
                Step::Refused(reason) => bail!("a cart cannot be emptied: {reason}"),
            }
        }
    }

    async fn step(&mut self, caller: &mut Caller, ask: Ask<'_>, kind: Kind) -> Result<Step> {
        loop {
            let since = Instant::now();
            let answer = caller.ask(ask).await;
            let time = since.elapsed();
            let answer = match answer {
                Ok(answer) => answer,
                Err(_) => {
                    self.played.answers.add("connection lost");
                    self.replay
                        .server
                        .is_back(Duration::from_secs(self.replay.options.patience))
                        .await?;
                    return Ok(Step::Lost);
                }
            };
            match kind {
                Kind::Add => self.played.adds.add(time),
                Kind::Place => self.played.placings.add(time),
                Kind::Cancel => self.played.cancels.add(time),
                Kind::Other => {}
            }
            if answer.is_ok() {
                return Ok(Step::Done(answer.json()));
            }
            if answer.status != 429 && answer.status < 500 {
                return Ok(Step::Refused(answer.reason()));
            }
            self.played.answers.add(answer.reason());
            if self.played.answers.total() > 1000 {
                bail!(
                    "More than 1000 troubles for one customer: {}",
                    self.played.answers.line()
                );
            }
            let wait = answer
                .header("retry-after")
                .and_then(|s| s.parse().ok())
                .unwrap_or(1_u64);
            tokio::time::sleep(Duration::from_secs(wait.min(5))).await;
            if answer.status >= 500 {
                return Ok(Step::Lost);
            }
        }
    }
}
