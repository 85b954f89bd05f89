//! How often a payment waits for the database, measured, and as `docs/performance.md` lists it.

use std::collections::BTreeMap;

use serde_json::json;

use super::four::{Four, P};
use super::{Paying, paid};
use crate::support::{Answer, Ask, TestShop, Trips};

/// Each step is done so often; the machine may be busy, so the least counts.
const TIMES: usize = 3;

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

/// How many round trips each step took.
#[derive(Default)]
struct Measured {
    trips: Trips,
    steps: BTreeMap<String, usize>,
}

impl Measured {
    /// Counts one step of a caller whose session is known.
    async fn step(&mut self, s: &Paying, step: &str, ask: Ask) -> Answer {
        for caller in [&s.ada, &s.boss] {
            let known = caller.sign(s.shop.get("/api/v1/auth/profile/"));
            drop(known.expect(200).await);
        }
        let before = self.trips.count();
        let answer = ask.send().await;
        let count = self.trips.count() - before;
        assert!(answer.status.is_success(), "{step}: {}", answer.text());
        let least = self.steps.entry(step.to_owned()).or_insert(count);
        *least = count.min(*least);
        answer
    }
}

#[tokio::test]
async fn a_payment_costs_the_round_trips_that_are_listed() {
    let mut m = Measured::default();
    let s = Four::in_shop(async |settings| {
        let (shop, trips) = TestShop::counting_trips(settings).await;
        m.trips = trips;
        shop
    })
    .await;
    for n in 0..TIMES {
        m.step(&s, "add to the cart", s.ada.adds(&s.shop, s.mug, 1))
            .await;
        m.step(&s, "place the order", s.ada.orders(&s.shop)).await;
        for (p, webhook) in [
            (P::Razorpay, "webhook (Razorpay, Stripe)"),
            (P::Paypal, "webhook that is asked about (PayPal, bKash)"),
        ] {
            let order = s.order().await;
            let initiate = || s.initiate(&order, p.name());
            m.step(&s, "`initiate`", initiate()).await;
            m.step(&s, "`initiate` again", initiate()).await;
            let reference = s.reference(&order).await;
            s.buyer_pays(p, &reference);
            let event = s.event(p, &reference, &format!("{}{n}", p.name()));
            m.step(&s, webhook, s.send(p, &event)).await;
            m.step(&s, "the same webhook again", s.send(p, &event))
                .await;
            assert_eq!(s.stands(&order).await, paid());
        }
        let (order, reference) = s.begun(P::Razorpay).await;
        s.buyer_pays(P::Razorpay, &reference);
        let verify = || s.verify(s.proof(P::Razorpay, &order, &reference));
        m.step(&s, "`verify`", verify()).await;
        m.step(&s, "`verify` of what is paid", verify()).await;
        let payment = s.payment_id(&order).await;
        let refund = || s.refund(&payment, json!({"amount": "1"}));
        m.step(&s, "refund by staff", refund()).await;
        let keyed = refund().header("idempotency-key", format!("key {n}"));
        m.step(&s, "refund by staff with an `Idempotency-Key`", keyed)
            .await;
    }
    assert_eq!(m.steps, listed());
}
