//! `cartwright check`: audits the database, beside a running server; exit code 1 and the rows when a rule is broken.

use std::process::ExitCode;

use serde_json::json;
use shop::{check::check, config::Config};

use crate::{output, shop_at};

pub(super) async fn run(config: Config, json: bool) -> anyhow::Result<ExitCode> {
    let app = shop_at::open_as_it_is(config).await?;
    let findings = check(&app).await?;
    if json {
        output::json(&json!({"ok": findings.is_empty(), "findings": findings}));
    } else if findings.is_empty() {
        output::line("All rules hold.");
    } else {
        findings
            .iter()
            .for_each(|finding| output::line(finding.to_string()));
        output::line(format!("{} rows break a rule.", findings.len()));
    }
    Ok(if findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
