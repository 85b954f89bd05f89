//! What providers send: who sent it, how often it counts, and in which order.

use db::Engine;
use serde_json::{Value, json};

use super::four::{
    ALL, Event, Four, P, bkash_event, hmac, razorpay_event, stripe_event, stripe_signature,
};
use super::{code, paid, words};
use crate::shopping::at_once;
use crate::support::TestShop;
use crate::support::providers::{Fault, bkash, paypal, razorpay, stripe};

pub fn no() -> Fault {
    Fault::Say(400, "{}".into())
}

impl Four {
    /// A paid order, a refund of it that the provider refused, and another of which nothing is known yet; and the event
    /// that a refund was made all the same: the first one, or that of `receipt`.
    pub async fn refused_and_made(&self, receipt: Option<&str>) -> (Value, Value, Event) {
        let (order, reference) = self.begun(P::Razorpay).await;
        self.buyer_pays(P::Razorpay, &reference);
        let paid = self.event(P::Razorpay, &reference, "e1");
        self.send(P::Razorpay, &paid).expect(200).await;
        let payment = self.payment_id(&order).await;
        for fault in [no(), Fault::Say(500, "{}".into())] {
            self.razorpay.fails("/refund", fault);
            self.refund(&payment, json!({})).expect(502).await;
        }
        let sql = "SELECT request_key FROM refunds WHERE status = 'failed'";
        let conn = self.shop.app.db.read().await.unwrap();
        let key: String = conn.one(sql, db::args![]).await.unwrap();
        let paid = {
            let book = self.razorpay.state.book.lock().unwrap();
            book.payments.keys().next().unwrap().clone()
        };
        let made = json!({"event": "refund.processed", "payload": {"refund": {"entity": {
            "id": "rfnd_late", "entity": "refund", "amount": 1250, "currency": "BDT", "payment_id": paid,
            "receipt": receipt.unwrap_or(&key), "status": "processed"}}}});
        (order, payment, razorpay_event(&made.to_string(), "late"))
    }
}

both! {
    /// WH-01
    async fn an_event_alone_makes_an_order_paid(s: Four) {
        for p in ALL {
            let (order, reference) = s.begun(p).await;
            s.buyer_pays(p, &reference);
            s.send(p, &s.event(p, &reference, "evt_1")).expect(200).await;
            assert_eq!(s.stands(&order).await, paid(), "{p:?}");
            assert_eq!(s.payments(&order).await, words(&["succeeded"]), "{p:?}");
        }
        s.all_is_well().await;
    }

    /// WH-01
    async fn razorpays_events_come_to_the_printed_path(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        s.buyer_pays(P::Razorpay, &reference);
        let (headers, body) = s.event(P::Razorpay, &reference, "evt_1");
        let ask = s.shop.post("/api/payments/webhook/").text(body);
        headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value.clone())).expect(200).await;
        assert_eq!(s.stands(&order).await, paid());
    }

    /// WH-02
    async fn what_is_not_signed_is_refused_and_leaves_nothing(s: Four) {
        for (p, header) in [
            (P::Razorpay, "x-razorpay-signature"), (P::Stripe, "stripe-signature"), (P::Paypal, "paypal-transmission-sig"),
        ] {
            let (order, reference) = s.begun(p).await;
            s.buyer_pays(p, &reference);
            let (headers, body) = s.event(p, &reference, "evt_1");
            let kept: Vec<_> = headers.iter().filter(|(name, _)| *name != header).cloned().collect();
            assert_eq!(code(&s.send(p, &(kept.clone(), body.clone())).expect(400).await), "invalid_signature", "{p:?}");
            for garbage in ["", "garbage", "t=1,v1=", "ünsigned", "00", "AAAA"] {
                let mut with = kept.clone();
                with.push((header, garbage.to_owned()));
                assert_eq!(code(&s.send(p, &(with, body.clone())).expect(400).await), "invalid_signature", "{p:?} {garbage}");
            }
            // Beyond 32 KiB of headers nobody gets this far: 431.
            let mut long = kept.clone();
            long.push((header, "x".repeat(20 * 1024)));
            s.send(p, &(long, body)).expect(400).await;
            assert_eq!(s.stands(&order).await.0, "pending", "{p:?}");
        }
        let (_, reference) = s.begun(P::Bkash).await;
        let (headers, body) = s.event(P::Bkash, &reference, "evt_1");
        for garbage in [json!(null), json!(""), json!("garbage"), json!("AAAA"), json!(7)] {
            let mut envelope: Value = serde_json::from_str(&body).unwrap();
            envelope["Signature"] = garbage;
            assert_eq!(code(&s.send(P::Bkash, &(headers.clone(), envelope.to_string())).expect(400).await), "invalid_signature");
        }
        assert_eq!(s.number("SELECT COUNT(*) FROM provider_events").await, 0);
    }

    /// WH-03
    async fn the_raw_bytes_are_what_is_signed(s: Four) {
        for p in ALL {
            let (order, reference) = s.begun(p).await;
            s.buyer_pays(p, &reference);
            let (headers, body) = s.event(p, &reference, "evt_1");
            let spaced = body.replace("\":", "\": ");
            for other in [body.replacen("TR0", "TR1", 1).replacen("pay_0", "pay_1", 1).replacen("pi_0", "pi_1", 1).replacen("5O1", "5O2", 1)
                .replacen("amount", "amounT", 1), format!("\u{feff}{body}"), spaced] {
                if p == P::Bkash && !other.contains("amounT") && !other.starts_with('\u{feff}') {
                    // Amazon signs members, not bytes.
                    continue;
                }
                s.send(p, &(headers.clone(), other)).expect(400).await;
            }
            let packed = s.send(p, &(headers, body)).header("content-encoding", "gzip").expect(415).await;
            assert_eq!(code(&packed), "unsupported_media_type");
            assert_eq!(s.stands(&order).await.0, "pending", "{p:?}");
        }
    }

    /// WH-04
    async fn each_secret_is_for_one_thing(s: Four) {
        let (_, reference) = s.begun(P::Razorpay).await;
        s.buyer_pays(P::Razorpay, &reference);
        let (_, body) = s.event(P::Razorpay, &reference, "evt_1");
        let by_key = vec![("x-razorpay-signature", hmac(razorpay::SECRET, body.as_bytes()))];
        assert_eq!(code(&s.send(P::Razorpay, &(by_key, body)).expect(400).await), "invalid_signature");
        let body = stripe::event("evt_1", "payment_intent.succeeded", &json!({"id": "pi_1"}));
        for secret in ["whsec_other", stripe::SECRET, ""] {
            let headers = vec![("stripe-signature", stripe_signature(secret, 1_772_366_400, &body))];
            assert_eq!(code(&s.send(P::Stripe, &(headers, body.clone())).expect(400).await), "invalid_signature");
        }
    }

    /// WH-05, WH-20
    async fn an_event_counts_once_however_often_it_comes(s: Four) {
        for p in ALL {
            let (order, reference) = s.begun(p).await;
            s.buyer_pays(p, &reference);
            let event = s.event(p, &reference, &format!("evt_{}", p.name()));
            let answers = at_once((0..10).map(|_| s.send(p, &event))).await;
            assert!(answers.iter().all(|answer| answer.status == 200), "{p:?} {}", answers[0].text());
            for _ in 0..10 {
                s.send(p, &event).expect(200).await;
            }
            assert_eq!(s.facts(&order).await, words(&["captured"]), "{p:?}");
        }
        assert_eq!(s.number("SELECT COUNT(*) FROM outbox WHERE topic = 'payment.captured'").await, 4);
        assert_eq!(s.number("SELECT COUNT(*) FROM provider_events").await, 4);
        s.all_is_well().await;
    }

    /// WH-20: broken off at some point, and the shop dies with it.
    async fn an_event_whose_answer_was_lost_comes_again_and_counts_once(s: Four) {
        let mut s = s;
        for micros in [0, 1_000, 3_000, 10_000, 30_000] {
            let (order, reference) = s.begun(P::Razorpay).await;
            s.buyer_pays(P::Razorpay, &reference);
            let event = s.event(P::Razorpay, &reference, &format!("evt_{micros}"));
            let cut = std::time::Duration::from_micros(micros);
            drop(tokio::time::timeout(cut, s.send(P::Razorpay, &event).send()).await);
            s.paying.shop.reopen().await;
            s.send(P::Razorpay, &event).expect(200).await;
            assert_eq!((s.stands(&order).await, s.facts(&order).await), (paid(), words(&["captured"])), "{micros}");
        }
        s.all_is_well().await;
    }

    /// WH-07
    async fn what_comes_late_takes_nothing_back(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        let failed = s.razorpay.razorpay_pays(&reference, "failed");
        let entity = |id: &str| s.razorpay.state.book.lock().unwrap().payments[id].clone();
        let send = |kind: &str, payment: &Value, id: &str| s.send(P::Razorpay, &razorpay_event(&razorpay::event(kind, payment), id));
        send("payment.failed", &entity(&failed), "e1").expect(200).await;
        assert_eq!(s.stands(&order).await, ("payment_failed".to_owned(), "failed".to_owned()));
        let taken = s.razorpay.razorpay_pays(&reference, "captured");
        send("payment.captured", &entity(&taken), "e2").expect(200).await;
        assert_eq!(s.stands(&order).await, paid());
        let mut before = entity(&taken);
        before["status"] = json!("authorized");
        send("payment.authorized", &before, "e3").expect(200).await;
        send("payment.failed", &entity(&failed), "e4").expect(200).await;
        send("order.paid", &entity(&taken), "e5").expect(200).await;
        assert_eq!(s.stands(&order).await, paid());
        assert_eq!(s.facts(&order).await, words(&["failed", "captured"]));

        let (order, reference) = s.begun(P::Stripe).await;
        let mut failed = s.stripe.state.book.lock().unwrap().payments[&reference].clone();
        failed["last_payment_error"] = json!({"code": "card_declined"});
        s.send(P::Stripe, &stripe_event(&stripe::event("evt_1", "payment_intent.payment_failed", &failed))).expect(200).await;
        assert_eq!(s.stands(&order).await.1, "failed");
        s.buyer_pays(P::Stripe, &reference);
        s.send(P::Stripe, &s.event(P::Stripe, &reference, "evt_2")).expect(200).await;
        s.send(P::Stripe, &stripe_event(&stripe::event("evt_3", "payment_intent.payment_failed", &failed))).expect(200).await;
        assert_eq!(s.stands(&order).await, paid());
        s.all_is_well().await;
    }

    async fn authorized_money_is_taken_when_it_is_told_of(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        s.razorpay.razorpay_pays(&reference, "authorized");
        s.send(P::Razorpay, &s.event(P::Razorpay, &reference, "e1")).expect(200).await;
        assert_eq!(s.stands(&order).await, paid());
        assert_eq!(s.razorpay.count("/capture"), 1);
        s.all_is_well().await;
    }

    /// WH-08
    async fn what_names_nothing_of_ours_is_parked(s: Four) {
        let stranger = json!({"id": "pay_x", "status": "captured", "order_id": "order_x", "amount": 1250, "currency": "BDT"});
        s.send(P::Razorpay, &razorpay_event(&razorpay::event("payment.captured", &stranger), "e1")).expect(200).await;
        s.send(P::Razorpay, &razorpay_event(&razorpay::event("fund_account.validated", &json!({})), "e2")).expect(200).await;
        let intent = json!({"id": "pi_x", "object": "payment_intent", "status": "succeeded", "amount_received": 1, "currency": "bdt", "livemode": false});
        s.send(P::Stripe, &stripe_event(&stripe::event("evt_1", "payment_intent.succeeded", &intent))).expect(200).await;
        s.send(P::Stripe, &stripe_event(&stripe::event("evt_2", "customer.created", &json!({"id": "cus_1"})))).expect(200).await;
        s.send(P::Paypal, &s.paypal_event(&paypal::event("WH-1", "CHECKOUT.ORDER.APPROVED", &json!({"id": "none"})))).expect(200).await;
        s.send(P::Paypal, &s.paypal_event(&paypal::event("WH-2", "BILLING.PLAN.CREATED", &json!({"id": "none"})))).expect(200).await;
        let told = json!({"creditShortCode": bkash::SHORT_CODE, "transactionStatus": "Completed", "merchantInvoiceNumber": "ABCD-999"});
        s.send(P::Bkash, &bkash_event(&bkash::notification(&s.bkash.url, "m1", &told))).expect(200).await;
        assert_eq!(s.number("SELECT COUNT(*) FROM provider_events WHERE outcome = 'parked'").await, 4);
        assert_eq!(s.number("SELECT COUNT(*) FROM provider_events WHERE outcome = 'ignored'").await, 3);
        assert_eq!(s.number("SELECT COUNT(*) FROM payment_events").await, 0);
    }

    /// WH-08
    async fn money_for_a_cancelled_order_goes_back_to_each_provider(s: Four) {
        for p in [P::Razorpay, P::Stripe] {
            let (order, reference) = s.begun(p).await;
            s.cancel(&order).expect(200).await;
            s.buyer_pays(p, &reference);
            s.send(p, &s.event(p, &reference, "evt_late")).expect(200).await;
            s.jobs().await;
            assert_eq!(s.stands(&order).await, ("cancelled".to_owned(), "refunded".to_owned()), "{p:?}");
            assert_eq!(s.stand_in(p).state.book.lock().unwrap().refunds.len(), 1, "{p:?}");
        }
        // What waits for our asking is not taken for an order that is over.
        for p in [P::Paypal, P::Bkash] {
            let (order, reference) = s.begun(p).await;
            s.cancel(&order).expect(200).await;
            s.buyer_pays(p, &reference);
            s.send(p, &s.event(p, &reference, "evt_late")).expect(200).await;
            assert_eq!(s.stands(&order).await, ("cancelled".to_owned(), "pending".to_owned()), "{p:?}");
            assert_eq!(s.stand_in(p).count("/capture") + s.stand_in(p).count("/execute"), 0, "{p:?}");
        }
        s.all_is_well().await;
    }

    /// WH-09
    async fn stripe_events_are_fresh(s: Four) {
        let body = stripe::event("evt_1", "customer.created", &json!({"id": "cus_1"}));
        for (at, status) in [(-301, 400), (301, 400), (-299, 200)] {
            let signed = stripe_signature(stripe::WEBHOOK_SECRET, 1_772_366_400 + at, &body);
            let answer = s.send(P::Stripe, &(vec![("stripe-signature", signed)], body.clone())).expect(status).await;
            assert!(status == 200 || code(&answer) == "timestamp_out_of_tolerance");
        }
    }

    /// WH-11
    async fn a_stripe_event_is_bound_to_our_intent_and_amount(s: Four) {
        for (name, value) in [
            ("amount_received", json!(1)), ("currency", json!("usd")), ("metadata", json!({"payment": "999"})), ("livemode", json!(true)),
        ] {
            let (order, reference) = s.begun(P::Stripe).await;
            let mut intent = s.stripe.state.book.lock().unwrap().payments[&reference].clone();
            intent["status"] = json!("succeeded");
            intent["amount_received"] = intent["amount"].clone();
            intent[name] = value;
            let event = stripe_event(&stripe::event(&format!("evt_{name}"), "payment_intent.succeeded", &intent));
            s.send(P::Stripe, &event).expect(200).await;
            assert_eq!(s.stands(&order).await, ("pending".to_owned(), "pending".to_owned()), "{name}");
            assert_eq!(s.payments(&order).await, words(&["flagged"]), "{name}");
        }
    }

    /// WH-12, WH-13, WH-14
    async fn paypal_certificates_are_looked_through(s: Four) {
        let (order, reference) = s.begun(P::Paypal).await;
        s.buyer_pays(P::Paypal, &reference);
        let (_, body) = s.event(P::Paypal, &reference, "WH-1");
        for certificate in ["CERT-self-signed", "CERT-expired", "CERT-other-name", "CERT-none"] {
            let headers = paypal::signed(&s.paypal.url, certificate, paypal::WEBHOOK, body.as_bytes());
            assert_eq!(code(&s.send(P::Paypal, &(headers, body.clone())).expect(400).await), "invalid_signature", "{certificate}");
        }
        let fetched = s.paypal.count("/certs/");
        let good = |webhook: &str| paypal::signed(&s.paypal.url, "CERT-good", webhook, body.as_bytes());
        for url in ["http://api.paypal.com.evil/v1/notifications/certs/CERT-good", "file:///etc/passwd", "https://169.254.169.254/x",
            &format!("{}/elsewhere/CERT-good", s.paypal.url), &format!("{}/v1/notifications/certs/CERT-good#x", s.paypal.url)] {
            let mut headers = good(paypal::WEBHOOK);
            headers.retain(|(name, _)| *name != "paypal-cert-url");
            headers.push(("paypal-cert-url", url.to_owned()));
            assert_eq!(code(&s.send(P::Paypal, &(headers, body.clone())).expect(400).await), "invalid_signature", "{url}");
        }
        let mut other = good(paypal::WEBHOOK);
        other.retain(|(name, _)| *name != "paypal-auth-algo");
        other.push(("paypal-auth-algo", "SHA1withRSA".to_owned()));
        assert_eq!(code(&s.send(P::Paypal, &(other, body.clone())).expect(400).await), "invalid_signature");
        assert_eq!(s.paypal.count("/certs/"), fetched, "nothing was fetched for these");
        for webhook in ["WH-1", "WH-OTHER-APP", ""] {
            assert_eq!(code(&s.send(P::Paypal, &(good(webhook), body.clone())).expect(400).await), "invalid_signature");
        }
        assert_eq!(s.stands(&order).await.0, "pending");
        s.send(P::Paypal, &(good(paypal::WEBHOOK), body.clone())).expect(200).await;
        assert_eq!(s.stands(&order).await, paid());
    }

    /// WH-16, WH-18
    async fn amazon_is_who_it_says(s: Four) {
        let (order, reference) = s.begun(P::Bkash).await;
        s.buyer_pays(P::Bkash, &reference);
        let (headers, body) = s.event(P::Bkash, &reference, "m1");
        let fetched = s.bkash.count("/sns/");
        let refused = async |change: &dyn Fn(&mut Value)| {
            let mut envelope: Value = serde_json::from_str(&body).unwrap();
            change(&mut envelope);
            bkash::sign(&mut envelope);
            assert_eq!(code(&s.send(P::Bkash, &(headers.clone(), envelope.to_string())).expect(400).await), "invalid_signature");
        };
        for url in ["https://sns.us-east-1.amazonaws.com.evil/x.pem", "http://sns.us-east-1.amazonaws.com/x.pem",
            "https://bucket.s3.amazonaws.com/x.pem", &format!("{}/sns/good.txt", s.bkash.url)] {
            refused(&|envelope| envelope["SigningCertURL"] = json!(url)).await;
        }
        refused(&|envelope| envelope["TopicArn"] = json!("arn:aws:sns:us-east-1:1:other")).await;
        refused(&|envelope| envelope["SignatureVersion"] = json!("3")).await;
        assert_eq!(s.bkash.count("/sns/"), fetched, "nothing was fetched for these");
        let lying = vec![("x-amz-sns-message-type", "SubscriptionConfirmation".to_owned())];
        assert_eq!(code(&s.send(P::Bkash, &(lying, body.clone())).expect(400).await), "invalid_signature");
        let confirm = |url: String, kind: &str| {
            let mut envelope: Value = serde_json::from_str(&body).unwrap();
            envelope["Type"] = json!(kind);
            envelope["MessageId"] = json!(format!("{kind}{url}"));
            envelope["SubscribeURL"] = json!(url);
            envelope["Token"] = json!("t");
            bkash::sign(&mut envelope);
            bkash_event(&envelope)
        };
        s.send(P::Bkash, &confirm("https://evil.test/".into(), "SubscriptionConfirmation")).expect(400).await;
        s.send(P::Bkash, &confirm(format!("{}/sns/confirm", s.bkash.url), "SubscriptionConfirmation")).expect(200).await;
        assert_eq!(s.bkash.count("/sns/confirm"), 1);
        s.send(P::Bkash, &confirm(format!("{}/sns/confirm", s.bkash.url), "UnsubscribeConfirmation")).expect(200).await;
        assert_eq!(s.bkash.count("/sns/confirm"), 1, "leaving is not confirmed");
        assert_eq!(s.stands(&order).await.0, "pending");
        s.send(P::Bkash, &(headers.clone(), body.clone())).expect(200).await;
        assert_eq!(s.stands(&order).await, paid());
    }

    /// WH-16: topics sign with SHA-1 by default.
    async fn amazons_first_way_of_signing_counts_too(s: Four) {
        let (order, reference) = s.begun(P::Bkash).await;
        assert_eq!(s.payment_id(&order).await, json!(1));
        s.buyer_pays(P::Bkash, &reference);
        let right = bkash::first_way(&s.bkash.url);
        for (name, value) in [("SignatureVersion", json!("2")), ("MessageId", json!("first-wax")), ("Timestamp", json!("2026-03-01T12:00:01.000Z"))] {
            let mut wrong = right.clone();
            wrong[name] = value;
            assert_eq!(code(&s.send(P::Bkash, &bkash_event(&wrong)).expect(400).await), "invalid_signature", "{name}");
        }
        let mut other = bkash::notification(&s.bkash.url, "m1", &json!({}));
        other["SignatureVersion"] = json!("1");
        assert_eq!(code(&s.send(P::Bkash, &bkash_event(&other)).expect(400).await), "invalid_signature");
        assert_eq!(s.stands(&order).await.0, "pending");
        s.send(P::Bkash, &bkash_event(&right)).expect(200).await;
        assert_eq!(s.stands(&order).await, paid());
    }

    /// WH-19
    async fn a_flood_of_forged_events_keeps_no_genuine_one_out(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        s.buyer_pays(P::Razorpay, &reference);
        let (_, body) = s.event(P::Razorpay, &reference, "e1");
        for _ in 0..10 {
            let forged = at_once((0..50).map(|_| s.send(P::Razorpay, &(vec![("x-razorpay-signature", "00".repeat(32))], body.clone())))).await;
            assert!(forged.iter().all(|answer| [400, 429].contains(&answer.status.as_u16())));
        }
        s.send(P::Razorpay, &s.event(P::Razorpay, &reference, "e1")).expect(200).await;
        assert_eq!(s.stands(&order).await, paid());
        assert_eq!(s.number("SELECT COUNT(*) FROM provider_events").await, 1);
    }

    async fn a_refused_refund_that_succeeds_late_counts_when_its_successor_is_refused(s: Four) {
        let (order, payment, late) = s.refused_and_made(None).await;
        s.send(P::Razorpay, &late).expect(200).await;
        s.send(P::Razorpay, &late).expect(200).await;
        assert_eq!(s.number("SELECT refunded_minor FROM orders").await, 0);
        s.all_is_well().await;

        // The provider never tells it again.
        s.razorpay.fails("/refund", no());
        s.shop.clock.advance(std::time::Duration::from_secs(121));
        s.jobs().await;
        assert_eq!(s.stands(&order).await.1, "refunded");
        assert_eq!(s.facts(&order).await, words(&["captured", "refund_failed", "refund_failed", "refunded"]));
        s.refund(&payment, json!({})).expect(409).await;
        s.all_is_well().await;
    }

    async fn a_refund_made_twice_over_is_flagged_when_that_is_sure(s: Four) {
        let (order, _, late) = s.refused_and_made(None).await;
        s.send(P::Razorpay, &late).expect(200).await;
        s.shop.clock.advance(std::time::Duration::from_secs(121));
        s.jobs().await;
        assert_eq!(s.stands(&order).await.1, "refunded");
        assert_eq!(s.facts(&order).await, words(&["captured", "refund_failed", "refunded", "flagged"]));
        assert_eq!(s.number("SELECT COUNT(*) FROM outbox WHERE topic = 'payment.flagged'").await, 1);
        s.all_is_well().await;
    }

    async fn a_refund_made_at_the_provider_waits_for_the_one_that_is_open(s: Four) {
        let (order, _, made) = s.refused_and_made(Some("of_nobody")).await;
        s.send(P::Razorpay, &made).expect(200).await;
        assert_eq!(s.number("SELECT refunded_minor FROM orders").await, 0);
        s.all_is_well().await;
        s.razorpay.fails("/refund", no());
        s.shop.clock.advance(std::time::Duration::from_secs(121));
        s.jobs().await;
        assert_eq!(s.stands(&order).await.1, "refunded");
        assert_eq!(s.number("SELECT refunded_minor FROM payments").await, 1250);
        s.all_is_well().await;
    }

    /// PY-14
    async fn refunds_and_disputes_that_cannot_be_change_nothing(s: Four) {
        let (order, reference) = s.begun(P::Razorpay).await;
        s.buyer_pays(P::Razorpay, &reference);
        s.send(P::Razorpay, &s.event(P::Razorpay, &reference, "e1")).expect(200).await;
        let payment = s.razorpay.state.book.lock().unwrap().payments.keys().next().unwrap().clone();
        let refund = |id: &str, amount: i64, payment: &str| json!({"event": "refund.processed", "payload": {"refund": {"entity": {
            "id": id, "entity": "refund", "amount": amount, "currency": "BDT", "payment_id": payment, "status": "processed"}}}}).to_string();
        for (body, id) in [
            (refund("rfnd_1", 1251, &payment), "r1"), (refund("rfnd_2", 100, "pay_unknown"), "r2"), (refund("rfnd_3", -5, &payment), "r3"),
            (json!({"event": "payment.dispute.lost", "payload": {"dispute": {"entity": {"id": "disp_1", "amount": 99999, "currency": "BDT", "payment_id": payment}}}}).to_string(), "d1"),
        ] {
            s.send(P::Razorpay, &razorpay_event(&body, id)).expect(200).await;
            assert_eq!(s.stands(&order).await, paid());
        }
        // One that fits was made at the provider's own pages.
        s.send(P::Razorpay, &razorpay_event(&refund("rfnd_4", 250, &payment), "r4")).expect(200).await;
        assert_eq!(s.stands(&order).await.1, "partially_refunded");
        s.send(P::Razorpay, &razorpay_event(&refund("rfnd_4", 250, &payment), "r5")).expect(200).await;
        assert_eq!(s.number("SELECT refunded_minor FROM orders").await, 250);
        let lost = json!({"event": "payment.dispute.lost", "payload": {"dispute": {"entity": {"id": "disp_2", "amount": 1000, "currency": "BDT", "payment_id": payment}}}}).to_string();
        s.send(P::Razorpay, &razorpay_event(&lost, "d2")).expect(200).await;
        assert_eq!(s.stands(&order).await.1, "refunded");
        s.all_is_well().await;
    }
}

/// PY-03
#[tokio::test]
async fn without_a_secret_nothing_is_taken() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        nothing_is_taken(engine).await;
    }
}

async fn nothing_is_taken(engine: Engine) {
    for settings in [
        &[][..],
        &[
            ("RAZORPAY_KEY_ID", "rzp_1"),
            ("RAZORPAY_KEY_SECRET", ""),
            ("RAZORPAY_WEBHOOK_SECRET", ""),
            ("STRIPE_WEBHOOK_SECRET", ""),
            ("STRIPE_SECRET_KEY", ""),
        ],
    ] {
        let s = super::Paying::with(engine, settings).await;
        let order = s.order().await;
        for p in ALL {
            assert_eq!(
                code(&s.initiate(&order, p.name()).expect(503).await),
                "provider_not_configured"
            );
            let body = json!({"order_id": order["id"], "provider": p.name()});
            assert_eq!(
                code(&s.verify(body).expect(503).await),
                "provider_not_configured"
            );
            let hook = |shop: &TestShop| {
                shop.post(&format!("/api/v1/payments/webhook/{}/", p.name()))
                    .text("{}")
                    .header("x-razorpay-signature", hmac("", b"{}"))
                    .header(
                        "stripe-signature",
                        stripe_signature("", 1_772_366_400, "{}"),
                    )
            };
            assert_eq!(
                code(&hook(&s.shop).expect(503).await),
                "provider_not_configured"
            );
        }
        let any = s
            .ada
            .sign(s.shop.post("/api/v1/payments/initiate/"))
            .json(json!({"order_id": order["id"]}));
        assert_eq!(code(&any.expect(503).await), "provider_not_configured");
    }
}
