use super::*;

fn env(pairs: &[(&str, &str)]) -> Result<Config> {
    Config::from_sources(&Sources::from_environment(pairs))
}

fn refused(pairs: &[(&str, &str)]) -> String {
    let message = env(pairs).unwrap_err().to_string();
    assert!(message.lines().count() <= 3, "{message}");
    message
}

fn entry<'a>(config: &'a Config, name: &str) -> &'a Entry {
    config.entries.iter().find(|e| e.name == name).unwrap()
}

#[test]
fn without_any_setting_a_shop_starts_on_this_machine_only() {
    let config = env(&[]).unwrap();

    assert_eq!(config.environment, Environment::Development);
    assert_eq!(config.bind.to_string(), "127.0.0.1:8000");
    assert_eq!(config.database_url, "sqlite://./data/cartwright.db");
    assert_eq!(config.public_url, "http://127.0.0.1:8000");
    assert_eq!(config.access_token_ttl, Duration::from_secs(900));
    assert!(config.allows_host("localhost:8000"));
    assert!(!config.allows_host("shop.example"));
    assert!(config.cors_allowed_origins.allows("http://localhost:3000"));
    assert!(config.entries.iter().all(|e| !e.is_set()));
}

#[test]
fn a_flag_beats_the_environment_and_the_environment_beats_the_env_file() {
    let map = |value: &str| [("CURRENCY".to_owned(), value.to_owned())].into();
    let mut sources = Sources {
        flags: map("EUR"),
        environment: map("GBP"),
        env_file: map("INR"),
    };

    for (layer, currency) in [
        (Layer::Flag, "EUR"),
        (Layer::Environment, "GBP"),
        (Layer::EnvFile, "INR"),
        (Layer::Default, "USD"),
    ] {
        let config = Config::from_sources(&sources).unwrap();
        assert_eq!(config.currency.code(), currency);
        assert_eq!(entry(&config, "CURRENCY").origin.layer, layer);
        match layer {
            Layer::Flag => sources.flags.clear(),
            Layer::Environment => sources.environment.clear(),
            _ => sources.env_file.clear(),
        }
    }
}

#[test]
fn the_port_flag_changes_the_port_and_nothing_else() {
    let mut sources = Sources::from_environment(&[("BIND", "127.0.0.2:9000")]);
    sources.flags.insert("PORT".into(), "9001".into());

    let config = Config::from_sources(&sources).unwrap();

    assert_eq!(config.bind.to_string(), "127.0.0.2:9001");
    assert_eq!(entry(&config, "BIND").origin.layer, Layer::Flag);
}

#[test]
fn unknown_names_of_ours_are_refused_from_every_source() {
    assert!(
        refused(&[("CARTWRIGHT_DATADIR", "/x")])
            .contains("CARTWRIGHT_DATADIR (from environment) is not a setting")
    );
    let sources = Sources {
        env_file: [("CARTWRIGHT_BIND".into(), "x".into())].into(),
        ..Sources::default()
    };
    assert!(
        Config::from_sources(&sources)
            .unwrap_err()
            .to_string()
            .contains(".env")
    );

    assert!(
        env(&[
            ("CARTWRIGHT_SUPERUSER_EMAIL", "a@b.example"),
            ("CARTWRIGHT_TEST_POSTGRES", "x")
        ])
        .is_ok()
    );
}

#[test]
fn production_names_everything_that_is_missing_and_the_command_that_makes_a_secret() {
    for spelling in [
        ("ENVIRONMENT", "production"),
        ("DEBUG", "False"),
        ("DJANGO_SETTINGS_MODULE", "config.settings.production"),
    ] {
        let message = refused(&[spelling]);
        assert!(
            message.contains("SECRET_KEY, ALLOWED_HOSTS, PUBLIC_URL"),
            "{message}"
        );
        assert!(message.contains("openssl rand"), "{message}");
    }
}

#[test]
fn production_takes_no_short_and_no_sample_secret() {
    let with = |key| {
        [
            ("ENVIRONMENT", "production"),
            ("ALLOWED_HOSTS", "shop.example"),
            ("PUBLIC_URL", "https://shop.example"),
            ("SECRET_KEY", key),
        ]
    };

    let short = refused(&with("only-thirty-one-bytes-long-key!"));
    assert!(
        short.contains("shorter than 32 bytes") && !short.contains("only-thirty"),
        "{short}"
    );
    assert!(refused(&with("your-strong-and-secret-django-key-here")).contains("sample"));

    let config = env(&with("b3d1c0ffee5e7c0de8a55e77ab1e0f5ca1ab1e11")).unwrap();
    assert!(config.is_production());
    assert!(config.email_url.is_none());
    assert!(!config.cors_allowed_origins.allows("http://localhost:3000"));
}

#[test]
fn a_debug_variable_of_another_tool_means_nothing() {
    assert_eq!(
        env(&[("DEBUG", "express:*")]).unwrap().environment,
        Environment::Development
    );
    assert_eq!(
        env(&[("DEBUG", "True")]).unwrap().environment,
        Environment::Development
    );
}

#[test]
fn an_address_that_others_can_reach_needs_a_word_about_the_environment() {
    assert!(refused(&[("BIND", "0.0.0.0:8000")]).contains("ENVIRONMENT is not set"));
    assert!(refused(&[("BIND", "[::]:8000")]).contains("ENVIRONMENT is not set"));

    let config = env(&[("BIND", "0.0.0.0:8000"), ("ENVIRONMENT", "development")]).unwrap();
    assert_eq!(config.public_url, "http://localhost:8000");
    assert!(
        !config.cors_allowed_origins.allows("http://localhost:3000"),
        "convenience ends with a public address"
    );
}

#[test]
fn metrics_that_others_can_reach_need_a_token() {
    for bind in ["0.0.0.0:9100", "[::]:9100", "[::ffff:10.0.0.1]:9100"] {
        assert!(refused(&[("METRICS_BIND", bind)]).contains("METRICS_TOKEN is not set"));
        let token = ("METRICS_TOKEN", "0123456789abcdef");
        assert!(env(&[("METRICS_BIND", bind), token]).is_ok());
    }
    for bind in [
        "9100",
        "127.0.0.1:9100",
        "[::1]:9100",
        "[::ffff:127.0.0.1]:9100",
    ] {
        assert!(env(&[("METRICS_BIND", bind)]).is_ok(), "{bind}");
    }
}

#[test]
fn djangos_database_names_count_only_as_complete_sets() {
    let set = |prefix: &str| {
        [
            ("NAME", "shop"),
            ("USER", "me"),
            ("PASSWORD", "p@ss/w:rd"),
            ("HOST", "localhost"),
            ("PORT", "5433"),
        ]
        .map(|(name, value)| (format!("{prefix}_{name}"), value.to_owned()))
    };
    let load = |pairs: Vec<(String, String)>| {
        Config::from_sources(&Sources {
            environment: pairs.into_iter().collect(),
            ..Sources::default()
        })
        .unwrap()
    };

    let config = load(set("DATABASE").into());
    assert_eq!(
        config.database_url,
        "postgres://me:p%40ss%2Fw%3Ard@localhost:5433/shop"
    );
    assert_eq!(
        entry(&config, "DATABASE_URL").shown,
        "postgres://me:****@localhost:5433/shop"
    );
    assert_eq!(
        entry(&config, "DATABASE_URL").origin.to_string(),
        "environment (DATABASE_NAME …)"
    );

    assert!(
        load(set("DB").into())
            .database_url
            .starts_with("postgres://")
    );

    let mut development = Vec::from(set("DB"));
    development.push((
        "DJANGO_SETTINGS_MODULE".into(),
        "config.settings.development".into(),
    ));
    assert!(load(development).database_url.starts_with("sqlite://"));

    let partial = load(set("DATABASE")[..4].to_vec());
    assert!(partial.database_url.starts_with("sqlite://"));
    assert_eq!(
        partial.notes,
        ["DATABASE_NAME … do not count: DATABASE_PORT not set."]
    );

    let mut both = Vec::from(set("DB"));
    both.push(("DATABASE_URL".into(), "sqlite:///tmp/shop.db".into()));
    assert_eq!(load(both).database_url, "sqlite:///tmp/shop.db");
}

#[test]
fn wrong_values_are_refused_by_name_with_the_form_that_is_wanted() {
    for (name, value, word) in [
        ("BIND", "8000", "127.0.0.1:8000"),
        ("ENVIRONMENT", "staging", "development, production, testing"),
        ("ACCESS_TOKEN_TTL", "soon", "15m"),
        ("ACCESS_TOKEN_TTL", "0s", "longer"),
        ("CURRENCY", "dollars", "ISO 4217"),
        ("TIME_ZONE", "Mars/Base", "Europe/London"),
        ("RATE_LIMIT", "many", "100/s"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,proxy", "proxy"),
        ("PUBLIC_URL", "shop.example", "https://"),
        ("STOREFRONT_URL", "shop.example", "https://"),
        (
            "RAZORPAY_BASE_URL",
            "https://api.example/v1",
            "after the host",
        ),
        ("CORS_ALLOWED_ORIGINS", "*", "https://"),
        ("PASSWORD_MIN_LENGTH", "0", "from 1"),
        ("MAX_CONNECTIONS", "-1", "from 1"),
        ("REQUIRE_EMAIL_VERIFICATION", "maybe", "true"),
        ("LOG_FORMAT", "xml", "json"),
        ("DATABASE_URL", "mysql://root:hunter2@db/shop", "sqlite://"),
        ("EMAIL_URL", "mailto:me", "smtp://"),
    ] {
        let message = refused(&[(name, value)]);
        assert!(
            message.contains(name) && message.contains(word),
            "{name}: {message}"
        );
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn secrets_are_masked_wherever_settings_are_shown() {
    let config = env(&[
        ("SECRET_KEY", "s3cr3t-1"),
        ("RAZORPAY_KEY_SECRET", "s3cr3t-2"),
        ("DATABASE_URL", "postgres://me:s3cr3t-3@db/shop"),
        ("EMAIL_URL", "smtp://me:s3cr3t-4@mail.example:587"),
        ("CARTWRIGHT_SUPERUSER_PASSWORD", "s3cr3t-5"),
        ("REDIS_URL", "redis://:s3cr3t-6@cache:6379"),
    ])
    .unwrap();

    let shown = format!("{config:?} {:?} {:?}", config.entries, config.secret_key);

    assert!(!shown.contains("s3cr3t"), "{shown}");
    assert_eq!(config.secret_key.expose(), "s3cr3t-1");
}

#[test]
fn the_generated_secret_is_made_once_and_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TemporaryFolder::named().unwrap();
    let path = folder
        .path()
        .join("deep/data")
        .to_string_lossy()
        .into_owned();
    let start = || {
        let mut config = env(&[("CARTWRIGHT_DATA_DIR", &path)]).unwrap();
        config.open_data_folder().unwrap();
        config.secret_key
    };

    let first = start();

    assert!(first.expose().len() >= 32);
    assert_eq!(start(), first);
    let rights = std::fs::metadata(format!("{path}/secret_key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(rights & 0o777, 0o600);
    assert_eq!(
        std::fs::read_dir(&path).unwrap().count(),
        1,
        "nothing else is left behind"
    );
}

#[test]
fn a_data_folder_that_cannot_be_made_is_one_clear_sentence() {
    let mut config = env(&[("CARTWRIGHT_DATA_DIR", "/proc/cartwright")]).unwrap();

    let message = config.open_data_folder().unwrap_err().to_string();

    assert!(
        message.contains("/proc/cartwright cannot be written"),
        "{message}"
    );
}

#[test]
fn testing_never_touches_a_real_database_and_cleans_up() {
    let mut config = env(&[
        ("ENVIRONMENT", "testing"),
        ("DATABASE_URL", "postgres://db/real"),
    ])
    .unwrap();
    assert!(config.database_url.starts_with("sqlite://"));
    config.open_data_folder().unwrap();
    let folder = config.data_dir.clone();
    assert!(folder.exists());

    drop(config);

    assert!(!folder.exists());
}

#[test]
fn an_empty_value_counts_as_not_set() {
    let config = env(&[("STOREFRONT_URL", ""), ("CURRENCY", ""), ("SECRET_KEY", "")]).unwrap();
    assert_eq!(
        (config.storefront_url.as_deref(), config.currency.code()),
        (None, "USD")
    );
    assert!(config.secret_key.is_empty());
}

#[test]
fn every_setting_is_documented_and_no_other() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
    let names: Vec<&str> = env(&[]).unwrap().entries.iter().map(|e| e.name).collect();
    let documented = |file: &str, name_of: fn(&str) -> Option<&str>| -> Vec<String> {
        let text = std::fs::read_to_string(format!("{root}{file}")).unwrap();
        text.lines()
            .filter_map(name_of)
            .map(str::to_owned)
            .collect()
    };
    let table = documented("docs/configuration.md", |line| {
        line.strip_prefix("| `")?.split('`').next()
    });
    let example = documented(".env.example", |line| {
        line.strip_prefix("# ")?
            .split_once('=')
            .map(|(name, _)| name)
            .filter(|n| !n.contains(' '))
    });

    for (place, mut found) in [("docs/configuration.md", table), (".env.example", example)] {
        let mut expected = names.clone();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "{place}");
    }
}

#[test]
fn the_example_file_can_be_used_as_it_stands_with_every_line_switched_on() {
    let text = include_str!("../../../../.env.example").replace("\n# ", "\n");
    let text: String = text
        .lines()
        .filter(|l| l.contains('=') && !l.contains(' ') && !l.starts_with("ENVIRONMENT"))
        .fold(String::new(), |all, l| all + l + "\n");
    let sources = Sources {
        env_file: sources::parse_env_file(&text).unwrap(),
        ..Sources::default()
    };

    let config = Config::from_sources(&sources).unwrap();

    assert!(config.database_url.starts_with("postgres://"));
}
