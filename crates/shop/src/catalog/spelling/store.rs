//! SQL of the vocabulary.

use std::collections::{BTreeSet, HashSet};

use db::{Conn, Select, Tx, Value, args, args_vec};
use futures_util::future::try_join_all;

use crate::error::Result;
use crate::paging::padded;

const KNOWN: &str = "SELECT word FROM search_words";

const INSERT: &str = "INSERT INTO search_words (word) VALUES ($1) RETURNING id";

const INSERT_TRIGRAM: &str = "INSERT INTO search_trigrams (trigram, word_id) VALUES ($1, $2)";

const SHARING: &str =
    "SELECT w.word FROM search_trigrams t JOIN search_words w ON w.id = t.word_id";

pub(in crate::catalog) const STATEMENTS: &[&str] = &[KNOWN, INSERT, INSERT_TRIGRAM, SHARING];

/// Words that are asked for in one statement.
const ASKED: usize = 512;

pub(super) async fn known(conn: &Conn, words: &BTreeSet<&str>) -> Result<HashSet<String>> {
    let words: Vec<&str> = words.iter().copied().collect();
    let mut known = HashSet::new();
    for some in words.chunks(ASKED) {
        known.extend(
            Select::new(KNOWN)
                .filter_in("word", padded(some))
                .all::<String>(conn)
                .await?,
        );
    }
    Ok(known)
}

pub(super) async fn insert(tx: &Tx, words: &[(&str, Vec<String>)]) -> Result<()> {
    let inserted = words
        .iter()
        .map(async |(word, _)| tx.one::<i64>(INSERT, args![*word]).await);
    let ids = try_join_all(inserted).await?;
    let rows: Vec<Vec<Value>> = ids
        .iter()
        .zip(words)
        .flat_map(|(&id, (_, trigrams))| trigrams.iter().map(move |trigram| args_vec![trigram, id]))
        .collect();
    if !rows.is_empty() {
        tx.execute_each(INSERT_TRIGRAM, &rows).await?;
    }
    Ok(())
}

/// Words that have at least `shared` of these trigrams, those with most of them first.
pub(super) async fn sharing(
    conn: &Conn,
    trigrams: &[String],
    shared: i64,
    limit: i64,
) -> Result<Vec<String>> {
    let select = Select::new(SHARING)
        .filter_in("t.trigram", padded(trigrams))
        .then("GROUP BY w.word HAVING COUNT(*) >= ?", [shared.into()])
        .order("COUNT(*) DESC, MIN(w.id)")
        .window(limit, 0);
    Ok(select.all(conn).await?)
}
