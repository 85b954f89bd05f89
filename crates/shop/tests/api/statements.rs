//! Both engines understand every statement that the features run.

use crate::support::TestShop;

both! {
    async fn every_statement_is_understood(shop: TestShop) {
        for sql in shop::statements() {
            if let Err(error) = shop.app.db.prepare(&sql).await {
                panic!("{error}\n{sql}");
            }
        }
    }
}
