//! Small closed vocabularies: types whose values are words in the database, in bodies and in queries.

/// `words! { pub enum Role { Admin = "admin", Customer = "customer" } }` gives `ALL`, `as_str`, `parse`, `Display`,
/// serde, the database column, and a field of `input!` and `query!`.
///
/// `words! { pub struct Method of crate::methods() }` gives the same, but `ALL`, for words that are listed elsewhere.
#[macro_export]
macro_rules! words {
    ($(#[doc = $doc:literal])* $vis:vis enum $name:ident { $($(#[doc = $vdoc:literal])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $name { $($(#[doc = $vdoc])* $variant),* }

        #[allow(dead_code, unreachable_pub, reason = "not every vocabulary needs all of it, nor is public")]
        impl $name {
            pub const ALL: &'static [Self] = &[$($name::$variant),*];

            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),* }
            }
        }
        $crate::words!(@word $name, $name::ALL.iter().copied());
    };
    ($(#[doc = $doc:literal])* $vis:vis struct $name:ident of $all:expr) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis struct $name(&'static str);

        #[allow(dead_code, unreachable_pub, reason = "not every vocabulary needs all of it, nor is public")]
        impl $name {
            /// One that is known to be listed.
            pub const fn named(word: &'static str) -> Self {
                $name(word)
            }

            pub const fn as_str(self) -> &'static str {
                self.0
            }
        }
        $crate::words!(@word $name, $all.map($name));
    };
    (@word $name:ident, $all:expr) => {
        #[allow(dead_code, unreachable_pub, reason = "not every vocabulary needs all of it, nor is public")]
        impl $name {
            pub fn parse(text: &str) -> Option<Self> {
                <Self as $crate::words::Word>::parse(text)
            }
        }
        impl $crate::words::Word for $name {
            fn all() -> impl Iterator<Item = Self> {
                $all
            }

            fn as_str(self) -> &'static str {
                $name::as_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom("an unknown word"))
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($name::as_str(*self))
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str($name::as_str(*self))
            }
        }
        impl From<$name> for db::Value {
            fn from(word: $name) -> Self { db::Value::from($name::as_str(word)) }
        }
        impl db::Column for $name {
            fn read(cell: db::Cell<'_>) -> db::Result<Self> { $crate::words::read_column(cell) }
        }
    };
}

pub trait Word: Copy + 'static {
    /// All that there are, in the order in which they are told.
    fn all() -> impl Iterator<Item = Self>;

    fn as_str(self) -> &'static str;

    fn parse(text: &str) -> Option<Self> {
        Self::all().find(|word| word.as_str() == text)
    }
}

pub fn read_column<T: Word>(cell: db::Cell<'_>) -> db::Result<T> {
    match cell {
        db::Cell::Text(text) => {
            T::parse(text).ok_or_else(|| db::DbError::Other(format!("unknown word {text}").into()))
        }
        _ => Err(db::DbError::Other(
            "a column should be a word but is not text".into(),
        )),
    }
}
