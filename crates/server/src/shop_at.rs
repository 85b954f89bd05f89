//! Opens the shop that the settings name: data folder, database, migrations; and says in three lines why it cannot.

use db::{Db, DbError, MigrateError, migrate::Run};
use shop::{
    app::App,
    catalog::products::learn_words_anew,
    clock::Clock,
    config::{Config, ConfigError},
    migrations,
    settings::EnsureError,
};

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The shop, brought to this version.
pub(crate) async fn open(mut config: Config) -> anyhow::Result<App> {
    config.open_data_folder()?;
    let db = connect(&config).await?;
    let clock = Clock::system();
    bring_up(&db, &clock).await?;
    app(config, db, clock).await
}

/// The shop as it is; an error when there is none, or when it was not migrated.
pub(crate) async fn open_as_it_is(mut config: Config) -> anyhow::Result<App> {
    let pending = pending(&config).await?;
    if pending.len() == migrations::ALL.len() {
        anyhow::bail!(
            "There is no shop in {}.\nThe database is absent or empty.\nOpen one with `cartwright serve`, or correct DATABASE_URL or CARTWRIGHT_DATA_DIR.",
            shown_url(&config)
        );
    }
    if let Some(first) = pending.first() {
        anyhow::bail!(
            "The database is not up to date: {first} is pending.\nThis program's rules hold for its own schema only.\nRun: cartwright migrate"
        );
    }
    config.open_data_folder()?;
    let db = connect(&config).await?;
    app(config, db, Clock::system()).await
}

/// Names of the migrations that `open` would apply. Makes nothing, not even the file of a database.
pub(crate) async fn pending(config: &Config) -> anyhow::Result<Vec<String>> {
    let absent = config
        .database_url
        .strip_prefix("sqlite://")
        .is_some_and(|path| !std::path::Path::new(path).exists());
    if absent {
        return Ok(migrations::ALL.iter().map(|m| m.name.to_owned()).collect());
    }
    let db = connect(config).await?;
    db.pending(migrations::ALL, &run(&Clock::system()))
        .await
        .map_err(migration_refused)
}

/// Applies what is pending and names it.
pub(crate) async fn migrate(config: &mut Config) -> anyhow::Result<Vec<String>> {
    config.open_data_folder()?;
    bring_up(&connect(config).await?, &Clock::system()).await
}

async fn bring_up(db: &Db, clock: &Clock) -> anyhow::Result<Vec<String>> {
    let applied = db.migrate(migrations::ALL, &run(clock)).await;
    let applied = applied.map_err(migration_refused)?;
    learn_words_anew(db).await?;
    Ok(applied)
}

/// The URL of the database as it may be shown.
pub(crate) fn shown_url(config: &Config) -> &str {
    entry(config).map_or("", |e| &e.shown)
}

async fn app(config: Config, db: Db, clock: Clock) -> anyhow::Result<App> {
    App::new(config, db, clock)
        .await
        .map_err(|e| match e.downcast_ref::<EnsureError>() {
            Some(EnsureError::OtherCurrency { kept, asked }) => ConfigError::new(
                format!(
                    "CURRENCY={} is not this shop's currency, which is {kept}.",
                    asked.code()
                ),
                "It is fixed at the first start: every amount in the database is in it.",
                format!("Set CURRENCY={kept}, or begin a new shop with another DATABASE_URL."),
            )
            .into(),
            _ => e,
        })
}

async fn connect(config: &Config) -> anyhow::Result<Db> {
    let options = db::Options {
        read_url: config.database_read_url.clone(),
        pool_size: config.database_connections,
        prepared_statements: config.database_prepared_statements,
        slow_statement: config.slow_statement,
        ..db::Options::new(&config.database_url)
    };
    Db::connect(&options).await.map_err(|e| {
        let origin = entry(config)
            .map(|e| e.origin.to_string())
            .unwrap_or_default();
        let verb = if matches!(e, DbError::Unavailable(_)) {
            "reached"
        } else {
            "opened"
        };
        ConfigError::new(
            format!("The database {} cannot be {verb}.", shown_url(config)),
            one_line(&cause(&e)),
            format!("Start it, or correct DATABASE_URL (now from: {origin})."),
        )
        .into()
    })
}

fn migration_refused(e: MigrateError) -> anyhow::Error {
    match e {
        MigrateError::Newer { by, migration, version } => ConfigError::new(
            format!("This database was written by {by}, you run {version}."),
            format!("It has {migration}, which this version does not know and could damage."),
            format!("Run cartwright {by} or newer, or name another database with DATABASE_URL."),
        )
        .into(),
        MigrateError::Changed(name) => ConfigError::new(
            format!("The database has another {name} than this program."),
            "One of the two was changed after it had been applied.",
            "Run the program that made this database, or begin a new one with another DATABASE_URL.",
        )
        .into(),
        other => other.into(),
    }
}

fn run(clock: &Clock) -> Run<'static> {
    Run {
        version: VERSION,
        now: clock.now().0,
    }
}

fn entry(config: &Config) -> Option<&shop::config::Entry> {
    config.entries.iter().find(|e| e.name == "DATABASE_URL")
}

/// What the driver says, without our own words before it.
fn cause(error: &DbError) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    let outer = std::error::Error::source(error).map_or(text.clone(), ToString::to_string);
    if outer.contains(&text) {
        outer
    } else {
        format!("{outer}: {text}")
    }
}

fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("It says: {}.", line.trim_end_matches('.'))
}
