//! `cartwright`: the command line of the shop. One file a verb in `verbs/`; the listener in `listen/`.

mod bench;
mod cli;
mod listen;
mod log;
mod output;
mod scratch_shop;
mod shop_at;
mod torture;
mod verbs;

use std::process::ExitCode;

use shop::config::{Config, ConfigError};

/// Many small values live for one request: a tenth faster than the system's allocator, and it gives memory back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::parse();
    let outcome = Config::load(&cli.flags)
        .map_err(anyhow::Error::new)
        .and_then(|config| run(cli, config));
    match outcome {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

fn run(cli: cli::Cli, config: Config) -> anyhow::Result<ExitCode> {
    log::start(&config);
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(verbs::run(cli, config))
}

/// What, why, what to do: at most three lines. 78 = bad configuration, 1 = anything else.
fn fail(error: &anyhow::Error) -> ExitCode {
    let text = output::error_text(error);
    for (line, number) in text.lines().zip(0..3) {
        eprintln!("{}{line}", if number == 0 { "error: " } else { "       " });
    }
    ExitCode::from(if error.is::<ConfigError>() { 78 } else { 1 })
}
