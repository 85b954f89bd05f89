//! The four providers from the buyer's first click to the refund, and what becomes of a payment when they fail.

use std::time::Duration;

use serde_json::json;

use super::four::{ALL, Four, P, razorpay_proof};
use super::{code, paid, words};
use crate::shopping::at_once;
use crate::support::providers::Fault;

both! {
    async fn a_buyer_pays_and_gets_money_back(s: Four) {
        for p in ALL {
            let (order, reference) = s.begun(p).await;
            s.buyer_pays(p, &reference);
            let verified = s.verify(s.proof(p, &order, &reference)).expect(200).await.json();
            assert_eq!((&verified["status"], &verified["payment"]["provider"]), (&json!("paid"), &json!(p.name())));
            // Asked again, the answer is the same.
            s.verify(s.proof(p, &order, &reference)).expect(200).await;
            assert_eq!(s.shown(&order).await["payment_method"], p.name());
            let payment = verified["payment"]["id"].clone();
            let part = s.refund(&payment, json!({"amount": "2.50"})).expect(201).await.json();
            assert_eq!((&part["status"], &part["amount"]), (&json!("succeeded"), &json!("2.50")), "{p:?}");
            assert_eq!(s.stands(&order).await.1, "partially_refunded", "{p:?}");
        }
        s.all_is_well().await;
    }

    async fn each_client_is_given_what_it_needs(s: Four) {
        let order = s.order().await;
        let begun = s.initiate(&order, "razorpay").expect(200).await.json();
        assert_eq!((&begun["razorpay_key_id"], &begun["amount"], &begun["currency"]), (&json!("rzp_test_key"), &json!(1250), &json!("BDT")));
        assert!(begun["razorpay_order_id"].as_str().unwrap().starts_with("order_"));
        assert_eq!((&begun["order_id"], &begun["order_number"]), (&order["id"], &order["order_number"]));
        let begun = s.initiate(&order, "stripe").expect(200).await.json();
        assert!(begun["client_secret"].as_str().unwrap().contains("_secret_"));
        assert_eq!(begun["publishable_key"], "pk_test_1");
        assert_eq!(s.initiate(&order, "stripe").expect(200).await.json(), begun, "the same attempt is given again");
        let body = json!({"order_id": order["id"], "provider": "stripe", "hosted": true});
        let begun = s.ada.sign(s.shop.post("/api/v1/payments/initiate/")).json(body).expect(200).await.json();
        assert!(begun["redirect_url"].as_str().unwrap().starts_with("https://checkout.stripe.com/"));
        let begun = s.initiate(&order, "paypal").expect(200).await.json();
        assert!(begun["approve_url"].as_str().unwrap().contains("checkoutnow"));
        let begun = s.initiate(&order, "bkash").expect(200).await.json();
        assert!(begun["redirect_url"].as_str().unwrap().contains("bkash.com"));
        // Nobody named one: the order's own goes on.
        let body = json!({"order_id": order["id"]});
        let again = s.ada.sign(s.shop.post("/api/v1/payments/initiate/")).json(body).expect(200).await.json();
        assert_eq!(again["payment_id"], begun["payment_id"]);
        assert_eq!(s.payments(&order).await, words(&["cancelled", "cancelled", "cancelled", "cancelled", "pending"]));
        s.all_is_well().await;
    }

    async fn a_hosted_checkout_is_paid(s: Four) {
        let order = s.order().await;
        let body = json!({"order_id": order["id"], "provider": "stripe", "hosted": true});
        s.ada.sign(s.shop.post("/api/v1/payments/initiate/")).json(body).expect(200).await;
        let session = s.reference(&order).await;
        assert_eq!(code(&s.verify(json!({"order_id": order["id"]})).expect(504).await), "payment_pending");
        s.buyer_pays(P::Stripe, &session);
        s.verify(json!({"order_id": order["id"], "payment_id": session})).expect(200).await;
        assert_eq!(s.stands(&order).await, paid());
        s.all_is_well().await;
    }

    /// PY-01
    async fn a_cheap_payment_buys_no_dear_order(s: Four) {
        let (cheap, cheap_ref) = s.begun(P::Razorpay).await;
        let dear = s.ada.buys(&s.shop, s.vase, 1).await;
        s.initiate(&dear, "razorpay").expect(200).await;
        let dear_ref = s.reference(&dear).await;
        let payment = s.razorpay.razorpay_pays(&cheap_ref, "captured");
        assert_eq!(code(&s.verify(razorpay_proof(&dear, &cheap_ref, &payment)).expect(409).await), "payment_mismatch");
        // Even with a signature over the dear order's name, which only we could make.
        assert_eq!(code(&s.verify(razorpay_proof(&dear, &dear_ref, &payment)).expect(409).await), "payment_mismatch");
        assert_eq!(s.stands(&dear).await.0, "pending");
        s.verify(razorpay_proof(&cheap, &cheap_ref, &payment)).expect(200).await;
        let mut forged = razorpay_proof(&dear, &dear_ref, "pay_none");
        forged["razorpay_signature"] = json!("00".repeat(32));
        let fresh = s.ada.buys(&s.shop, s.mug, 1).await;
        s.initiate(&fresh, "razorpay").expect(200).await;
        let fresh_ref = s.reference(&fresh).await;
        forged["order_id"] = fresh["id"].clone();
        forged["razorpay_order_id"] = json!(fresh_ref);
        assert_eq!(code(&s.verify(forged).expect(400).await), "invalid_signature");
        let missing = s.verify(json!({"order_id": fresh["id"], "razorpay_order_id": fresh_ref})).expect(400).await;
        assert_eq!(missing.faulty(), ["razorpay_payment_id"]);
    }

    /// PY-02
    async fn another_buyers_order_is_not_found(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        let payment = s.razorpay.razorpay_pays(&reference, "captured");
        s.bob.sign(s.shop.post("/api/v1/payments/verify/")).json(razorpay_proof(&order, &reference, &payment)).expect(404).await;
    }

    /// PY-04
    async fn what_is_not_what_we_asked_for_is_flagged(s: Four) {
        for (name, value) in [("amount", json!(1)), ("currency", json!("USD")), ("order_id", json!("order_other"))] {
            let (order, reference) = s.begun(P::Razorpay).await;
            let payment = s.razorpay.razorpay_pays(&reference, "captured");
            s.razorpay.state.book.lock().unwrap().payments.get_mut(&payment).unwrap()[name] = value;
            assert_eq!(code(&s.verify(razorpay_proof(&order, &reference, &payment)).expect(409).await), "payment_mismatch", "{name}");
            assert_eq!(s.stands(&order).await, ("pending".to_owned(), "pending".to_owned()), "{name}");
            assert_eq!(s.payments(&order).await, words(&["flagged"]), "{name}");
        }
        let (order, reference) = s.begun(P::Paypal).await;
        s.buyer_pays(P::Paypal, &reference);
        s.paypal.state.book.lock().unwrap().wanted.get_mut(&reference).unwrap()["purchase_units"][0]["payee"]["merchant_id"] = json!("THEFT2THEFT2T");
        assert_eq!(code(&s.verify(s.proof(P::Paypal, &order, &reference)).expect(409).await), "payment_mismatch");
        let (order, reference) = s.begun(P::Bkash).await;
        s.buyer_pays(P::Bkash, &reference);
        s.bkash.state.book.lock().unwrap().wanted.get_mut(&reference).unwrap()["amount"] = json!("12.49");
        assert_eq!(code(&s.verify(s.proof(P::Bkash, &order, &reference)).expect(409).await), "payment_mismatch");
        assert_eq!(s.number("SELECT COUNT(*) FROM orders WHERE payment_status <> 'pending'").await, 0);
        assert_eq!(s.number("SELECT COUNT(*) FROM outbox WHERE topic = 'payment.flagged'").await, 5);
        s.books().await;
    }

    /// PY-09
    async fn ten_browsers_and_ten_events_make_one_payment(s: Four) {
        for p in ALL {
            let (order, reference) = s.begun(p).await;
            s.buyer_pays(p, &reference);
            let asks = (0..10).flat_map(|n| {
                let event = s.event(p, &reference, &format!("{}{n}", p.name()));
                [s.verify(s.proof(p, &order, &reference)), s.send(p, &event)]
            });
            let answers = at_once(asks).await;
            assert!(answers.iter().all(|answer| answer.status == 200), "{p:?}: {:?}", answers.iter().map(|a| a.text()).find(|t| t.contains("code")));
            assert_eq!(s.facts(&order).await, words(&["captured"]), "{p:?}");
        }
        assert_eq!(s.number("SELECT COUNT(*) FROM outbox WHERE topic = 'payment.captured'").await, 4);
        s.all_is_well().await;
    }

    /// PY-11
    async fn what_bkash_sends_a_browser_back_with_decides_nothing(s: Four) {
        let (order, reference) = s.begun(P::Bkash).await;
        let claim = |id: &str| json!({"order_id": order["id"], "paymentID": id, "status": "success"});
        assert_eq!(code(&s.verify(claim(&reference)).expect(504).await), "payment_pending");
        let (_, other) = s.begun(P::Bkash).await;
        s.buyer_pays(P::Bkash, &other);
        assert_eq!(code(&s.verify(claim(&other)).expect(409).await), "payment_mismatch");
        assert_eq!(s.stands(&order).await.0, "pending");
        s.buyer_pays(P::Bkash, &reference);
        s.verify(claim(&reference)).expect(200).await;
        s.verify(json!({"order_id": order["id"], "paymentID": reference, "status": "failure"})).expect(200).await;
        assert_eq!(s.stands(&order).await, paid());
    }

    /// PY-12
    async fn an_answer_that_is_lost_is_found_again_and_nothing_is_done_twice(s: Four) {
        for (p, step) in [(P::Paypal, "/capture"), (P::Bkash, "/execute"), (P::Razorpay, "/capture")] {
            for fault in [Fault::DoAndCut, Fault::DoAndFail, Fault::Hang] {
                let (order, reference) = s.begun(p).await;
                match p {
                    P::Razorpay => drop(s.razorpay.razorpay_pays(&reference, "authorized")),
                    _ => s.buyer_pays(p, &reference),
                }
                s.stand_in(p).fails(step, fault.clone());
                let answer = s.verify(s.proof(p, &order, &reference)).send().await;
                // bKash is asked at once what became of it.
                assert!([200, 502, 504].contains(&answer.status.as_u16()), "{p:?} {fault:?} {}", answer.text());
                s.shop.clock.advance(Duration::from_secs(121));
                s.jobs().await;
                s.shop.clock.advance(Duration::from_secs(601));
                s.jobs().await;
                assert_eq!(s.stands(&order).await, paid(), "{p:?} {fault:?}");
                assert_eq!(s.facts(&order).await.iter().filter(|fact| *fact == "captured").count(), 1, "{p:?} {fault:?}");
            }
        }
        s.all_is_well().await;
    }

    /// PY-12
    async fn an_answer_that_is_late_comes_after_the_event_and_counts_with_it(s: Four) {
        for p in ALL {
            let (order, reference) = s.begun(p).await;
            s.buyer_pays(p, &reference);
            let path = match p { P::Razorpay => "/v1/payments/", P::Stripe => "/v1/payment_intents/", P::Paypal => "/capture", P::Bkash => "/execute" };
            s.stand_in(p).fails(path, Fault::DoAndWait(Duration::from_millis(300)));
            let event = s.event(p, &reference, &format!("evt_{}", p.name()));
            let answers = at_once([s.verify(s.proof(p, &order, &reference)), s.send(p, &event)]).await;
            assert!(answers.iter().all(|answer| answer.status == 200), "{p:?}: {} {}", answers[0].text(), answers[1].text());
            assert_eq!((s.stands(&order).await, s.facts(&order).await), (paid(), words(&["captured"])), "{p:?}");
        }
        s.all_is_well().await;
    }

    /// PY-12
    async fn a_payment_that_was_not_seen_to_begin_begins_again(s: Four) {
        for p in ALL {
            let path = match p { P::Razorpay => "/v1/orders", P::Stripe => "/v1/payment_intents", P::Paypal => "/v2/checkout/orders", P::Bkash => "/create" };
            for (fault, status, error) in [
                (Fault::Hang, 504, "payment_pending"), (Fault::DoAndCut, 504, "payment_pending"), (Fault::DoAndFail, 502, "provider_error"),
            ] {
                let order = s.order().await;
                s.stand_in(p).fails(path, fault.clone());
                assert_eq!(code(&s.initiate(&order, p.name()).expect(status).await), error, "{p:?} {fault:?}");
                let again = s.initiate(&order, p.name()).send().await;
                if again.status != 200 {
                    // bKash knows the number of the attempt already: the next one has another.
                    assert_eq!(p, P::Bkash, "{}", again.text());
                    s.initiate(&order, p.name()).expect(200).await;
                }
                s.buyer_pays(p, &s.reference(&order).await);
                s.verify(s.proof(p, &order, &s.reference(&order).await)).expect(200).await;
                assert_eq!(s.stands(&order).await, paid(), "{p:?} {fault:?}");
            }
        }
        s.all_is_well().await;
    }

    /// PY-13
    async fn nonsense_of_a_provider_is_an_error_of_its_own(s: Four) {
        for p in ALL {
            let path = match p { P::Razorpay => "/v1/orders", P::Stripe => "/v1/payment_intents", P::Paypal => "/v2/checkout/orders", P::Bkash => "/create" };
            for fault in [
                Fault::Say(200, "<html>".into()), Fault::Say(200, "{\"id\":".into()), Fault::Say(200, "[]".into()), Fault::Flood,
                Fault::Redirect("http://127.0.0.1:1/private".into()),
            ] {
                let order = s.order().await;
                s.stand_in(p).fails(path, fault.clone());
                let answer = s.initiate(&order, p.name()).expect(502).await;
                assert_eq!(code(&answer), "provider_error", "{p:?} {fault:?}");
                assert!(!answer.text().contains("html") && !answer.text().contains("127.0.0.1"));
                // Five failures in a row would give the provider a pause.
                s.shop.clock.advance(Duration::from_secs(20));
                s.order_is_begun(&order, p).await;
            }
        }
    }

    async fn a_provider_that_keeps_failing_is_given_a_pause(s: Four) {
        let order = s.order().await;
        for _ in 0..5 {
            s.stripe.fails("/v1/payment_intents", Fault::Say(500, "{}".into()));
            s.initiate(&order, "stripe").expect(502).await;
        }
        let asked = s.stripe.count("");
        let paused = s.initiate(&order, "stripe").expect(503).await;
        assert_eq!((code(&paused).as_str(), paused.header("retry-after")), ("dependency_unavailable", "15"));
        assert_eq!(s.stripe.count(""), asked, "it was not asked");
        s.initiate(&s.order().await, "razorpay").expect(200).await;
        s.shop.clock.advance(Duration::from_secs(15));
        s.initiate(&order, "stripe").expect(200).await;
    }

    /// OR-07, ID-09
    async fn a_refund_whose_answer_is_lost_is_made_once(s: Four) {
        for p in ALL {
            let path = if p == P::Stripe { "/v1/refunds" } else { "/refund" };
            let (order, reference) = s.begun(p).await;
            s.buyer_pays(p, &reference);
            s.verify(s.proof(p, &order, &reference)).expect(200).await;
            let payment = s.payment_id(&order).await;
            if p == P::Bkash {
                // The first request asks whether there is one.
                s.bkash.fails("/nothing", Fault::Hang);
            }
            s.stand_in(p).fails(path, Fault::DoAndCut);
            let keyed = || s.refund(&payment, json!({"amount": "10"})).header("idempotency-key", "once");
            assert_eq!(code(&keyed().expect(504).await), "payment_pending", "{p:?}");
            assert_eq!(s.stands(&order).await.1, "paid", "{p:?}");
            s.refund(&payment, json!({"amount": "10"})).expect(400).await;
            let done = keyed().expect(201).await.json();
            assert_eq!(done["status"], "succeeded", "{p:?}");
            assert_eq!(s.stand_in(p).state.book.lock().unwrap().refunds.len(), 1, "{p:?}");
            assert_eq!(s.stands(&order).await.1, "partially_refunded", "{p:?}");
        }
        s.all_is_well().await;
    }

    /// OR-07, CR-02
    async fn the_reconciler_finishes_a_refund_that_nobody_asks_for_again(s: Four) {
        let (order, reference) = s.begun(P::Stripe).await;
        s.buyer_pays(P::Stripe, &reference);
        s.verify(s.proof(P::Stripe, &order, &reference)).expect(200).await;
        s.stripe.fails("/v1/refunds", Fault::DoAndCut);
        s.refund(&s.payment_id(&order).await, json!({})).expect(504).await;
        s.shop.clock.advance(Duration::from_secs(121));
        s.jobs().await;
        assert_eq!(s.stands(&order).await.1, "refunded");
        assert_eq!(s.stripe.state.book.lock().unwrap().refunds.len(), 1);
        s.all_is_well().await;
    }

    /// CR-02
    async fn money_that_a_crash_hid_is_found_in_one_sweep(s: Four) {
        let mut orders = Vec::new();
        for p in ALL {
            let (order, reference) = s.begun(p).await;
            s.buyer_pays(p, &reference);
            orders.push(order);
        }
        s.shop.clock.advance(Duration::from_secs(121));
        s.jobs().await;
        for order in &orders {
            assert_eq!(s.stands(order).await, paid());
        }
        s.all_is_well().await;
    }

    async fn a_refund_that_the_provider_refuses_gives_its_claim_back(s: Four) {
        let (order, reference) = s.begun(P::Bkash).await;
        s.buyer_pays(P::Bkash, &reference);
        s.verify(s.proof(P::Bkash, &order, &reference)).expect(200).await;
        let payment = s.payment_id(&order).await;
        s.refund(&payment, json!({"amount": "2.50"})).expect(201).await;
        // bKash gives back once.
        let keyed = || s.refund(&payment, json!({"amount": "2.50"})).header("idempotency-key", "again");
        assert_eq!(code(&keyed().expect(502).await), "provider_error");
        assert_eq!(code(&keyed().expect(502).await), "provider_error");
        assert_eq!(s.number("SELECT claimed_minor FROM payments").await, 250);
        assert_eq!(s.facts(&order).await, words(&["captured", "refunded", "refund_failed"]));
        s.all_is_well().await;
    }

    async fn bkash_gives_one_token_for_many_calls(s: Four) {
        for _ in 0..3 {
            s.begun(P::Bkash).await;
        }
        assert_eq!(s.bkash.count("/token/grant"), 1);
        s.shop.clock.advance(Duration::from_secs(51 * 60));
        s.begun(P::Bkash).await;
        assert_eq!(s.bkash.count("/token/grant"), 2);
    }
}

impl Four {
    async fn order_is_begun(&self, order: &serde_json::Value, p: P) {
        let again = self.initiate(order, p.name()).send().await;
        if again.status != 200 {
            self.initiate(order, p.name()).expect(200).await;
        }
    }
}
