//! `cartwright openapi [--yaml]`: the API document, as `schema/` serves it.

use std::process::ExitCode;

use shop::http::openapi;

use crate::output;

pub(super) fn run(yaml: bool) -> ExitCode {
    let document = openapi::document();
    let text = if yaml {
        openapi::yaml(&document)
    } else {
        format!("{document:#}")
    };
    output::line(text.trim_end());
    ExitCode::SUCCESS
}
