//! What people read: messages, progress bars on a terminal, plain lines elsewhere.

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// The error and its causes, without saying anything twice.
pub(crate) fn error_text(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{}: {cause}", text.trim_end_matches('.'));
        }
    }
    text
}

/// A line on standard output. A reader that went away (`| head`) is no failure.
pub(crate) fn line(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout(), "{}", text.as_ref());
}

pub(crate) fn json(value: &serde_json::Value) {
    line(format!("{value:#}"));
}

/// How far a long run is: a bar on a terminal, else a line every few seconds. Both on standard error.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    what: &'static str,
    said: Instant,
}

impl Progress {
    pub(crate) fn new(what: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg} {bar:40} {percent:>3} %  {eta} left");
            let bar = ProgressBar::new(0).with_message(what);
            match style {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        });
        Self {
            bar,
            what,
            said: Instant::now(),
        }
    }

    pub(crate) fn at(&mut self, done: u64, total: u64) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(total);
                bar.set_position(done);
            }
            None if self.said.elapsed() > Duration::from_secs(5) => {
                self.said = Instant::now();
                let percent = done.saturating_mul(100).checked_div(total).unwrap_or(100);
                eprintln!("{}: {percent} %", self.what);
            }
            None => {}
        }
    }

    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
