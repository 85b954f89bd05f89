//! Values on the wire, and what PostgreSQL's errors are called here.

use bytes::BytesMut;
use deadpool_postgres::PoolError;
use postgres_types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::error::SqlState;

use crate::{Cell, DbError, Result, Value};

pub(super) fn typed(args: &[Value]) -> Vec<(&(dyn ToSql + Sync), Type)> {
    args.iter()
        .map(|value| {
            let kind = match value {
                Value::Null => Type::UNKNOWN,
                Value::Int(_) => Type::INT8,
                Value::Bool(_) => Type::BOOL,
                Value::Real(_) => Type::FLOAT8,
                Value::Text(_) => Type::TEXT,
                Value::Bytes(_) => Type::BYTEA,
            };
            (value as &(dyn ToSql + Sync), kind)
        })
        .collect()
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(v) if *ty == Type::INT4 => i32::try_from(*v)?.to_sql(ty, out),
            Value::Int(v) if *ty == Type::INT8 => v.to_sql(ty, out),
            Value::Bool(v) if *ty == Type::BOOL => v.to_sql(ty, out),
            Value::Real(v) if *ty == Type::FLOAT8 => v.to_sql(ty, out),
            Value::Text(v) if <&str as ToSql>::accepts(ty) => v.as_str().to_sql(ty, out),
            Value::Bytes(v) if *ty == Type::BYTEA => v.as_slice().to_sql(ty, out),
            other => Err(format!("the statement takes {ty}, not {}", other.kind()).into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

struct Raw<'a>(Cell<'a>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(
        ty: &Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Raw(match *ty {
            Type::INT8 => Cell::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Cell::Int(i32::from_sql(ty, raw)?.into()),
            Type::BOOL => Cell::Bool(bool::from_sql(ty, raw)?),
            Type::FLOAT8 => Cell::Real(f64::from_sql(ty, raw)?),
            Type::BYTEA => Cell::Bytes(raw),
            _ if <&str as FromSql>::accepts(ty) => {
                Cell::Text(<&str as FromSql>::from_sql(ty, raw)?)
            }
            _ => return Err(format!("columns of type {ty} are not read; CAST it").into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Raw(Cell::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

pub(crate) fn cell(row: &tokio_postgres::Row, at: usize) -> Result<Cell<'_>> {
    Ok(row.try_get::<_, Raw<'_>>(at)?.0)
}

impl From<PoolError> for DbError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => DbError::Unavailable(error.into()),
            other => DbError::Unavailable(other.into()),
        }
    }
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            let broken = error.is_closed()
                || std::error::Error::source(&error).is_some_and(|e| e.is::<std::io::Error>());
            return if broken {
                DbError::Unavailable(error.into())
            } else {
                DbError::Other(error.into())
            };
        };
        // The detail holds values of rows: it is for nobody's log.
        let text = format!("{}: {}", db.code().code(), db.message());
        let constraint = || db.constraint().unwrap_or_default().to_owned();
        match db.code() {
            &SqlState::UNIQUE_VIOLATION => {
                DbError::Unique(one_form(db.table().unwrap_or_default(), db.detail()))
            }
            &SqlState::FOREIGN_KEY_VIOLATION => DbError::ForeignKey(constraint()),
            &SqlState::CHECK_VIOLATION => DbError::Check(constraint()),
            // The last is what statements behind a failed one of the same round trip hear.
            &SqlState::T_R_SERIALIZATION_FAILURE
            | &SqlState::T_R_DEADLOCK_DETECTED
            | &SqlState::IN_FAILED_SQL_TRANSACTION => DbError::Conflict(text.into()),
            &SqlState::LOCK_NOT_AVAILABLE
            | &SqlState::QUERY_CANCELED
            | &SqlState::READ_ONLY_SQL_TRANSACTION => DbError::Unavailable(text.into()),
            // 08 connection, 53 resources, 57 operator's doing, 58 system
            code if ["08", "53", "57", "58"]
                .iter()
                .any(|class| code.code().starts_with(class)) =>
            {
                DbError::Unavailable(text.into())
            }
            _ => DbError::Other(text.into()),
        }
    }
}

/// PostgreSQL names the columns only in `Key (cart_id, variant_id)=(1, 2) already exists.`
fn one_form(table: &str, detail: Option<&str>) -> String {
    let columns = detail
        .and_then(|d| d.strip_prefix("Key ("))
        .and_then(|d| d.split_once(")="))
        .map_or("", |(c, _)| c);
    format!("{table}.{}", columns.replace(", ", ","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_have_one_form() {
        let detail = "Key (cart_id, variant_id)=(1, 2) already exists.";
        assert_eq!(
            one_form("cart_lines", Some(detail)),
            "cart_lines.cart_id,variant_id"
        );
    }
}
