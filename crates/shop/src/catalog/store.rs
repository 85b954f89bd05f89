//! SQL of the catalog as a whole: its generation, and the slugs of its tables.

use db::{Conn, Select, Tx, args};

use super::slug::Kind;
use crate::error::Result;
use crate::paging::padded;

const BUMP_GENERATION: &str = "UPDATE generations SET value = value + 1 WHERE area = 'catalog'";
const GENERATION: &str = "SELECT value FROM generations WHERE area = 'catalog'";

pub(super) const STATEMENTS: &[&str] = &[BUMP_GENERATION, GENERATION];

/// Tells every node that what it remembers of the catalog is old: this one when the transaction has committed, others
/// within a second. Comes first in a transaction: the row is also the
/// lock that writers of the catalog queue at, so that none of them can wait for another in a circle, and what one
/// reads of the catalog afterwards (a free slug, the parents of a category) stays true until it commits.
pub(super) async fn bump_generation(tx: &Tx) -> Result<()> {
    tx.mark_all();
    tx.execute(BUMP_GENERATION, args![]).await?;
    Ok(())
}

pub(super) async fn generation(conn: &Conn) -> Result<i64> {
    Ok(conn.one(GENERATION, args![]).await?)
}

/// Which of these slugs are taken.
pub(super) async fn taken_slugs(conn: &Conn, kind: Kind, slugs: &[String]) -> Result<Vec<String>> {
    if slugs.is_empty() {
        return Ok(Vec::new());
    }
    let select = Select::new(match kind {
        Kind::Product => "SELECT slug FROM products",
        Kind::Category => "SELECT slug FROM categories",
    });
    Ok(select.filter_in("slug", padded(slugs)).all(conn).await?)
}
