//! Fills a search table that a new version has emptied.

use db::Db;

use super::store::{self, Texts};
use crate::catalog::search::Words;
use crate::error::Result;
use crate::ids::ProductId;
use crate::transact;

/// So many products are read and written together.
const SOME: i64 = 1_000;

/// Learns the words of all products where the search knows none; says how many that were. All or nothing: who is killed
/// meanwhile begins anew.
///
/// # Errors
/// The database fails.
pub async fn learn_words_anew(db: &Db) -> Result<usize> {
    if db.engine() != db::Engine::Sqlite || !store::has_forgotten_words(&db.read().await?).await? {
        return Ok(0);
    }
    tracing::info!("learning the words of all products, a minute for a million of them");
    transact!(db, tx => {
        let (mut last, mut learned) = (ProductId(0), 0);
        loop {
            let some = store::texts_behind(tx, last, SOME).await?;
            let Some(end) = some.last() else {
                return Ok(learned);
            };
            last = end.id;
            let words_of = |texts: &Texts| Words::of(&texts.name, texts.skus.as_deref(), &texts.description);
            let words: Vec<_> = some.iter().map(|texts| (texts.id, words_of(texts))).collect();
            store::write_words(tx, db.engine(), &words).await?;
            learned += words.len();
        }
    })
}
