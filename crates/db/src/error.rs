//! What can go wrong with a database, in one vocabulary for both engines.

use std::borrow::Cow;

pub type Result<T, E = DbError> = std::result::Result<T, E>;
type Source = Box<dyn std::error::Error + Send + Sync>;

/// Constraints are named `table.column` or `table.column1,column2` on both engines; CHECKs by their own name.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    #[error("no row")]
    NoRow,
    #[error("unique constraint on {0}")]
    Unique(String),
    #[error("foreign key constraint {0}")]
    ForeignKey(String),
    #[error("check constraint {0}")]
    Check(String),
    /// Lost against another transaction; may be tried again as a whole.
    #[error("lost against another transaction: {0}")]
    Conflict(#[source] Source),
    /// Away, full, out of connections or too slow: nothing is wrong with the request.
    #[error("database unavailable: {0}")]
    Unavailable(#[source] Source),
    #[error("database: {0}")]
    Other(#[source] Source),
}

impl DbError {
    pub(crate) fn other(why: impl Into<Cow<'static, str>>) -> Self {
        DbError::Other(why.into().into())
    }

    pub(crate) fn unavailable(why: impl Into<Cow<'static, str>>) -> Self {
        DbError::Unavailable(why.into().into())
    }

    /// Is this the violation of the unique constraint `table.column` (or `table.column1,column2`)?
    pub fn is_unique(&self, constraint: &str) -> bool {
        matches!(self, DbError::Unique(name) if name == constraint)
    }

    /// Is the file of SQLite damaged, or no such file at all?
    pub fn is_damage(&self) -> bool {
        let (DbError::Unavailable(source) | DbError::Other(source)) = self else {
            return false;
        };
        crate::sqlite::is_damage(&**source)
    }

    /// Is this the violation of the CHECK of that name?
    pub fn is_check(&self, constraint: &str) -> bool {
        matches!(self, DbError::Check(name) if name == constraint)
    }
}

/// Errors that know whether the transaction that they ended may be run again.
pub trait Retryable {
    fn is_retryable(&self) -> bool;
}

impl Retryable for DbError {
    fn is_retryable(&self) -> bool {
        matches!(self, DbError::Conflict(_))
    }
}
