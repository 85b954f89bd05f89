//! `cartwright config`: every setting, its value (secrets masked) and where it came from.

use std::process::ExitCode;

use serde_json::{Value, json};
use shop::config::Config;

use crate::output;

pub(super) fn run(config: &Config, json: bool) -> ExitCode {
    if json {
        let settings: Vec<Value> = config
            .entries
            .iter()
            .map(|e| json!({"name": e.name, "value": e.shown, "origin": e.origin.to_string()}))
            .collect();
        output::json(&json!({"settings": settings, "notes": config.notes}));
        return ExitCode::SUCCESS;
    }
    let width =
        |of: fn(&shop::config::Entry) -> usize| config.entries.iter().map(of).max().unwrap_or(0);
    let (names, values) = (
        width(|e| e.name.len()),
        width(|e| e.shown.chars().count()).min(48),
    );
    for e in &config.entries {
        output::line(format!(
            "{:names$}  {:values$}  {}",
            e.name, e.shown, e.origin
        ));
    }
    for note in &config.notes {
        output::line(format!("Note: {note}"));
    }
    ExitCode::SUCCESS
}
