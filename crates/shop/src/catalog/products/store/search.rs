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
    /// Their id, known before the facts are looked up.
    pub(super) fact_id: &'static str,
    /// Of the facts `p`, found by words or not.
    pub(super) in_stock: &'static str,
    /// Where the words go with the product's facts, nothing is to be done.
    pub(super) forget: Option<&'static str>,
    pub(super) learn: &'static str,
}

const SQLITE_SEARCH: SearchTable = SearchTable {
    few: "SELECT COUNT(*) FROM (SELECT rowid FROM product_search WHERE product_search MATCH $1 LIMIT $2) some_of_them",
    matches: "p.id IN (SELECT rowid FROM product_search WHERE product_search MATCH ?)",
    facts: "product_search CROSS JOIN product_facts p ON p.id = product_search.rowid",
    fact_matches: "product_search MATCH ?",
    fact_id: "product_search.rowid",
    in_stock: "p.in_stock",
    forget: Some("DELETE FROM product_search WHERE rowid = $1"),
    learn: "INSERT INTO product_search (rowid, title, body) VALUES ($1, $2, $3)",
};

const POSTGRES_SEARCH: SearchTable = SearchTable {
    few: "SELECT COUNT(*) FROM (SELECT f.id FROM product_facts f
      WHERE f.words @@ CAST(CAST($1 AS TEXT) AS tsquery) LIMIT $2) some_of_them",
    matches: "p.id IN (SELECT f.id FROM product_facts f WHERE f.words @@ CAST(CAST(? AS TEXT) AS tsquery))",
    facts: "product_facts p",
    fact_matches: "p.words @@ CAST(CAST(? AS TEXT) AS tsquery)",
    fact_id: "p.id",
    in_stock: "(SELECT t.in_stock FROM product_stock t WHERE t.id = p.id)",
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
    write_words(tx, engine, words).await?;
    spelling::learn(tx, words.iter().flat_map(|(_, words)| words.all())).await
}

/// As [`learn_words`], of words that the vocabulary has.
pub(crate) async fn write_words(
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
    Ok(())
}

pub(crate) async fn forget_words(tx: &Tx, engine: Engine, id: ProductId) -> Result<()> {
    if let Some(forget) = search_table(engine).forget {
        tx.execute(forget, args![id]).await?;
    }
    Ok(())
}

const HAS_FORGOTTEN_WORDS: &str =
    "SELECT NOT EXISTS (SELECT 1 FROM product_search) AND EXISTS (SELECT 1 FROM products)";

const TEXTS_BEHIND: &str = "SELECT p.id, p.name, p.description,
    (SELECT group_concat(v.sku, ' ') FROM variants v WHERE v.product_id = p.id) AS skus
  FROM products p WHERE p.id > $1 ORDER BY p.id LIMIT $2";

/// Of SQLite.
pub(super) const LEARN_ANEW: [&str; 2] = [HAS_FORGOTTEN_WORDS, TEXTS_BEHIND];

db::record! {
    /// What the words of a product are made of.
    pub(crate) struct Texts {
        pub(crate) id: ProductId,
        pub(crate) name: String,
        pub(crate) description: String,
        pub(crate) skus: Option<String>,
    }
}

pub(crate) async fn has_forgotten_words(conn: &Conn) -> Result<bool> {
    Ok(conn.one(HAS_FORGOTTEN_WORDS, &[]).await?)
}

pub(crate) async fn texts_behind(tx: &Tx, last: ProductId, limit: i64) -> Result<Vec<Texts>> {
    Ok(tx.all(TEXTS_BEHIND, args![last, limit]).await?)
}
