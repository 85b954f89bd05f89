//! The words of the command line. Every setting is a flag too: `BIND` is `--bind`.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::{
    Arg, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand,
    builder::TypedValueParser,
};
use shop::{
    config::{Config, Sources},
    import::rows::Mapping,
};

/// A shop backend in one binary.
#[derive(Parser)]
#[command(name = "cartwright", version, after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,

    /// Print data as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Name and value of every setting given as a flag.
    #[arg(skip)]
    pub(crate) flags: Vec<(String, String)>,
}

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Open the shop (what happens without a verb)
    #[command(after_help = "Example: cartwright serve --port 8001 --data-dir /srv/shop")]
    Serve,
    /// Bring the database to this version
    #[command(after_help = "Example: cartwright migrate --plan")]
    Migrate {
        /// Only print what would be applied
        #[arg(long)]
        plan: bool,
    },
    /// Make an admin
    #[command(
        after_help = "Example: cartwright createsuperuser --email admin@shop.example\n\
        In scripts: CARTWRIGHT_SUPERUSER_EMAIL=… CARTWRIGHT_SUPERUSER_PASSWORD=… cartwright createsuperuser --no-input"
    )]
    Createsuperuser(Superuser),
    /// Bring products, categories, past orders or accounts in from a file
    #[command(subcommand)]
    Import(Import),
    /// Fill an empty shop with believable data
    #[command(
        after_help = "Example: cartwright demo --products 500 --orders 2000 --data-dir ./demo"
    )]
    Demo(Demo),
    /// Audit the database; exit code 1 when something does not add up
    #[command(after_help = "Example: cartwright check --json")]
    Check,
    /// Prove on a scratch database that nothing is lost, sold or paid twice
    #[command(
        after_help = "Example: cartwright torture --orders 5000 --kills 20 --seed 7\n\
        A new database is made beside the shop's and removed at the end. On PostgreSQL it connects to the shop's own\n\
        for that and nothing else; on SQLite the shop's own is never opened."
    )]
    Torture(Torture),
    /// Measure on a scratch database how much this machine can carry
    #[command(after_help = "Example: cartwright bench --secs 10\n\
        For programs: cartwright bench --json\n\
        A new database is made beside the shop's and removed at the end: on SQLite in the folder of the shop's own, so on\n\
        the same disk; on PostgreSQL on the same server, which asks for the right CREATEDB. Better not while customers buy:\n\
        it takes all that the machine has.")]
    Bench(Bench),
    /// Print the API document
    #[command(after_help = "Example: cartwright openapi --yaml > openapi.yaml")]
    Openapi {
        /// YAML instead of JSON
        #[arg(long)]
        yaml: bool,
    },
    /// Print every setting, its value and where it came from
    #[command(after_help = "Example: cartwright config --json")]
    Config,
}

#[derive(Args)]
pub(crate) struct Superuser {
    #[arg(long)]
    pub(crate) email: Option<String>,
    /// Better given when asked for, or by CARTWRIGHT_SUPERUSER_PASSWORD: others can read a command line
    #[arg(long)]
    pub(crate) password: Option<String>,
    #[arg(long)]
    pub(crate) username: Option<String>,
    /// Ask nothing
    #[arg(long, alias = "noinput")]
    pub(crate) no_input: bool,
}

#[derive(Args)]
pub(crate) struct Demo {
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(crate) products: u32,
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    pub(crate) orders: u32,
    /// For how long the shop has been open
    #[arg(long, value_name = "N", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) days: u32,
    /// The same seed makes the same shop
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Args)]
pub(crate) struct Torture {
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = within(1..=1_000_000))]
    pub(crate) orders: usize,
    /// How often the server is killed in the middle
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = within(0..=1000))]
    pub(crate) kills: usize,
    /// How many buyers there are at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = within(1..=500))]
    pub(crate) buyers: usize,
    /// The same seed does the same to the same orders [any]
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// Leave the scratch database and the server's log behind
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Args)]
pub(crate) struct Bench {
    /// Seconds for each thing that is measured
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) secs: u64,
    /// How many people there are at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = within(1..=64))]
    pub(crate) people: usize,
}

#[derive(Subcommand)]
pub(crate) enum Import {
    /// Products from CSV or JSON, plain or .gz
    #[command(
        after_help = "Example: cartwright import products lines.csv.gz --columns sku=StockCode,name=Description,price=UnitPrice"
    )]
    Products(ImportProducts),
    /// The category tree from JSON or CSV, plain or .gz
    #[command(after_help = "Example: cartwright import categories categories.json.gz --dry-run")]
    Categories(ImportFile),
    /// Accounts of a Django shop with their password hashes, from CSV or JSON, plain or .gz
    #[command(after_help = "Example: cartwright import users auth_user.csv --dry-run")]
    Users(ImportFile),
    /// Past orders from CSV or JSON, plain or .gz
    #[command(after_help = "Example: cartwright import orders orders.csv --strict")]
    Orders(ImportFile),
}

#[derive(Args)]
pub(crate) struct ImportProducts {
    #[command(flatten)]
    pub(crate) file: ImportFile,
    /// Pieces of each new product for which the file has none
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..=1_000_000_000))]
    pub(crate) stock: i64,
}

#[derive(Args)]
pub(crate) struct ImportFile {
    pub(crate) file: PathBuf,
    /// Which of the file's columns hold what: sku=StockCode,name=Description
    #[arg(long, value_name = "OURS=THEIRS,…")]
    pub(crate) columns: Option<Mapping>,
    /// Read and judge everything, write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Stop at the first faulty row
    #[arg(long)]
    pub(crate) strict: bool,
}

fn within(range: RangeInclusive<usize>) -> impl TypedValueParser<Value = usize> {
    clap::value_parser!(u64)
        .range(*range.start() as u64..=*range.end() as u64)
        .map(|number| usize::try_from(number).unwrap_or(usize::MAX))
}

const EXAMPLES: &str = "\
Every setting has a flag (BIND is --bind); `cartwright config` lists them all.
Flags beat the environment, the environment beats .env in the working folder.

Examples:
  cartwright                                   a shop on http://127.0.0.1:8000
  cartwright createsuperuser                   make yourself an admin
  cartwright import products catalog.csv       fill the shelves
Exit codes: 0 done, 1 failed, 2 usage, 78 bad configuration";

/// Ends the program with usage and 2 when the words make no sense.
pub(crate) fn parse() -> Cli {
    let matches = command().get_matches();
    let mut cli = Cli::from_arg_matches(&matches).unwrap_or_else(|e| e.exit());
    cli.flags = settings(&matches);
    if let Some(Verb::Createsuperuser(given)) = &cli.verb {
        for (name, value) in [
            ("EMAIL", &given.email),
            ("PASSWORD", &given.password),
            ("USERNAME", &given.username),
        ] {
            cli.flags.extend(
                value
                    .as_ref()
                    .map(|v| (format!("CARTWRIGHT_SUPERUSER_{name}"), v.clone())),
            );
        }
    }
    cli
}

fn command() -> clap::Command {
    let mut command = Cli::command();
    for (name, flag) in flags() {
        let help = match flag.as_str() {
            "bind" => "Address and port to listen on [127.0.0.1:8000]",
            "port" => "Only the port of it",
            "data-dir" => "The folder that holds everything [./data]",
            "database-url" => "sqlite://PATH or postgres://… [a file in the data folder]",
            "environment" => "development, production or testing",
            _ => "",
        };
        let arg = Arg::new(name)
            .long(flag)
            .value_name("VALUE")
            .global(true)
            .hide(help.is_empty())
            .help(help);
        command = command.arg(arg.help_heading("Settings"));
    }
    command
}

fn settings(matches: &ArgMatches) -> Vec<(String, String)> {
    flags()
        .filter_map(|(name, _)| {
            matches
                .get_one::<String>(&name)
                .map(|value| (name, value.clone()))
        })
        .collect()
}

/// Every setting with the name of its flag.
fn flags() -> impl Iterator<Item = (String, String)> {
    let known = Config::from_sources(&Sources::default())
        .map(|config| config.entries)
        .unwrap_or_default();
    known
        .into_iter()
        .map(|entry| entry.name.to_owned())
        .filter(|name| !name.starts_with("CARTWRIGHT_SUPERUSER_"))
        .chain(["PORT".to_owned()])
        .map(|name| {
            let flag = name
                .trim_start_matches("CARTWRIGHT_")
                .to_ascii_lowercase()
                .replace('_', "-");
            (name, flag)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed_and_help_fits_one_screen() {
        let mut command = command();
        command.clone().debug_assert();
        let lines = command.render_long_help().to_string().lines().count();
        assert!(lines <= 50, "{lines} lines");
    }

    #[test]
    fn a_setting_may_stand_before_and_behind_the_verb() {
        for words in [
            ["cartwright", "--port", "8001", "config"],
            ["cartwright", "config", "--port", "8001"],
        ] {
            let matches = command().try_get_matches_from(words).unwrap();
            assert_eq!(settings(&matches), [("PORT".to_owned(), "8001".to_owned())]);
        }
    }
}
