//! A setting as people see it, and a text that nobody sees.

use std::fmt;

/// A setting as it is shown to people.
#[derive(Clone, Debug)]
pub struct Entry {
    pub name: &'static str,
    /// Secrets are masked.
    pub shown: String,
    pub origin: Origin,
}

impl Entry {
    pub fn is_set(&self) -> bool {
        self.origin.layer != Layer::Default
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    pub layer: Layer,
    /// The other spelling that set it, like `DATABASE_NAME`.
    pub via: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    Flag,
    Environment,
    EnvFile,
    Default,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::EnvFile => ".env",
            Self::Default => "default",
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.via {
            Some(name) => write!(f, "{} ({name})", self.layer),
            None => self.layer.fmt(f),
        }
    }
}

/// A text that no log, error or `Debug` shows.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}
