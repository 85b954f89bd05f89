//! SQL of the inventory. Location 1, made by the first migration, is where the verbs act: a constant costs nothing to
//! look up at each sale.

use std::collections::HashSet;

use db::{Conn, Engine, Tx, Value, args, args_vec};
use futures_util::future::try_join;

use super::out_of_stock::ShortLine;
use super::stock::Cause;
use crate::bulk::Bulk;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::VariantId;

// On PostgreSQL all lines in one statement: a message costs it more than what it does to a row. The rows are held in the
// order of the lists before any is changed. A list from a SELECT is of unknown length when it is planned, so one plan
// serves all. $8 and $9 are what one piece adds to on_hand and reserved.
const MOVE_ITEMS: &str = "WITH held AS MATERIALIZED (SELECT s.id, m.quantity
    FROM unnest((SELECT CAST(CAST($6 AS TEXT) AS BIGINT[])), (SELECT CAST(CAST($7 AS TEXT) AS BIGINT[])))
      WITH ORDINALITY AS m(variant_id, quantity, place)
    JOIN stock_items s ON s.variant_id = m.variant_id AND s.location_id = 1
    ORDER BY m.place FOR NO KEY UPDATE OF s),
  changed AS (UPDATE stock_items s SET on_hand = s.on_hand + $8 * h.quantity, reserved = s.reserved + $9 * h.quantity
    FROM held h WHERE s.id = h.id AND s.reserved + $9 * h.quantity >= 0
      AND s.on_hand + $8 * h.quantity >= s.reserved + $9 * h.quantity
    RETURNING s.id, s.variant_id, h.quantity),
  moved AS (INSERT INTO stock_movements (stock_item_id, kind, quantity, order_id, actor_id, reason, created_at)
    SELECT id, CAST($1 AS TEXT), quantity, CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS TEXT), CAST($5 AS BIGINT)
    FROM changed)
  SELECT variant_id FROM changed";

// On SQLite, where a statement is a call, one by one. $2 and $3 are what is added to on_hand and reserved.
const MOVE_ITEM: &str = "UPDATE stock_items SET on_hand = on_hand + $2, reserved = reserved + $3
  WHERE variant_id = $1 AND location_id = 1
    AND on_hand + $2 >= reserved + $3 AND reserved + $3 >= 0";

// Values of a list have no types of their own on PostgreSQL.
const INSERT_MOVEMENTS: Bulk = Bulk {
    head: "INSERT INTO stock_movements (stock_item_id, kind, quantity, order_id, actor_id, reason, created_at)
  SELECT s.id, CAST($1 AS TEXT), m.column2, CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS TEXT), CAST($5 AS BIGINT)
  FROM (VALUES ",
    row: "(CAST(? AS BIGINT), CAST(? AS BIGINT))",
    tail: ") m JOIN stock_items s ON s.variant_id = m.column1 AND s.location_id = 1",
};
const SHARED: usize = 5;

const INSERT_ITEM: &str = "INSERT INTO stock_items (variant_id, location_id)
  VALUES ($1, 1)";

const LOCK_ITEM: &str = "UPDATE stock_items SET on_hand = on_hand
  WHERE variant_id = $1 AND location_id = 1
  RETURNING on_hand - reserved";

const FIGURES: &str =
    "SELECT on_hand, reserved FROM stock_items WHERE variant_id = $1 AND location_id = 1";

const FIND_SHORT_LINE: &str =
    "SELECT p.id AS product_id, v.id AS variant_id, p.name AS product_name, v.title AS variant_title,
    CAST($2 AS BIGINT) AS requested, COALESCE(s.on_hand - s.reserved, 0) AS available
  FROM variants v JOIN products p ON p.id = v.product_id
  LEFT JOIN stock_items s ON s.variant_id = v.id AND s.location_id = 1
  WHERE v.id = $1";

const LAST_MOVEMENT: &str = "SELECT COALESCE(MAX(id), 0) FROM stock_movements";

const MOVEMENTS_AFTER: &str = "SELECT m.id, s.variant_id FROM stock_movements m
  JOIN stock_items s ON s.id = m.stock_item_id WHERE m.id > $1 ORDER BY m.id LIMIT $2";

/// Statements that only PostgreSQL understands.
pub const ON_POSTGRES: &[&str] = &[MOVE_ITEMS];

/// All other statements, those that are built as examples.
pub fn statements() -> Vec<String> {
    let fixed = [
        LAST_MOVEMENT,
        MOVEMENTS_AFTER,
        MOVE_ITEM,
        INSERT_ITEM,
        LOCK_ITEM,
        FIGURES,
        FIND_SHORT_LINE,
    ];
    let built = INSERT_MOVEMENTS.statements(SHARED);
    fixed.map(String::from).into_iter().chain(built).collect()
}

/// Changes stock items, one after the other in the order of `lines`, and writes the rows that say why; the only way to
/// change them. A quantity is signed for `adjusted`, positive for all others. Returns the places of the lines that the
/// figures do not allow: then the transaction must not be committed.
pub(super) async fn move_stock(
    tx: &Tx,
    cause: Cause<'_>,
    lines: &[(VariantId, i64)],
    now: Time,
) -> Result<Vec<usize>> {
    for (variant, _) in lines {
        tx.mark(variant.0);
    }
    let shared: [Value; SHARED] = [
        cause.kind.word().into(),
        cause.order.into(),
        cause.actor.into(),
        cause.reason.into(),
        now.into(),
    ];
    let moved = match tx.engine() {
        Engine::Postgres => move_at_once(tx, cause, &shared, lines).await?,
        Engine::Sqlite => move_one_by_one(tx, cause, &shared, lines).await?,
    };
    Ok(moved
        .iter()
        .enumerate()
        .filter(|&(_, moved)| !moved)
        .map(|(at, _)| at)
        .collect())
}

async fn move_at_once(
    tx: &Tx,
    cause: Cause<'_>,
    shared: &[Value],
    lines: &[(VariantId, i64)],
) -> Result<Vec<bool>> {
    let (on_hand, reserved) = cause.kind.effect(1);
    let mut values = shared.to_vec();
    values.push(list_of(lines.iter().map(|(variant, _)| variant.0)).into());
    values.push(list_of(lines.iter().map(|&(_, quantity)| quantity)).into());
    values.extend(args_vec![on_hand, reserved]);
    let changed: HashSet<VariantId> = tx.all(MOVE_ITEMS, &values).await?.into_iter().collect();
    Ok(lines
        .iter()
        .map(|(variant, _)| changed.contains(variant))
        .collect())
}

/// A list of integers as PostgreSQL reads it: `{1,2}`.
fn list_of(numbers: impl Iterator<Item = i64>) -> String {
    let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
    format!("{{{}}}", numbers.join(","))
}

async fn move_one_by_one(
    tx: &Tx,
    cause: Cause<'_>,
    shared: &[Value],
    lines: &[(VariantId, i64)],
) -> Result<Vec<bool>> {
    let changes: Vec<_> = lines
        .iter()
        .map(|&(variant, quantity)| {
            let (on_hand, reserved) = cause.kind.effect(quantity);
            args_vec![variant, on_hand, reserved]
        })
        .collect();
    let rows: Vec<_> = lines
        .iter()
        .map(|&(variant, quantity)| args_vec![variant, quantity])
        .collect();
    let (changed, _) = try_join(
        tx.execute_each(MOVE_ITEM, &changes),
        INSERT_MOVEMENTS.run::<i64>(tx, shared, &rows),
    )
    .await?;
    Ok(changed.into_iter().map(|rows| rows == 1).collect())
}

/// The id of the youngest movement, 0 when there is none.
pub async fn last_movement(conn: &Conn) -> Result<i64> {
    Ok(conn.one(LAST_MOVEMENT, args![]).await?)
}

/// Movements with a greater id, oldest first: the id, and the variant of which stock moved.
pub async fn movements_after(conn: &Conn, id: i64, limit: i64) -> Result<Vec<(i64, VariantId)>> {
    Ok(conn.all(MOVEMENTS_AFTER, args![id, limit]).await?)
}

pub(super) async fn insert_items(tx: &Tx, items: &[(VariantId, i64)]) -> Result<()> {
    let rows: Vec<_> = items
        .iter()
        .map(|&(variant, _)| args_vec![variant])
        .collect();
    tx.execute_each(INSERT_ITEM, &rows).await?;
    Ok(())
}

/// Locks items and returns what can be sold of each, in the order of `variants`.
pub(super) async fn lock_items(tx: &Tx, variants: &[VariantId]) -> Result<Vec<i64>> {
    let mut sellable = Vec::with_capacity(variants.len());
    for &variant in variants {
        sellable.push(tx.one(LOCK_ITEM, args![variant]).await?);
    }
    Ok(sellable)
}

/// (on hand, reserved)
pub(super) async fn figures(conn: &Conn, variant: VariantId) -> Result<(i64, i64)> {
    Ok(conn.one(FIGURES, args![variant]).await?)
}

/// What is left of variants that were refused, with the names of their products. Reads ahead into the catalog, for
/// the error's sake only.
pub(super) async fn find_short_lines(
    conn: &Conn,
    short: &[(VariantId, i64)],
) -> Result<Vec<ShortLine>> {
    let mut lines = Vec::with_capacity(short.len());
    for &(variant, requested) in short {
        lines.extend(
            conn.optional::<ShortLine>(FIND_SHORT_LINE, args![variant, requested])
                .await?,
        );
    }
    Ok(lines)
}
