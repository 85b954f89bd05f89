//! Reads a body or a query into a type and notes every fault on the way.

use std::borrow::Cow;
use std::fmt::Display;

use money::Currency;
use serde_json::Value;

use super::json::Node;
use crate::app::App;
use crate::error::{Error, Fault, NON_FIELD, Result};
use crate::http::schema::Schemas;

/// A type that can be a member of a body or a parameter of a query.
pub trait Field: Sized {
    /// May be left out.
    const OPTIONAL: bool = false;
    /// Takes `null`; for others it is a fault before [`Field::read`] is asked.
    const NULLABLE: bool = false;

    /// `None` when at least one fault was noted.
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self>;

    fn absent(reader: &mut Reader) -> Option<Self> {
        reader.fault("required", "This field is required.")
    }

    /// Its JSON schema.
    fn schema(schemas: &mut Schemas) -> Value;
}

/// Nobody mends more faults at a time, and a few bytes each must not become an answer of megabytes.
const MOST_FAULTS: usize = 100;

/// Where the reading stands, and what was wrong so far.
pub struct Reader {
    pub app: App,
    pub currency: Currency,
    pub max_quantity: i64,
    pub in_query: bool,
    path: String,
    faults: Vec<Fault>,
    /// How many of them do not keep the value from being read.
    remarks: usize,
}

impl Reader {
    pub fn new(app: &App, in_query: bool) -> Self {
        Reader {
            app: app.clone(),
            currency: app.currency,
            max_quantity: app.config.cart_max_quantity,
            in_query,
            path: String::new(),
            faults: Vec::new(),
            remarks: 0,
        }
    }

    /// The name of the present place: `email`.
    pub fn attr(&self) -> &str {
        &self.path
    }

    /// Notes what the operation will refuse, together with what it alone can know. It is told here only when another
    /// fault keeps the value from the operation.
    pub fn remark(&mut self, code: &'static str, detail: impl Into<Cow<'static, str>>) {
        if !self.is_full() {
            self.fault::<()>(code, detail);
            self.remarks += 1;
        }
    }

    /// Enough faults are noted: what else is wrong is not told, and need not be looked for.
    pub fn is_full(&self) -> bool {
        self.faults.len() >= MOST_FAULTS
    }

    /// Notes a fault at the present place.
    pub fn fault<T>(
        &mut self,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Option<T> {
        if self.is_full() {
            return None;
        }
        let attr = if self.path.is_empty() {
            NON_FIELD.to_owned()
        } else {
            self.path.clone()
        };
        self.faults.push(Fault {
            attr,
            code,
            detail: detail.into().into_owned(),
            in_query: self.in_query,
        });
        None
    }

    /// Runs `read` one step deeper.
    pub fn within<T>(
        &mut self,
        step: impl Display,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(&step.to_string());
        let value = read(self);
        self.path.truncate(length);
        value
    }

    /// A value that is there.
    pub fn value<T: Field>(&mut self, node: &Node<'_>) -> Option<T> {
        if *node == Node::Null && !T::NULLABLE {
            return self.fault("null", "This field may not be null.");
        }
        T::read(node, self)
    }

    pub fn members<'n, 'a>(
        &mut self,
        node: &'n Node<'a>,
    ) -> Option<&'n [(Cow<'a, str>, Node<'a>)]> {
        match node {
            Node::Object(members) => Some(members),
            _ => self.fault("invalid", "Invalid data. Expected an object."),
        }
    }

    /// The member called `name` or, when it is not there, one of `also`. Others are ignored.
    pub fn member<T: Field>(
        &mut self,
        members: &[(Cow<'_, str>, Node<'_>)],
        name: &str,
        also: &[&str],
    ) -> Option<T> {
        let name = name.trim_start_matches("r#");
        let find = |name: &str| members.iter().find(|(other, _)| other == name);
        match find(name).or_else(|| also.iter().find_map(|name| find(name))) {
            Some((found, node)) => self.within(found, |reader| reader.value(node)),
            None => self.within(name, T::absent),
        }
    }

    /// For a body in which a misspelt member would do more than was meant.
    pub fn no_others(&mut self, members: &[(Cow<'_, str>, Node<'_>)], known: &[&str]) {
        for (name, _) in members.iter().filter(|(name, _)| !known.contains(&&**name)) {
            let shown: String = name.chars().take(100).collect();
            self.within(shown, |reader| {
                let known = known.join(", ");
                reader.fault::<()>(
                    "unknown_member",
                    format!("Unknown member. Known are: {known}."),
                )
            });
        }
    }

    /// The value, or all faults in one error.
    pub fn finish<T>(self, value: Option<T>) -> Result<T> {
        match value {
            Some(value) if self.faults.len() == self.remarks => Ok(value),
            _ => Err(Error::faults(self.faults)),
        }
    }
}

/// Declares the body of a request: the struct, its reader and its schema.
///
/// Fields are read by their [`Field`] type; `Option` may be absent or null; `#[also("product")]` names other
/// spellings; doc comments become descriptions in the API document. `#[members(no_others)]` above the struct refuses
/// unknown members, which are ignored elsewhere.
#[macro_export]
macro_rules! input {
    (
        $(#[doc = $doc:literal])*
        $(#[derive($($derive:path),* $(,)?)])?
        $(#[members($no_others:ident)])?
        $vis:vis struct $name:ident {
            $($(#[doc = $field_doc:literal])* $(#[also($($also:literal),+)])? $field_vis:vis $field:ident : $type:ty),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        $(#[derive($($derive),*)])?
        $vis struct $name { $($(#[doc = $field_doc])* $field_vis $field: $type),* }

        impl $crate::http::extract::Field for $name {
            fn read(
                node: &$crate::http::extract::Node<'_>,
                reader: &mut $crate::http::extract::Reader,
            ) -> Option<Self> {
                let _members = reader.members(node)?;
                $(let $field: Option<$type> = reader.member(_members, stringify!($field), &[$($($also),+)?]);)*
                const _KNOWN: &[&str] = &[$(stringify!($field), $($($also,)+)?)*];
                $(reader.$no_others(_members, _KNOWN);)?
                Some(Self { $($field: $field?),* })
            }

            fn schema(schemas: &mut $crate::http::schema::Schemas) -> serde_json::Value {
                schemas.object(stringify!($name), concat!($($doc, "\n",)* ""), |_object| {
                    $(_object.$no_others();)?
                    $(_object.property::<$type>(stringify!($field), concat!($($field_doc, "\n",)* ""));)*
                })
            }
        }
    };
}
