//! What staff does: commands, refunds, stock, prices.

use serde_json::{Value, json};

use super::play::{Game, LEASES, WORDS, amount};

impl Game {
    pub(super) async fn command(&mut self) {
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
        if said.is_ok() {
            self.jobs().await;
        }
        self.look_at(order).await;
    }

    pub(super) async fn refund(&mut self) {
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

    pub(super) async fn restock(&mut self) {
        let (thing, stock) = (self.thing(), self.dice.up_to(40));
        self.note(format!("{thing} has a stock of {stock}"));
        self.edit(thing, json!({"stock": stock})).await;
        let thing = &mut self.book.things[thing];
        thing.on_hand = stock + thing.reserved;
    }

    pub(super) async fn reprice(&mut self) {
        let (thing, price) = (self.thing(), 1 + self.dice.up_to(9000));
        self.note(format!("{thing} costs {price}"));
        self.edit(thing, json!({"price": amount(price)})).await;
        self.book.things[thing].price = price;
    }

    pub(super) async fn hide_or_show(&mut self) {
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
}
