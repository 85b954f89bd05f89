//! SQL of what the search finds. Where the words are differs: FTS5 on SQLite, a column of lexemes on PostgreSQL. Both
//! get words of ours as they are.

use db::{Conn, Engine, Tx, Value, args, args_vec};

use crate::catalog::search::{Matching, Words};
use crate::catalog::spelling;
use crate::error::Result;
use crate::ids::ProductId;

pub(super) struct SearchTable {
    /// Are there so many at all, whoever may see them?
    pub(super) few: &'static str,
    /// Says of any `p.id` whether it matches.
    pub(super) matches: &'static str,
    /// The facts of those for which `fact_matches`, read as they are found.
    pub(super) facts: &'static str,
    pub(super) fact_matches: &'static str,
    /// Where the words go with the product's facts, nothing is to be done.
    pub(super) forget: Option<&'static str>,
    pub(super) learn: &'static str,
}

const SQLITE_SEARCH: SearchTable = SearchTable {
    few: "SELECT COUNT(*) FROM (SELECT rowid FROM product_search WHERE product_search MATCH $1 LIMIT $2) some_of_them",
    matches: "p.id IN (SELECT rowid FROM product_search WHERE product_search MATCH ?)",
    facts: "product_search CROSS JOIN product_facts p ON p.id = product_search.rowid",
    fact_matches: "product_search MATCH ?",
    forget: Some("DELETE FROM product_search WHERE rowid = $1"),
    learn: "INSERT INTO product_search (rowid, title, body) VALUES ($1, $2, $3)",
};

const POSTGRES_SEARCH: SearchTable = SearchTable {
    few: "SELECT COUNT(*) FROM (SELECT f.id FROM product_facts f
      WHERE f.words @@ CAST(CAST($1 AS TEXT) AS tsquery) LIMIT $2) some_of_them",
    matches: "p.id IN (SELECT f.id FROM product_facts f WHERE f.words @@ CAST(CAST(? AS TEXT) AS tsquery))",
    facts: "product_facts p",
    fact_matches: "p.words @@ CAST(CAST(? AS TEXT) AS tsquery)",
    forget: None,
    learn: "UPDATE product_facts SET words = CAST(CAST($2 AS TEXT) AS tsvector) WHERE id = $1",
};

pub(super) fn search_table(engine: Engine) -> &'static SearchTable {
    match engine {
        Engine::Sqlite => &SQLITE_SEARCH,
        Engine::Postgres => &POSTGRES_SEARCH,
    }
}

/// Does fewer than `few` match?
pub(crate) async fn is_rare(
    conn: &Conn,
    engine: Engine,
    matching: &Matching,
    few: i64,
) -> Result<bool> {
    let found: i64 = conn
        .one(search_table(engine).few, args![matching.0.as_str(), few])
        .await?;
    Ok(found < few)
}

/// Makes products findable by these words, and no longer by those of before.
pub(crate) async fn learn_words(
    tx: &Tx,
    engine: Engine,
    words: &[(ProductId, Words)],
) -> Result<()> {
    let table = search_table(engine);
    let rows: Vec<Vec<Value>> = words
        .iter()
        .map(|(id, words)| match engine {
            Engine::Sqlite => args_vec![*id, &words.title, &words.body],
            Engine::Postgres => args_vec![*id, words.as_vector()],
        })
        .collect();
    if let Some(forget) = table.forget {
        let ids: Vec<Vec<Value>> = words.iter().map(|&(id, _)| args_vec![id]).collect();
        tx.execute_each(forget, &ids).await?;
    }
    tx.execute_each(table.learn, &rows).await?;
    spelling::learn(tx, words.iter().flat_map(|(_, words)| words.all())).await
}

pub(crate) async fn forget_words(tx: &Tx, engine: Engine, id: ProductId) -> Result<()> {
    if let Some(forget) = search_table(engine).forget {
        tx.execute(forget, args![id]).await?;
    }
    Ok(())
}
