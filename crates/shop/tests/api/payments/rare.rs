//! What happens seldom: money of another amount, news in the wrong order or twice under other names, two who do the
//! same at once.

use std::time::Duration;

use serde_json::{Value, json};

use super::four::{Event, Four, P, razorpay_event, razorpay_proof, stripe_event};
use super::{paid, words};
use crate::support::providers::{Fault, razorpay, stripe};

impl Four {
    /// An event about the only payment of an order of Razorpay's, as it stands there after `change`.
    fn razorpay_tells(&self, kind: &str, reference: &str, change: &[(&str, Value)]) -> Event {
        let mut book = self.razorpay.state.book.lock().unwrap();
        let mut all = book.payments.values_mut();
        let payment = all
            .find(|payment| payment["order_id"] == reference)
            .unwrap();
        for (name, value) in change {
            payment[*name] = value.clone();
        }
        let name = format!("{kind} {}", payment["amount"]);
        razorpay_event(&razorpay::event(kind, payment), &name)
    }

    async fn listed(&self, query: &str) -> Value {
        let list = self.shop.get(&format!("/api/v1/payments/?{query}"));
        self.boss.sign(list).expect(200).await.json()["results"].clone()
    }

    /// An order that is paid at bKash.
    async fn paid_at_bkash(&self) -> (Value, Value) {
        let (order, reference) = self.begun(P::Bkash).await;
        self.buyer_pays(P::Bkash, &reference);
        self.verify(self.proof(P::Bkash, &order, &reference))
            .expect(200)
            .await;
        let payment = self.payment_id(&order).await;
        (order, payment)
    }
}

pub async fn until(so: impl Fn() -> bool) {
    for _ in 0..2000 {
        if so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not come to that");
}

both! {
    /// OR-07
    async fn one_refund_at_bkash_is_one_in_the_books_though_two_asked_for_it(s: Four) {
        let (_, payment) = s.paid_at_bkash().await;
        let part = || s.refund(&payment, json!({"amount": "3"}));
        // Whether there is one is asked first, then for one.
        s.bkash.fails("/payment/refund", Fault::DoAndWait(Duration::ZERO));
        s.bkash.fails("/payment/refund", Fault::DoAndWait(Duration::from_millis(400)));
        let (first, second) = tokio::join!(part().send(), async {
            until(|| s.bkash.count("/payment/refund") >= 2).await;
            part().send().await
        });

        let mut answers = [first.status.as_u16(), second.status.as_u16()];
        answers.sort_unstable();
        assert_eq!(answers, [201, 502]);
        assert_eq!(s.number("SELECT refunded_minor FROM payments").await, 300);
        assert_eq!(s.number("SELECT claimed_minor FROM payments").await, 300);
        assert_eq!(s.number("SELECT refunded_minor FROM orders").await, 300);
        let note = "SELECT COUNT(*) FROM refunds WHERE status = 'failed' AND note LIKE '%under another refund%'";
        assert_eq!(s.number(note).await, 1);
        s.all_is_well().await;
    }

    /// OR-07
    async fn one_refund_at_bkash_is_one_in_the_books_though_one_sweep_looks_twice(s: Four) {
        let (_, before) = s.paid_at_bkash().await;
        let (_, payment) = s.paid_at_bkash().await;
        // All that the first of them did was done, the others came to nothing; a sweep looks at one, then at two.
        for (payment, fault) in [(&before, Fault::DoAndCut), (&payment, Fault::DoAndCut), (&payment, Fault::DoAndCut)] {
            s.bkash.fails("/payment/refund", fault);
            s.refund(payment, json!({"amount": "3"})).expect(504).await;
        }
        {
            let mut book = s.bkash.state.book.lock().unwrap();
            let id = book.next("RF");
            let of = book.wanted.values().find(|one| one["merchantInvoiceNumber"].as_str().unwrap().ends_with("-2")).unwrap();
            let of = of["paymentID"].as_str().unwrap().to_owned();
            let made = json!({"statusCode": "0000", "statusMessage": "Successful", "originalTrxID": "6H7", "refundTrxID": id,
                "transactionStatus": "Completed", "amount": "3.00", "currency": "BDT", "charge": "0.00", "completedTime": ""});
            book.refunds.insert(of, made);
        }
        s.shop.clock.advance(Duration::from_secs(121));
        s.jobs().await;
        assert_eq!(s.number("SELECT COUNT(*) FROM refunds WHERE status = 'succeeded'").await, 2);
        assert_eq!(s.number("SELECT COUNT(*) FROM refunds WHERE status = 'failed'").await, 1);
        assert_eq!(s.number("SELECT refunded_minor FROM payments WHERE id = 2").await, 300);
        s.all_is_well().await;
    }

    /// PY-04
    async fn money_behind_an_authorization_of_another_amount_is_in_the_books(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        s.razorpay.razorpay_pays(&reference, "authorized");
        let told = s.razorpay_tells("payment.authorized", &reference, &[("amount", json!(900))]);
        s.send(P::Razorpay, &told).expect(200).await;
        let flagged = s.listed("status=flagged").await;
        assert_eq!((&flagged[0]["order_id"], &flagged[0]["captured"]), (&order["id"], &json!("0.00")));

        let told = s.razorpay_tells("payment.captured", &reference, &[("status", json!("captured"))]);
        s.send(P::Razorpay, &told).expect(200).await;
        s.send(P::Razorpay, &s.razorpay_tells("order.paid", &reference, &[])).expect(200).await;
        let flagged = s.listed("status=flagged").await;
        assert_eq!((&flagged[0]["amount"], &flagged[0]["captured"]), (&json!("12.50"), &json!("9.00")));
        assert_eq!(s.number("SELECT COUNT(*) FROM outbox WHERE topic = 'payment.flagged'").await, 2);
        assert_eq!(s.stands(&order).await.1, "pending");

        s.refund(&flagged[0]["id"], json!({})).expect(201).await;
        assert_eq!(s.listed("status=flagged").await, json!([]));
        assert_eq!(s.listed("status=refunded").await[0]["refunded"], "9.00");
        let unknown = s.boss.sign(s.shop.get("/api/v1/payments/?status=nonsense")).expect(400).await;
        assert_eq!(unknown.faulty(), ["status"]);
        s.all_is_well().await;
    }

    /// PY-04
    async fn the_right_money_counts_though_another_amount_was_authorized(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        s.razorpay.razorpay_pays(&reference, "authorized");
        let told = s.razorpay_tells("payment.authorized", &reference, &[("amount", json!(900))]);
        s.send(P::Razorpay, &told).expect(200).await;
        let told = s.razorpay_tells("payment.captured", &reference, &[("status", json!("captured")), ("amount", json!(1250))]);
        s.send(P::Razorpay, &told).expect(200).await;
        assert_eq!(s.stands(&order).await, paid());
        assert_eq!(s.payments(&order).await, words(&["succeeded"]));
        s.all_is_well().await;
    }

    /// WH-08, PY-04
    async fn money_of_another_amount_goes_back_when_the_order_is_over(s: Four) {
        for over_first in [true, false] {
            let (order, reference) = s.begun(P::Razorpay).await;
            if over_first {
                s.cancel(&order).expect(200).await;
            }
            s.razorpay.razorpay_pays(&reference, "captured");
            let told = s.razorpay_tells("payment.captured", &reference, &[("amount", json!(900))]);
            s.razorpay.fails("/refund", Fault::Say(400, "{}".into()));
            let (headers, body) = told;
            let headers = headers.into_iter().filter(|(name, _)| *name != "x-razorpay-event-id").collect();
            s.send(P::Razorpay, &(headers, body)).expect(200).await;
            if !over_first {
                assert_eq!(s.owed().await["count"], 0, "staff looks at it");
                s.cancel(&order).expect(200).await;
            }
            s.jobs().await;
            let owed = s.owed().await;
            assert_eq!((&owed["count"], &owed["results"][0]["captured"]), (&json!(1), &json!("9.00")));
            s.shop.clock.advance(Duration::from_secs(3601));
            s.jobs().await;
            assert_eq!(s.owed().await["count"], 0);
            assert_eq!(s.listed(&format!("order={}", order["id"])).await[0]["status"], "refunded");
            assert_eq!(s.stands(&order).await, ("cancelled".to_owned(), "pending".to_owned()));
        }
        assert_eq!(s.razorpay.state.book.lock().unwrap().refunds.len(), 2);
        s.all_is_well().await;
    }

    /// PY-07
    async fn nothing_is_taken_for_an_order_that_is_paid_already(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        s.status(&order, "paid").expect(200).await;
        s.razorpay.razorpay_pays(&reference, "authorized");
        s.send(P::Razorpay, &s.event(P::Razorpay, &reference, "e1")).expect(200).await;
        s.shop.clock.advance(Duration::from_secs(121));
        s.jobs().await;
        assert_eq!(s.razorpay.count("/capture"), 0);
        assert_eq!((s.stands(&order).await, s.facts(&order).await), (paid(), words(&["captured"])));
        s.all_is_well().await;
    }

    async fn who_is_refused_by_one_provider_keeps_what_was_begun_at_another(s: Four) {
        let order = s.order().await;
        // bKash knows this number, and says so late.
        let number = format!("{}-1", order["order_number"].as_str().unwrap());
        s.bkash.state.book.lock().unwrap().wanted.insert("TR".into(), json!({"merchantInvoiceNumber": number}));
        s.bkash.fails("/create", Fault::DoAndWait(Duration::from_millis(400)));
        let (refused, _) = tokio::join!(s.initiate(&order, "bkash").expect(502), async {
            until(|| s.bkash.count("/create") == 1).await;
            s.initiate(&order, "razorpay").expect(200).await
        });
        assert_eq!(refused.code(), "provider_error");
        assert_eq!(s.payments(&order).await, words(&["cancelled", "pending"]));
    }

    /// PY-14
    async fn a_lost_dispute_that_is_told_twice_is_lost_once(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        let payment = s.razorpay.razorpay_pays(&reference, "captured");
        s.send(P::Razorpay, &s.event(P::Razorpay, &reference, "e1")).expect(200).await;
        let lost = json!({"event": "payment.dispute.lost", "payload": {"dispute": {"entity": {
            "id": "disp_1", "amount": 1250, "currency": "BDT", "payment_id": payment}}}}).to_string();
        for id in ["d1", "d2"] {
            s.send(P::Razorpay, &razorpay_event(&lost, id)).expect(200).await;
        }
        assert_eq!(s.facts(&order).await, words(&["captured", "charged_back"]));
        assert_eq!(s.number("SELECT COUNT(*) FROM outbox WHERE topic = 'payment.flagged'").await, 0);
        s.all_is_well().await;
    }

    /// WH-07
    async fn a_refund_that_is_told_before_its_money_counts_when_that_is_there(s: Four) {
        for redelivered in [false, true] {
            let (order, reference) = s.begun(P::Razorpay).await;
            let payment = s.razorpay.razorpay_pays(&reference, "captured");
            let part = json!({"event": "refund.processed", "payload": {"refund": {"entity": {
                "id": format!("rfnd_{payment}"), "amount": 250, "currency": "BDT", "payment_id": payment, "status": "processed"}}}});
            let lost = json!({"event": "payment.dispute.lost", "payload": {"dispute": {"entity": {
                "id": format!("disp_{payment}"), "amount": 300, "currency": "BDT", "payment_id": payment}}}});
            let early = [
                razorpay_event(&part.to_string(), &format!("r {payment}")), razorpay_event(&lost.to_string(), &format!("d {payment}")),
            ];
            for event in &early {
                s.send(P::Razorpay, event).expect(200).await;
            }
            assert_eq!(s.facts(&order).await, words(&[]));
            s.send(P::Razorpay, &s.event(P::Razorpay, &reference, &format!("c {payment}"))).expect(200).await;
            assert_eq!(s.stands(&order).await, paid());
            if redelivered {
                for event in early.iter().chain(&early) {
                    s.send(P::Razorpay, event).expect(200).await;
                }
            }
            s.shop.clock.advance(Duration::from_secs(30));
            s.jobs().await;
            assert_eq!(s.stands(&order).await.1, "partially_refunded", "{redelivered}");
            let sum = format!("SELECT refunded_minor FROM orders WHERE id = {}", order["id"]);
            assert_eq!(s.number(&sum).await, 550);
            assert_eq!(s.facts(&order).await, words(&["captured", "refunded", "charged_back"]));
        }
        assert_eq!(s.number("SELECT COUNT(*) FROM provider_events WHERE outcome = 'parked'").await, 0);
        s.all_is_well().await;
    }

    async fn who_asks_whether_it_is_paid_keeps_nothing(s: Four) {
        let (_, order) = (s.begun(P::Stripe).await, s.order().await);
        s.initiate(&order, "razorpay").expect(200).await;
        let expire = || shop::orders::expire_orders(&s.shop.app);
        let versions = s.number("SELECT CAST(SUM(version) AS BIGINT) FROM orders").await;
        let stripes = json!({"order_id": s.number("SELECT MIN(id) FROM orders").await});
        for _ in 0..24 {
            s.shop.clock.advance(Duration::from_secs(3600));
            s.verify(stripes.clone()).expect(504).await;
            assert_eq!(expire().await.unwrap(), 0);
        }
        assert_eq!(s.number("SELECT CAST(SUM(version) AS BIGINT) FROM orders").await, versions);
        // Beginning anew gives time again, once.
        s.initiate(&order, "bkash").expect(200).await;
        s.shop.clock.advance(Duration::from_secs(1));
        assert_eq!(expire().await.unwrap(), 1);
        for (n, provider) in ["stripe", "paypal", "razorpay"].into_iter().enumerate() {
            s.shop.clock.advance(Duration::from_secs(6 * 3600));
            assert_eq!(expire().await.unwrap(), 0, "{n}");
            s.initiate(&order, provider).expect(200).await;
        }
        s.shop.clock.advance(Duration::from_secs(6 * 3600 - 1));
        assert_eq!(expire().await.unwrap(), 0);
        s.shop.clock.advance(Duration::from_secs(1));
        assert_eq!(expire().await.unwrap(), 1);
        assert_eq!(s.stands(&order).await.0, "expired");
        assert_eq!(s.number("SELECT CAST(SUM(reserved) AS BIGINT) FROM stock_items").await, 0);
    }

    /// ID-02
    async fn no_kept_answer_has_the_secret_of_a_payment(s: Four) {
        let order = s.order().await;
        let keyed = || s.initiate(&order, "stripe").header("idempotency-key", "k1");
        let first = keyed().expect(200).await;
        let again = keyed().expect(200).await;
        assert!(first.json()["client_secret"].as_str().unwrap().contains("_secret_"));
        assert_eq!((again.header("idempotency-replayed"), again.json()), ("true", first.json()));
        assert_eq!(s.number("SELECT COUNT(*) FROM idempotency_keys WHERE status = 200").await, 1);
        assert_eq!(s.number("SELECT COUNT(*) FROM idempotency_keys WHERE answer LIKE '%secret%'").await, 0);
    }

    /// OR-07
    async fn a_refund_that_fails_after_it_succeeded_is_taken_back_and_owed(s: Four) {
        let (order, reference) = s.begun(P::Stripe).await;
        s.buyer_pays(P::Stripe, &reference);
        s.verify(s.proof(P::Stripe, &order, &reference)).expect(200).await;
        let payment = s.payment_id(&order).await;
        s.refund(&payment, json!({"amount": "2.50"})).expect(201).await;
        let mut refund = s.stripe.state.book.lock().unwrap().refunds.values().next().unwrap().clone();
        refund["status"] = json!("failed");
        refund["failure_reason"] = json!("lost_or_stolen_card");
        for id in ["evt_f1", "evt_f2"] {
            let failed = stripe_event(&stripe::event(id, "refund.failed", &refund));
            s.send(P::Stripe, &failed).expect(200).await;
        }
        assert_eq!(s.stands(&order).await, paid());
        assert_eq!(s.number("SELECT refunded_minor FROM orders").await, 0);
        assert_eq!(s.facts(&order).await, words(&["captured", "refunded", "refund_reversed"]));
        let shown = s.refunds(&order).await["results"][0].clone();
        assert_eq!((&shown["status"], &shown["note"]), (&json!("failed"), &json!("lost_or_stolen_card")));
        assert_eq!(s.owed().await["results"][0]["id"], payment);
        assert_eq!(s.number("SELECT COUNT(*) FROM outbox WHERE topic = 'payment.refund_failed'").await, 1);
        s.books().await;

        s.refund(&payment, json!({"amount": "2.50"})).expect(201).await;
        assert_eq!(s.owed().await["count"], 0);
        assert_eq!(s.stands(&order).await.1, "partially_refunded");
        s.all_is_well().await;
    }

    /// WH-08
    async fn what_staff_was_refused_after_the_order_ended_goes_back_too(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        s.buyer_pays(P::Razorpay, &reference);
        s.verify(s.proof(P::Razorpay, &order, &reference)).expect(200).await;
        s.razorpay.fails("/refund", Fault::Say(500, "{}".into()));
        s.refund(&s.payment_id(&order).await, json!({"amount": "2.50"})).expect(502).await;
        s.cancel(&order).expect(200).await;
        s.jobs().await;
        assert_eq!(s.number("SELECT refunded_minor FROM payments").await, 1000);
        s.razorpay.fails("/refund", Fault::Say(400, "{}".into()));
        s.shop.clock.advance(Duration::from_secs(121));
        s.jobs().await;
        assert_eq!(s.owed().await["count"], 1);
        s.shop.clock.advance(Duration::from_secs(3601));
        s.jobs().await;
        assert_eq!(s.stands(&order).await, ("cancelled".to_owned(), "refunded".to_owned()));
        assert_eq!(s.owed().await["count"], 0);
        s.all_is_well().await;
    }

    async fn the_second_money_of_an_attempt_may_be_verified_again(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        s.razorpay.razorpay_pays(&reference, "captured");
        let told = s.razorpay_tells("payment.captured", &reference, &[("amount", json!(900))]);
        s.send(P::Razorpay, &told).expect(200).await;
        let right = s.razorpay.razorpay_pays(&reference, "captured");
        for _ in 0..2 {
            s.verify(razorpay_proof(&order, &reference, &right)).expect(200).await;
        }
        assert_eq!(s.payments(&order).await, words(&["flagged", "succeeded"]));
        s.all_is_well().await;
    }
}
