//! Lets something show a picture by its address.

use db::Tx;

use super::picture::SIZES;
use super::{PATH, store};
use crate::clock::Time;
use crate::error::{Error, Result};

/// Keeps the picture at this address, one of its thumbnails perhaps, until the transaction ends and its writes are
/// there for the sweep to find. Addresses elsewhere are nobody's business here. `field` is where the address came in.
///
/// # Errors
/// 400: we serve nothing there, or not for long.
pub async fn refer_to(tx: &Tx, field: &'static str, url: &str, now: Time) -> Result<()> {
    let Some(file) = url.strip_prefix(PATH) else {
        return Ok(());
    };
    let name = file.split(['.', '-']).next().unwrap_or_default();
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let is_there = store::touch(tx, name, now).await?.is_some_and(|file| {
        let mut thumbnails = SIZES.iter().map(|&(size, _)| file.thumbnail_path(size));
        path == file.path() || thumbnails.any(|thumbnail| path == thumbnail)
    });
    match is_there {
        true => Ok(()),
        false => Err(Error::field(
            field,
            "does_not_exist",
            "There is no such picture.",
        )),
    }
}
