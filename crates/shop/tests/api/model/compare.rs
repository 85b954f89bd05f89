//! Compares what the shop says and shows with the book.

use serde_json::{Value, json};

use super::book::Said;
use super::play::{CUSTOMERS, Game, SHOPPERS, amount};
use crate::shopping::books_are_right;
use crate::support::Answer;

/// Orders that are looked at one by one; of all of them the sums are compared, and the audit's rules.
const RECENT: usize = 60;

impl Game {
    #[track_caller]
    pub(super) fn same(&self, answer: &Answer, said: Said<u16>) {
        let text = answer.text();
        match said {
            Ok(status) => assert_eq!(answer.status, status, "{text}"),
            Err(code) => {
                assert!(!answer.status.is_success(), "{code} was expected: {text}");
                assert_eq!(answer.code(), code, "{text}");
            }
        }
    }

    #[track_caller]
    pub(super) fn same_cart(&self, shopper: usize, shown: &Value) {
        let items = shown["items"].as_array().unwrap();
        let mut seen: Vec<(i64, i64)> = items
            .iter()
            .map(|i| {
                (
                    i["product_id"].as_i64().unwrap(),
                    i["quantity"].as_i64().unwrap(),
                )
            })
            .collect();
        seen.sort_unstable();
        let cart = &self.book.carts[shopper];
        let mut meant: Vec<_> = cart
            .iter()
            .map(|(&t, &q)| (self.goods[t].product, q))
            .collect();
        meant.sort_unstable();
        assert_eq!(seen, meant, "the cart of {shopper}");
        let worth = amount(self.book.worth(shopper));
        assert_eq!(shown["total_amount"], json!(worth), "cart of {shopper}");
    }

    #[track_caller]
    pub(super) fn same_order(&self, order: usize, shown: &Value) {
        let meant = &self.book.orders[order];
        for (member, value) in [
            ("status", meant.status().to_owned()),
            ("payment_status", meant.payment.to_owned()),
            ("fulfillment_status", meant.sent.to_owned()),
            ("total_amount", amount(meant.total())),
        ] {
            assert_eq!(shown[member], json!(value), "{member} of order {order}");
        }
        let items = shown["items"].as_array().unwrap();
        assert_eq!(items.len(), meant.lines.len(), "order {order}");
        for line in &meant.lines {
            let product = self.goods[line.thing].product;
            let item = items.iter().find(|i| i["product_id"] == product).unwrap();
            let seen = (&item["quantity"], &item["price"]);
            let meant = (&json!(line.quantity), &json!(amount(line.price)));
            assert_eq!(seen, meant, "order {order}");
        }
    }

    /// What staff sees there.
    pub(super) async fn shown(&self, path: &str) -> Value {
        self.shop.get(path).by(&self.admin).expect(200).await.json()
    }

    pub(super) async fn look_at(&self, order: usize) {
        let path = format!("/api/v1/orders/{}/", self.orders[order].0);
        let shown = self.shown(&path).await;
        self.same_order(order, &shown);
    }

    pub(super) async fn look_at_last(&self, many: usize) {
        for order in self.orders.len().saturating_sub(many)..self.orders.len() {
            self.look_at(order).await;
        }
    }

    pub(super) async fn compare_all(&self) {
        for (thing, goods) in self.book.things.iter().zip(&self.goods) {
            let path = format!("/api/v1/products/{}/", goods.product);
            let shown = self.shown(&path).await;
            let seen = (&shown["price"], &shown["stock"], &shown["is_active"]);
            let meant = (
                &json!(amount(thing.price)),
                &json!(thing.sellable()),
                &json!(thing.on_sale),
            );
            assert_eq!(seen, meant, "{shown}");
            let stock = crate::shopping::stock(&self.shop, *goods).await;
            assert_eq!(stock, (thing.on_hand, thing.reserved), "{shown}");
        }
        self.look_at_last(RECENT).await;
        for shopper in (0..SHOPPERS).filter(|&s| s < CUSTOMERS || self.tokens[s].is_some()) {
            let ask = self.sign(shopper, self.shop.get("/api/v1/cart/"));
            self.same_cart(shopper, &ask.expect(200).await.json());
        }
        let many: i64 = crate::shopping::count(&self.shop, "orders").await;
        assert_eq!(many, self.orders.len() as i64, "orders");
        let sql = "SELECT CAST(COALESCE(SUM(captured_minor), 0) AS BIGINT),
            CAST(COALESCE(SUM(refunded_minor), 0) AS BIGINT) FROM orders";
        let money: (i64, i64) = {
            let conn = self.shop.app.db.read().await.unwrap();
            conn.one(sql, &[]).await.unwrap()
        };
        let orders = &self.book.orders;
        let meant = (
            orders.iter().map(|o| o.captured).sum(),
            orders.iter().map(|o| o.refunded).sum(),
        );
        assert_eq!(money, meant, "money");
        books_are_right(&self.shop).await;
    }
}

impl Drop for Game {
    /// Whatever went wrong: how to have it again, and what led there.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let last = self.log.len().saturating_sub(12);
            eprintln!(
                "seed {} on {}, operation {}: CARTWRIGHT_TEST_MODEL_SEEDS={}\n{}",
                self.seed,
                self.shop.app.db.engine(),
                self.played,
                self.seed,
                self.log[last..].join("\n")
            );
        }
    }
}
