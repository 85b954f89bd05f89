//! What the shop decided once and keeps in its database.

pub mod store;

use db::Db;
use money::Currency;

/// Fixes the currency at the first start. `Err` holds the one that the shop has when it is another.
pub async fn ensure_currency(db: &Db, currency: Currency) -> Result<(), EnsureError> {
    let tx = db.begin().await?;
    store::add(&tx, "currency", currency.code()).await?;
    let kept = store::value(&tx, "currency").await?;
    tx.commit().await?;
    if kept == currency.code() {
        Ok(())
    } else {
        Err(EnsureError::OtherCurrency {
            kept,
            asked: currency,
        })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum EnsureError {
    #[error("this shop's currency is {kept}, fixed at its first start; CURRENCY asks for {}", asked.code())]
    OtherCurrency { kept: String, asked: Currency },
    #[error(transparent)]
    Db(#[from] db::DbError),
}
