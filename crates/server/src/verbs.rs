//! One verb of the command line, one file. Each returns the exit code that it means.

mod bench;
mod check;
mod config;
mod createsuperuser;
mod demo;
mod import;
mod migrate;
mod openapi;
mod serve;
mod torture;

use std::process::ExitCode;

use shop::config::Config;

use crate::cli::{Cli, Verb};

pub(crate) async fn run(cli: Cli, config: Config) -> anyhow::Result<ExitCode> {
    let json = cli.json;
    match cli.verb.unwrap_or(Verb::Serve) {
        Verb::Serve => serve::run(config, json).await,
        Verb::Migrate { plan } => migrate::run(config, plan, json).await,
        Verb::Createsuperuser(given) => createsuperuser::run(config, given.no_input, json).await,
        Verb::Import(what) => import::run(config, what, json).await,
        Verb::Demo(given) => demo::run(config, given, json).await,
        Verb::Check => check::run(config, json).await,
        Verb::Torture(given) => torture::run(config, given, json).await,
        Verb::Bench(given) => bench::run(config, given, json).await,
        Verb::Openapi { yaml } => Ok(openapi::run(yaml)),
        Verb::Config => Ok(config::run(&config, json)),
    }
}
