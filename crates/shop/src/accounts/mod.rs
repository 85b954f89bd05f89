//! Who somebody is. (The place of the feature; it lands with its own.)

use crate::app::App;
use crate::caller::User;
use crate::error::{Code, Result};

pub async fn authenticate(_: &App, _: &str) -> Result<User> {
    Err(Code::TokenInvalid.into())
}
