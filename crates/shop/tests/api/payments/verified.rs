//! What the buyer is told who comes back from the provider.

use std::time::Duration;

use serde_json::json;

use super::four::{Four, P, razorpay_event, razorpay_proof, stripe_event};
use super::rare::until;
use super::{code, paid, words};
use crate::support::providers::{Fault, razorpay, stripe};

impl Four {
    /// The buyer pays an order of Razorpay's with other money; the payment's id.
    fn other_money(&self, reference: &str, minor: i64, currency: &str) -> String {
        let payment = self.razorpay.razorpay_pays(reference, "captured");
        let mut book = self.razorpay.state.book.lock().unwrap();
        let entity = book.payments.get_mut(&payment).unwrap();
        (entity["amount"], entity["currency"]) = (json!(minor), json!(currency));
        payment
    }

    /// Both events that Razorpay sends of a payment that was taken.
    async fn told_twice(&self, payment: &str) {
        let entity = self.razorpay.state.book.lock().unwrap().payments[payment].clone();
        for kind in ["payment.captured", "order.paid"] {
            let event = razorpay_event(
                &razorpay::event(kind, &entity),
                &format!("{kind} {payment}"),
            );
            self.send(P::Razorpay, &event).expect(200).await;
        }
    }
}

both! {
    /// PY-07
    async fn an_order_that_is_over_is_not_paid_whatever_came_for_it(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        s.buyer_pays(P::Razorpay, &reference);
        let verify = || s.verify(s.proof(P::Razorpay, &order, &reference));
        verify().expect(200).await;
        s.cancel(&order).expect(200).await;
        assert_eq!(code(&verify().expect(409).await), "invalid_transition");
        s.jobs().await;
        assert_eq!(code(&verify().expect(409).await), "invalid_transition");
        assert_eq!(code(&s.initiate(&order, "razorpay").expect(409).await), "invalid_transition");
        assert_eq!(s.stands(&order).await, ("cancelled".to_owned(), "refunded".to_owned()));
        s.all_is_well().await;
    }

    /// PY-07, WH-08
    async fn an_expired_order_is_not_paid_and_late_money_goes_back(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        s.shop.clock.advance(Duration::from_secs(24 * 3600 + 1));
        s.jobs().await;
        assert_eq!(s.stands(&order).await.0, "expired");
        s.buyer_pays(P::Razorpay, &reference);
        let verify = || s.verify(s.proof(P::Razorpay, &order, &reference));
        assert_eq!(code(&verify().expect(409).await), "invalid_transition");
        assert_eq!(code(&s.initiate(&order, "razorpay").expect(409).await), "invalid_transition");
        s.send(P::Razorpay, &s.event(P::Razorpay, &reference, "e1")).expect(200).await;
        assert_eq!(s.owed().await["count"], 1);
        s.jobs().await;
        assert_eq!(s.stands(&order).await, ("expired".to_owned(), "refunded".to_owned()));
        assert_eq!(s.facts(&order).await, words(&["captured", "refunded"]));
        assert_eq!(s.owed().await["count"], 0);
        assert_eq!(code(&verify().expect(409).await), "invalid_transition");
        s.all_is_well().await;
    }

    async fn who_tries_again_after_other_money_was_flagged_is_verified(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        let wrong = s.razorpay.razorpay_pays(&reference, "captured");
        {
            let mut book = s.razorpay.state.book.lock().unwrap();
            book.payments.get_mut(&wrong).unwrap()["amount"] = json!(900);
        }
        assert_eq!(code(&s.verify(razorpay_proof(&order, &reference, &wrong)).expect(409).await), "payment_mismatch");
        s.initiate(&order, "razorpay").expect(200).await;
        let again = s.reference(&order).await;
        let right = s.razorpay.razorpay_pays(&again, "captured");
        s.verify(razorpay_proof(&order, &again, &right)).expect(200).await;
        assert_eq!(s.payments(&order).await, words(&["flagged", "succeeded"]));
        s.all_is_well().await;
    }

    async fn who_has_failed_and_tries_again_is_not_told_that_it_failed(s: Four) {
        let (order, reference) = s.begun(P::Stripe).await;
        let verify = || s.verify(s.proof(P::Stripe, &order, &reference));
        let stands = |status: &str, error: serde_json::Value| {
            let mut book = s.stripe.state.book.lock().unwrap();
            let intent = book.payments.get_mut(&reference).unwrap();
            (intent["status"], intent["last_payment_error"]) = (json!(status), error);
            intent.clone()
        };
        let failed = stands("requires_payment_method", json!({"type": "card_error", "code": "card_declined"}));
        s.send(P::Stripe, &stripe_event(&stripe::event("evt_1", "payment_intent.payment_failed", &failed))).expect(200).await;
        assert_eq!(code(&verify().expect(402).await), "payment_declined");
        stands("requires_action", json!(null));
        assert_eq!(code(&verify().expect(504).await), "payment_pending");
        s.buyer_pays(P::Stripe, &reference);
        verify().expect(200).await;
        assert_eq!(s.stands(&order).await, paid());
        s.all_is_well().await;
    }

    async fn a_second_money_that_two_events_tell_is_no_riddle(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        for _ in 0..2 {
            let payment = s.razorpay.razorpay_pays(&reference, "captured");
            s.told_twice(&payment).await;
        }
        s.jobs().await;
        assert_eq!(s.payments(&order).await, words(&["succeeded", "surplus"]));
        assert_eq!(s.facts(&order).await, words(&["captured", "captured", "refunded"]));
        assert_eq!((s.stands(&order).await, s.razorpay.state.book.lock().unwrap().refunds.len()), (paid(), 1));
        s.all_is_well().await;
    }

    /// PY-04
    async fn each_wrong_amount_can_be_given_back(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        for minor in [900, 800] {
            s.told_twice(&s.other_money(&reference, minor, "BDT")).await;
        }
        let list = s.boss.sign(s.shop.get("/api/v1/payments/?status=flagged")).expect(200).await.json();
        let sums: Vec<_> = list["results"].as_array().unwrap().iter().map(|one| one["captured"].clone()).collect();
        assert_eq!(sums, ["8.00", "9.00"]);
        assert_eq!(s.facts(&order).await, words(&["flagged", "flagged"]));
        assert_eq!(s.flags().await, 2);
        s.cancel(&order).expect(200).await;
        s.jobs().await;
        assert_eq!(s.number("SELECT CAST(SUM(refunded_minor) AS BIGINT) FROM payments").await, 1700);
        s.all_is_well().await;
    }

    /// PY-04
    async fn after_two_wrong_amounts_the_right_one_counts_and_no_other(s: Four) {
        for (third, answer, payment_is, order_is) in [(800, 409, "flagged", "pending"), (1250, 200, "succeeded", "paid")] {
            let (order, reference) = s.begun(P::Razorpay).await;
            for minor in [900, 800] {
                s.told_twice(&s.other_money(&reference, minor, "BDT")).await;
            }
            let payment = s.other_money(&reference, third, "BDT");
            s.verify(razorpay_proof(&order, &reference, &payment)).expect(answer).await;
            assert_eq!(s.payments(&order).await, words(&["flagged", "flagged", payment_is]));
            assert_eq!(s.stands(&order).await.1, order_is);
        }
        assert_eq!(s.number("SELECT COUNT(*) FROM payments WHERE amount_minor <> 1250").await, 0);
        s.all_is_well().await;
    }

    /// PY-04
    async fn staff_is_told_of_another_currency_beside_money(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        s.told_twice(&s.other_money(&reference, 1250, "BDT")).await;
        s.told_twice(&s.other_money(&reference, 1250, "USD")).await;
        assert_eq!((s.stands(&order).await, s.flags().await), (paid(), 1));
        assert_eq!(s.facts(&order).await, words(&["captured", "flagged"]));
        s.all_is_well().await;
    }

    async fn an_answer_that_was_under_way_when_the_money_came_is_no_doubt(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        let payment = s.razorpay.razorpay_pays(&reference, "failed");
        s.razorpay.fails("/v1/payments/", Fault::DoAndWait(Duration::from_millis(800)));
        let verify = s.verify(razorpay_proof(&order, &reference, &payment));
        tokio::join!(verify.expect(200), async {
            until(|| s.razorpay.count("/v1/payments/") == 1).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            {
                let mut book = s.razorpay.state.book.lock().unwrap();
                let entity = book.payments.get_mut(&payment).unwrap();
                (entity["status"], entity["captured"]) = (json!("captured"), json!(true));
            }
            s.told_twice(&payment).await;
        });
        assert_eq!((s.stands(&order).await, s.flags().await), (paid(), 0));
        assert_eq!(s.facts(&order).await, words(&["captured"]));
        s.all_is_well().await;
    }
}
