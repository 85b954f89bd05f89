//! Log lines go to standard error: text on a terminal, JSON elsewhere, unless `LOG_FORMAT` says otherwise.

use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use shop::config::{Config, LogFormat};
use tracing_subscriber::{EnvFilter, fmt};

pub(crate) fn start(config: &Config) {
    let terminal = std::io::stderr().is_terminal();
    let format = config.log_format.unwrap_or(if terminal {
        LogFormat::Text
    } else {
        LogFormat::Json
    });
    // Below info the PostgreSQL driver logs the parameters of statements: password hashes, tokens.
    let quiet = match config.log_level.as_str() {
        level @ ("error" | "warn" | "off") => level,
        _ => "info",
    };
    let filter = EnvFilter::new(format!(
        "{},tokio_postgres={quiet},hyper={quiet},h2={quiet},rustls={quiet}",
        config.log_level
    ));
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text if terminal => builder.with_target(false).try_init(),
        LogFormat::Text => builder.with_target(false).with_ansi(false).try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init(),
    };
    // Fails only when a log was started before, which then goes on.
    drop(started);
    std::panic::set_hook(Box::new(log_panic));
}

/// One line, as of everything else. Further lines of a message may hold what a database told of a row.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("without a message");
    let message = message.lines().next().unwrap_or_default();
    let location = panic.location().map(ToString::to_string);
    tracing::error!(location, "panic: {message}");
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_one_line_of_the_log() {
        let log = Log::default();
        let writer = log.clone();
        let lines = fmt().json().with_writer(move || writer.clone()).finish();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(log_panic));
        tracing::subscriber::with_default(lines, || {
            std::panic::catch_unwind(|| panic!("it broke\nDETAIL: a row")).unwrap_err();
        });
        std::panic::set_hook(before);
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "ERROR");
        assert_eq!(line["fields"]["message"], "panic: it broke");
        let location = line["fields"]["location"].as_str().unwrap();
        assert!(location.contains("log.rs"), "{location}");
    }
}
