//! Lists with optional filters, without gluing values into SQL.

use std::fmt::Write as _;

use crate::{Conn, FromRow, Result, Value};

/// `$1, $2, …` for `n` arguments that start at `$first`.
pub fn placeholders(first: usize, n: usize) -> String {
    let mut out = String::with_capacity(n * 5);
    for at in first..first + n {
        let _ = write!(out, "{}${at}", if at == first { "" } else { ", " });
    }
    out
}

/// A SELECT that grows: head, filters, order, window.
#[derive(Clone, Debug)]
pub struct Select {
    sql: String,
    args: Vec<Value>,
    filtered: bool,
}

impl Select {
    /// `head` is all up to WHERE, which it must not contain.
    pub fn new(head: &str) -> Self {
        Select {
            sql: head.to_owned(),
            args: Vec::new(),
            filtered: false,
        }
    }

    /// Adds a condition; each `?` in it stands for the next of `args`.
    #[must_use]
    pub fn filter(mut self, condition: &str, args: impl IntoIterator<Item = Value>) -> Self {
        self.sql
            .push_str(if self.filtered { " AND (" } else { " WHERE (" });
        self.filtered = true;
        self.push(condition, args);
        self.sql.push(')');
        self
    }

    /// Adds `condition` when `value` is there, with the value as its one argument.
    #[must_use]
    pub fn filter_some<V: Into<Value>>(self, condition: &str, value: Option<V>) -> Self {
        match value {
            Some(value) => self.filter(condition, [value.into()]),
            None => self,
        }
    }

    /// Adds `column IN (…)`; an empty list matches nothing.
    #[must_use]
    pub fn filter_in<V: Into<Value>>(
        self,
        column: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let values: Vec<Value> = values.into_iter().map(Into::into).collect();
        if values.is_empty() {
            return self.filter("1 = 0", []);
        }
        let marks = vec!["?"; values.len()].join(", ");
        self.filter(&format!("{column} IN ({marks})"), values)
    }

    /// Adds what follows the conditions, such as `GROUP BY …`.
    #[must_use]
    pub fn then(mut self, tail: &str, args: impl IntoIterator<Item = Value>) -> Self {
        self.sql.push(' ');
        self.push(tail, args);
        self
    }

    /// `ORDER BY …`: text of ours, never of a client.
    #[must_use]
    pub fn order(self, columns: &str) -> Self {
        self.then(&format!("ORDER BY {columns}"), [])
    }

    /// The limit is written out, so that PostgreSQL can plan for it once: for a limit that it does not know it plans
    /// anew each time.
    #[must_use]
    pub fn window(self, limit: i64, offset: i64) -> Self {
        match offset {
            0 => self.then(&format!("LIMIT {limit}"), []),
            offset => self.then(&format!("LIMIT {limit} OFFSET ?"), [Value::Int(offset)]),
        }
    }

    fn push(&mut self, text: &str, args: impl IntoIterator<Item = Value>) {
        let mut args = args.into_iter();
        let mut parts = text.split('?');
        self.sql.push_str(parts.next().unwrap_or_default());
        for part in parts {
            self.args.push(args.next().unwrap_or(Value::Null));
            let _ = write!(self.sql, "${}{part}", self.args.len());
        }
        debug_assert!(args.next().is_none(), "more arguments than ? in {text}");
    }

    pub fn sql(&self) -> &str {
        &self.sql
    }

    pub fn args(&self) -> &[Value] {
        &self.args
    }

    /// # Errors
    /// As [`Conn::all`].
    pub async fn all<T: FromRow>(&self, conn: &Conn) -> Result<Vec<T>> {
        conn.all(&self.sql, &self.args).await
    }

    /// # Errors
    /// As [`Conn::one`].
    pub async fn one<T: FromRow>(&self, conn: &Conn) -> Result<T> {
        conn.one(&self.sql, &self.args).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_joined_and_numbered() {
        let select = Select::new("SELECT id FROM p")
            .filter("a >= ? AND b < ?", [1.into(), 2.into()])
            .filter_some("c = ?", None::<i64>)
            .filter_in("d", [3i64, 4])
            .order("id DESC")
            .window(20, 40);
        assert_eq!(
            select.sql(),
            "SELECT id FROM p WHERE (a >= $1 AND b < $2) AND (d IN ($3, $4)) ORDER BY id DESC LIMIT 20 OFFSET $5"
        );
        assert_eq!(select.args().len(), 5);
    }
}
