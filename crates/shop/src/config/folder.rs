//! The data folder: made on demand, writable or refused, with the generated secret inside; and the temporary one of `testing`.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{ConfigError, Result, Secret};

const SECRET_FILE: &str = "secret_key";

pub(super) fn open(folder: &Path) -> Result<()> {
    let refused = |e: io::Error| {
        ConfigError::new(
            format!("The data folder {} cannot be written.", folder.display()),
            format!("The system says: {e}."),
            "Give its folder to the user who runs this, or name another one: CARTWRIGHT_DATA_DIR=/path/to/folder",
        )
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(refused)?;
    let probe = folder.join(format!(".probe-{}", random_hex(4)?));
    fs::File::create(&probe)
        .and_then(|mut f| f.write_all(b"x"))
        .map_err(refused)?;
    fs::remove_file(&probe).map_err(refused)
}

/// Reads the folder's secret, or makes it on the very first start. Two first starts at once agree on one.
pub(super) fn secret(folder: &Path) -> Result<Secret> {
    let file = folder.join(SECRET_FILE);
    let refused = |e: io::Error| {
        ConfigError::new(
            format!(
                "The generated secret {} cannot be read or made.",
                file.display()
            ),
            format!("The system says: {e}."),
            "Mend the file's rights, or set SECRET_KEY=$(openssl rand -hex 32)",
        )
    };
    if !file.exists() {
        // Written whole under another name and linked: nobody ever reads half a secret.
        let draft = folder.join(format!(".secret_key-{}", random_hex(4)?));
        let written = write_private(&draft, &random_hex(32)?);
        let linked = written.and_then(|()| match fs::hard_link(&draft, &file) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        });
        let removed = fs::remove_file(&draft);
        linked.and(removed).map_err(refused)?;
    }
    match fs::read_to_string(&file).map_err(refused)?.trim() {
        text if text.len() >= 32 => Ok(Secret::new(text)),
        _ => Err(refused(io::Error::other("it is shorter than 32 bytes"))),
    }
}

/// Removed with all its content when the last `Config` that names it goes.
#[derive(Debug)]
pub struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    pub(super) fn named() -> Result<Self> {
        Ok(Self(
            std::env::temp_dir().join(format!("cartwright-testing-{}", random_hex(8)?)),
        ))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // Never made, or already gone: nothing to do about either.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write_private(file: &Path, text: &str) -> io::Result<()> {
    let mut f = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    f.write_all(text.as_bytes())?;
    f.sync_all()
}

fn random_hex(bytes: usize) -> Result<String> {
    let mut buffer = vec![0; bytes];
    getrandom::fill(&mut buffer).map_err(|e| {
        ConfigError::new(
            "The system gives no random numbers.",
            format!("It says: {e}."),
            "Start it where /dev/urandom or getrandom(2) works.",
        )
    })?;
    Ok(buffer.iter().map(|b| format!("{b:02x}")).collect())
}
