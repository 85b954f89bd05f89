//! The events of PayPal and Stripe that are rarer than a payment.

use std::time::Duration;

use serde_json::{Value, json};

use super::four::{Event, Four, P, stripe_event};
use super::{code, paid, words};
use crate::support::providers::{Fault, paypal, stripe};

impl Four {
    /// An event about a capture of PayPal's order.
    fn captures(&self, id: &str, kind: &str, order: &str) -> Event {
        let resource = json!({"id": "3C6", "status": "COMPLETED", "supplementary_data": {"related_ids": {"order_id": order}}});
        self.paypal_event(&paypal::event(id, kind, &resource))
    }

    /// PayPal's only capture stands so from now on.
    fn capture_stands(&self, status: &str) -> String {
        let mut book = self.paypal.state.book.lock().unwrap();
        let order = book.wanted.values_mut().next().unwrap();
        let capture = &mut order["purchase_units"][0]["payments"]["captures"][0];
        capture["status"] = json!(status);
        capture["id"].as_str().unwrap().to_owned()
    }

    /// A refund of part of PayPal's only capture, made on its own pages.
    fn made_at_paypal(&self, capture: &str, id: &str, value: &str) {
        let made = json!({"id": id, "status": "COMPLETED", "amount": {"currency_code": "BDT", "value": value}, "links": [
            {"href": format!("https://api-m.paypal.com/v2/payments/refunds/{id}"), "rel": "self", "method": "GET"},
            {"href": format!("https://api-m.paypal.com/v2/payments/captures/{capture}"), "rel": "up", "method": "GET"}]});
        let mut book = self.paypal.state.book.lock().unwrap();
        book.refunds.insert(id.to_owned(), made);
    }

    async fn paid_at_paypal(&self) -> (Value, String) {
        let (order, reference) = self.begun(P::Paypal).await;
        self.buyer_pays(P::Paypal, &reference);
        self.verify(self.proof(P::Paypal, &order, &reference))
            .expect(200)
            .await;
        (order, reference)
    }

    /// Names a refund; the rest is asked for.
    fn refunds_told(&self, id: &str, kind: &str, refund: &str) -> Event {
        self.paypal_event(&paypal::event(id, kind, &json!({"id": refund})))
    }

    /// An order whose payment was begun on Stripe's page, and the session's name.
    async fn hosted(&self) -> (Value, String) {
        let order = self.order().await;
        let body = json!({"order_id": order["id"], "provider": "stripe", "hosted": true});
        let ask = self.ada.sign(self.shop.post("/api/v1/payments/initiate/"));
        ask.json(body).expect(200).await;
        let session = self.reference(&order).await;
        (order, session)
    }

    async fn stripe_tells(&self, id: &str, kind: &str, object: &Value) {
        let event = stripe_event(&stripe::event(id, kind, object));
        self.send(P::Stripe, &event).expect(200).await;
    }
}

both! {
    async fn captures_are_told_of_at_paypal(s: Four) {
        let (order, reference) = s.begun(P::Paypal).await;
        s.buyer_pays(P::Paypal, &reference);
        s.paypal.fails("/capture", Fault::DoAndCut);
        s.verify(s.proof(P::Paypal, &order, &reference)).expect(504).await;
        for (n, (told, status)) in [("PENDING", "PENDING"), ("DENIED", "DECLINED"), ("COMPLETED", "COMPLETED")].into_iter().enumerate() {
            s.capture_stands(status);
            let event = s.captures(&format!("WH-{n}"), &format!("PAYMENT.CAPTURE.{told}"), &reference);
            s.send(P::Paypal, &event).expect(200).await;
        }
        assert_eq!(s.stands(&order).await, paid());
        assert_eq!(s.facts(&order).await, words(&["failed", "captured"]));
        s.all_is_well().await;
    }

    async fn money_that_a_provider_takes_its_word_back_about_is_flagged(s: Four) {
        let (order, reference) = s.paid_at_paypal().await;
        s.capture_stands("DECLINED");
        for id in ["WH-1", "WH-2"] {
            let event = s.captures(id, "PAYMENT.CAPTURE.DENIED", &reference);
            s.send(P::Paypal, &event).expect(200).await;
        }
        assert_eq!(s.stands(&order).await, paid());
        assert_eq!(s.facts(&order).await, words(&["captured", "flagged"]));
        assert_eq!(s.number("SELECT COUNT(*) FROM outbox WHERE topic = 'payment.flagged'").await, 1);
        s.all_is_well().await;
    }

    /// OR-07
    async fn a_refund_goes_the_way_that_paypal_tells(s: Four) {
        let (order, _) = s.paid_at_paypal().await;
        let payment = s.payment_id(&order).await;
        s.paypal.fails("/refund", Fault::DoAndCut);
        s.refund(&payment, json!({})).expect(504).await;
        s.paypal.refunds_stand("PENDING");
        s.shop.clock.advance(Duration::from_secs(121));
        s.jobs().await;
        let refund = s.paypal.state.book.lock().unwrap().refunds.keys().next().unwrap().clone();
        let state = async || s.refunds(&order).await["results"][0]["status"].clone();
        for (n, (kind, stands, shown, order_is)) in [
            ("PAYMENT.REFUND.PENDING", "PENDING", "pending", "paid"), ("PAYMENT.CAPTURE.REFUNDED", "COMPLETED", "succeeded", "refunded"),
            ("PAYMENT.REFUND.FAILED", "FAILED", "failed", "paid"),
        ].into_iter().enumerate() {
            s.paypal.refunds_stand(stands);
            s.send(P::Paypal, &s.refunds_told(&format!("WH-{n}"), kind, &refund)).expect(200).await;
            assert_eq!((state().await, s.stands(&order).await.1), (json!(shown), order_is.to_owned()), "{kind}");
        }
        assert_eq!(s.facts(&order).await, words(&["captured", "refunded", "refund_reversed"]));
        assert_eq!(s.owed().await["results"][0]["id"], payment);
        s.all_is_well().await;
    }

    async fn a_refund_of_paypals_own_pages_counts(s: Four) {
        let (order, _) = s.paid_at_paypal().await;
        let capture = s.capture_stands("PARTIALLY_REFUNDED");
        s.made_at_paypal(&capture, "1JU1", "2.50");
        s.made_at_paypal(&capture, "1JU2", "10.00");
        s.paypal.fails("/refunds/1JU1", Fault::Say(500, "{}".into()));
        let told = s.refunds_told("WH-1", "PAYMENT.CAPTURE.REFUNDED", "1JU1");
        assert_eq!(code(&s.send(P::Paypal, &told).expect(503).await), "dependency_unavailable");
        s.send(P::Paypal, &told).expect(200).await;
        assert_eq!(s.stands(&order).await.1, "partially_refunded");
        s.send(P::Paypal, &s.refunds_told("WH-2", "PAYMENT.CAPTURE.REVERSED", "1JU2")).expect(200).await;
        assert_eq!(s.stands(&order).await.1, "refunded");
        let nothing = s.paypal_event(&paypal::event("WH-3", "PAYMENT.CAPTURE.REFUNDED", &json!({})));
        s.send(P::Paypal, &nothing).expect(200).await;
        assert_eq!(s.facts(&order).await, words(&["captured", "refunded", "refunded"]));
        s.all_is_well().await;
    }

    /// PY-14
    async fn a_dispute_at_paypal_is_noted(s: Four) {
        let (order, _) = s.paid_at_paypal().await;
        let capture = s.capture_stands("COMPLETED");
        let dispute = json!({"dispute_id": "PP-D-1", "dispute_amount": {"currency_code": "BDT", "value": "12.50"},
            "disputed_transactions": [{"seller_transaction_id": capture}]});
        for id in ["WH-1", "WH-2"] {
            s.send(P::Paypal, &s.paypal_event(&paypal::event(id, "CUSTOMER.DISPUTE.CREATED", &dispute))).expect(200).await;
        }
        assert_eq!((s.stands(&order).await, s.facts(&order).await), (paid(), words(&["captured", "disputed"])));
        assert_eq!(s.number("SELECT COUNT(*) FROM outbox WHERE topic = 'payment.disputed'").await, 1);
        s.all_is_well().await;
    }

    async fn what_becomes_of_a_page_of_stripes_is_told(s: Four) {
        for (told, pays, order_is, payment_is) in [
            ("completed", "succeeded", "paid", "succeeded"), ("async_payment_succeeded", "succeeded", "paid", "succeeded"),
            ("async_payment_failed", "requires_payment_method", "failed", "failed"), ("completed", "processing", "pending", "pending"),
            ("expired", "", "pending", "cancelled"),
        ] {
            let (order, session) = s.hosted().await;
            if pays.is_empty() {
                s.stripe.state.book.lock().unwrap().wanted.get_mut(&session).unwrap()["status"] = json!("expired");
            } else {
                s.stripe.stripe_pays(&session, pays);
            }
            let object = s.stripe.state.book.lock().unwrap().wanted[&session].clone();
            // What its intent tells is of no account.
            let intent = object["payment_intent"].as_str().unwrap().to_owned();
            let intent = s.stripe.state.book.lock().unwrap().payments[&intent].clone();
            s.stripe_tells(&format!("evt_i{session}"), "payment_intent.succeeded", &intent).await;
            assert_eq!(s.stands(&order).await.1, "pending", "{told} {pays}");
            s.stripe_tells(&format!("evt_{session}"), &format!("checkout.session.{told}"), &object).await;
            assert_eq!(s.stands(&order).await.1, order_is, "{told} {pays}");
            assert_eq!(s.payments(&order).await, words(&[payment_is]), "{told} {pays}");
        }
        s.all_is_well().await;
    }

    async fn what_becomes_of_an_intent_of_stripes_is_told(s: Four) {
        let (order, reference) = s.begun(P::Stripe).await;
        s.stripe.stripe_pays(&reference, "requires_capture");
        let intent = s.stripe.state.book.lock().unwrap().payments[&reference].clone();
        s.stripe_tells("evt_1", "payment_intent.amount_capturable_updated", &intent).await;
        assert_eq!((s.stands(&order).await, s.stripe.count("/capture")), (paid(), 1));

        let (order, reference) = s.begun(P::Stripe).await;
        let mut intent = s.stripe.state.book.lock().unwrap().payments[&reference].clone();
        intent["status"] = json!("canceled");
        s.stripe_tells("evt_2", "payment_intent.canceled", &intent).await;
        assert_eq!(s.stands(&order).await, ("pending".to_owned(), "pending".to_owned()));
        assert_eq!(s.payments(&order).await, words(&["cancelled"]));
        s.all_is_well().await;
    }

    /// PY-14
    async fn disputes_at_stripe_are_told(s: Four) {
        let (order, reference) = s.begun(P::Stripe).await;
        s.buyer_pays(P::Stripe, &reference);
        s.send(P::Stripe, &s.event(P::Stripe, &reference, "evt_1")).expect(200).await;
        let dispute = |id: &str, status: &str| json!({"id": id, "object": "dispute", "payment_intent": reference, "amount": 250,
            "currency": "bdt", "status": status});
        for (n, (id, kind, status)) in [
            ("dp_1", "created", "needs_response"), ("dp_1", "updated", "under_review"), ("dp_1", "closed", "won"),
            ("dp_2", "created", "needs_response"), ("dp_2", "funds_withdrawn", "needs_response"), ("dp_2", "closed", "lost"),
            ("dp_2", "closed", "lost"),
        ].into_iter().enumerate() {
            s.stripe_tells(&format!("evt_d{n}"), &format!("charge.dispute.{kind}"), &dispute(id, status)).await;
        }
        assert_eq!(s.facts(&order).await, words(&["captured", "disputed", "dispute_won", "disputed", "charged_back"]));
        assert_eq!(s.stands(&order).await.1, "partially_refunded");
        assert_eq!(s.number("SELECT refunded_minor FROM orders").await, 250);
        s.all_is_well().await;
    }
}
