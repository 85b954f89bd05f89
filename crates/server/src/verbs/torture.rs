//! `cartwright torture`: proves on a scratch database of the user's own kind that nothing is lost, sold or paid twice.

use std::process::ExitCode;

use shop::config::Config;

use crate::{cli, output, torture};

pub(super) async fn run(
    config: Config,
    given: cli::Torture,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let report = torture::torture(&config, &given).await?;
    match json {
        true => output::json(&report.as_json()),
        false => report.lines().iter().for_each(output::line),
    }
    Ok(match report.problems.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
