//! The import rules of `ARCHITECTURE.md`, read from the sources.

use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Each may use those before it.
const FEATURES: &[&str] = &[
    "settings",
    "idempotency",
    "events",
    "audit",
    "mail",
    "accounts",
    "addresses",
    "media",
    "inventory",
    "catalog",
    "cart",
    "orders",
    "payments",
    "privacy",
    "analytics",
    "import",
    "demo",
    "check",
    "health",
];

struct Source {
    /// From the folder of its crate's sources: `orders/store.rs`.
    path: String,
    /// Without comments and without its tests.
    code: String,
}

fn sources(krate: &str) -> Vec<Source> {
    let folder = Path::new(ROOT).join("crates").join(krate).join("src");
    let mut files = Vec::new();
    collect(&folder, &mut files);
    files.sort();
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        let code: Vec<_> = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        let path = file
            .strip_prefix(&folder)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        Source {
            path,
            code: code.join("\n"),
        }
    };
    files
        .into_iter()
        .map(read)
        .filter(|source| !source.path.ends_with("tests.rs"))
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn names(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + name.len()..].trim_start().starts_with("::");
        let starts =
            before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':' && c != '.');
        let used = code[..at].ends_with("use ");
        starts && (after || used)
    })
}

#[test]
fn leaves_do_not_know_the_shop_and_the_shop_does_not_know_the_server() {
    for krate in ["money", "db", "jobs"] {
        for source in sources(krate) {
            assert!(!names(&source.code, "shop"), "{krate}/{}", source.path);
        }
    }
    for source in sources("shop") {
        assert!(!names(&source.code, "server"), "{}", source.path);
    }
}

#[test]
fn only_api_files_and_http_know_of_requests() {
    for source in sources("shop") {
        let may = source.path.starts_with("http/")
            || source.path.ends_with("/api.rs")
            || source.path.contains("/api/");
        for name in ["axum", "tower", "tower_http", "utoipa"] {
            // Wire types of a verb may say their schema.
            let derives = name == "utoipa"
                && !source.code.contains("use utoipa")
                && source.code.contains("utoipa::ToSchema");
            assert!(
                may || derives || !names(&source.code, name),
                "{} uses {name}",
                source.path
            );
        }
    }
}

#[test]
fn sql_stands_in_stores_only() {
    for source in sources("shop") {
        let store = source.path.ends_with("store.rs")
            || source.path.contains("/store/")
            || source.path == "migrations.rs";
        for word in [
            "\"SELECT ",
            "\"INSERT INTO ",
            "\"UPDATE ",
            "\"DELETE FROM ",
            "\"WITH ",
        ] {
            assert!(
                store || !source.code.contains(word),
                "{} holds SQL: {word}",
                source.path
            );
        }
    }
}

#[test]
fn a_feature_uses_only_those_before_it() {
    for source in sources("shop") {
        let Some(own) = FEATURES
            .iter()
            .position(|feature| source.path.split(['/', '.']).next() == Some(feature))
        else {
            continue;
        };
        for later in &FEATURES[own + 1..] {
            let used = format!("crate::{later}");
            let uses = source.code.match_indices(&used).any(|(at, _)| {
                !source.code[at + used.len()..]
                    .starts_with(|c: char| c.is_alphanumeric() || c == '_')
            });
            assert!(!uses, "{} uses {later}, which comes after it", source.path);
        }
    }
}

#[test]
fn only_the_clock_reads_the_time_and_only_config_the_environment() {
    for source in sources("shop") {
        let time = ["SystemTime::now", "Timestamp::now", "Zoned::now"];
        assert!(
            source.path == "clock.rs" || !time.iter().any(|call| source.code.contains(call)),
            "{}",
            source.path
        );
        let config = source.path == "config.rs" || source.path.starts_with("config/");
        assert!(
            config || !source.code.contains("env::var"),
            "{}",
            source.path
        );
    }
}

fn migrations() -> String {
    let files = std::fs::read_dir(Path::new(ROOT).join("migrations")).unwrap();
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    texts.collect::<String>().to_lowercase()
}

/// Where else a provider's name may stand, and why.
const NAMED_ELSEWHERE: &[(&str, &str)] = &[
    ("sandbox", "demo/"),        // The orders of the demo are paid there.
    ("sandbox", "media/api.rs"), // A word of Content-Security-Policy.
    ("sandbox", "payments/providers/paypal/"), // PayPal's own, for tests.
    ("stripe", "properties.rs"), // The fuzz targets sign as Stripe does.
];

#[test]
fn a_provider_of_payments_stands_in_its_folder_and_in_one_list() {
    const FOLDER: &str = "payments/providers/";
    const LIST: &str = "payments/providers/mod.rs";
    let sources = sources("shop");
    let folders: std::collections::BTreeSet<&str> = sources
        .iter()
        .filter_map(|source| source.path.strip_prefix(FOLDER)?.split_once('/'))
        .map(|(folder, _)| folder)
        .collect();
    assert!(folders.len() >= 5, "{folders:?}");
    let schema = migrations();
    for name in folders {
        // The book of the sandbox is in our database.
        assert!(
            name == "sandbox" || !schema.contains(name),
            "a migration names {name}"
        );
        let own = format!("{FOLDER}{name}/");
        for source in sources
            .iter()
            .filter(|source| !source.path.starts_with(&own))
        {
            let words = source.code.to_lowercase();
            let times = words.matches(name).count();
            let listed = usize::from(source.path == LIST);
            let may = NAMED_ELSEWHERE
                .iter()
                .any(|(word, path)| *word == name && source.path.starts_with(path));
            assert!(
                may || times == listed,
                "{} names {name} {times} times",
                source.path
            );
        }
    }
}
