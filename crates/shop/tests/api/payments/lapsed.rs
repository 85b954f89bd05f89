//! Money that a buyer has only promised: what comes of it when nobody takes it.

use std::time::Duration;

use serde_json::json;

use super::four::{Four, P, razorpay_event};
use super::{paid, words};
use crate::support::providers::Fault;

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
}
