//! Every setting of the server: its value, where it came from, and what is wrong with it in three lines.
//! To add one: a field, a line in `build`, a row in `docs/configuration.md` (a test compares the two). Providers of
//! payments declare theirs themselves ([`Setting`]).
//! This is the only file of the project that reads the process environment.

mod database;
mod declared;
mod entry;
mod error;
mod folder;
mod network;
mod origins;
mod read;
mod reader;
mod sources;
mod values;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

pub use declared::Setting;
pub use entry::{Entry, Layer, Origin, Secret};
pub use error::ConfigError;
pub use folder::TemporaryFolder;
pub use network::Network;
pub use origins::Origins;
pub use sources::Sources;
pub use values::{LogFormat, Rate};

use reader::Reader;

type Result<T, E = ConfigError> = std::result::Result<T, E>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Environment {
    Development,
    Production,
    Testing,
}

impl Environment {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Production => "production",
            Self::Testing => "testing",
        }
    }
}

#[derive(Clone)]
pub struct Config {
    pub environment: Environment,
    pub data_dir: PathBuf,
    pub bind: SocketAddr,
    /// `sqlite://PATH` or `postgres://…`, password included.
    pub database_url: String,
    /// A replica for catalog and reports.
    pub database_read_url: Option<String>,
    pub database_connections: usize,
    /// Off behind PgBouncer in transaction mode.
    pub database_prepared_statements: bool,
    /// Empty until `open_data_folder`, when it is to be generated.
    pub secret_key: Secret,
    /// While keys are changed: access tokens of this one still count.
    pub secret_key_previous: Option<Secret>,
    /// Without a slash at the end.
    pub public_url: String,
    pub allowed_hosts: Vec<String>,
    pub cors_allowed_origins: Origins,
    pub trusted_proxies: Vec<Network>,
    pub access_token_ttl: Duration,
    pub refresh_token_ttl: Duration,
    pub require_email_verification: bool,
    /// Admins without a second factor may do what customers may.
    pub require_admin_totp: bool,
    /// None (production without `EMAIL_URL`): no mail leaves.
    pub email_url: Option<Secret>,
    pub email_from: lettre::message::Mailbox,
    /// Files there take the place of the built-in templates of mails.
    pub email_templates: Option<PathBuf>,
    pub currency: money::Currency,
    pub time_zone: jiff::tz::TimeZone,
    pub password_min_length: usize,
    pub storefront_url: Option<String>,
    /// Requests per client address; None = no limit.
    pub rate_limit: Option<Rate>,
    pub max_connections: usize,
    pub max_connections_per_ip: usize,
    /// Beyond it 503 at once: waiting in line would help nobody.
    pub max_requests_in_flight: usize,
    /// For the head of a request to arrive, and for its first byte.
    pub header_timeout: Duration,
    /// For the body of a request to arrive, or for each 256 KiB of a larger one.
    pub body_timeout: Duration,
    /// How long a kept-alive connection may stay silent between two requests.
    pub idle_timeout: Duration,
    pub request_timeout: Duration,
    /// For requests in flight to end after SIGTERM.
    pub shutdown_timeout: Duration,
    /// Bytes for answers of the catalog that are kept in memory; 0 = none.
    pub catalog_memory: u64,
    /// On PostgreSQL: searches run in a copy in the data folder.
    pub search_copy: bool,
    /// `max-age` of catalog answers for a CDN; zero = `no-cache`.
    pub catalog_max_age: Duration,
    /// How long an order of an online method may stay unpaid.
    pub unpaid_order_ttl: Duration,
    pub low_stock_threshold: i64,
    pub cart_max_quantity: i64,
    pub cart_max_lines: i64,
    declared: declared::Declared,
    /// For a whole call to a payment provider.
    pub provider_timeout: Duration,
    /// Certificates (PEM) that are believed beside the system's, of providers too.
    pub providers_ca_file: Option<PathBuf>,
    pub redis_url: Option<Secret>,
    pub media_url: Secret,
    pub log_format: Option<LogFormat>,
    pub log_level: String,
    /// A statement that takes so long is told to the log; zero: none is.
    pub slow_statement: Duration,
    /// Each answer says how long it took, in all and in the database.
    pub server_timing: bool,
    /// A port of its own for `/metrics`.
    pub metrics_bind: Option<SocketAddr>,
    /// Who reads `/metrics` must have it; without it, and without the port, nobody can.
    pub metrics_token: Option<Secret>,
    /// Base address of an OpenTelemetry collector; without it nothing is traced.
    pub otlp_endpoint: Option<String>,
    /// Headers that it asks for: `name=value,…`.
    pub otlp_headers: Option<Secret>,
    /// The share of requests that is traced, 0 to 1, of those that bring no trace of their own.
    pub otlp_sample: f64,
    /// What `createsuperuser --no-input` takes when no flag says it.
    pub superuser: Superuser,
    /// Every setting as it is shown: name, masked value, origin.
    pub entries: Vec<Entry>,
    /// What is odd about the settings but no reason to stop.
    pub notes: Vec<String>,
    temporary: Option<Arc<TemporaryFolder>>,
}

#[derive(Clone, Default)]
pub struct Superuser {
    pub email: Option<String>,
    pub password: Option<Secret>,
    pub username: Option<String>,
}

impl Config {
    /// From the flags given, the process environment and `.env` in the working folder.
    pub fn load(flags: &[(String, String)]) -> Result<Self> {
        Self::from_sources(&Sources::of_process(flags)?)
    }

    pub fn from_sources(sources: &Sources) -> Result<Self> {
        sources.refuse_unknown()?;
        build(&mut Reader::new(sources))
    }

    /// Environment `testing`: temporary folder and database, a fixed secret.
    #[must_use]
    #[expect(clippy::expect_used, reason = "fixed input, for tests only")]
    pub fn for_tests() -> Self {
        let sources = Sources::from_flags(&[
            ("ENVIRONMENT", "testing"),
            ("SECRET_KEY", "a-secret-for-tests-of-at-least-32-bytes"),
        ]);
        Self::from_sources(&sources).expect("the settings of tests are valid")
    }

    /// Makes the data folder, shows that it can be written, reads or generates the secret. Call once before serving.
    pub fn open_data_folder(&mut self) -> Result<()> {
        folder::open(&self.data_dir)?;
        if let Some(temporary) = &self.temporary {
            folder::open(temporary.path())?;
        }
        if self.secret_key.is_empty() {
            self.secret_key = folder::secret(&self.data_dir)?;
        }
        Ok(())
    }

    /// The address that was really taken, when port 0 asked for any.
    pub fn bound(&mut self, address: SocketAddr) {
        let guessed = url_of(self.bind);
        self.bind = address;
        if self.public_url == guessed {
            self.public_url = url_of(address);
        }
    }

    pub fn is_production(&self) -> bool {
        self.environment == Environment::Production
    }

    /// The value of a setting that its feature declares.
    pub fn get(&self, setting: Setting) -> Option<&str> {
        self.declared.get(setting)
    }

    /// Whether a `Host` header (with or without port) names this shop.
    pub fn allows_host(&self, host: &str) -> bool {
        origins::allows_host(&self.allowed_hosts, host)
    }

    /// What stands between these settings and production, one line each.
    pub fn missing_for_production(&self) -> Vec<String> {
        let unset = |name: &str| self.entries.iter().any(|e| e.name == name && !e.is_set());
        let mut lines = Vec::new();
        if !self.is_production() {
            lines.push("ENVIRONMENT=production".to_owned());
        }
        for (name, advice) in [
            ("SECRET_KEY", " (make one: openssl rand -hex 32)"),
            ("ALLOWED_HOSTS", ""),
            ("PUBLIC_URL", ""),
            ("EMAIL_URL", " (without it no mail is sent)"),
        ] {
            if unset(name) {
                lines.push(format!("{name}{advice}"));
            }
        }
        lines
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map()
            .entries(self.entries.iter().map(|e| (e.name, &e.shown)))
            .finish()
    }
}

fn build(r: &mut Reader) -> Result<Config> {
    let environment = read::environment(r)?;
    let development = environment == Environment::Development;
    let temporary = match environment {
        Environment::Testing => Some(Arc::new(TemporaryFolder::named()?)),
        _ => None,
    };
    let data_dir = read::data_dir(r, temporary.as_deref());
    let (bind, bind_is_public) = read::bind(r)?;
    let database_url = database::database_url(r, &data_dir, temporary.as_deref())?;
    let public_url = r.url("PUBLIC_URL", &url_of(bind))?;
    let mut config = Config {
        environment,
        database_read_url: database::database_read_url(r)?,
        database_connections: r.number(
            "DATABASE_CONNECTIONS",
            database::connections(),
            1..=1000,
        )?,
        database_prepared_statements: r.boolean("DATABASE_PREPARED_STATEMENTS", true)?,
        secret_key: r
            .secret("SECRET_KEY", "generated into the data folder")
            .unwrap_or_default(),
        secret_key_previous: r.secret("SECRET_KEY_PREVIOUS", ""),
        allowed_hosts: Vec::new(),
        cors_allowed_origins: Origins::default(),
        trusted_proxies: r.list("TRUSTED_PROXIES", "", Network::parse)?,
        access_token_ttl: r.duration("ACCESS_TOKEN_TTL", "15m")?,
        refresh_token_ttl: r.duration("REFRESH_TOKEN_TTL", "7d")?,
        require_admin_totp: r.boolean("REQUIRE_ADMIN_TOTP", false)?,
        require_email_verification: r.boolean("REQUIRE_EMAIL_VERIFICATION", false)?,
        email_url: read::email_url(r, &data_dir, environment)?,
        email_from: read::email_from(r, &public_url)?,
        email_templates: r.text("EMAIL_TEMPLATES").map(PathBuf::from),
        currency: r.parsed("CURRENCY", "USD", values::currency)?,
        time_zone: r.parsed("TIME_ZONE", "UTC", values::time_zone)?,
        password_min_length: r.number("PASSWORD_MIN_LENGTH", 8, 1..=128)?,
        storefront_url: r.optional_url("STOREFRONT_URL")?,
        rate_limit: r.parsed("RATE_LIMIT", "6000/m", Rate::parse)?,
        max_connections: r.number("MAX_CONNECTIONS", 10_000, 1..=1_000_000)?,
        max_connections_per_ip: r.number("MAX_CONNECTIONS_PER_IP", 100, 1..=1_000_000)?,
        max_requests_in_flight: r.number("MAX_REQUESTS_IN_FLIGHT", 1024, 1..=1_000_000)?,
        header_timeout: r.duration("HEADER_TIMEOUT", "10s")?,
        body_timeout: r.duration("BODY_TIMEOUT", "10s")?,
        idle_timeout: r.duration("IDLE_TIMEOUT", "30s")?,
        request_timeout: r.duration("REQUEST_TIMEOUT", "30s")?,
        shutdown_timeout: r.duration("SHUTDOWN_TIMEOUT", "30s")?,
        catalog_memory: r.number("CATALOG_MEMORY", 32, 0..=65_536)? * 1024 * 1024,
        search_copy: r.boolean("SEARCH_COPY", true)?,
        catalog_max_age: r.duration("CATALOG_MAX_AGE", "0s")?,
        unpaid_order_ttl: r.duration("UNPAID_ORDER_TTL", "24h")?,
        low_stock_threshold: r.number("LOW_STOCK_THRESHOLD", 10, 0..=1_000_000_000)?,
        cart_max_quantity: r.number("CART_MAX_QUANTITY", 9999, 1..=1_000_000)?,
        cart_max_lines: r.number("CART_MAX_LINES", 500, 1..=10_000)?,
        declared: declared::Declared::read(r, crate::provider_settings())?,
        provider_timeout: r.duration("PROVIDER_TIMEOUT", "10s")?,
        providers_ca_file: r.text("PROVIDERS_CA_FILE").map(PathBuf::from),
        redis_url: read::redis_url(r)?,
        media_url: read::media_url(r, &data_dir)?,
        log_format: r.parsed("LOG_FORMAT", "", LogFormat::parse)?,
        log_level: r.parsed("LOG_LEVEL", "info", values::log_level)?,
        slow_statement: r.parsed("SLOW_STATEMENT", "500ms", values::duration)?,
        server_timing: r.boolean("SERVER_TIMING", development)?,
        metrics_bind: read::metrics_bind(r)?,
        metrics_token: read::metrics_token(r)?,
        otlp_endpoint: r.optional_url("OTLP_ENDPOINT")?,
        otlp_headers: read::otlp_headers(r)?,
        otlp_sample: r.parsed("OTLP_SAMPLE", "1", values::share)?,
        superuser: Superuser {
            email: r.text("CARTWRIGHT_SUPERUSER_EMAIL"),
            password: r.secret("CARTWRIGHT_SUPERUSER_PASSWORD", ""),
            username: r.text("CARTWRIGHT_SUPERUSER_USERNAME"),
        },
        data_dir,
        bind,
        database_url,
        public_url,
        entries: Vec::new(),
        notes: Vec::new(),
        temporary,
    };
    config.allowed_hosts = read::allowed_hosts(r, bind, &config.public_url)?;
    config.cors_allowed_origins = read::cors_origins(r, development && !bind_is_public)?;
    read::require_for_production(r, &config)?;
    read::require_mail(&config)?;
    read::require_metrics_token(&config)?;
    (config.entries, config.notes) = r.finish();
    Ok(config)
}

/// The headers that `OTLP_HEADERS` names.
pub fn otlp_headers(
    config: &Config,
) -> Vec<(hyper::header::HeaderName, hyper::header::HeaderValue)> {
    let given = config.otlp_headers.as_ref();
    given
        .and_then(|given| values::headers(given.expose()).ok())
        .unwrap_or_default()
}

/// How a browser on this machine reaches an address.
fn url_of(bind: SocketAddr) -> String {
    match bind.ip() {
        ip if ip.is_unspecified() => format!("http://localhost:{}", bind.port()),
        _ => format!("http://{bind}"),
    }
}

#[cfg(test)]
mod tests;
