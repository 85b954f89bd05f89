//! The rules, each as the SQL of what breaks it: (id, what was found).

mod amounts;
mod histories;
mod payments;
mod stock;

use std::borrow::Cow;

use db::{Conn, args};

use crate::error::Result;

pub(super) struct Rule {
    pub(super) invariant: u8,
    pub(super) holds: &'static str,
    /// What the id names.
    pub(super) table: &'static str,
    sql: Cow<'static, str>,
}

pub(super) async fn broken(conn: &Conn, rule: &Rule, limit: i64) -> Result<Vec<(i64, String)>> {
    Ok(conn.all(&limited(&rule.sql), args![limit]).await?)
}

pub fn statements() -> Vec<String> {
    rules().into_iter().map(|rule| limited(&rule.sql)).collect()
}

fn limited(sql: &str) -> String {
    format!("{sql} ORDER BY 1 LIMIT $1")
}

pub(super) fn rules() -> Vec<Rule> {
    let all = [
        stock::rules(),
        amounts::rules(),
        payments::rules(),
        histories::rules(),
    ];
    all.into_iter().flatten().collect()
}

fn rule(
    invariant: u8,
    holds: &'static str,
    table: &'static str,
    sql: impl Into<Cow<'static, str>>,
) -> Rule {
    Rule {
        invariant,
        holds,
        table,
        sql: sql.into(),
    }
}
