//! `cartwright migrate [--plan]`: brings the database to this version, or says what that would take.

use std::process::ExitCode;

use serde_json::json;
use shop::config::Config;

use crate::{output, shop_at};

pub(super) async fn run(mut config: Config, plan: bool, json: bool) -> anyhow::Result<ExitCode> {
    let (names, word) = match plan {
        true => (shop_at::pending(&config).await?, "pending"),
        false => (shop_at::migrate(&mut config).await?, "applied"),
    };
    if json {
        output::json(&json!({ word: names }));
    } else if names.is_empty() {
        output::line("The database is up to date.");
    } else {
        names
            .iter()
            .for_each(|name| output::line(format!("{word} {name}")));
    }
    Ok(ExitCode::SUCCESS)
}
