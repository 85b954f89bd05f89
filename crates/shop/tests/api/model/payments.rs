//! What buyers do at the provider, with every outcome.

use std::time::Duration;

use serde_json::json;

use super::play::{Game, TTL};

impl Game {
    pub(super) async fn pay(&mut self) {
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
}
