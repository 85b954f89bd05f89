//! Payments: what becomes of an order, whatever provider, network and buyer do.

mod expiry;
mod four;
mod lapsed;
mod providers;
mod rare;
mod reconciler;
mod refunds_told;
mod sandbox;
mod stand_ins;
mod told;
mod trips;
mod verified;
mod webhooks;

use db::args;
use serde_json::{Value, json};

use crate::shopping::{Buyer, Goods, admin, books_are_right, customer, sell};
use crate::support::{Answer, Ask, TestShop};

/// A shop with mugs at 12.50 and vases at 999.00, Ada, Bob, and the boss.
pub struct Paying {
    pub shop: TestShop,
    pub ada: Buyer,
    pub bob: Buyer,
    pub boss: Buyer,
    pub mug: Goods,
    pub vase: Goods,
}

impl Paying {
    async fn on(engine: db::Engine) -> Self {
        Self::with(engine, &[]).await
    }

    async fn with(engine: db::Engine, settings: &[(&str, &str)]) -> Self {
        let mut all = vec![("ACCESS_TOKEN_TTL", "20d")];
        all.extend_from_slice(settings);
        Self::in_shop(TestShop::with(engine, &all).await).await
    }

    async fn in_shop(shop: TestShop) -> Self {
        Paying {
            boss: Buyer::Customer(admin(&shop).await),
            ada: Buyer::Customer(customer(&shop, "ada").await),
            bob: Buyer::Customer(customer(&shop, "bob").await),
            mug: sell(&shop, "Mug", 1250, 100).await,
            vase: sell(&shop, "Vase", 99_900, 100).await,
            shop,
        }
    }

    async fn order(&self) -> Value {
        self.ada.buys(&self.shop, self.mug, 1).await
    }

    fn initiate(&self, order: &Value, provider: &str) -> Ask {
        let body = json!({"order_id": order["id"], "provider": provider});
        self.ada
            .sign(self.shop.post("/api/v1/payments/initiate/"))
            .json(body)
    }

    fn verify(&self, body: Value) -> Ask {
        self.ada
            .sign(self.shop.post("/api/v1/payments/verify/"))
            .json(body)
    }

    fn refund(&self, payment: &Value, body: Value) -> Ask {
        let path = format!("/api/v1/payments/{payment}/refund/");
        self.boss.sign(self.shop.post(&path)).json(body)
    }

    fn cancel(&self, order: &Value) -> Ask {
        self.boss.sign(
            self.shop
                .post(&format!("/api/v1/orders/{}/cancel/", order["id"])),
        )
    }

    fn status(&self, order: &Value, word: &str) -> Ask {
        let path = format!("/api/v1/orders/{}/update_status/", order["id"]);
        self.boss
            .sign(self.shop.patch(&path))
            .json(json!({"status": word}))
    }

    async fn shown(&self, order: &Value) -> Value {
        self.ada
            .sign(self.shop.get(&format!("/api/v1/orders/{}/", order["id"])))
            .expect(200)
            .await
            .json()
    }

    /// The order's status and payment status.
    async fn stands(&self, order: &Value) -> (String, String) {
        let shown = self.shown(order).await;
        let word = |name: &str| shown[name].as_str().unwrap().to_owned();
        (word("status"), word("payment_status"))
    }

    /// The statuses of an order's payments, oldest first.
    async fn payments(&self, order: &Value) -> Vec<String> {
        let sql = "SELECT status FROM payments WHERE order_id = $1 ORDER BY id";
        self.shop
            .app
            .db
            .read()
            .await
            .unwrap()
            .all(sql, args![order["id"].as_i64().unwrap()])
            .await
            .unwrap()
    }

    /// The facts of an order's ledger, oldest first.
    async fn facts(&self, order: &Value) -> Vec<String> {
        let sql = "SELECT kind FROM payment_events WHERE order_id = $1 ORDER BY id";
        self.shop
            .app
            .db
            .read()
            .await
            .unwrap()
            .all(sql, args![order["id"].as_i64().unwrap()])
            .await
            .unwrap()
    }

    async fn number(&self, sql: &str) -> i64 {
        self.shop
            .app
            .db
            .read()
            .await
            .unwrap()
            .one(sql, args![])
            .await
            .unwrap()
    }

    /// Does all jobs that are due.
    async fn jobs(&self) {
        shop::jobs(&self.shop.app).run_due().await.unwrap();
    }

    async fn books(&self) {
        books_are_right(&self.shop).await;
        assert_eq!(
            self.number("SELECT COUNT(*) FROM jobs WHERE last_error IS NOT NULL")
                .await,
            0,
            "a job failed"
        );
    }
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

fn paid() -> (String, String) {
    ("paid".to_owned(), "paid".to_owned())
}

fn code(answer: &Answer) -> String {
    answer.code()
}
