//! Plays against the shop and the book at once, and compares what they say.

use db::Engine;

use super::book::{Book, Thing};
use crate::mix::Dice;
use crate::shopping::{Goods, sell};
use crate::support::{Ask, Person, TestShop};

const THINGS: usize = 6;
/// The first ones are customers, the others guests.
pub(super) const SHOPPERS: usize = 6;
pub(super) const CUSTOMERS: usize = 4;
/// `UNPAID_ORDER_TTL`, in seconds.
pub(super) const TTL: i64 = 3600;
/// Everything is compared after so many operations, and at the end.
const LOOK: u64 = 500;
/// Seconds after which others take up what a dead process had in hand.
pub(super) const LEASES: i64 = 180;
pub(super) const WORDS: [&str; 6] = [
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

    pub(super) fn note(&mut self, what: String) {
        self.log.push(what);
    }

    pub(super) fn shopper(&mut self) -> usize {
        usize::try_from(self.dice.roll(SHOPPERS as u64)).unwrap()
    }

    pub(super) fn thing(&mut self) -> usize {
        usize::try_from(self.dice.roll(THINGS as u64)).unwrap()
    }

    /// Mostly one of the last: there more can still happen.
    pub(super) fn order(&mut self) -> Option<usize> {
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

    pub(super) fn of_buyer(&self, order: usize, ask: Ask) -> Ask {
        match self.customers.get(self.book.orders[order].buyer) {
            Some(customer) => ask.by(customer),
            None => ask.header("x-order-token", &*self.orders[order].1),
        }
    }
}

pub(super) fn amount(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}
