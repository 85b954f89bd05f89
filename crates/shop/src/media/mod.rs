//! Pictures: what somebody uploaded, made harmless and small, kept in a folder or a bucket, and served for ever.
//!
//! A *picture* is decoded and written anew, so nothing of the upload survives but what can be seen: no EXIF, no
//! script, no second file behind the first. Its *files* (the picture and three thumbnails) are named by a digest of
//! its bytes: they never change, and the same picture is kept once.
//! Invariants: a row of `media_files` stands before the files and goes after them; nothing shows a file that is not
//! whole; what no product refers to for an hour, be it by naming its path, is erased by [`sweep`].

mod api;
mod keep_picture;
mod picture;
mod refer_to;
mod storage;
mod store;
mod sweep;

pub use api::routes;
pub use keep_picture::{keep_picture, keep_ready};
pub use picture::{Format, Picture, SIZES, Size};
pub use refer_to::refer_to;
pub use storage::Media;
pub use store::STATEMENTS;
pub use sweep::sweep;

use std::borrow::Cow;

use crate::config::Config;

/// Where pictures are served, below the host.
pub const PATH: &str = "/media/";

db::record! {
    /// A picture that is kept.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct File {
        pub name: String,
        pub format: Format,
        pub thumbnail_format: Format,
        pub width: i64,
        pub height: i64,
    }
}

impl File {
    /// `/media/….jpg`, as the catalog keeps it.
    pub fn path(&self) -> String {
        format!("{PATH}{}.{}", self.name, self.format.as_str())
    }

    pub fn thumbnail_path(&self, size: Size) -> String {
        let format = self.thumbnail_format.as_str();
        format!("{PATH}{}-{}.{format}", self.name, size.as_str())
    }
}

/// A kept address as clients get it: of our own pictures the whole URL.
pub fn shown<'a>(config: &Config, url: &'a str) -> Cow<'a, str> {
    match url.starts_with(PATH) {
        true => format!("{}{url}", config.public_url).into(),
        false => url.into(),
    }
}

/// The other way round: what clients send back is kept without our host, which may change.
pub fn kept(config: &Config, url: String) -> String {
    match url.strip_prefix(&config.public_url) {
        Some(path) if path.starts_with(PATH) => path.to_owned(),
        _ => url,
    }
}
