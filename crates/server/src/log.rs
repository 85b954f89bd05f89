//! Log lines go to standard error: text on a terminal, JSON elsewhere, unless `LOG_FORMAT` says otherwise.

use std::io::IsTerminal;

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
}
