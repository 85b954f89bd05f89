//! Many rows a statement, for those who write several at once.

use db::{Tx, Value};
use futures_util::future::try_join_all;

/// One statement over many rows: in as few texts as sizes that are prepared once allow, sent one after the other
/// without waiting for answers.
pub(crate) struct Bulk {
    /// What stands before the rows, such as `INSERT INTO … (…) VALUES `.
    pub(crate) head: &'static str,
    /// One row, with `?` for each of its values: `(?, ?)`. Values that all rows share are `$1`, `$2`, … in all parts.
    pub(crate) row: &'static str,
    /// What follows the rows, such as ` RETURNING id`.
    pub(crate) tail: &'static str,
}

impl Bulk {
    /// The sizes of long runs; what is left over is one statement.
    const SIZES: [usize; 2] = [64, 16];

    pub(crate) async fn run<T: db::FromRow>(
        &self,
        tx: &Tx,
        shared: &[Value],
        mut rows: &[Vec<Value>],
    ) -> db::Result<Vec<T>> {
        let mut statements = Vec::new();
        while !rows.is_empty() {
            let size = Self::SIZES.into_iter().find(|size| rows.len() >= *size);
            let (some, rest) = rows.split_at(size.unwrap_or(rows.len()));
            let mut values = shared.to_vec();
            some.iter().for_each(|row| values.extend_from_slice(row));
            statements.push((self.sql(shared.len(), some.len()), values));
            rows = rest;
        }
        let run = statements
            .iter()
            .map(|(sql, values)| tx.all::<T>(sql, values));
        Ok(try_join_all(run).await?.into_iter().flatten().collect())
    }

    /// Some of the texts that are prepared; `shared` is how many values all rows share.
    pub(crate) fn statements(&self, shared: usize) -> Vec<String> {
        let sizes = Self::SIZES.iter().chain(&[1]);
        sizes.map(|rows| self.sql(shared, *rows)).collect()
    }

    fn sql(&self, shared: usize, rows: usize) -> String {
        let mut sql = String::with_capacity(self.head.len() + rows * 64 + self.tail.len());
        let mut next = shared;
        sql.push_str(self.head);
        for at in 0..rows {
            sql.push_str(if at == 0 { "" } else { ", " });
            for (part, text) in self.row.split('?').enumerate() {
                if part > 0 {
                    next += 1;
                    sql.push('$');
                    sql.push_str(&next.to_string());
                }
                sql.push_str(text);
            }
        }
        sql.push_str(self.tail);
        sql
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_what_they_share() {
        let bulk = Bulk {
            head: "INSERT INTO t (a, b, c) VALUES ",
            row: "($1, ?, ?)",
            tail: " RETURNING id",
        };
        assert_eq!(
            bulk.sql(1, 2),
            "INSERT INTO t (a, b, c) VALUES ($1, $2, $3), ($1, $4, $5) RETURNING id"
        );
    }
}
