//! Payments through the sandbox: every outcome, refunds, and what staff does by hand.

use std::time::Duration;

use serde_json::{Value, json};

use super::reconciler::unlock_ledger;
use super::{Paying, code, paid, words};
use crate::shopping::{at_once, tamper, with_status};
use crate::support::{Ask, TestShop};

impl Paying {
    async fn begun(&self, order: &Value) -> Value {
        self.initiate(order, "sandbox").expect(200).await.json()
    }

    fn choose(&self, begun: &Value, outcome: &str) -> Ask {
        let path = format!(
            "/api/v1/payments/sandbox/{}/",
            begun["sandbox_reference"].as_str().unwrap()
        );
        self.shop.post(&path).json(json!({"outcome": outcome}))
    }

    async fn paid_order(&self) -> (Value, Value) {
        let order = self.order().await;
        let begun = self.begun(&order).await;
        self.choose(&begun, "success").expect(200).await;
        self.jobs().await;
        assert_eq!(self.stands(&order).await, paid());
        (order, begun["payment_id"].clone())
    }
}

both! {
    async fn an_order_is_paid_when_the_provider_says_so(s: Paying) {
        let order = s.order().await;
        let begun = s.begun(&order).await;
        assert_eq!((&begun["amount"], &begun["currency"], &begun["provider"]), (&json!(1250), &json!("USD"), &json!("sandbox")));
        assert_eq!(s.shown(&order).await["payment_method"], "sandbox");
        let early = s.verify(json!({"order_id": order["id"]})).expect(504).await;
        assert_eq!(code(&early), "payment_pending");

        s.choose(&begun, "success").expect(200).await;
        let verified = s.verify(json!({"order_id": order["id"]})).expect(200).await.json();

        assert_eq!((&verified["status"], &verified["payment"]["status"]), (&json!("paid"), &json!("succeeded")));
        s.jobs().await;
        assert_eq!(s.facts(&order).await, words(&["captured"]));
        assert_eq!(s.number("SELECT COUNT(*) FROM outbox WHERE topic = 'payment.captured'").await, 1);
        let list = s.ada.sign(s.shop.get("/api/v1/payments/")).expect(200).await.json();
        assert_eq!((&list["count"], &list["results"][0]["transaction_id"]), (&json!(1), &verified["payment"]["transaction_id"]));
        s.books().await;
    }

    async fn every_outcome_ends_where_it_should(s: Paying) {
        for (outcome, status, payment, facts) in [
            ("decline", ("payment_failed", "failed"), "failed", &["failed"] as &[&str]),
            ("doubled_webhook", ("paid", "paid"), "succeeded", &["captured"]),
            ("wrong_amount", ("pending", "pending"), "flagged", &["flagged"]),
            ("dispute", ("paid", "paid"), "succeeded", &["captured", "disputed"]),
        ] {
            let order = s.order().await;
            let begun = s.begun(&order).await;
            s.choose(&begun, outcome).expect(200).await;
            s.jobs().await;
            assert_eq!(s.stands(&order).await, (status.0.to_owned(), status.1.to_owned()), "{outcome}");
            assert_eq!(s.payments(&order).await, words(&[payment]), "{outcome}");
            assert_eq!(s.facts(&order).await, words(facts), "{outcome}");
        }
        s.books().await;
    }

    async fn a_declined_buyer_may_try_again(s: Paying) {
        let order = s.order().await;
        let begun = s.begun(&order).await;
        s.choose(&begun, "decline").expect(200).await;
        assert_eq!(code(&s.verify(json!({"order_id": order["id"]})).expect(402).await), "payment_declined");
        let again = s.begun(&order).await;
        assert_ne!(again["payment_id"], begun["payment_id"]);
        s.choose(&again, "three_d_secure").expect(200).await;
        s.jobs().await;
        assert_eq!(s.stands(&order).await.1, "failed");
        s.choose(&again, "success").expect(200).await;
        s.jobs().await;
        assert_eq!(s.stands(&order).await, paid());
        assert_eq!(s.payments(&order).await, words(&["failed", "succeeded"]));
        s.books().await;
    }

    async fn a_late_webhook_counts_and_a_lost_one_is_found_out(s: Paying) {
        let (late, lost) = (s.order().await, s.order().await);
        for (order, outcome) in [(&late, "late_webhook"), (&lost, "lost_webhook")] {
            let begun = s.begun(order).await;
            s.choose(&begun, outcome).expect(200).await;
        }
        s.jobs().await;
        assert_eq!(s.stands(&late).await.0, "pending");
        s.shop.clock.advance(Duration::from_secs(61));
        s.jobs().await;
        assert_eq!((s.stands(&late).await, s.stands(&lost).await.0), (paid(), "pending".into()));
        s.shop.clock.advance(Duration::from_secs(120));
        s.jobs().await;
        assert_eq!(s.stands(&lost).await, paid());
        s.books().await;
    }

    /// PY-07
    async fn nothing_is_begun_for_an_order_that_is_paid_or_over(s: Paying) {
        let (order, _) = s.paid_order().await;
        assert_eq!(code(&s.initiate(&order, "sandbox").expect(409).await), "already_paid");
        let over = s.order().await;
        let begun = s.begun(&over).await;
        s.cancel(&over).expect(200).await;
        s.choose(&begun, "lost_webhook").expect(200).await;
        assert_eq!(code(&s.initiate(&over, "sandbox").expect(409).await), "invalid_transition");
        assert_eq!(code(&s.verify(json!({"order_id": over["id"]})).expect(409).await), "invalid_transition");
        assert_eq!(s.stands(&over).await.0, "cancelled");
    }

    /// PY-02
    async fn nobody_pays_or_sees_what_is_not_theirs(s: Paying) {
        let (order, payment) = s.paid_order().await;
        for ask in [s.bob.sign(s.shop.post("/api/v1/payments/initiate/")), s.bob.sign(s.shop.post("/api/v1/payments/verify/"))] {
            ask.json(json!({"order_id": order["id"]})).expect(404).await;
        }
        s.bob.sign(s.shop.get(&format!("/api/v1/payments/{payment}/"))).expect(404).await;
        assert_eq!(s.bob.sign(s.shop.get("/api/v1/payments/")).expect(200).await.json()["count"], 0);
    }

    /// WH-08
    async fn late_money_is_written_down_and_given_back_and_revives_nothing(s: Paying) {
        let order = s.order().await;
        let begun = s.begun(&order).await;
        s.cancel(&order).expect(200).await;
        s.choose(&begun, "success").expect(200).await;
        s.jobs().await;
        assert_eq!(s.stands(&order).await, ("cancelled".to_owned(), "refunded".to_owned()));
        assert_eq!(s.facts(&order).await, words(&["captured", "refunded"]));
        assert_eq!(s.number("SELECT COUNT(*) FROM sandbox_refunds").await, 1);
        s.books().await;
    }

    async fn who_pays_twice_gets_the_second_money_back(s: Paying) {
        let order = s.order().await;
        let first = s.begun(&order).await;
        s.choose(&first, "decline").expect(200).await;
        s.jobs().await;
        let second = s.begun(&order).await;
        // The buyer had both pages open.
        s.choose(&first, "success").expect(200).await;
        s.choose(&second, "success").expect(200).await;
        s.jobs().await;
        assert_eq!(s.stands(&order).await, paid());
        let mut states = s.payments(&order).await;
        states.sort();
        assert_eq!(states, words(&["succeeded", "surplus"]));
        assert_eq!(s.number("SELECT COUNT(*) FROM sandbox_refunds").await, 1);
        assert_eq!(s.number("SELECT refunded_minor FROM orders").await, 0);
        s.books().await;
    }

    async fn cancelling_a_paid_order_gives_the_money_back(s: Paying) {
        let (order, _) = s.paid_order().await;
        s.cancel(&order).expect(200).await;
        s.jobs().await;
        s.jobs().await;
        assert_eq!(s.stands(&order).await, ("cancelled".to_owned(), "refunded".to_owned()));
        assert_eq!(s.number("SELECT COUNT(*) FROM sandbox_refunds").await, 1);
        s.books().await;
    }

    /// OR-03
    async fn cancelling_against_paying_loses_no_money(s: Paying) {
        for _ in 0..10 {
            let mut orders = Vec::new();
            for _ in 0..20 {
                let order = s.order().await;
                let begun = s.begun(&order).await;
                s.choose(&begun, "lost_webhook").expect(200).await;
                orders.push(order);
            }
            let asks = orders.iter().flat_map(|order| [s.cancel(order), s.verify(json!({"order_id": order["id"]}))]);
            for pair in at_once(asks).await.chunks(2) {
                assert_eq!(pair[0].status, 200, "{}", pair[0].text());
                assert!([200, 409].contains(&pair[1].status.as_u16()), "{}", pair[1].text());
            }
            s.jobs().await;
            s.shop.clock.advance(Duration::from_secs(180));
            s.jobs().await;
        }
        assert_eq!(s.number("SELECT COUNT(*) FROM orders WHERE status = 'cancelled' AND payment_status = 'refunded'").await, 200);
        assert_eq!(s.number("SELECT COUNT(*) FROM sandbox_payments WHERE captured_minor <> refunded_minor").await, 0);
        s.books().await;
    }

    /// OR-07
    async fn refunds_never_exceed_what_was_captured(s: Paying) {
        let (order, payment) = s.paid_order().await;
        let part = s.refund(&payment, json!({"amount": "2.50", "reason": "a scratch"})).expect(201).await.json();
        assert_eq!((&part["amount"], &part["status"]), (&json!("2.50"), &json!("succeeded")));
        assert_eq!(s.stands(&order).await, ("paid".to_owned(), "partially_refunded".to_owned()));
        let over = s.refund(&payment, json!({"amount": "10.01"})).expect(400).await;
        assert_eq!(over.faulty(), ["amount"]);
        for amount in ["0", "-1", "1e2", "abc", "1.005"] {
            s.refund(&payment, json!({"amount": amount})).expect(400).await;
        }
        let answers = at_once((0..5).map(|_| s.refund(&payment, json!({})))).await;
        assert_eq!((with_status(&answers, 201), with_status(&answers, 409)), (1, 4));
        assert_eq!(s.stands(&order).await, ("refunded".to_owned(), "refunded".to_owned()));
        assert_eq!(s.number("SELECT refunded_minor FROM sandbox_payments").await, 1250);
        s.books().await;
    }

    /// ID-01, ID-02, ID-03, ID-06
    async fn the_same_key_is_the_same_refund(s: Paying) {
        let (_, payment) = s.paid_order().await;
        let keyed = |body: Value| s.refund(&payment, body).header("idempotency-key", "k1");
        keyed(json!({"amount": "99"})).expect(400).await;
        let first = keyed(json!({"amount": "1"})).expect(201).await;
        let again = keyed(json!({"amount": "1"})).expect(201).await;
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.json(), first.json());
        assert_eq!(code(&keyed(json!({"amount": "2"})).expect(422).await), "idempotency_key_reused");
        let many = at_once((0..8).map(|_| s.refund(&payment, json!({"amount": "1"})).header("idempotency-key", "k2"))).await;
        assert!(many.iter().all(|a| a.status == 201 || a.code() == "idempotency_in_progress"), "{}", many[0].text());
        assert_eq!(s.number("SELECT refunded_minor FROM payments").await, 200);
        s.books().await;
    }

    /// ID-04
    async fn a_key_belongs_to_whoever_sent_it(s: Paying) {
        let order = s.order().await;
        let keyed = |ask: Ask| ask.header("idempotency-key", "mine");
        keyed(s.initiate(&order, "sandbox")).expect(200).await;
        let body = json!({"order_id": order["id"], "provider": "sandbox"});
        keyed(s.bob.sign(s.shop.post("/api/v1/payments/initiate/"))).json(body).expect(404).await;
        let again = keyed(s.initiate(&order, "sandbox")).expect(200).await;
        assert_eq!(again.header("idempotency-replayed"), "true");
    }

    async fn an_attempt_that_is_open_is_given_again(s: Paying) {
        let order = s.order().await;
        let answers = at_once((0..6).map(|_| s.initiate(&order, "sandbox"))).await;
        assert!(answers.iter().all(|a| a.status == 200 || a.status == 409), "{}", answers[0].text());
        let first = s.begun(&order).await;
        assert_eq!(s.begun(&order).await, first);
        assert_eq!(s.payments(&order).await, words(&["pending"]));
        assert_eq!(s.number("SELECT COUNT(*) FROM sandbox_payments").await, 1);
    }

    /// PY-10
    async fn cash_is_taken_by_staff_alone(s: Paying) {
        let order = s.order().await;
        assert_eq!(code(&s.verify(json!({"order_id": order["id"]})).expect(409).await), "payment_mismatch");
        let razorpay = json!({"order_id": order["id"], "razorpay_order_id": "order_x", "razorpay_payment_id": "pay_x", "razorpay_signature": "00"});
        assert_eq!(code(&s.verify(razorpay).expect(503).await), "provider_not_configured");
        s.ada.sign(s.shop.patch(&format!("/api/v1/orders/{}/update_status/", order["id"]))).json(json!({"status": "paid"})).expect(403).await;
        s.initiate(&order, "cod").expect(400).await;
        for word in ["confirmed", "processing", "shipped", "delivered", "paid"] {
            s.status(&order, word).expect(200).await;
        }
        assert_eq!(s.stands(&order).await, ("delivered".to_owned(), "paid".to_owned()));
        let payment = s.ada.sign(s.shop.get("/api/v1/payments/")).expect(200).await.json()["results"][0].clone();
        assert_eq!((&payment["provider"], &payment["status"]), (&json!("cod"), &json!("succeeded")));
        let back = s.refund(&payment["id"], json!({"amount": "12.50"})).expect(201).await.json();
        assert_eq!(back["status"], "succeeded");
        assert_eq!(s.stands(&order).await.1, "refunded");
        s.books().await;
    }

    async fn the_sandbox_takes_no_event_that_it_did_not_sign(s: Paying) {
        let order = s.order().await;
        let begun = s.begun(&order).await;
        let event = json!({"id": "sbxevt_1", "kind": "payment.captured", "reference": begun["sandbox_reference"],
            "payment_id": "sbxpay_1", "amount": 1250, "currency": "USD"});
        for signature in ["", "00", "zz"] {
            let ask = s.shop.post("/api/v1/payments/webhook/sandbox/").header("x-sandbox-signature", signature);
            assert_eq!(code(&ask.json(event.clone()).expect(400).await), "invalid_signature");
        }
        assert_eq!(s.number("SELECT COUNT(*) FROM provider_events").await, 0);
        s.shop.post("/api/v1/payments/webhook/nobody/").json(event).expect(404).await;
    }

    async fn the_sandbox_has_a_page(s: Paying) {
        let order = s.order().await;
        let begun = s.begun(&order).await;
        let page = begun["redirect_url"].as_str().unwrap().replace("https://shop.test", "");
        let answer = s.shop.get(&page).expect(200).await;
        assert!(answer.header("content-security-policy").contains("script-src 'self'"), "{}", answer.header("content-security-policy"));
        assert!(answer.text().contains("three_d_secure"));
        s.shop.get("/api/v1/payments/sandbox/page.js").expect(200).await;
        s.shop.get("/api/v1/payments/sandbox/page/sbx_none/").expect(404).await;
        s.choose(&begun, "nonsense").expect(400).await;
    }

    async fn a_refund_and_a_cancel_are_in_the_audit_log(s: Paying) {
        let (_, payment) = s.paid_order().await;
        s.refund(&payment, json!({"amount": "1", "reason": "late"})).expect(201).await;
        let log = s.boss.sign(s.shop.get("/api/v1/admin/audit-log/?action=payment.refunded")).expect(200).await.json();
        assert_eq!((&log["count"], &log["results"][0]["after"]["amount"]), (&json!(1), &json!("1.00")));
    }

    async fn the_audit_finds_money_without_a_fact(s: Paying) {
        s.paid_order().await;
        unlock_ledger(&s).await;
        tamper(&s.shop, "DELETE FROM payment_events").await;
        let found = shop::check::check(&s.shop.app).await.unwrap();
        let rules: Vec<_> = found.iter().map(|finding| finding.rule).collect();
        assert_eq!(rules, ["the money of a payment is what the ledger says", "the money of an order is what the ledger says"]);
        tamper(&s.shop, "UPDATE payments SET claimed_minor = 1").await;
        assert_eq!(shop::check::check(&s.shop.app).await.unwrap().len(), 3);
    }
}

#[tokio::test]
async fn the_sandbox_is_not_there_in_production() {
    let settings = [
        ("ENVIRONMENT", "production"),
        ("EMAIL_URL", "log:"),
        ("DATABASE_URL", "sqlite:///nowhere"),
    ];
    let shop = TestShop::with(db::Engine::Sqlite, &settings).await;
    for ask in [
        shop.get("/api/v1/payments/sandbox/sbx_1/"),
        shop.post("/api/v1/payments/sandbox/sbx_1/")
            .json(json!({"outcome": "success"})),
        shop.post("/api/v1/payments/webhook/sandbox/")
            .json(json!({})),
    ] {
        assert_eq!(ask.expect(503).await.code(), "provider_not_configured");
    }
}
