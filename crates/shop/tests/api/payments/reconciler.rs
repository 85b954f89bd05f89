//! What is found out and put right later, without anybody asking.

use std::time::Duration;

use db::Engine;
use serde_json::{Value, json};

use super::four::{Four, P};
use super::{Paying, code, paid, words};
use crate::shopping::{at_once, tamper};
use crate::support::providers::Fault;

/// Rows that a sweep reads at a time.
const PAGE: usize = 50;

impl Four {
    async fn asked_of(&self, p: P) -> i64 {
        let sql = "SELECT COUNT(*) FROM payments WHERE checks > 0 AND provider = ";
        self.number(&format!("{sql}'{}'", p.name())).await
    }

    /// Money that came for an order that was cancelled.
    async fn late_money(&self, p: P) -> Value {
        let (order, reference) = self.begun(p).await;
        self.cancel(&order).expect(200).await;
        self.buyer_pays(p, &reference);
        self.send(p, &self.event(p, &reference, "evt_late"))
            .expect(200)
            .await;
        order
    }

    /// A refund of a part, whose first call goes wrong.
    async fn lose_a_refund(&self, p: P, fault: Fault) {
        let (order, reference) = self.begun(p).await;
        self.buyer_pays(p, &reference);
        self.verify(self.proof(p, &order, &reference))
            .expect(200)
            .await;
        self.stand_in(p).fails("/refund", fault);
        let answer = self.refund(&self.payment_id(&order).await, json!({"amount": "5"}));
        assert!([502, 504].contains(&answer.send().await.status.as_u16()));
    }

    pub async fn owed(&self) -> Value {
        let list = self.shop.get("/api/v1/payments/?owed=true");
        self.boss.sign(list).expect(200).await.json()
    }

    pub async fn refunds(&self, order: &Value) -> Value {
        let path = format!("/api/v1/payments/{}/refunds/", self.payment_id(order).await);
        self.boss
            .sign(self.shop.get(&path))
            .expect(200)
            .await
            .json()
    }
}

both! {
    async fn one_sweep_gets_through_all_that_is_due(s: Paying) {
        let mut orders = Vec::new();
        for _ in 0..=PAGE {
            let order = s.order().await;
            let begun = s.initiate(&order, "sandbox").expect(200).await.json();
            let path = format!("/api/v1/payments/sandbox/{}/", begun["sandbox_reference"].as_str().unwrap());
            s.shop.post(&path).json(json!({"outcome": "lost_webhook"})).expect(200).await;
            orders.push(order);
        }
        s.shop.clock.advance(Duration::from_secs(121));
        assert_eq!(shop::payments::reconcile(&s.shop.app).await.unwrap(), PAGE + 1);
        for order in &orders {
            assert_eq!(s.stands(order).await, paid());
        }
        assert_eq!(shop::payments::reconcile(&s.shop.app).await.unwrap(), 0);
        s.books().await;
    }

    /// PY-12
    async fn a_provider_that_is_down_holds_up_no_other(s: Four) {
        let (mut down, mut up) = (Vec::new(), Vec::new());
        for _ in 0..8 {
            let (order, reference) = s.begun(P::Stripe).await;
            s.buyer_pays(P::Stripe, &reference);
            down.push(order);
        }
        for _ in 0..8 {
            let (order, reference) = s.begun(P::Razorpay).await;
            s.buyer_pays(P::Razorpay, &reference);
            up.push(order);
        }
        s.shop.clock.advance(Duration::from_secs(121));
        for _ in 0..5 {
            s.stripe.fails("/v1/", Fault::DoAndFail);
        }
        s.jobs().await;
        for order in &up {
            assert_eq!(s.stands(order).await, paid());
        }
        // It has a pause, and those that it was not asked for are due still.
        assert_eq!(s.asked_of(P::Stripe).await, 5);
        s.shop.clock.advance(Duration::from_secs(31));
        s.jobs().await;
        assert_eq!(s.asked_of(P::Stripe).await, 8);
        assert_eq!(s.stands(&down[7]).await, paid());
        s.shop.clock.advance(Duration::from_secs(121));
        s.jobs().await;
        for order in &down {
            assert_eq!(s.stands(order).await, paid());
        }
        s.all_is_well().await;
    }

    async fn a_sweep_that_takes_long_ends_and_the_next_one_goes_on(s: Four) {
        let mut orders = Vec::new();
        for _ in 0..20 {
            let (order, reference) = s.begun(P::Stripe).await;
            s.buyer_pays(P::Stripe, &reference);
            orders.push(order);
        }
        s.shop.clock.advance(Duration::from_secs(121));
        // One, two, four, and then eight at once, which begin before the time is over and end behind it.
        s.stripe.takes(&s.shop.clock, Duration::from_secs(2));
        assert_eq!(shop::payments::reconcile(&s.shop.app).await.unwrap(), 15);
        assert_eq!(s.asked_of(P::Stripe).await, 15);
        assert_eq!(shop::payments::reconcile(&s.shop.app).await.unwrap(), 5);
        for order in &orders {
            assert_eq!(s.stands(order).await, paid());
        }
        s.all_is_well().await;
    }

    async fn two_nodes_ask_for_a_payment_once(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        s.buyer_pays(P::Razorpay, &reference);
        let other = s.shop.another_node().await;
        s.shop.clock.advance(Duration::from_secs(121));
        let before = s.razorpay.count("/payments");
        let (one, two) = tokio::join!(shop::payments::reconcile(&s.shop.app), shop::payments::reconcile(&other.app));
        assert!(one.unwrap() + two.unwrap() >= 1);
        assert_eq!(s.razorpay.count("/payments"), before + 1);
        assert_eq!(s.stands(&order).await, paid());
    }

    /// WH-08
    async fn money_that_a_provider_does_not_give_back_is_offered_again(s: Four) {
        let no = || Fault::Say(400, r#"{"error":{"code":"BALANCE_TOO_LOW"}}"#.into());
        let order = s.late_money(P::Razorpay).await;
        s.razorpay.fails("/refund", no());
        s.jobs().await;

        let owed = s.owed().await;
        assert_eq!((&owed["count"], &owed["results"][0]["order_id"]), (&json!(1), &order["id"]));
        let refused = s.refunds(&order).await;
        assert_eq!((&refused["count"], &refused["results"][0]["status"]), (&json!(1), &json!("failed")));
        assert!(refused["results"][0]["note"].as_str().unwrap().contains("BALANCE_TOO_LOW"));
        assert_eq!(refused["results"][0]["next_try_at"], "2026-03-01T13:00:00Z");
        assert_eq!(s.number("SELECT COUNT(*) FROM outbox WHERE topic = 'payment.refund_failed'").await, 1);
        s.jobs().await;
        assert_eq!(s.razorpay.count("/refund"), 1, "not before its time");

        // Once more, then it is taken.
        s.razorpay.fails("/refund", no());
        s.shop.clock.advance(Duration::from_secs(3601));
        s.jobs().await;
        s.shop.clock.advance(Duration::from_secs(3601));
        s.jobs().await;
        assert_eq!(s.razorpay.count("/refund"), 2, "the second pause is longer");
        s.shop.clock.advance(Duration::from_secs(3601));
        s.jobs().await;

        assert_eq!(s.stands(&order).await, ("cancelled".to_owned(), "refunded".to_owned()));
        assert_eq!(s.facts(&order).await, words(&["captured", "refund_failed", "refund_failed", "refunded"]));
        assert_eq!(s.razorpay.state.book.lock().unwrap().refunds.len(), 1);
        assert_eq!(s.owed().await["count"], 0);
        let all = s.refunds(&order).await;
        let open: Vec<_> = all["results"].as_array().unwrap().iter().map(|one| one["next_try_at"].clone()).collect();
        assert_eq!(open, [Value::Null, Value::Null, Value::Null]);
        s.all_is_well().await;
    }

    async fn a_refund_that_failed_at_bkash_is_offered_again(s: Four) {
        let (order, reference) = s.begun(P::Bkash).await;
        s.buyer_pays(P::Bkash, &reference);
        s.verify(s.proof(P::Bkash, &order, &reference)).expect(200).await;
        s.bkash.state.book.lock().unwrap().refusals = 2;
        s.cancel(&order).expect(200).await;
        s.jobs().await;
        assert_eq!(s.facts(&order).await, words(&["captured", "refund_failed"]));
        for _ in 0..2 {
            assert_eq!(s.number("SELECT claimed_minor FROM payments").await, 0);
            s.shop.clock.advance(Duration::from_secs(2 * 3600 + 1));
            s.jobs().await;
        }
        assert_eq!(s.facts(&order).await, words(&["captured", "refund_failed", "refund_failed", "refunded"]));
        assert_eq!(s.stands(&order).await, ("cancelled".to_owned(), "refunded".to_owned()));
        s.all_is_well().await;
    }

    async fn a_refund_that_stays_open_for_days_is_made_once(s: Four) {
        let words = [(P::Stripe, "pending", "succeeded"), (P::Razorpay, "pending", "processed"), (P::Paypal, "PENDING", "COMPLETED")];
        for (p, open, _) in words {
            s.lose_a_refund(p, Fault::DoAndCut).await;
            s.stand_in(p).refunds_stand(open);
        }
        s.shop.clock.advance(Duration::from_secs(121));
        s.jobs().await;
        assert_eq!(s.number("SELECT COUNT(*) FROM refunds WHERE status = 'pending' AND provider_refund_id IS NOT NULL").await, 3);
        for (p, _, done) in words {
            s.stand_in(p).forgets_keys();
            // Not to be found for once is no refusal.
            s.stand_in(p).fails("/refunds/", Fault::Say(404, "{}".into()));
            s.stand_in(p).refunds_stand(done);
        }
        s.shop.clock.advance(Duration::from_secs(25 * 3600));
        s.jobs().await;
        assert_eq!(s.number("SELECT COUNT(*) FROM refunds WHERE status = 'pending'").await, 3);
        s.shop.clock.advance(Duration::from_secs(3601));
        s.jobs().await;
        for (p, ..) in words {
            assert_eq!(s.stand_in(p).state.book.lock().unwrap().refunds.len(), 1, "{p:?}");
        }
        assert_eq!(s.number("SELECT COUNT(*) FROM refunds WHERE status = 'succeeded'").await, 3);
        s.all_is_well().await;
    }

    async fn a_refund_whose_key_is_forgotten_is_looked_for_first(s: Four) {
        let some = [P::Stripe, P::Razorpay, P::Paypal];
        for p in some {
            s.lose_a_refund(p, Fault::DoAndCut).await;
            s.lose_a_refund(p, Fault::Say(500, "{}".into())).await;
            s.stand_in(p).forgets_keys();
        }
        s.shop.clock.advance(Duration::from_secs(25 * 3600));
        s.jobs().await;
        for p in some {
            assert_eq!(s.stand_in(p).state.book.lock().unwrap().refunds.len(), 2, "{p:?}");
        }
        assert_eq!(s.number("SELECT COUNT(*) FROM refunds WHERE status = 'succeeded'").await, 6);
        s.all_is_well().await;
    }

    async fn what_is_refused_for_a_week_is_left_to_staff(s: Four) {
        let order = s.late_money(P::Razorpay).await;
        for _ in 0..12 {
            s.razorpay.fails("/refund", Fault::Say(400, "{}".into()));
        }
        for _ in 0..15 {
            s.jobs().await;
            s.shop.clock.advance(Duration::from_secs(24 * 3600 + 1));
        }
        assert_eq!(s.razorpay.count("/refund"), 12);
        assert_eq!(s.owed().await["count"], 1);
        // Who lists only their own sees what is owed of it.
        let own = s.bob.sign(s.shop.get("/api/v1/payments/?owed=true")).expect(200).await.json();
        assert_eq!(own["count"], 0);
        s.refund(&s.payment_id(&order).await, json!({})).expect(201).await;
        assert_eq!(s.owed().await["count"], 0);
        s.all_is_well().await;
    }

    async fn the_database_itself_holds_the_ledger(s: Paying) {
        let order = s.order().await;
        s.status(&order, "paid").expect(200).await;
        for sql in ["UPDATE payment_events SET amount_minor = 1", "DELETE FROM payment_events"] {
            let refused = s.shop.app.db.clone();
            let refused: Result<(), shop::error::Error> = shop::transact!(refused, tx => { tx.execute(sql, &[]).await?; Ok(()) });
            assert!(refused.is_err(), "{sql}");
        }
        assert_eq!(s.facts(&order).await, words(&["captured"]));
        s.books().await;
    }

    /// ID-07: killed between the refund and its answer, and asked again.
    async fn a_refund_whose_answer_was_lost_is_the_same_refund(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        s.buyer_pays(P::Razorpay, &reference);
        s.verify(s.proof(P::Razorpay, &order, &reference)).expect(200).await;
        let payment = s.payment_id(&order).await;
        let keyed = || s.refund(&payment, json!({"amount": "2.50"})).header("idempotency-key", "lost");
        let first = keyed().expect(201).await.json();
        // As a kill leaves it: the refund is committed, the answer was not kept.
        tamper(&s.shop, "UPDATE idempotency_keys SET status = 0, answer = '' WHERE key = 'lost'").await;
        assert_eq!(code(&keyed().expect(409).await), "idempotency_in_progress");
        s.shop.clock.advance(Duration::from_secs(61));
        let other = s.refund(&payment, json!({"amount": "3.00"})).header("idempotency-key", "lost").expect(422).await;
        assert_eq!(code(&other), "idempotency_key_reused");
        assert_eq!(keyed().expect(201).await.json()["id"], first["id"]);
        assert_eq!(keyed().expect(201).await.header("idempotency-replayed"), "true");
        assert_eq!(s.razorpay.state.book.lock().unwrap().refunds.len(), 1);
        assert_eq!(s.number("SELECT refunded_minor FROM payments").await, 250);
        s.all_is_well().await;
    }

    /// ID-08
    async fn a_refunds_key_is_1_to_255_printable_characters_and_stands_once(s: Paying) {
        let order = s.order().await;
        s.status(&order, "paid").expect(200).await;
        let payment = s.boss.sign(s.shop.get("/api/v1/payments/")).expect(200).await.json()["results"][0]["id"].clone();
        let ask = || s.refund(&payment, json!({"amount": "1"}));
        for bad in [String::new(), "x".repeat(256), "a\tb".into()] {
            let answer = ask().header("idempotency-key", bad).expect(400).await;
            assert_eq!((code(&answer), answer.faulty()), ("validation_error".into(), vec!["Idempotency-Key".to_owned()]));
        }
        let twice = ask().and_header("idempotency-key", "a").and_header("idempotency-key", "a").expect(400).await;
        assert_eq!(twice.faulty(), ["Idempotency-Key"]);
        assert_eq!(s.number("SELECT COUNT(*) FROM refunds").await, 0);
        let many = at_once((0..4).map(|_| ask().header("idempotency-key", "x".repeat(255)))).await;
        assert!(many.iter().all(|answer| [201, 409].contains(&answer.status.as_u16())));
        assert_eq!(s.number("SELECT COUNT(*) FROM refunds").await, 1);
    }
}

/// The ledger without what holds it, for a test of the audit.
pub async fn unlock_ledger(s: &Paying) {
    let triggers: &[&str] = match s.shop.app.db.engine() {
        Engine::Sqlite => &[
            "DROP TRIGGER payment_events_not_changed",
            "DROP TRIGGER payment_events_not_deleted",
        ],
        Engine::Postgres => &["DROP TRIGGER payment_events_not_changed ON payment_events"],
    };
    for sql in triggers {
        tamper(&s.shop, sql).await;
    }
}
