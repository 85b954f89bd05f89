//! Where results and progress go.

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

/// A line on stdout. Whoever stops reading it (`| head`) is not an error.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        drop(writeln!(std::io::stdout(), $($text)*));
    }};
}

#[derive(Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// The JSON, or what `text` prints.
    pub(crate) fn print(self, json: &Value, text: impl FnOnce()) {
        match self.json {
            true => say!("{json:#}"),
            false => text(),
        }
    }
}

/// A bar on a terminal, silence elsewhere.
pub(crate) fn bar(what: &'static str, total: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:20} {wide_bar} {pos}/{len} {per_sec}");
    ProgressBar::new(total as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(what)
}
