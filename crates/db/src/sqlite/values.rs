//! Running statements, values, and what SQLite's errors are called here.

use std::borrow::Cow;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql, ffi};

use crate::{Cell, DbError, FromRow, Result, Row, Value};

pub(super) fn rows<T: FromRow>(conn: &Connection, sql: &str, args: &[Value]) -> Result<Vec<T>> {
    let mut statement = conn.prepare_cached(&numbered(sql))?;
    let mut rows = statement.query(rusqlite::params_from_iter(args))?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(T::from_row(&Row::Sqlite(row))?);
    }
    Ok(out)
}

/// `$1` is a *name* to SQLite, numbered by first appearance; `?1` is the number that PostgreSQL means.
pub(super) fn numbered(sql: &str) -> Cow<'_, str> {
    if !sql.contains('$') {
        return Cow::Borrowed(sql);
    }
    let mut quoted = false;
    let mut text = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = rest.find(['$', '\'']) {
        let (before, found) = rest.split_at(at);
        quoted ^= found.starts_with('\'');
        let is_number = found.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
        text.push_str(before);
        text.push_str(if found.starts_with('$') && is_number && !quoted {
            "?"
        } else {
            &found[..1]
        });
        rest = &found[1..];
    }
    text.push_str(rest);
    Cow::Owned(text)
}

pub(crate) fn cell<'a>(row: &'a rusqlite::Row<'_>, at: usize) -> Result<Cell<'a>> {
    Ok(match row.get_ref(at)? {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(v) => Cell::Int(v),
        ValueRef::Real(v) => Cell::Real(v),
        ValueRef::Text(v) => {
            Cell::Text(std::str::from_utf8(v).map_err(|e| DbError::Other(e.into()))?)
        }
        ValueRef::Blob(v) => Cell::Bytes(v),
    })
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(v) => ValueRef::Integer(*v),
            Value::Bool(v) => ValueRef::Integer(i64::from(*v)),
            Value::Real(v) => ValueRef::Real(*v),
            Value::Text(v) => ValueRef::Text(v.as_bytes()),
            Value::Bytes(v) => ValueRef::Blob(v),
        }))
    }
}

pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

pub(crate) fn is_damage(source: &(dyn std::error::Error + 'static)) -> bool {
    let error = source.downcast_ref::<rusqlite::Error>();
    matches!(
        error.and_then(rusqlite::Error::sqlite_error_code),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::SystemIoFailure)
    )
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(failure, message) = &error else {
            return DbError::Other(error.into());
        };
        let after_colon = || {
            message
                .as_deref()
                .and_then(|m| m.split_once(": "))
                .map_or("", |(_, rest)| rest)
                .to_owned()
        };
        match failure.extended_code {
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => {
                DbError::Unique(one_form(&after_colon()))
            }
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY => DbError::ForeignKey(String::new()),
            ffi::SQLITE_CONSTRAINT_CHECK => DbError::Check(after_colon()),
            _ => match failure.code {
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::OutOfMemory
                | ErrorCode::OperationInterrupted => DbError::Unavailable(error.into()),
                _ => DbError::Other(error.into()),
            },
        }
    }
}

/// `carts.user_id, carts.key` is called `carts.user_id,key`.
fn one_form(columns: &str) -> String {
    let mut parts = columns.split(", ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, column| {
        name + "," + column.rsplit('.').next().unwrap_or(column)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_outside_of_text() {
        assert_eq!(
            numbered("SELECT '$1', $2 || 'é$3', $10"),
            "SELECT '$1', ?2 || 'é$3', ?10"
        );
        assert_eq!(numbered("SELECT 1"), "SELECT 1");
    }

    #[test]
    fn constraints_have_one_form() {
        assert_eq!(one_form("carts.user_id"), "carts.user_id");
        assert_eq!(
            one_form("lines.cart_id, lines.variant_id"),
            "lines.cart_id,variant_id"
        );
    }
}
