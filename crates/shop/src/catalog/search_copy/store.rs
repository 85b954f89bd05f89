//! SQL of the search copy: what PostgreSQL is asked for, and the tables of the copy itself.

use db::{Conn, Db, MigrateError, Migration, Select, Tx, Value, args, args_vec, migrate};

use crate::error::Result;
use crate::ids::{CategoryId, ProductId};
use crate::paging::padded;

/// Which history of which tables, and what of it is seen now. A restore, another server and a standby that took over
/// make it another one.
const NOW: &str = "SELECT (SELECT CAST(system_identifier AS TEXT) FROM pg_control_system())
    || ' ' || LEFT(pg_walfile_name(pg_current_wal_lsn()), 8)
    || ' ' || CAST((SELECT oid FROM pg_database WHERE datname = current_database()) AS TEXT)
    || ' ' || CAST(pg_relation_filenode('product_facts') AS TEXT) AS history,
  CAST(pg_current_snapshot() AS TEXT) AS seen";

const ALL: &str =
    "SELECT '0' AS xid, id AS product_id FROM product_facts WHERE id > $1 ORDER BY id LIMIT $2";

// As they stand in the index: of a long backlog no more is read than is taken in.
const CHANGED: &str = "SELECT CAST(c.xid AS TEXT) AS xid, c.product_id FROM product_changes c
  WHERE (c.xid, c.product_id) >
      (GREATEST(CAST(CAST($1 AS TEXT) AS xid8), pg_snapshot_xmin(CAST(CAST($4 AS TEXT) AS pg_snapshot))), $2)
    AND NOT pg_visible_in_snapshot(c.xid, CAST(CAST($4 AS TEXT) AS pg_snapshot))
  ORDER BY c.xid, c.product_id LIMIT $3";

// Nothing behind it was thrown away, nor is it from a future that a restore undid.
const HOLDS: &str = "SELECT pg_snapshot_xmin(was.seen) > CAST(CAST(g.value AS TEXT) AS xid8)
    AND pg_snapshot_xmax(was.seen) <= pg_snapshot_xmax(pg_current_snapshot())
  FROM generations g, (SELECT CAST(CAST($1 AS TEXT) AS pg_snapshot) AS seen) was WHERE g.area = 'product_changes'";

const FACTS: &str = "SELECT p.id, p.category_id, p.price_minor, p.is_active, p.is_featured,
    COALESCE((SELECT t.in_stock FROM product_stock t WHERE t.id = p.id), FALSE) AS in_stock,
    array_to_string(tsvector_to_array(ts_filter(p.words, '{a}')), ' ') AS title,
    array_to_string(tsvector_to_array(ts_filter(p.words, '{d}')), ' ') AS body
  FROM product_facts p";

// What a restore on another server brought along: numbers that this one has yet to give out.
const FORGET_FUTURE: &str =
    "DELETE FROM product_changes WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())";
const BEGIN_ANEW: &str = "UPDATE generations SET value = 0 WHERE area = 'product_changes'
  AND CAST(CAST(value AS TEXT) AS xid8) >= pg_snapshot_xmin(pg_current_snapshot())";

// All transactions up to there have ended.
const OUTDATE: &str = "UPDATE generations SET value = CAST(CAST(old.xid AS TEXT) AS BIGINT)
  FROM (SELECT first.xid FROM (SELECT c.xid, c.changed_at FROM product_changes c
      WHERE c.xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY c.xid LIMIT $1) first
    WHERE first.changed_at < now() - INTERVAL '1 day' ORDER BY first.xid DESC LIMIT 1) old
  WHERE area = 'product_changes' AND value < CAST(CAST(old.xid AS TEXT) AS BIGINT)";
const FORGET_OLD: &str = "DELETE FROM product_changes WHERE ctid = ANY(ARRAY(SELECT c.ctid FROM product_changes c
    WHERE c.xid <= (SELECT CAST(CAST(g.value AS TEXT) AS xid8) FROM generations g WHERE g.area = 'product_changes')
    ORDER BY c.xid LIMIT $1))";

/// Those of PostgreSQL.
pub(in crate::catalog) const STATEMENTS: &[&str] = &[
    NOW,
    ALL,
    CHANGED,
    HOLDS,
    FACTS,
    FORGET_FUTURE,
    BEGIN_ANEW,
    OUTDATE,
    FORGET_OLD,
];

/// As the shop's own tables on SQLite, for the same statements.
const TABLES: Migration = Migration {
    name: "1",
    sqlite: "
CREATE TABLE product_facts (id INTEGER PRIMARY KEY, category_id BIGINT, price_minor BIGINT NOT NULL,
  is_active BOOLEAN NOT NULL, is_featured BOOLEAN NOT NULL, in_stock BOOLEAN NOT NULL);
CREATE VIRTUAL TABLE product_search USING fts5 (title, body, content = '', contentless_delete = 1, detail = column,
  prefix = '1 2 3 4 5 6 7 8', tokenize = 'ascii');
CREATE TABLE copied (id INTEGER PRIMARY KEY, history TEXT NOT NULL, seen TEXT NOT NULL);",
    postgres: "",
};

const HAS_TABLES: &str = "SELECT p.id FROM product_search CROSS JOIN product_facts p ON p.id = product_search.rowid LIMIT 0";
const COPIED: &str = "SELECT history, seen FROM copied";
const SET_COPIED: &str = "INSERT OR REPLACE INTO copied (id, history, seen) VALUES (1, $1, $2)";
const CLEAR: [&str; 3] = [
    "DELETE FROM copied",
    "INSERT INTO product_search (product_search) VALUES ('delete-all')",
    "DELETE FROM product_facts",
];
const DROP_WORDS: &str = "DELETE FROM product_search WHERE rowid = $1";
const DROP_FACTS: &str = "DELETE FROM product_facts WHERE id = $1";
const ADD_WORDS: &str = "INSERT INTO product_search (rowid, title, body) VALUES ($1, $2, $3)";
const ADD_FACTS: &str =
    "INSERT INTO product_facts (id, category_id, price_minor, is_active, is_featured, in_stock)
  VALUES ($1, $2, $3, $4, $5, $6)";

db::record! {
    /// How far a copy goes: `seen` is a snapshot of the transactions of `history`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(super) struct Position {
        pub(super) history: String,
        pub(super) seen: String,
    }
}

db::record! {
    /// A product that changed in the transaction `xid`.
    pub(super) struct Change {
        pub(super) xid: String,
        pub(super) product_id: ProductId,
    }
}

impl Default for Change {
    /// Before all others.
    fn default() -> Self {
        Change {
            xid: "0".to_owned(),
            product_id: ProductId(0),
        }
    }
}

db::record! {
    pub(super) struct Facts {
        id: ProductId,
        category_id: Option<CategoryId>,
        price_minor: i64,
        is_active: bool,
        is_featured: bool,
        in_stock: bool,
        title: String,
        body: String,
    }
}

pub(super) async fn now(conn: &Conn) -> db::Result<Position> {
    conn.one(NOW, &[]).await
}

/// Up to `limit` changes behind `after` since `seen`; without it all products that there are.
pub(super) async fn changed(
    conn: &Conn,
    seen: Option<&Position>,
    Change { xid, product_id }: &Change,
    limit: i64,
) -> db::Result<Vec<Change>> {
    match seen {
        Some(position) => {
            let since = args![xid, *product_id, limit, &position.seen];
            conn.all(CHANGED, since).await
        }
        None => conn.all(ALL, args![*product_id, limit]).await,
    }
}

/// Is all that changed since then still known? To be asked after it was read.
pub(super) async fn holds(conn: &Conn, position: &Position) -> db::Result<bool> {
    conn.one(HOLDS, args![&position.seen]).await
}

pub(super) async fn facts(conn: &Conn, ids: &[ProductId]) -> db::Result<Vec<Facts>> {
    let select = Select::new(FACTS).filter_in("p.id", padded(ids));
    select.all(conn).await
}

pub(super) async fn forget_future(tx: &Tx) -> Result<()> {
    tx.execute(FORGET_FUTURE, &[]).await?;
    tx.execute(BEGIN_ANEW, &[]).await?;
    Ok(())
}

/// Throws up to `limit` of the oldest away that are outdated, and says how many.
pub(super) async fn forget_old(tx: &Tx, limit: i64) -> Result<u64> {
    tx.execute(OUTDATE, args![limit]).await?;
    Ok(tx.execute(FORGET_OLD, args![limit]).await?)
}

/// Makes the tables of a copy where there are none; an error where there are others.
pub(super) async fn make_tables(copy: &Db) -> Result<(), MigrateError> {
    let run = migrate::Run {
        version: crate::VERSION,
        now: 0,
    };
    copy.migrate(&[TABLES], &run).await.map(drop)
}

pub(super) async fn copied(copy: &Db) -> db::Result<Option<Position>> {
    copy.read().await?.optional(COPIED, &[]).await
}

/// An error when one of those that searches read is not there.
pub(super) async fn has_tables(copy: &Conn) -> db::Result<()> {
    copy.all::<i64>(HAS_TABLES, &[]).await.map(drop)
}

pub(super) async fn clear(tx: &Tx) -> db::Result<()> {
    for all in CLEAR {
        tx.execute(all, &[]).await?;
    }
    Ok(())
}

/// Writes these products as they are; those without facts are gone.
pub(super) async fn write(tx: &Tx, ids: &[ProductId], facts: &[Facts]) -> db::Result<()> {
    let ids: Vec<Vec<Value>> = ids.iter().map(|id| args_vec![*id]).collect();
    for drop in [DROP_WORDS, DROP_FACTS] {
        tx.execute_each(drop, &ids).await?;
    }
    let rows = |row: fn(&Facts) -> Vec<Value>| facts.iter().map(row).collect::<Vec<_>>();
    tx.execute_each(ADD_WORDS, &rows(|p| args_vec![p.id, &p.title, &p.body]))
        .await?;
    let columns = |p: &Facts| {
        args_vec![
            p.id,
            p.category_id,
            p.price_minor,
            p.is_active,
            p.is_featured,
            p.in_stock
        ]
    };
    tx.execute_each(ADD_FACTS, &rows(columns)).await.map(drop)
}

pub(super) async fn set_copied(tx: &Tx, position: &Position) -> db::Result<()> {
    let row = args![&position.history, &position.seen];
    tx.execute(SET_COPIED, row).await.map(drop)
}
