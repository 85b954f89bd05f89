//! What providers tell of refunds late, twice, under other names, or in the wrong order.

use std::time::Duration;

use serde_json::{Value, json};

use super::four::{Event, Four, P, razorpay_event, stripe_event};
use super::webhooks::no;
use super::{paid, words};
use crate::support::providers::{Fault, stripe};

impl Four {
    /// An order that is paid at Razorpay, the payment's id here, and there.
    pub async fn paid_at_razorpay(&self) -> (Value, Value, String) {
        let (order, reference) = self.begun(P::Razorpay).await;
        let paid = self.razorpay.razorpay_pays(&reference, "captured");
        let told = self.event(P::Razorpay, &reference, &paid);
        self.send(P::Razorpay, &told).expect(200).await;
        let payment = self.payment_id(&order).await;
        (order, payment, paid)
    }

    pub async fn flags(&self) -> i64 {
        self.number("SELECT COUNT(*) FROM outbox WHERE topic = 'payment.flagged'")
            .await
    }
}

/// An event about a refund that names none of our keys.
fn told(id: &str, payment: &str, minor: i64, status: &str) -> Event {
    let event = json!({"event": format!("refund.{status}"), "payload": {"refund": {"entity": {
        "id": id, "entity": "refund", "amount": minor, "currency": "BDT", "payment_id": payment, "status": status}}}});
    razorpay_event(&event.to_string(), &format!("{id} {status} {minor}"))
}

both! {
    /// OR-07
    async fn the_same_refund_under_two_names_is_one(s: Four) {
        let (order, payment, paid_as) = s.paid_at_razorpay().await;
        s.razorpay.fails("/refund", Fault::DoAndCut);
        s.refund(&payment, json!({})).expect(504).await;
        let made = s.razorpay.state.book.lock().unwrap().refunds.keys().next().unwrap().clone();
        s.send(P::Razorpay, &told(&made, &paid_as, 1250, "processed")).expect(200).await;
        assert_eq!(s.number("SELECT refunded_minor FROM orders").await, 0);
        assert_eq!(s.number("SELECT COUNT(*) FROM refunds WHERE late_success_at IS NOT NULL").await, 1);
        s.all_is_well().await;

        s.shop.clock.advance(Duration::from_secs(121));
        s.jobs().await;
        assert_eq!(s.stands(&order).await.1, "refunded");
        assert_eq!(s.facts(&order).await, words(&["captured", "refunded"]));
        assert_eq!(s.number("SELECT refunded_minor FROM payments").await, 1250);
        assert_eq!(s.number("SELECT COUNT(*) FROM refunds WHERE late_success_at IS NOT NULL").await, 0);
        let listed = s.refunds(&order).await;
        assert_eq!((&listed["count"], &listed["results"][0]["transaction_id"]), (&json!(1), &json!(made)));
        assert_eq!((s.flags().await, s.razorpay.state.book.lock().unwrap().refunds.len()), (0, 1));
        s.all_is_well().await;

        s.send(P::Razorpay, &told(&made, &paid_as, 1250, "failed")).expect(200).await;
        assert_eq!(s.stands(&order).await, paid());
        assert_eq!(s.facts(&order).await, words(&["captured", "refunded", "refund_reversed"]));
        s.all_is_well().await;
    }

    /// OR-07
    async fn a_late_refund_that_failed_after_all_does_not_count(s: Four) {
        let (order, _, late) = s.refused_and_made(None).await;
        s.send(P::Razorpay, &late).expect(200).await;
        let paid_as = s.razorpay.state.book.lock().unwrap().payments.keys().next().unwrap().clone();
        s.cancel(&order).expect(200).await;
        s.jobs().await;
        s.send(P::Razorpay, &told("rfnd_late", &paid_as, 1250, "failed")).expect(200).await;
        assert_eq!(s.number("SELECT COUNT(*) FROM refunds WHERE late_success_at IS NOT NULL").await, 0);
        let again = "SELECT COUNT(*) FROM refunds WHERE provider_refund_id = 'rfnd_late' AND next_check_at IS NOT NULL";
        assert_eq!((s.number(again).await, s.flags().await), (1, 1));

        s.razorpay.fails("/refund", no());
        s.shop.clock.advance(Duration::from_secs(121));
        s.jobs().await;
        assert_eq!(s.stands(&order).await, ("cancelled".to_owned(), "paid".to_owned()));
        assert_eq!(s.facts(&order).await, words(&["captured", "refund_failed", "flagged", "refund_failed"]));
        s.all_is_well().await;
        s.shop.clock.advance(Duration::from_secs(2 * 3600));
        s.jobs().await;
        assert_eq!(s.stands(&order).await, ("cancelled".to_owned(), "refunded".to_owned()));
        assert_eq!(s.razorpay.state.book.lock().unwrap().refunds.len(), 1);
        s.all_is_well().await;
    }

    /// OR-07
    async fn a_refund_that_was_taken_back_is_not_counted_by_an_old_event(s: Four) {
        let (order, reference) = s.begun(P::Stripe).await;
        s.buyer_pays(P::Stripe, &reference);
        s.verify(s.proof(P::Stripe, &order, &reference)).expect(200).await;
        s.cancel(&order).expect(200).await;
        s.jobs().await;
        let mut refund = s.stripe.state.book.lock().unwrap().refunds.values().next().unwrap().clone();
        let tell = |id: &str, refund: &Value| stripe_event(&stripe::event(id, "refund.updated", refund));
        let old = refund.clone();
        refund["status"] = json!("failed");
        s.send(P::Stripe, &tell("evt_1", &refund)).expect(200).await;
        let listed = s.refunds(&order).await["results"].clone();
        assert_eq!((&listed[0]["status"], listed[0]["next_try_at"].is_string()), (&json!("failed"), true));
        for id in ["evt_2", "evt_3"] {
            s.send(P::Stripe, &tell(id, &old)).expect(200).await;
        }
        assert_eq!(s.refunds(&order).await["results"], listed);
        assert_eq!(s.facts(&order).await, words(&["captured", "refunded", "refund_reversed", "flagged"]));
        assert_eq!(s.stands(&order).await, ("cancelled".to_owned(), "paid".to_owned()));
        assert_eq!(s.flags().await, 1);
        assert_eq!(s.number("SELECT COUNT(*) FROM outbox WHERE topic = 'payment.refund_failed'").await, 1);
        s.all_is_well().await;
    }

    async fn what_was_given_back_before_is_not_in_the_place_of_what_came_back(s: Four) {
        let (_, payment, paid_as) = s.paid_at_razorpay().await;
        let part = || s.refund(&payment, json!({"amount": "2.50"}));
        let first = part().expect(201).await.json()["transaction_id"].as_str().unwrap().to_owned();
        s.shop.clock.advance(Duration::from_secs(1));
        part().expect(201).await;
        s.shop.clock.advance(Duration::from_secs(1));
        s.send(P::Razorpay, &told(&first, &paid_as, 250, "failed")).expect(200).await;
        assert_eq!(s.owed().await["results"][0]["id"], payment);
        part().expect(201).await;
        assert_eq!(s.owed().await["count"], 0);
        s.all_is_well().await;
    }

    /// PY-14
    async fn a_refund_beyond_all_counting_is_noted(s: Four) {
        let (order, payment, paid_as) = s.paid_at_razorpay().await;
        s.refund(&payment, json!({"amount": "2.50"})).expect(201).await;
        for minor in [i64::MAX, i64::MAX - 250, 1251, 1001, 0, i64::MIN] {
            let event = told(&format!("rfnd_{minor}"), &paid_as, minor, "processed");
            s.send(P::Razorpay, &event).expect(200).await;
        }
        assert_eq!(s.flags().await, 6);
        assert_eq!(s.stands(&order).await.1, "partially_refunded");
        s.refund(&payment, json!({"amount": "92233720368547758.07"})).expect(400).await;
        s.all_is_well().await;
    }
}
