//! What the shop decided once and keeps in its database.

pub mod store;

use db::Db;
use money::Currency;

/// Fixes the currency at the first start. `Err` holds the one that the shop has when it is another.
pub async fn ensure_currency(db: &Db, currency: Currency) -> Result<(), EnsureError> {
    // All starts but the first only look, and need not wait for who writes.
    let kept = store::value(&db.read().await?, "currency").await?;
    let kept = match kept {
        Some(kept) => kept,
        None => fix_currency(db, currency).await?,
    };
    if kept == currency.code() {
        Ok(())
    } else {
        Err(EnsureError::OtherCurrency {
            kept,
            asked: currency,
        })
    }
}

/// Unless another process was first; the one that holds is answered.
async fn fix_currency(db: &Db, currency: Currency) -> Result<String, db::DbError> {
    let tx = db.begin().await?;
    store::add(&tx, "currency", currency.code()).await?;
    let kept = store::value(&tx, "currency").await?;
    tx.commit().await?;
    kept.ok_or(db::DbError::NoRow)
}

#[derive(Debug, thiserror::Error)]
pub enum EnsureError {
    #[error("this shop's currency is {kept}, fixed at its first start; CURRENCY asks for {}", asked.code())]
    OtherCurrency { kept: String, asked: Currency },
    #[error(transparent)]
    Db(#[from] db::DbError),
}
