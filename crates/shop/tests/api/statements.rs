//! Both engines understand every statement that the features run.

use crate::support::TestShop;

both! {
    async fn every_statement_is_understood(shop: TestShop) {
        let of_this_engine = shop::catalog::statements_of(shop.app.db.engine());
        for sql in shop::statements().into_iter().chain(of_this_engine) {
            if let Err(error) = shop.app.db.prepare(&sql).await {
                panic!("{error}\n{sql}");
            }
        }
    }
}
