//! How long an order waits for its money.

use std::time::Duration;

use super::four::Four;

both! {
    async fn who_turns_from_cash_to_paying_online_has_time_for_it(s: Four) {
        let order = s.order().await;
        assert_eq!(s.shown(&order).await["payment_method"], "cod");
        let expire = || shop::orders::expire_orders(&s.shop.app);
        let pass = |hours: u64| s.shop.clock.advance(Duration::from_secs(hours * 3600));
        pass(72);
        assert_eq!(expire().await.unwrap(), 0);
        s.initiate(&order, "razorpay").expect(200).await;
        pass(23);
        assert_eq!(expire().await.unwrap(), 0);
        // Whoever begins at another takes no time from it, and does not get it again.
        for provider in ["stripe", "razorpay", "stripe"] {
            s.initiate(&order, provider).expect(200).await;
        }
        pass(1);
        assert_eq!(expire().await.unwrap(), 0);
        s.shop.clock.advance(Duration::from_secs(1));
        assert_eq!(expire().await.unwrap(), 1);
        assert_eq!(s.stands(&order).await.0, "expired");
        s.all_is_well().await;
    }
}
