//! Plays against the shop and the book at once, and compares what they say.

use std::time::Duration;

use db::Engine;
use serde_json::{Value, json};

use super::book::{Book, Thing};
use crate::mix::Dice;
use crate::shopping::{Goods, sell};
use crate::support::{Ask, CrashPoint, Person, TestShop};

const THINGS: usize = 6;
/// The first ones are customers, the others guests.
pub(super) const SHOPPERS: usize = 6;
pub(super) const CUSTOMERS: usize = 4;
/// `UNPAID_ORDER_TTL`, in seconds.
const TTL: i64 = 3600;
/// Everything is compared after so many operations, and at the end.
const LOOK: u64 = 250;
/// Seconds after which others take up what a dead process had in hand.
const LEASES: i64 = 180;
const WORDS: [&str; 6] = [
    "confirmed",
    "processing",
    "shipped",
    "delivered",
    "paid",
    "cancelled",
];

pub struct Game {
    pub(super) seed: u64,
    pub(super) shop: TestShop,
    pub(super) admin: Person,
    pub(super) customers: Vec<Person>,
    /// The cart tokens of the guests; one without has never shopped, or has just ordered.
    pub(super) tokens: Vec<Option<String>>,
    pub(super) goods: Vec<Goods>,
    /// Id and order token, as the book has them in order.
    pub(super) orders: Vec<(i64, String)>,
    pub(super) book: Book,
    pub(super) dice: Dice,
    pub(super) keys: u64,
    pub(super) log: Vec<String>,
    pub(super) played: u64,
}

impl Game {
    pub async fn new(engine: Engine, seed: u64) -> Self {
        let settings = [
            ("RATE_LIMIT", "off"),
            ("UNPAID_ORDER_TTL", "1h"),
            ("ACCESS_TOKEN_TTL", "3000d"),
            ("REFRESH_TOKEN_TTL", "3000d"),
        ];
        let shop = TestShop::with(engine, &settings).await;
        let admin = shop.admin().await;
        let mut customers = Vec::new();
        for n in 0..CUSTOMERS {
            customers.push(shop.customer(&format!("buyer{n}")).await);
        }
        let mut dice = Dice(seed);
        let mut book = Book::default();
        let mut goods = Vec::new();
        for n in 0..THINGS {
            let (price, on_hand) = (100 + dice.up_to(9000), dice.up_to(30));
            goods.push(sell(&shop, &format!("Thing {n}"), price, on_hand).await);
            book.things.push(Thing {
                price,
                on_hand,
                reserved: 0,
                on_sale: true,
            });
        }
        book.carts.resize_with(SHOPPERS, Default::default);
        Game {
            seed,
            shop,
            admin,
            customers,
            tokens: vec![None; SHOPPERS],
            goods,
            orders: Vec::new(),
            book,
            dice,
            keys: 0,
            log: Vec::new(),
            played: 0,
        }
    }

    pub async fn play(mut self, operations: u64) {
        for n in 1..=operations {
            self.played = n;
            Box::pin(self.one()).await;
            if n % LOOK == 0 || n == operations {
                self.compare_all().await;
            }
        }
    }

    async fn one(&mut self) {
        match self.dice.roll(100) {
            0..=24 => self.add().await,
            25..=32 => self.set().await,
            33..=34 => self.clear().await,
            35..=52 => self.place().await,
            53..=58 => self.cancel().await,
            59..=72 => self.command().await,
            73..=83 => self.pay().await,
            84..=88 => self.refund().await,
            89..=92 => self.restock().await,
            93..=95 => self.reprice().await,
            96..=97 => self.hide_or_show().await,
            98 => self.pass(TTL + 60).await,
            _ => self.reopen().await,
        }
    }

    // What shoppers do.

    async fn add(&mut self) {
        let (shopper, thing, quantity) = (self.shopper(), self.thing(), 1 + self.dice.up_to(4));
        self.note(format!("shopper {shopper} adds {quantity} of {thing}"));
        let body = json!({"product_id": self.goods[thing].product, "quantity": quantity});
        let ask = |game: &Self| {
            let ask = game.sign(shopper, game.shop.post("/api/v1/cart/items/"));
            ask.json(body.clone())
        };
        // A guest who never got a token would begin another cart.
        let known = shopper < CUSTOMERS || self.tokens[shopper].is_some();
        if known && self.crashes(ask(self)).await && self.was_added(shopper, thing).await {
            assert!(self.book.add(shopper, thing, quantity).is_ok());
            return;
        }
        let answer = ask(self).send().await;
        if shopper >= CUSTOMERS && !answer.header("x-cart-token").is_empty() {
            self.tokens[shopper] = Some(answer.header("x-cart-token").to_owned());
        }
        let said = self.book.add(shopper, thing, quantity);
        let status = said.map(|is_new| if is_new { 201 } else { 200 });
        self.same(&answer, status);
        if said.is_ok() {
            self.same_cart(shopper, &answer.json());
        }
    }

    /// Who lost the answer looks into the cart before asking again.
    async fn was_added(&self, shopper: usize, thing: usize) -> bool {
        let ask = self.sign(shopper, self.shop.get("/api/v1/cart/"));
        let cart = ask.expect(200).await.json();
        let mut lines = cart["items"].as_array().unwrap().iter();
        let line = lines.find(|line| line["product_id"] == self.goods[thing].product);
        let quantity = line.map_or(0, |line| line["quantity"].as_i64().unwrap());
        let before = self.book.carts[shopper].get(&thing);
        quantity != before.copied().unwrap_or(0)
    }

    async fn set(&mut self) {
        let shopper = self.shopper();
        let many = self.book.carts[shopper].len() as u64;
        if many == 0 {
            return;
        }
        let at = usize::try_from(self.dice.roll(many)).unwrap();
        let thing = *self.book.carts[shopper].keys().nth(at).unwrap();
        let quantity = self.dice.up_to(8);
        self.note(format!("shopper {shopper} wants {quantity} of {thing}"));
        let cart = self
            .sign(shopper, self.shop.get("/api/v1/cart/"))
            .expect(200)
            .await
            .json();
        let items = cart["items"].as_array().unwrap();
        let line = items
            .iter()
            .find(|l| l["product_id"] == self.goods[thing].product);
        let path = format!("/api/v1/cart/items/{}/", line.unwrap()["id"]);
        let ask = |game: &Self| {
            let ask = game.sign(shopper, game.shop.patch(&path));
            ask.json(json!({"quantity": quantity}))
        };
        let crashed = self.crashes(ask(self)).await;
        let answer = ask(self).send().await;
        let said = self.book.set(shopper, thing, quantity);
        if crashed && quantity == 0 && answer.status == 404 {
            return;
        }
        self.same(&answer, said.map(|()| 200));
        if said.is_ok() {
            self.same_cart(shopper, &answer.json());
        }
    }

    async fn clear(&mut self) {
        let shopper = self.shopper();
        if shopper >= CUSTOMERS && self.tokens[shopper].is_none() {
            return;
        }
        self.note(format!("shopper {shopper} empties the cart"));
        let ask = |game: &Self| game.sign(shopper, game.shop.delete("/api/v1/cart/clear/"));
        self.crashes(ask(self)).await;
        let answer = ask(self).send().await;
        self.book.carts[shopper].clear();
        self.same(&answer, Ok(200));
    }

    async fn place(&mut self) {
        let (shopper, online) = (self.shopper(), self.dice.roll(3) == 0);
        if shopper >= CUSTOMERS && self.tokens[shopper].is_none() {
            return;
        }
        let off = i64::from(self.dice.roll(20) == 0);
        let expected = self.book.worth(shopper) + off;
        self.keys += 1;
        let key = format!("order-{}", self.keys);
        self.note(format!(
            "shopper {shopper} orders for {expected}, online: {online}"
        ));
        let method = if online { "sandbox" } else { "cod" };
        let mut body = json!({"payment_method": method, "expected_total": amount(expected)});
        if shopper >= CUSTOMERS {
            body["email"] = json!("guest@example.org");
        }
        let ask = |game: &Self| {
            let ask = game.sign(shopper, game.shop.post("/api/v1/orders/"));
            ask.header("idempotency-key", &*key).json(body.clone())
        };
        self.crashes(ask(self)).await;
        let answer = ask(self).send().await;
        let said = self.book.place(shopper, online, expected);
        self.same(&answer, said.map(|()| 201));
        if said.is_err() {
            return;
        }
        if self.dice.roll(3) == 0 {
            let again = ask(self).expect(201).await;
            assert_eq!(again.header("idempotency-replayed"), "true");
            assert_eq!(again.json()["id"], answer.json()["id"]);
        }
        let order = answer.json();
        let token = order["order_token"].as_str().unwrap_or_default();
        self.orders
            .push((order["id"].as_i64().unwrap(), token.to_owned()));
        self.same_order(self.orders.len() - 1, &order);
        // The guest's cart went with the order.
        self.tokens[shopper] = None;
    }

    async fn cancel(&mut self) {
        let Some(order) = self.order() else { return };
        let by_staff = self.dice.roll(3) == 0;
        self.note(format!("order {order} is cancelled, by staff: {by_staff}"));
        let path = format!("/api/v1/orders/{}/cancel/", self.orders[order].0);
        let ask = |game: &Self| match by_staff {
            true => game.shop.post(&path).by(&game.admin),
            false => game.of_buyer(order, game.shop.post(&path)),
        };
        let crashed = self.crashes(ask(self)).await;
        let answer = ask(self).send().await;
        let said = self.book.cancel(order, by_staff);
        let done_before = crashed && said.is_ok() && answer.status == 409;
        if !done_before {
            self.same(&answer, said.map(|()| 200));
        }
        self.jobs().await;
        self.look_at(order).await;
    }

    // What staff does.

    async fn command(&mut self) {
        let Some(order) = self.order() else { return };
        let word = WORDS[usize::try_from(self.dice.roll(WORDS.len() as u64)).unwrap()];
        self.note(format!("staff: order {order} becomes {word}"));
        let path = format!("/api/v1/orders/{}/update_status/", self.orders[order].0);
        let ask = |game: &Self| {
            let ask = game.shop.patch(&path).by(&game.admin);
            ask.json(json!({"status": word}))
        };
        let crashed = self.crashes(ask(self)).await;
        let answer = ask(self).send().await;
        let said = self.book.command(order, word);
        let done_before = crashed && said.is_ok() && answer.status == 409;
        if !done_before {
            self.same(&answer, said.map(|()| 200));
        }
        self.jobs().await;
        self.look_at(order).await;
    }

    async fn refund(&mut self) {
        let Some(order) = self.order() else { return };
        let captured = self.book.orders[order].captured;
        if captured == 0 {
            return;
        }
        let minor = 1 + self.dice.up_to(captured + captured / 4);
        self.note(format!("staff gives {minor} of order {order} back"));
        let path = format!("/api/v1/payments/?order={}", self.orders[order].0);
        let list = self.shown(&path).await;
        let counts = ["succeeded", "partially_refunded", "refunded"];
        let mut list = list["results"].as_array().unwrap().iter();
        let payment = list
            .find(|p| counts.contains(&p["status"].as_str().unwrap()))
            .unwrap();
        let path = format!("/api/v1/payments/{}/refund/", payment["id"]);
        self.keys += 1;
        let key = format!("refund-{}", self.keys);
        let ask = |game: &Self| {
            let ask = game
                .shop
                .post(&path)
                .by(&game.admin)
                .header("idempotency-key", &*key);
            ask.json(json!({"amount": amount(minor)}))
        };
        let crashed = self.crashes(ask(self)).await;
        let mut answer = ask(self).send().await;
        // Who died had claimed the key, and has asked the provider or not.
        if crashed && answer.status == 409 && answer.code() == "idempotency_in_progress" {
            self.wait(LEASES).await;
            answer = ask(self).send().await;
        }
        let said = self.book.refund(order, minor);
        match said {
            Ok(()) => assert!(answer.status.is_success(), "{}", answer.text()),
            Err(_) => self.same(&answer, said.map(|()| 201)),
        }
        self.look_at(order).await;
    }

    async fn restock(&mut self) {
        let (thing, stock) = (self.thing(), self.dice.up_to(40));
        self.note(format!("{thing} has a stock of {stock}"));
        self.edit(thing, json!({"stock": stock})).await;
        let thing = &mut self.book.things[thing];
        thing.on_hand = stock + thing.reserved;
    }

    async fn reprice(&mut self) {
        let (thing, price) = (self.thing(), 1 + self.dice.up_to(9000));
        self.note(format!("{thing} costs {price}"));
        self.edit(thing, json!({"price": amount(price)})).await;
        self.book.things[thing].price = price;
    }

    async fn hide_or_show(&mut self) {
        let (thing, on_sale) = (self.thing(), self.dice.roll(3) > 0);
        self.note(format!("{thing} is on sale: {on_sale}"));
        self.edit(thing, json!({"is_active": on_sale})).await;
        self.book.things[thing].on_sale = on_sale;
    }

    async fn edit(&mut self, thing: usize, change: Value) {
        let path = format!("/api/v1/products/{}/", self.goods[thing].product);
        let ask = |game: &Self| {
            let ask = game.shop.patch(&path).by(&game.admin);
            ask.json(change.clone())
        };
        self.crashes(ask(self)).await;
        ask(self).expect(200).await;
    }

    // What comes from outside.

    async fn pay(&mut self) {
        let Some(order) = self.order() else { return };
        let outcomes = [
            "success",
            "decline",
            "doubled_webhook",
            "lost_webhook",
            "dispute",
            "verify",
            "none",
        ];
        let outcome = outcomes[usize::try_from(self.dice.roll(outcomes.len() as u64)).unwrap()];
        self.note(format!("order {order} is paid: {outcome}"));
        let body = json!({"order_id": self.orders[order].0, "provider": "sandbox"});
        let begin = |game: &Self| {
            let ask = game.of_buyer(order, game.shop.post("/api/v1/payments/initiate/"));
            ask.json(body.clone())
        };
        self.crashes(begin(self)).await;
        let answer = begin(self).send().await;
        let said = self.book.begin_payment(order, TTL);
        self.same(&answer, said.map(|()| 200));
        if said.is_err() || outcome == "none" {
            return;
        }
        let outcome = match outcome {
            "lost_webhook" if self.book.expires_within(order, 180, TTL) => "success",
            outcome => outcome,
        };
        let begun = answer.json();
        let path = begun["sandbox_reference"].as_str().unwrap();
        let path = format!("/api/v1/payments/sandbox/{path}/");
        let word = if outcome == "verify" {
            "success"
        } else {
            outcome
        };
        self.shop
            .post(&path)
            .json(json!({"outcome": word}))
            .expect(200)
            .await;
        if outcome == "verify" {
            let ask = self.of_buyer(order, self.shop.post("/api/v1/payments/verify/"));
            ask.json(json!({"order_id": self.orders[order].0}))
                .expect(200)
                .await;
        }
        if outcome == "lost_webhook" {
            // It is asked for when nothing was heard for two minutes; until then nothing is known.
            self.do_jobs().await;
            self.look_at(order).await;
            self.shop.clock.advance(Duration::from_secs(180));
            self.book.pass(180, i64::MAX);
        }
        match outcome {
            "decline" => self.book.declined(order),
            _ => self.book.paid(order),
        }
        self.do_jobs().await;
        // What expires is looked for each minute, so only when time went on.
        if outcome == "lost_webhook" {
            self.book.pass(0, TTL);
        }
        self.look_at(order).await;
    }

    async fn pass(&mut self, seconds: i64) {
        self.note(format!("{seconds} seconds pass"));
        self.shop
            .clock
            .advance(Duration::from_secs(seconds.unsigned_abs()));
        self.book.now += seconds;
        self.jobs().await;
        self.book.pass(0, TTL);
        self.look_at_last(20).await;
    }

    async fn reopen(&mut self) {
        self.note("the shop is closed and opened".into());
        self.shop.reopen().await;
    }

    /// Now and then the process that was asked dies in the middle, and whoever asked turns to the next one.
    async fn crashes(&mut self, ask: Ask) -> bool {
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
    async fn jobs(&mut self) {
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

    async fn do_jobs(&self) {
        shop::jobs(&self.shop.app).run_due().await.unwrap();
    }

    async fn wait(&mut self, seconds: i64) {
        self.shop
            .clock
            .advance(Duration::from_secs(seconds.unsigned_abs()));
        self.do_jobs().await;
        self.book.pass(seconds, TTL);
    }

    // Who and what.

    fn note(&mut self, what: String) {
        self.log.push(what);
    }

    fn shopper(&mut self) -> usize {
        usize::try_from(self.dice.roll(SHOPPERS as u64)).unwrap()
    }

    fn thing(&mut self) -> usize {
        usize::try_from(self.dice.roll(THINGS as u64)).unwrap()
    }

    /// Mostly one of the last: there more can still happen.
    fn order(&mut self) -> Option<usize> {
        let many = self.orders.len();
        let back = match self.dice.roll(4) {
            0 => many,
            _ => many.min(8),
        };
        let back = u64::try_from(back).unwrap();
        (back > 0).then(|| many - 1 - usize::try_from(self.dice.roll(back)).unwrap())
    }

    pub(super) fn sign(&self, shopper: usize, ask: Ask) -> Ask {
        match (self.customers.get(shopper), &self.tokens[shopper]) {
            (Some(customer), _) => ask.by(customer),
            (None, Some(token)) => ask.header("x-cart-token", token),
            (None, None) => ask,
        }
    }

    fn of_buyer(&self, order: usize, ask: Ask) -> Ask {
        match self.customers.get(self.book.orders[order].buyer) {
            Some(customer) => ask.by(customer),
            None => ask.header("x-order-token", &*self.orders[order].1),
        }
    }
}

pub(super) fn amount(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}
