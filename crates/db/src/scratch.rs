//! A database for trying things out, of the same kind as a given one and beside it: never the given one itself.

use std::path::{Path, PathBuf};

use crate::postgres::Postgres;
use crate::{DbError, Options, Result};

/// An empty database. Call [`Scratch::remove`] when it is not needed any more.
pub struct Scratch {
    /// How it is reached.
    pub url: String,
    /// A file of SQLite, or a database's name.
    place: Place,
}

enum Place {
    Folder(PathBuf),
    Database { beside: Options, name: String },
}

impl Scratch {
    /// For SQLite a new folder among the system's temporary ones, for PostgreSQL a new database on the same server.
    /// `name` begins with a letter and has only lowercase letters, digits and `_`.
    ///
    /// # Errors
    /// The folder, or the database, cannot be made; PostgreSQL asks for the right `CREATEDB`.
    pub async fn create(beside: &Options, name: &str) -> Result<Scratch> {
        Self::create_in(&std::env::temp_dir(), beside, name).await
    }

    /// The same; for SQLite the new folder is made in this one, so that it lies on a disk of one's choosing.
    ///
    /// # Errors
    /// Likewise.
    pub async fn create_in(parent: &Path, beside: &Options, name: &str) -> Result<Scratch> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(plain) {
            return Err(DbError::other("not a plain name"));
        }
        if beside.url.starts_with("sqlite://") {
            let folder = parent.join(name);
            std::fs::create_dir(&folder).map_err(|e| DbError::Unavailable(e.into()))?;
            let url = format!("sqlite://{}", folder.join("shop.db").display());
            return Ok(Scratch {
                url,
                place: Place::Folder(folder),
            });
        }
        let mut beside = beside.clone();
        beside.read_url = None;
        beside.pool_size = 1;
        let postgres = Postgres::connect(&beside).await?;
        postgres
            .by_itself(&format!("CREATE DATABASE {name}"))
            .await?;
        let url = renamed(&beside.url, name);
        let scratch = Scratch {
            place: Place::Database {
                beside: beside.clone(),
                name: name.to_owned(),
            },
            url: url.clone(),
        };
        let reached = match Postgres::connect(&Options { url, ..beside }).await {
            Ok(postgres) => postgres.database().await,
            Err(error) => Err(error),
        };
        let wrong = match reached {
            Ok(reached) if reached == name => return Ok(scratch),
            Ok(reached) => DbError::other(format!("the URL leads to {reached}, not to {name}")),
            Err(error) => error,
        };
        scratch.remove().await?;
        Err(wrong)
    }

    /// What people call it.
    pub fn name(&self) -> String {
        match &self.place {
            Place::Folder(folder) => folder.display().to_string(),
            Place::Database { name, .. } => name.clone(),
        }
    }

    /// Removes it, with whoever is still connected.
    ///
    /// # Errors
    /// The database is away, or the folder is not ours any more.
    pub async fn remove(self) -> Result<()> {
        match self.place {
            Place::Folder(folder) => {
                std::fs::remove_dir_all(folder).map_err(|e| DbError::Unavailable(e.into()))
            }
            Place::Database { beside, name } => {
                let postgres = Postgres::connect(&beside).await?;
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                postgres.by_itself(&drop).await
            }
        }
    }
}

/// The same server, user and parameters, another database: `dbname` among the parameters would win over the path.
fn renamed(url: &str, name: &str) -> String {
    let (base, query) = url
        .split_once('?')
        .map_or((url, None), |(b, q)| (b, Some(q)));
    let authority = base.find("://").map_or(0, |at| at + 3);
    let end = base
        .get(authority..)
        .and_then(|rest| rest.find('/'))
        .map_or(base.len(), |at| authority + at);
    let server = base.get(..end).unwrap_or(base);
    let pairs = query.into_iter().flat_map(|query| query.split('&'));
    let kept: Vec<&str> = pairs
        .filter(|pair| !pair.is_empty() && pair.split('=').next() != Some("dbname"))
        .collect();
    if kept.is_empty() {
        return format!("{server}/{name}");
    }
    format!("{server}/{name}?{}", kept.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_the_database_changes() {
        for (url, other) in [
            (
                "postgres://me:pw@db:5432/shop",
                "postgres://me:pw@db:5432/t",
            ),
            (
                "postgres://db/shop?sslmode=require",
                "postgres://db/t?sslmode=require",
            ),
            ("postgres://db", "postgres://db/t"),
            ("postgres://db/x?dbname=shop", "postgres://db/t"),
            (
                "postgres://db?sslmode=require&dbname=shop&port=5433&dbname=x",
                "postgres://db/t?sslmode=require&port=5433",
            ),
            (
                "postgresql://%2Frun%2Fpg/shop",
                "postgresql://%2Frun%2Fpg/t",
            ),
        ] {
            assert_eq!(renamed(url, "t"), other);
        }
    }
}
