//! What shoppers do: carts, orders, second thoughts.

use serde_json::json;

use super::play::{CUSTOMERS, Game, amount};

impl Game {
    pub(super) async fn add(&mut self) {
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

    pub(super) async fn set(&mut self) {
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

    pub(super) async fn clear(&mut self) {
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

    pub(super) async fn place(&mut self) {
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

    pub(super) async fn cancel(&mut self) {
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
        if said.is_ok() {
            self.jobs().await;
        }
        self.look_at(order).await;
    }
}
