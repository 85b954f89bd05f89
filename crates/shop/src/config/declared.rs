//! Settings that a feature declares for itself, as each provider of payments does.

use std::collections::BTreeMap;

use super::reader::Reader;
use super::{Result, Secret};

/// A setting: its name, and how it is read.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    Secret,
    /// Scheme and host, with the one that is taken when nothing is set.
    Origin(&'static str),
}

impl Setting {
    pub const fn text(name: &'static str) -> Self {
        let kind = Kind::Text;
        Setting { name, kind }
    }

    /// A text that is never shown.
    pub const fn secret(name: &'static str) -> Self {
        let kind = Kind::Secret;
        Setting { name, kind }
    }

    /// Scheme and host, `default` when nothing is set.
    pub const fn origin(name: &'static str, default: &'static str) -> Self {
        let kind = Kind::Origin(default);
        Setting { name, kind }
    }
}

/// Their values; None is not set.
#[derive(Clone, Default)]
pub(super) struct Declared(BTreeMap<&'static str, Option<Secret>>);

impl Declared {
    pub(super) fn read(r: &mut Reader, all: impl Iterator<Item = Setting>) -> Result<Self> {
        let mut values = BTreeMap::new();
        for Setting { name, kind } in all {
            let value = match kind {
                Kind::Text => r.text(name).map(Secret::new),
                Kind::Secret => r.secret(name, ""),
                Kind::Origin(default) => Some(Secret::new(r.origin_url(name, default)?)),
            };
            values.insert(name, value);
        }
        Ok(Declared(values))
    }

    pub(super) fn get(&self, setting: Setting) -> Option<&str> {
        let value = self.0.get(setting.name);
        debug_assert!(value.is_some(), "{} is declared nowhere", setting.name);
        value?.as_ref().map(Secret::expose)
    }
}
