//! Many rows a statement, for those who write much at once.

use db::{Tx, Value};
use futures_util::future::try_join_all;

use crate::error::Result;

/// An INSERT of many rows: as few statements as sizes that are prepared once allow, sent one after the other without
/// waiting for answers.
pub(crate) struct Bulk {
    /// `INSERT INTO … (…)`.
    pub(crate) head: &'static str,
    pub(crate) columns: usize,
    /// What follows the values, such as ` RETURNING id`.
    pub(crate) tail: &'static str,
}

impl Bulk {
    const SIZES: [usize; 4] = [64, 16, 4, 1];

    pub(crate) async fn run<T: db::FromRow>(
        &self,
        tx: &Tx,
        mut rows: &[Vec<Value>],
    ) -> Result<Vec<T>> {
        let mut statements = Vec::new();
        for size in Self::SIZES {
            let sql = self.sql(size);
            while let Some((some, rest)) = rows.split_at_checked(size) {
                statements.push((sql.clone(), some.concat()));
                rows = rest;
            }
        }
        let run = statements
            .iter()
            .map(|(sql, values)| tx.all::<T>(sql, values));
        Ok(try_join_all(run).await?.into_iter().flatten().collect())
    }

    /// Each as it is prepared.
    pub(crate) fn statements(&self) -> Vec<String> {
        Self::SIZES.iter().map(|rows| self.sql(*rows)).collect()
    }

    fn sql(&self, rows: usize) -> String {
        let row = |at| {
            format!(
                "({})",
                db::placeholders(1 + at * self.columns, self.columns)
            )
        };
        format!(
            "{} VALUES {}{}",
            self.head,
            (0..rows).map(row).collect::<Vec<_>>().join(", "),
            self.tail
        )
    }
}
