//! Reads one setting after the other and notes its origin.

use std::{fmt, ops::RangeInclusive, time::Duration};

use super::entry::{Entry, Layer, Origin, Secret};
use super::{ConfigError, Result, Sources, values};

pub(super) struct Reader<'a> {
    pub(super) sources: &'a Sources,
    pub(super) entries: Vec<Entry>,
    pub(super) notes: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(sources: &'a Sources) -> Self {
        Self {
            sources,
            entries: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn finish(&mut self) -> (Vec<Entry>, Vec<String>) {
        (
            std::mem::take(&mut self.entries),
            std::mem::take(&mut self.notes),
        )
    }

    pub(super) fn parsed<T>(
        &mut self,
        name: &'static str,
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T> {
        let (text, layer) = self.get_or(name, default);
        let value = parse(text).map_err(|why| invalid(name, layer, &why))?;
        self.note(name, text.to_owned(), layer);
        Ok(value)
    }

    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        let (text, layer) = self.get_or(name, "");
        self.note(name, text.to_owned(), layer);
        (!text.is_empty()).then(|| text.to_owned())
    }

    pub(super) fn secret(&mut self, name: &'static str, unset: &str) -> Option<Secret> {
        let found = self.sources.get(name);
        let shown = found.map_or(unset, |_| "****").to_owned();
        self.note(name, shown, found.map_or(Layer::Default, |f| f.1));
        found.map(|(text, _)| Secret::new(text))
    }

    pub(super) fn number<T>(
        &mut self,
        name: &'static str,
        default: T,
        range: RangeInclusive<T>,
    ) -> Result<T>
    where
        T: std::str::FromStr + fmt::Display + PartialOrd,
    {
        self.parsed(name, &default.to_string(), |text| {
            text.parse()
                .ok()
                .filter(|n| range.contains(n))
                .ok_or_else(|| {
                    format!(
                        "`{text}` is no whole number from {} to {}",
                        range.start(),
                        range.end()
                    )
                })
        })
    }

    pub(super) fn boolean(&mut self, name: &'static str, default: bool) -> Result<bool> {
        self.parsed(
            name,
            if default { "true" } else { "false" },
            values::boolean,
        )
    }

    pub(super) fn duration(&mut self, name: &'static str, default: &str) -> Result<Duration> {
        let may_be_zero = default == "0s";
        self.parsed(name, default, |text| match values::duration(text)? {
            Duration::ZERO if !may_be_zero => Err("it must be longer than nothing".into()),
            duration => Ok(duration),
        })
    }

    pub(super) fn list<T>(
        &mut self,
        name: &'static str,
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>> {
        self.parsed(name, default, |text| {
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(&parse)
                .collect()
        })
    }

    pub(super) fn url(&mut self, name: &'static str, default: &str) -> Result<String> {
        self.parsed(name, default, values::url)
    }

    pub(super) fn origin_url(&mut self, name: &'static str, default: &str) -> Result<String> {
        self.parsed(name, default, values::origin)
    }

    pub(super) fn optional_url(&mut self, name: &'static str) -> Result<Option<String>> {
        self.parsed(name, "", |text| {
            if text.is_empty() {
                Ok(None)
            } else {
                values::url(text).map(Some)
            }
        })
    }

    /// A URL that may hold a password: shown without it, and never quoted in an error.
    pub(super) fn masked(
        &mut self,
        name: &'static str,
        default: &str,
        schemes: &[&str],
    ) -> Result<Option<Secret>> {
        let (text, layer) = self.get_or(name, default);
        if !text.is_empty() {
            values::with_scheme(text, schemes).map_err(|why| invalid(name, layer, &why))?;
        }
        self.note(name, values::mask_url(text), layer);
        Ok((!text.is_empty()).then(|| Secret::new(text)))
    }

    pub(super) fn get_or<'b>(&self, name: &str, default: &'b str) -> (&'b str, Layer)
    where
        'a: 'b,
    {
        self.sources.get(name).unwrap_or((default, Layer::Default))
    }

    pub(super) fn note(&mut self, name: &'static str, shown: String, layer: Layer) {
        self.entries.push(Entry {
            name,
            shown,
            origin: Origin { layer, via: None },
        });
    }

    pub(super) fn note_via(
        &mut self,
        name: &'static str,
        shown: String,
        layer: Layer,
        via: &'static str,
    ) {
        self.entries.push(Entry {
            name,
            shown,
            origin: Origin {
                layer,
                via: Some(via),
            },
        });
    }
}

pub(super) fn invalid(name: &str, layer: Layer, why: &str) -> ConfigError {
    ConfigError::new(
        format!("{name} (from {layer}) cannot be used."),
        format!("{}{}.", why[..1].to_uppercase(), &why[1..]),
        "Correct it or leave it out; docs/configuration.md and .env.example describe every setting.",
    )
}
