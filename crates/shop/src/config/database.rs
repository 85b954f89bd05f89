//! Where the database is.

use std::path::Path;

use super::entry::Layer;
use super::reader::{Reader, invalid};
use super::{Result, TemporaryFolder, values};

pub(super) fn database_url(
    r: &mut Reader,
    data_dir: &Path,
    temporary: Option<&TemporaryFolder>,
) -> Result<String> {
    if let Some(temporary) = temporary {
        // Even when a URL is set: tests must not find their way into a real shop.
        let url = format!(
            "sqlite://{}",
            temporary.path().join("cartwright.db").display()
        );
        let given = r.sources.get("DATABASE_URL").is_some();
        r.notes.extend(given.then(|| {
            "ENVIRONMENT=testing uses a temporary database; DATABASE_URL is not looked at.".into()
        }));
        r.note("DATABASE_URL", url.clone(), Layer::Default);
        return Ok(url);
    }
    if r.sources.get("DATABASE_URL").is_none() {
        let development_module = r
            .sources
            .get("DJANGO_SETTINGS_MODULE")
            .is_some_and(|m| m.0 == "config.settings.development");
        for (names, shown) in SPLIT_NAMES {
            let ignored = names[0] == "DB_NAME" && development_module;
            if let (false, Some((url, layer))) = (ignored, split_database_url(r, names)?) {
                r.note_via("DATABASE_URL", values::mask_url(&url), layer, shown);
                return Ok(url);
            }
        }
    }
    let default = format!("sqlite://{}", data_dir.join("cartwright.db").display());
    let schemes = ["sqlite://", "postgres://", "postgresql://"];
    let url = r.masked("DATABASE_URL", &default, &schemes)?;
    Ok(url.map_or(default, |url| url.expose().to_owned()))
}

const SPLIT_NAMES: [([&str; 5], &str); 2] = [
    (
        [
            "DATABASE_NAME",
            "DATABASE_USER",
            "DATABASE_PASSWORD",
            "DATABASE_HOST",
            "DATABASE_PORT",
        ],
        "DATABASE_NAME …",
    ),
    (
        ["DB_NAME", "DB_USER", "DB_PASSWORD", "DB_HOST", "DB_PORT"],
        "DB_NAME …",
    ),
];

/// Complete sets only; a password may be empty, but must be there.
fn split_database_url(r: &mut Reader, names: [&'static str; 5]) -> Result<Option<(String, Layer)>> {
    let values = names.map(|name| match name.ends_with("PASSWORD") {
        true => r.sources.get_even_empty(name),
        false => r.sources.get(name),
    });
    let [
        Some((name, layer)),
        Some((user, _)),
        Some((password, _)),
        Some((host, _)),
        Some((port, _)),
    ] = values
    else {
        let absent: Vec<_> = names
            .iter()
            .zip(values)
            .filter(|(_, v)| v.is_none())
            .map(|(n, _)| *n)
            .collect();
        if absent.len() < names.len() {
            r.notes.push(format!(
                "{} … do not count: {} not set.",
                names[0],
                absent.join(", ")
            ));
        }
        return Ok(None);
    };
    let port: u16 = port
        .parse()
        .map_err(|_| invalid(names[4], layer, &format!("`{port}` is no port")))?;
    let host = if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    // A host that is a folder means the Unix socket in it.
    let host = if host.starts_with('/') {
        values::percent_encode(&host)
    } else {
        host
    };
    let (user, password, name) = (
        values::percent_encode(user),
        values::percent_encode(password),
        values::percent_encode(name),
    );
    Ok(Some((
        format!("postgres://{user}:{password}@{host}:{port}/{name}"),
        layer,
    )))
}

pub(super) fn database_read_url(r: &mut Reader) -> Result<Option<String>> {
    let url = r.masked("DATABASE_READ_URL", "", &["postgres://", "postgresql://"])?;
    Ok(url.map(|url| url.expose().to_owned()))
}

/// Enough to keep the cores busy while some wait for the disk. More of them only push each other out of the caches.
pub(super) fn connections() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (4 * cores).min(16)
}
