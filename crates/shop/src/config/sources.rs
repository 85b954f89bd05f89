//! Where settings come from: flags, the process environment, `.env` in the working folder.

use std::collections::BTreeMap;

use super::{ConfigError, Layer, Result};

/// Names of ours that are settings, besides those that only tests read (`CARTWRIGHT_TEST_…`).
const OWN_NAMES: [&str; 4] = [
    "CARTWRIGHT_DATA_DIR",
    "CARTWRIGHT_SUPERUSER_EMAIL",
    "CARTWRIGHT_SUPERUSER_PASSWORD",
    "CARTWRIGHT_SUPERUSER_USERNAME",
];

#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub flags: BTreeMap<String, String>,
    pub environment: BTreeMap<String, String>,
    pub env_file: BTreeMap<String, String>,
}

impl Sources {
    pub(super) fn of_process(flags: &[(String, String)]) -> Result<Self> {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let env_file = match std::fs::read_to_string(".env") {
            Ok(text) => parse_env_file(&text)?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(e) => {
                return Err(ConfigError::new(
                    "The file .env in the working folder cannot be read.",
                    format!("The system says: {e}."),
                    "Mend its rights, or remove it.",
                ));
            }
        };
        Ok(Self {
            flags: flags.iter().cloned().collect(),
            environment,
            env_file,
        })
    }

    pub fn from_flags(flags: &[(&str, &str)]) -> Self {
        Self {
            flags: owned(flags),
            ..Self::default()
        }
    }

    pub fn from_environment(environment: &[(&str, &str)]) -> Self {
        Self {
            environment: owned(environment),
            ..Self::default()
        }
    }

    /// The value of the highest layer that names it. Empty counts as not set.
    pub(super) fn get(&self, name: &str) -> Option<(&str, Layer)> {
        self.get_even_empty(name)
            .filter(|(value, _)| !value.is_empty())
    }

    pub(super) fn get_even_empty(&self, name: &str) -> Option<(&str, Layer)> {
        self.layers()
            .into_iter()
            .find_map(|(layer, map)| Some((map.get(name)?.as_str(), layer)))
    }

    pub(super) fn refuse_unknown(&self) -> Result<()> {
        for (layer, map) in self.layers() {
            for name in map.keys().filter(|name| name.starts_with("CARTWRIGHT_")) {
                if OWN_NAMES.contains(&name.as_str()) || name.starts_with("CARTWRIGHT_TEST_") {
                    continue;
                }
                return Err(ConfigError::new(
                    format!("{name} (from {layer}) is not a setting."),
                    "A misspelt name would silently leave the default in force.",
                    format!(
                        "Settings that begin so: {}; `cartwright config` lists all.",
                        OWN_NAMES.join(", ")
                    ),
                ));
            }
        }
        Ok(())
    }

    fn layers(&self) -> [(Layer, &BTreeMap<String, String>); 3] {
        [
            (Layer::Flag, &self.flags),
            (Layer::Environment, &self.environment),
            (Layer::EnvFile, &self.env_file),
        ]
    }
}

/// `NAME=value` lines as Django's and docker's readers take them. Nothing is substituted: a generated secret may hold `$` and `#`.
pub(super) fn parse_env_file(text: &str) -> Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let parsed = line
            .strip_prefix("export ")
            .unwrap_or(line)
            .split_once('=')
            .and_then(|(name, value)| {
                let name = name.trim();
                let plain = !name.is_empty()
                    && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                plain.then_some((name, unquote(value.trim())?))
            });
        let Some((name, value)) = parsed else {
            // The line itself stays out of the message: it may hold a secret.
            return Err(ConfigError::new(
                format!("Line {number} of .env cannot be read."),
                "It is not of the form NAME=value, or a quotation mark is not closed.",
                "Mend the line; a comment begins with #.",
            ));
        };
        values.insert(name.to_owned(), value);
    }
    Ok(values)
}

fn unquote(value: &str) -> Option<String> {
    match value.chars().next() {
        Some('\'') => quoted(&value[1..], '\'').map(str::to_owned),
        Some('"') => quoted(&value[1..], '"').map(str::to_owned),
        _ => Some(
            value
                .split(" #")
                .next()
                .unwrap_or_default()
                .trim_end()
                .to_owned(),
        ),
    }
}

/// What stands before the closing mark, when nothing but a comment follows it.
fn quoted(rest: &str, mark: char) -> Option<&str> {
    let (inside, after) = rest.split_once(mark)?;
    let after = after.trim_start();
    (after.is_empty() || after.starts_with('#')).then_some(inside)
}

fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn env_files_are_read_as_their_writers_mean_them() {
        let text = "\u{feff}# comment\nA=1\r\nexport B = two \nC='it # stays'\nD=\"quoted\" # gone\nE=p$a#s&s (x)\nF=\nG=x # gone\nH=a=b\n";
        let values = parse_env_file(text).unwrap();
        let expected = owned(&[
            ("A", "1"),
            ("B", "two"),
            ("C", "it # stays"),
            ("D", "quoted"),
            ("E", "p$a#s&s (x)"),
            ("F", ""),
            ("G", "x"),
            ("H", "a=b"),
        ]);
        assert_eq!(values, expected);
    }

    #[test]
    fn a_broken_line_is_named_by_its_number_and_never_shown() {
        let error = parse_env_file("A=1\nSECRET_KEY='never-closed\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("Line 2"), "{error}");
        assert!(!error.contains("never-closed"), "{error}");
        assert!(parse_env_file("just words").is_err());
    }
}
