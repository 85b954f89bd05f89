//! SQL of what the search finds. The table differs: FTS5 on SQLite, a column of lexemes on PostgreSQL. Both get words of
//! ours as they are.

use db::{Conn, Engine, Tx, Value, args, args_vec};

use crate::catalog::search::{Matching, Words};
use crate::catalog::spelling;
use crate::error::Result;
use crate::ids::ProductId;

pub(super) struct SearchTable {
    /// Are there so many at all, whoever may see them?
    pub(super) few: &'static str,
    pub(super) matches: &'static str,
    pub(super) forget: &'static str,
    pub(super) learn: &'static str,
}

const SQLITE_SEARCH: SearchTable = SearchTable {
    few: "SELECT COUNT(*) FROM (SELECT rowid FROM product_search WHERE product_search MATCH $1 LIMIT $2) some_of_them",
    matches: "p.id IN (SELECT rowid FROM product_search WHERE product_search MATCH ?)",
    forget: "DELETE FROM product_search WHERE rowid = $1",
    learn: "INSERT INTO product_search (rowid, title, body) VALUES ($1, $2, $3)",
};

const POSTGRES_SEARCH: SearchTable = SearchTable {
    few: "SELECT COUNT(*) FROM (SELECT f.product_id FROM product_search f
      WHERE f.words @@ CAST(CAST($1 AS TEXT) AS tsquery) LIMIT $2) some_of_them",
    matches: "p.id IN (SELECT f.product_id FROM product_search f WHERE f.words @@ CAST(CAST(? AS TEXT) AS tsquery))",
    forget: "DELETE FROM product_search WHERE product_id = $1",
    learn: "INSERT INTO product_search (product_id, words) VALUES ($1, CAST(CAST($2 AS TEXT) AS tsvector))",
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
    let ids: Vec<Vec<Value>> = words.iter().map(|&(id, _)| args_vec![id]).collect();
    let rows: Vec<Vec<Value>> = words
        .iter()
        .map(|(id, words)| match engine {
            Engine::Sqlite => args_vec![*id, &words.title, &words.body],
            Engine::Postgres => args_vec![*id, words.as_vector()],
        })
        .collect();
    tx.execute_each(table.forget, &ids).await?;
    tx.execute_each(table.learn, &rows).await?;
    spelling::learn(tx, words.iter().flat_map(|(_, words)| words.all())).await
}

pub(crate) async fn forget_words(tx: &Tx, engine: Engine, id: ProductId) -> Result<()> {
    tx.execute(search_table(engine).forget, args![id]).await?;
    Ok(())
}
