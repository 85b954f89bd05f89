//! `cartwright bench`: how much this machine can carry, measured on a scratch database of the user's own kind.

use std::process::ExitCode;

use shop::config::Config;

use crate::{bench, cli, output};

pub(super) async fn run(config: Config, given: cli::Bench, json: bool) -> anyhow::Result<ExitCode> {
    let mut report = bench::bench(&config, &given).await?;
    match json {
        true => output::json(&report.as_json()),
        false => report.lines().iter().for_each(output::line),
    }
    Ok(match report.failed() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}
