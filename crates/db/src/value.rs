//! Values that go into statements and cells that come out.

use crate::{DbError, Result};

/// An argument of a statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Int(i64),
    Bool(bool),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Value {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "NULL",
            Value::Int(_) => "an integer",
            Value::Bool(_) => "a boolean",
            Value::Real(_) => "a float",
            Value::Text(_) => "text",
            Value::Bytes(_) => "bytes",
        }
    }
}

/// The arguments of one statement: `args![id, name]` is a `&[Value]`.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::Value::from($value)),*][..] };
}

/// The same as a `Vec<Value>`, for [`crate::Tx::execute_each`].
#[macro_export]
macro_rules! args_vec {
    ($($value:expr),* $(,)?) => { vec![$($crate::Value::from($value)),*] };
}

macro_rules! value_from {
    ($($type:ty => $variant:ident ($convert:expr)),* $(,)?) => {
        $(impl From<$type> for Value {
            fn from(value: $type) -> Self { Value::$variant($convert(value)) }
        })*
    };
}
value_from! {
    i64 => Int(|v| v), i32 => Int(i64::from), u32 => Int(i64::from), u16 => Int(i64::from),
    bool => Bool(|v| v), f64 => Real(|v| v),
    &str => Text(str::to_owned), String => Text(|v| v), &String => Text(String::clone),
    Vec<u8> => Bytes(|v| v), &[u8] => Bytes(<[u8]>::to_vec),
}
impl<const N: usize> From<[u8; N]> for Value {
    fn from(value: [u8; N]) -> Self {
        Value::Bytes(value.to_vec())
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// What stands in one column of one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    Null,
    Int(i64),
    Bool(bool),
    Real(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// A type that a column can be read as. Newtypes implement it by way of what they wrap.
pub trait Column: Sized {
    /// # Errors
    /// [`DbError::Other`] when the cell is of another type.
    fn read(cell: Cell<'_>) -> Result<Self>;
}

fn mismatch<T>(wanted: &str, cell: Cell<'_>) -> Result<T> {
    let kind = match cell {
        Cell::Null => "NULL",
        Cell::Int(_) => "an integer",
        Cell::Bool(_) => "a boolean",
        Cell::Real(_) => "a float",
        Cell::Text(_) => "text",
        Cell::Bytes(_) => "bytes",
    };
    Err(DbError::other(format!(
        "a column should be {wanted} but is {kind}"
    )))
}

impl Column for i64 {
    fn read(cell: Cell<'_>) -> Result<Self> {
        match cell {
            Cell::Int(v) => Ok(v),
            other => mismatch("an integer", other),
        }
    }
}
impl Column for bool {
    fn read(cell: Cell<'_>) -> Result<Self> {
        match cell {
            Cell::Bool(v) => Ok(v),
            Cell::Int(v) => Ok(v != 0),
            other => mismatch("a boolean", other),
        }
    }
}
impl Column for f64 {
    fn read(cell: Cell<'_>) -> Result<Self> {
        match cell {
            Cell::Real(v) => Ok(v),
            other => mismatch("a float", other),
        }
    }
}
impl Column for String {
    fn read(cell: Cell<'_>) -> Result<Self> {
        match cell {
            Cell::Text(v) => Ok(v.to_owned()),
            other => mismatch("text", other),
        }
    }
}
impl Column for Vec<u8> {
    fn read(cell: Cell<'_>) -> Result<Self> {
        match cell {
            Cell::Bytes(v) => Ok(v.to_vec()),
            other => mismatch("bytes", other),
        }
    }
}
impl<T: Column> Column for Option<T> {
    fn read(cell: Cell<'_>) -> Result<Self> {
        match cell {
            Cell::Null => Ok(None),
            other => T::read(other).map(Some),
        }
    }
}

/// One row of an answer, while it is being read.
pub enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

impl Row<'_> {
    /// The column at position `at` (from 0).
    ///
    /// # Errors
    /// [`DbError::Other`] when there is none, or it is of another type.
    pub fn get<T: Column>(&self, at: usize) -> Result<T> {
        match self {
            Row::Sqlite(row) => T::read(crate::sqlite::cell(row, at)?),
            Row::Postgres(row) => T::read(crate::postgres::cell(row, at)?),
        }
    }

    /// The column at `at`, which then points to the next.
    ///
    /// # Errors
    /// As [`Row::get`].
    pub fn take<T: Column>(&self, at: &mut usize) -> Result<T> {
        *at += 1;
        self.get(*at - 1)
    }

    /// In builds with debug assertions: the columns have these names. A wrong order is then found by any test.
    ///
    /// # Errors
    /// [`DbError::Other`] naming both lists.
    pub fn expect_columns(&self, names: &[&str]) -> Result<()> {
        if cfg!(debug_assertions) {
            let found: Vec<&str> = match self {
                Row::Sqlite(row) => row.as_ref().column_names().collect(),
                Row::Postgres(row) => row
                    .columns()
                    .iter()
                    .map(tokio_postgres::Column::name)
                    .collect(),
            };
            if found != names {
                return Err(DbError::other(format!(
                    "the statement answers {found:?}, the record reads {names:?}"
                )));
            }
        }
        Ok(())
    }
}

/// A type that a row can be read as: one column, a tuple of columns, or a [`record!`].
pub trait FromRow: Sized + Send + 'static {
    /// # Errors
    /// As [`Row::get`].
    fn from_row(row: &Row<'_>) -> Result<Self>;
}

impl<T: Column + Send + 'static> FromRow for T {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        row.get(0)
    }
}

macro_rules! tuple_rows {
    ($(($($name:ident),+)),+) => {
        $(impl<$($name: Column + Send + 'static),+> FromRow for ($($name,)+) {
            fn from_row(row: &Row<'_>) -> Result<Self> {
                let mut at = 0;
                Ok(($(row.take::<$name>(&mut at)?,)+))
            }
        })+
    };
}
tuple_rows!(
    (A),
    (A, B),
    (A, B, C),
    (A, B, C, D),
    (A, B, C, D, E),
    (A, B, C, D, E, F),
    (A, B, C, D, E, F, G),
    (A, B, C, D, E, F, G, H)
);

/// A struct whose fields are the columns of a statement, in their order and under their names.
#[macro_export]
macro_rules! record {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$fmeta:meta])* $fvis:vis $field:ident : $type:ty),* $(,)? }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$fmeta])* $fvis $field: $type),* }
        impl $crate::FromRow for $name {
            fn from_row(row: &$crate::Row<'_>) -> $crate::Result<Self> {
                row.expect_columns(&[$(stringify!($field)),*])?;
                let mut at = 0;
                Ok(Self { $($field: row.take(&mut at)?),* })
            }
        }
    };
}
