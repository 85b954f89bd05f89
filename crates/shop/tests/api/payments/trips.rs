//! How often a payment waits for the database, measured, and as `docs/performance.md` lists it.

use std::collections::BTreeMap;

use serde_json::json;

use super::four::{Four, P};
use super::paid;
use crate::support::{TestShop, Trips};

/// Each step is done so often; the machine may be busy, so the least counts.
const TIMES: usize = 5;

/// The table of the page: step, round trips.
fn listed() -> BTreeMap<String, usize> {
    let page = include_str!("../../../../../docs/performance.md");
    let (_, section) = page
        .split_once("## Round trips of an order with payment")
        .unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| "));
    let rows = rows.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    rows.filter_map(|cells| Some((cells[1].to_owned(), cells[2].parse().ok()?)))
        .collect()
}

#[tokio::test]
async fn a_payment_costs_the_round_trips_that_are_listed() {
    let mut trips = Trips::default();
    let s = Four::in_shop(async |settings| {
        let (shop, counted) = TestShop::counting_trips(settings).await;
        trips = counted;
        shop
    })
    .await;
    let mut measured: BTreeMap<String, usize> = BTreeMap::new();
    let mut note = |step: &str, count: usize| {
        let least = measured.entry(step.to_owned()).or_insert(count);
        *least = count.min(*least);
    };
    for n in 0..TIMES {
        let count = trips
            .of(async { drop(s.ada.adds(&s.shop, s.mug, 1).expect(201).await) })
            .await;
        note("add to the cart", count);
        let count = trips
            .of(async { drop(s.ada.orders(&s.shop).expect(201).await) })
            .await;
        note("place the order", count);
        for p in [P::Razorpay, P::Paypal] {
            let order = s.order().await;
            let count = trips
                .of(async { drop(s.initiate(&order, p.name()).expect(200).await) })
                .await;
            note("`initiate`", count);
            let count = trips
                .of(async { drop(s.initiate(&order, p.name()).expect(200).await) })
                .await;
            note("`initiate` again", count);
            let reference = s.reference(&order).await;
            s.buyer_pays(p, &reference);
            let event = s.event(p, &reference, &format!("{}{n}", p.name()));
            let count = trips
                .of(async { drop(s.send(p, &event).expect(200).await) })
                .await;
            note(
                if p == P::Paypal {
                    "webhook that is asked about (PayPal, bKash)"
                } else {
                    "webhook (Razorpay, Stripe)"
                },
                count,
            );
            let count = trips
                .of(async { drop(s.send(p, &event).expect(200).await) })
                .await;
            note("the same webhook again", count);
            assert_eq!(s.stands(&order).await, paid());
        }
        let (order, reference) = s.begun(P::Razorpay).await;
        s.buyer_pays(P::Razorpay, &reference);
        let proof = s.proof(P::Razorpay, &order, &reference);
        let count = trips
            .of(async { drop(s.verify(proof.clone()).expect(200).await) })
            .await;
        note("`verify`", count);
        let count = trips
            .of(async { drop(s.verify(proof).expect(200).await) })
            .await;
        note("`verify` of what is paid", count);
        let payment = s.payment_id(&order).await;
        let refund = || s.refund(&payment, json!({"amount": "1"}));
        let count = trips.of(async { drop(refund().expect(201).await) }).await;
        note("refund by staff", count);
        let key = format!("key {n}");
        let keyed = trips
            .of(async { drop(refund().header("idempotency-key", key).expect(201).await) })
            .await;
        note("refund by staff with an `Idempotency-Key`", keyed);
    }
    assert_eq!(measured, listed());
}
