//! SQL of the catalog as a whole: its generation.

use db::{Conn, Tx, args};

use crate::error::Result;

const BUMP_GENERATION: &str = "UPDATE generations SET value = value + 1 WHERE area = 'catalog'";
const GENERATION: &str = "SELECT value FROM generations WHERE area = 'catalog'";

pub(super) const STATEMENTS: &[&str] = &[BUMP_GENERATION, GENERATION];

/// Tells every node that what it remembers of the catalog is old. Comes first in a transaction: the row is also the
/// lock that writers of the catalog queue at, so that none of them can wait for another in a circle, and what one
/// reads of the catalog afterwards (a free slug, the parents of a category) stays true until it commits.
pub(super) async fn bump_generation(tx: &Tx) -> Result<()> {
    tx.execute(BUMP_GENERATION, args![]).await?;
    Ok(())
}

pub(super) async fn generation(conn: &Conn) -> Result<i64> {
    Ok(conn.one(GENERATION, args![]).await?)
}
