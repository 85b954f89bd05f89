//! A shop in two hundred lines: what should have happened, told by one who does one thing after the other.
//! It shares nothing with the shop but the words.

use std::collections::BTreeMap;

/// What is refused is refused with this code.
pub type Said<T = ()> = Result<T, &'static str>;

#[derive(Debug, Default)]
pub struct Book {
    /// Seconds.
    pub now: i64,
    pub things: Vec<Thing>,
    /// Thing and quantity, by shopper.
    pub carts: Vec<BTreeMap<usize, i64>>,
    pub orders: Vec<Order>,
}

#[derive(Clone, Debug)]
pub struct Thing {
    pub price: i64,
    pub on_hand: i64,
    pub reserved: i64,
    pub on_sale: bool,
}

#[derive(Clone, Debug)]
pub struct Order {
    pub buyer: usize,
    pub lines: Vec<Line>,
    pub ended: Option<&'static str>,
    pub confirmed: bool,
    pub payment: &'static str,
    pub sent: &'static str,
    pub captured: i64,
    pub refunded: i64,
    /// Expires when nobody pays.
    pub online: bool,
    /// Staff has the money in hand, and gives it back in person.
    pub by_hand: bool,
    pub placed: i64,
    /// Since when it waits to be paid.
    pub since: i64,
    /// An attempt to pay it is open.
    pub begun: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub thing: usize,
    pub quantity: i64,
    pub price: i64,
}

impl Thing {
    pub fn sellable(&self) -> i64 {
        self.on_hand - self.reserved
    }
}

impl Order {
    pub fn total(&self) -> i64 {
        self.lines.iter().map(|l| l.price * l.quantity).sum()
    }

    pub fn status(&self) -> &'static str {
        match (self.ended, self.payment, self.sent) {
            (Some(end), _, _) => end,
            (None, "refunded", _) => "refunded",
            (None, _, "delivered") => "delivered",
            (None, _, "shipped") => "shipped",
            (None, _, "processing") => "processing",
            (None, "failed", _) => "payment_failed",
            (None, _, _) if self.confirmed => "confirmed",
            (None, "paid" | "partially_refunded", _) => "paid",
            _ => "pending",
        }
    }

    fn has_left(&self) -> bool {
        matches!(self.sent, "shipped" | "delivered")
    }

    fn may_be_sent(&self) -> bool {
        match self.payment {
            "paid" | "partially_refunded" => true,
            "pending" => self.confirmed,
            _ => false,
        }
    }
}

impl Book {
    /// Whether the line is new.
    pub fn add(&mut self, shopper: usize, thing: usize, quantity: i64) -> Said<bool> {
        if !self.things[thing].on_sale {
            return Err("validation_error");
        }
        let before = self.carts[shopper].get(&thing).copied().unwrap_or(0);
        if before + quantity > self.things[thing].sellable() {
            return Err("out_of_stock");
        }
        self.carts[shopper].insert(thing, before + quantity);
        Ok(before == 0)
    }

    /// Of a line that is there.
    pub fn set(&mut self, shopper: usize, thing: usize, quantity: i64) -> Said {
        if quantity > self.things[thing].sellable() {
            return Err("out_of_stock");
        }
        match quantity {
            0 => self.carts[shopper].remove(&thing),
            _ => self.carts[shopper].insert(thing, quantity),
        };
        Ok(())
    }

    pub fn worth(&self, shopper: usize) -> i64 {
        let line = |(thing, quantity): (&usize, &i64)| self.things[*thing].price * quantity;
        self.carts[shopper].iter().map(line).sum()
    }

    pub fn place(&mut self, shopper: usize, online: bool, expected: i64) -> Said {
        let cart = self.carts[shopper].clone();
        if cart.is_empty() {
            return Err("cart_empty");
        }
        if cart.keys().any(|&thing| !self.things[thing].on_sale) {
            return Err("product_unavailable");
        }
        if expected != self.worth(shopper) {
            return Err("price_changed");
        }
        if cart
            .iter()
            .any(|(&thing, &quantity)| quantity > self.things[thing].sellable())
        {
            return Err("out_of_stock");
        }
        let line = |(&thing, &quantity): (&usize, &i64)| Line {
            thing,
            quantity,
            price: self.things[thing].price,
        };
        let lines: Vec<Line> = cart.iter().map(line).collect();
        for line in &lines {
            self.things[line.thing].reserved += line.quantity;
        }
        self.carts[shopper].clear();
        self.orders.push(Order {
            buyer: shopper,
            lines,
            ended: None,
            confirmed: false,
            payment: "pending",
            sent: "unfulfilled",
            captured: 0,
            refunded: 0,
            online,
            by_hand: false,
            placed: self.now,
            since: self.now,
            begun: false,
        });
        Ok(())
    }

    pub fn cancel(&mut self, order: usize, by_staff: bool) -> Said {
        let it = &self.orders[order];
        let untouched = matches!(it.status(), "pending" | "payment_failed");
        if it.ended.is_some() || it.has_left() || !by_staff && !untouched {
            return Err("not_cancellable");
        }
        self.end(order, "cancelled");
        Ok(())
    }

    fn end(&mut self, order: usize, word: &'static str) {
        let it = &mut self.orders[order];
        it.ended = Some(word);
        for line in &it.lines {
            self.things[line.thing].reserved -= line.quantity;
        }
        if it.captured > 0 && !it.by_hand {
            it.refunded = it.captured;
            it.payment = "refunded";
        }
    }

    pub fn command(&mut self, order: usize, word: &'static str) -> Said {
        let it = &mut self.orders[order];
        let open = it.ended.is_none();
        let waits = it.sent == "unfulfilled";
        let may = open
            && match word {
                "confirmed" => {
                    !it.confirmed && waits && !matches!(it.payment, "failed" | "refunded")
                }
                "processing" => waits && it.may_be_sent(),
                "shipped" => !it.has_left() && it.may_be_sent(),
                "delivered" => it.sent == "shipped",
                "paid" => matches!(it.payment, "pending" | "failed"),
                _ => !it.has_left(),
            };
        if !may {
            return Err("invalid_transition");
        }
        match word {
            "confirmed" => it.confirmed = true,
            "paid" => {
                (it.payment, it.captured, it.by_hand) = ("paid", it.total(), true);
            }
            "cancelled" => self.end(order, "cancelled"),
            "shipped" => {
                it.sent = "shipped";
                for line in &it.lines {
                    self.things[line.thing].reserved -= line.quantity;
                    self.things[line.thing].on_hand -= line.quantity;
                }
            }
            word => it.sent = word,
        }
        Ok(())
    }

    /// Each attempt gives `ttl` seconds to pay, up to twice that in all.
    pub fn begin_payment(&mut self, order: usize, ttl: i64) -> Said {
        let it = &mut self.orders[order];
        if it.ended.is_some() {
            return Err("invalid_transition");
        }
        if !matches!(it.payment, "pending" | "failed") {
            return Err("already_paid");
        }
        if !it.begun {
            it.since = match it.online {
                true => it.since.max(self.now.min(it.placed + ttl)),
                false => self.now,
            };
        }
        (it.online, it.begun) = (true, true);
        Ok(())
    }

    pub fn paid(&mut self, order: usize) {
        let it = &mut self.orders[order];
        (it.payment, it.captured) = ("paid", it.total());
    }

    pub fn declined(&mut self, order: usize) {
        let it = &mut self.orders[order];
        (it.payment, it.begun) = ("failed", false);
    }

    /// Of an order that was paid.
    pub fn refund(&mut self, order: usize, minor: i64) -> Said {
        let it = &mut self.orders[order];
        let left = it.captured - it.refunded;
        if left == 0 {
            return Err("invalid_transition");
        }
        if minor > left {
            return Err("validation_error");
        }
        it.refunded += minor;
        it.payment = match it.refunded == it.captured {
            true => "refunded",
            false => "partially_refunded",
        };
        Ok(())
    }

    /// It would be over by then.
    pub fn expires_within(&self, order: usize, seconds: i64, ttl: i64) -> bool {
        self.now + seconds - self.orders[order].since > ttl
    }

    /// Time goes on; what nobody paid for `ttl` seconds expires.
    pub fn pass(&mut self, seconds: i64, ttl: i64) {
        self.now += seconds;
        for order in 0..self.orders.len() {
            let it = &self.orders[order];
            let waits = it.ended.is_none() && !it.confirmed && it.sent == "unfulfilled";
            let unpaid = matches!(it.payment, "pending" | "failed");
            if it.online && waits && unpaid && self.now - it.since > ttl {
                self.end(order, "expired");
            }
        }
    }
}
