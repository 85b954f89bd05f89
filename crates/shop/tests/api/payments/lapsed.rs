//! Money that a buyer has only promised: what comes of it when nobody takes it.

use std::time::Duration;

use serde_json::json;

use super::four::{Four, P, razorpay_event};
use super::{paid, words};
use crate::shopping::tamper;
use crate::support::providers::{Fault, razorpay};

fn refused() -> Fault {
    Fault::Say(400, "{}".into())
}

impl Four {
    /// A payment that was never captured, as Razorpay tells of it when it has let it go.
    fn lapses(&self, payment: &str) {
        let mut book = self.razorpay.state.book.lock().unwrap();
        let payment = book.payments.get_mut(payment).unwrap();
        payment["status"] = json!("refunded");
        payment["amount_refunded"] = payment["amount"].clone();
        payment["refund_status"] = json!("full");
    }

    /// What Razorpay tells of a payment as it stands there.
    async fn hears_of(&self, payment: &str) {
        let entity = self.razorpay.state.book.lock().unwrap().payments[payment].clone();
        let kind = format!("payment.{}", entity["status"].as_str().unwrap());
        let event = razorpay_event(
            &razorpay::event(&kind, &entity),
            &format!("{kind} {payment}"),
        );
        self.send(P::Razorpay, &event).expect(200).await;
    }

    async fn looks_again(&self, after: u64) {
        self.shop.clock.advance(Duration::from_secs(after));
        self.jobs().await;
    }
}

both! {
    async fn an_authorization_that_lapsed_is_no_money(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        let payment = s.razorpay.razorpay_pays(&reference, "authorized");
        s.razorpay.fails("/capture", refused());
        s.send(P::Razorpay, &s.event(P::Razorpay, &reference, "e1")).expect(200).await;
        assert_eq!(s.stands(&order).await.1, "authorized");
        s.lapses(&payment);
        s.looks_again(121).await;
        assert_eq!(s.stands(&order).await, ("payment_failed".to_owned(), "failed".to_owned()));

        let entity = s.razorpay.state.book.lock().unwrap().payments[&payment].clone();
        for kind in ["refund.created", "refund.processed"] {
            let event = json!({"event": kind, "payload": {"payment": {"entity": entity}, "refund": {"entity": {
                "id": "rfnd_1", "amount": 1250, "currency": "BDT", "payment_id": payment, "status": "processed"}}}});
            s.send(P::Razorpay, &razorpay_event(&event.to_string(), kind)).expect(200).await;
        }
        s.looks_again(300).await;
        assert_eq!(s.facts(&order).await, words(&["authorized", "failed"]));
        assert_eq!(s.number("SELECT COUNT(*) FROM provider_events WHERE outcome = 'parked'").await, 0);
        assert_eq!(s.number("SELECT captured_minor FROM orders").await, 0);
        s.all_is_well().await;
    }

    async fn an_authorization_that_lapsed_after_an_earlier_try_is_no_money(s: Four) {
        for first in ["failed", "authorized"] {
            let (order, reference) = s.begun(P::Razorpay).await;
            let mut facts = Vec::new();
            for try_is in [first, "authorized"] {
                let payment = s.razorpay.razorpay_pays(&reference, try_is);
                if try_is == "authorized" {
                    s.razorpay.fails("/capture", refused());
                    facts.push("authorized");
                }
                s.hears_of(&payment).await;
                assert_eq!(s.stands(&order).await.1, try_is);
                if try_is == "authorized" {
                    s.lapses(&payment);
                    s.looks_again(121).await;
                }
                if (first, try_is) == ("failed", "authorized") {
                    // Of the two that came to nothing, the one that was authorized is told of.
                    let told = "SELECT COUNT(*) FROM payment_events WHERE kind = 'failed' AND note LIKE '%lapsed%' AND reference NOT LIKE '%@%'";
                    assert_eq!(s.number(told).await, 1);
                }
                facts.push("failed");
                assert_eq!(s.stands(&order).await, ("payment_failed".to_owned(), "failed".to_owned()));
                assert_eq!((s.payments(&order).await, s.facts(&order).await), (words(&["failed"]), words(&facts)));
            }
            s.looks_again(24 * 3600).await;
            assert_eq!(s.stands(&order).await, ("expired".to_owned(), "failed".to_owned()));
        }
        s.all_is_well().await;
    }

    /// WH-07
    async fn an_earlier_try_that_is_told_late_does_not_end_an_authorization(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        let (first, second) = (s.razorpay.razorpay_pays(&reference, "failed"), s.razorpay.razorpay_pays(&reference, "authorized"));
        s.razorpay.fails("/capture", refused());
        s.hears_of(&second).await;
        assert_eq!(s.stands(&order).await.1, "authorized");
        s.hears_of(&first).await;
        assert_eq!((s.stands(&order).await.1, s.payments(&order).await), ("authorized".to_owned(), words(&["authorized"])));
        // The authorized one itself may fail.
        s.razorpay.state.book.lock().unwrap().payments.get_mut(&second).unwrap()["status"] = json!("failed");
        s.hears_of(&second).await;
        assert_eq!((s.stands(&order).await.1, s.payments(&order).await), ("failed".to_owned(), words(&["failed"])));
        s.all_is_well().await;
    }

    /// WH-07
    async fn an_earlier_authorization_that_is_told_late_to_have_failed_does_not_end_a_later_one(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        let first = s.razorpay.razorpay_pays(&reference, "authorized");
        s.razorpay.fails("/capture", refused());
        s.hears_of(&first).await;
        s.lapses(&first);
        s.looks_again(121).await;
        assert_eq!(s.stands(&order).await.1, "failed");
        let second = s.razorpay.razorpay_pays(&reference, "authorized");
        s.razorpay.fails("/capture", refused());
        s.hears_of(&second).await;
        s.razorpay.state.book.lock().unwrap().payments.get_mut(&first).unwrap()["status"] = json!("failed");
        s.hears_of(&first).await;
        assert_eq!((s.stands(&order).await.1, s.payments(&order).await), ("authorized".to_owned(), words(&["authorized"])));
        s.all_is_well().await;
    }

    /// WH-07
    async fn an_authorization_whose_own_failure_is_told_late_stands_again_when_it_is_looked_at(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        let payment = s.razorpay.razorpay_pays(&reference, "authorized");
        let status = |is: &str| s.razorpay.state.book.lock().unwrap().payments.get_mut(&payment).unwrap()["status"] = json!(is);
        s.razorpay.fails("/capture", refused());
        s.hears_of(&payment).await;
        status("failed");
        s.hears_of(&payment).await;
        status("authorized");
        assert_eq!(s.stands(&order).await.1, "failed");
        s.razorpay.fails("/capture", refused());
        s.looks_again(121).await;
        assert_eq!((s.stands(&order).await.1, s.payments(&order).await), ("authorized".to_owned(), words(&["authorized"])));
        s.all_is_well().await;
    }

    /// WH-08
    async fn nothing_is_owed_for_an_authorization_that_lapsed(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        s.cancel(&order).expect(200).await;
        let payment = s.razorpay.razorpay_pays(&reference, "authorized");
        s.lapses(&payment);
        s.looks_again(121).await;
        assert_eq!(s.stands(&order).await, ("cancelled".to_owned(), "failed".to_owned()));
        assert_eq!((s.owed().await["count"].clone(), s.facts(&order).await), (json!(0), words(&["failed"])));
        assert_eq!(s.razorpay.state.book.lock().unwrap().refunds.len(), 0);
        s.all_is_well().await;
    }

    async fn what_lapsed_does_not_stand_before_what_was_taken(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        let real = s.razorpay.razorpay_pays(&reference, "captured");
        for _ in 0..5 {
            let other = s.razorpay.razorpay_pays(&reference, "authorized");
            s.lapses(&other);
        }
        s.looks_again(121).await;
        assert_eq!(s.stands(&order).await, paid());
        let list = s.ada.sign(s.shop.get("/api/v1/payments/")).expect(200).await.json();
        assert_eq!(list["results"][0]["transaction_id"], json!(real));
        s.all_is_well().await;
    }

    /// PY-12
    async fn what_nobody_could_take_comes_to_an_end(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        s.razorpay.razorpay_pays(&reference, "authorized");
        s.razorpay.fails("/capture", refused());
        s.send(P::Razorpay, &s.event(P::Razorpay, &reference, "e1")).expect(200).await;
        // When the last look was due there was no answer.
        s.razorpay.fails("/v1/", Fault::Say(500, "{}".into()));
        s.looks_again(4 * 24 * 3600).await;
        assert_eq!(s.stands(&order).await.1, "authorized");
        s.razorpay.fails("/capture", refused());
        s.looks_again(24 * 3600).await;
        assert_eq!(s.stands(&order).await.1, "failed");
        s.razorpay.fails("/capture", refused());
        s.looks_again(121).await;
        assert_eq!(s.number("SELECT COUNT(*) FROM payments WHERE next_check_at IS NOT NULL").await, 0);
        assert_eq!(s.stands(&order).await, ("expired".to_owned(), "failed".to_owned()));
        assert_eq!(s.facts(&order).await, words(&["authorized", "failed"]));
        s.all_is_well().await;
    }

    /// PY-12
    async fn a_provider_that_never_answers_is_given_up(s: Four) {
        let (order, _) = s.begun(P::Stripe).await;
        for day in 0..8 {
            assert_eq!(s.payments(&order).await, words(&["pending"]), "{day}");
            s.stripe.fails("/v1/", Fault::Say(500, "{}".into()));
            s.looks_again(24 * 3600 + 1).await;
        }
        assert_eq!(s.payments(&order).await, words(&["cancelled"]));
        assert_eq!(s.number("SELECT COUNT(*) FROM payments WHERE next_check_at IS NOT NULL").await, 0);
        let asked = s.stripe.count("");
        s.looks_again(24 * 3600).await;
        assert_eq!(s.stripe.count(""), asked);
        s.all_is_well().await;
    }

    /// PY-12
    async fn what_nobody_got_to_for_days_is_not_given_up_at_the_first_ask(s: Four) {
        let (order, reference) = s.begun(P::Stripe).await;
        s.buyer_pays(P::Stripe, &reference);
        s.stripe.fails("/v1/", Fault::Say(500, "{}".into()));
        s.looks_again(9 * 24 * 3600).await;
        assert_eq!(s.payments(&order).await, words(&["pending"]));
        s.looks_again(24 * 3600 + 1).await;
        s.looks_again(60).await;
        assert_eq!(s.stands(&order).await, ("expired".to_owned(), "refunded".to_owned()));
        s.all_is_well().await;
    }

    /// PY-12
    async fn giving_up_does_not_quicken_a_sweep(s: Four) {
        for _ in 0..8 {
            s.begun(P::Stripe).await;
        }
        for _ in 0..8 {
            s.stripe.fails("/v1/", Fault::Say(500, "{}".into()));
        }
        let late = 8 * 24 * 3600;
        tamper(&s.shop, &format!("UPDATE payments SET next_check_at = created_at + {late}000000")).await;
        s.looks_again(late + 60).await;
        // One at a time, until the provider has a pause.
        assert_eq!(s.number("SELECT COUNT(*) FROM payments WHERE status = 'cancelled'").await, 5);
        s.all_is_well().await;
    }

    /// PY-12
    async fn money_of_another_payment_is_told_to_staff_and_not_asked_for_for_ever(s: Four) {
        let (_, first) = s.begun(P::Razorpay).await;
        let payment = s.razorpay.razorpay_pays(&first, "captured");
        s.hears_of(&payment).await;
        let (order, reference) = s.begun(P::Razorpay).await;
        s.razorpay.state.book.lock().unwrap().payments.get_mut(&payment).unwrap()["order_id"] = json!(reference);
        s.looks_again(121).await;
        assert_eq!((s.payments(&order).await, s.flags().await), (words(&["pending"]), 1));
        s.looks_again(4 * 24 * 3600).await;
        assert_eq!((s.payments(&order).await, s.flags().await), (words(&["cancelled"]), 1));
        assert_eq!(s.number("SELECT COUNT(*) FROM payments WHERE next_check_at IS NOT NULL").await, 0);
        assert_eq!(s.facts(&order).await, words(&["flagged"]));
        s.all_is_well().await;
    }
}
