//! A disk that breaks when it is told to: the program runs with a library of ours before the system's.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{Folder, cartwright};

const LIBRARY: &str = include_str!("disk.c");

#[derive(Clone, Copy, Debug)]
pub(crate) enum Broken {
    /// What is written may not be kept: `fsync` fails.
    UnableToSync,
    /// No file grows.
    Full,
    /// Nothing is written, no database opened for writing.
    ReadOnly,
    /// The database's files may be read, not written.
    NotOurs,
}

pub(crate) struct Disk(PathBuf);

impl Disk {
    /// Builds the library in the folder of a shop.
    pub(crate) fn new(folder: &Folder) -> Self {
        let faults = folder.path().join("disk");
        std::fs::create_dir(&faults).unwrap();
        let (source, library) = (faults.join("disk.c"), faults.join("disk.so"));
        std::fs::write(&source, LIBRARY).unwrap();
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .status()
            .unwrap();
        assert!(built.success());
        Self(faults)
    }

    /// The program on this disk.
    pub(crate) fn serve(&self, folder: &Folder) -> Command {
        let mut command = cartwright(folder, &["serve", "--port", "0"]);
        command
            .env("LD_PRELOAD", self.0.join("disk.so"))
            .env("FAULTS", &self.0);
        command
    }

    pub(crate) fn is(&self, broken: Broken) {
        std::fs::write(self.file(broken), "").unwrap();
    }

    pub(crate) fn is_no_longer(&self, broken: Broken) {
        std::fs::remove_file(self.file(broken)).unwrap();
    }

    fn file(&self, broken: Broken) -> PathBuf {
        self.0.join(match broken {
            Broken::UnableToSync => "unable-to-sync",
            Broken::Full => "full",
            Broken::ReadOnly => "read-only",
            Broken::NotOurs => "not-ours",
        })
    }
}
