//! The list of erased accounts, a file beside the database: a line each, `ID CREATED_AT`. It names nobody, and it is
//! what a restored backup lacks.

use std::collections::HashSet;
use std::path::PathBuf;

use tokio::fs;
use tokio::io::AsyncWriteExt;

use crate::accounts::personal_data::{self, Erased};
use crate::app::App;
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::ids::UserId;

/// What the list says. A line that broke off says nothing.
pub(super) async fn read(app: &App) -> Result<HashSet<Erased>> {
    let text = match fs::read_to_string(path(app)).await {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Error::internal(error)),
    };
    let erased = |line: &str| {
        let (id, created_at) = line.split_once(' ')?;
        Some(Erased {
            id: UserId(id.parse().ok()?),
            created_at: Time(created_at.parse().ok()?),
        })
    };
    Ok(text
        .split_inclusive('\n')
        .filter_map(|line| erased(line.strip_suffix('\n')?))
        .collect())
}

/// Adds those that the database knows and the list does not.
pub(super) async fn complete(app: &App) -> Result<()> {
    let erased = personal_data::erased_accounts(&app.db.read().await?).await?;
    let listed = read(app).await?;
    // A line of its own, whatever broke off before.
    let missing = erased.iter().filter(|one| !listed.contains(*one));
    let lines: String = missing
        .map(|one| format!("\n{} {}\n", one.id, one.created_at.0))
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    write(path(app), lines).await.map_err(Error::internal)
}

async fn write(path: PathBuf, lines: String) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).await?;
    }
    let mut file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .await?;
    file.write_all(lines.as_bytes()).await?;
    file.sync_all().await
}

fn path(app: &App) -> PathBuf {
    app.config.data_dir.join("erased_accounts")
}
