//! Somebody's own profile and password.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::repeated;
use super::wire::{EmailText, MessageOut, NewPasswordText, PasswordText, ProfileOut, Told};
use crate::accounts::account::Account;
use crate::accounts::change_password::{self, PasswordChange};
use crate::accounts::store::{self, ProfileChange};
use crate::accounts::update_profile::{self, ProfileUpdate};
use crate::app::App;
use crate::caller::{Client, User};
use crate::error::Result;
use crate::http::extract::{IfMatch, In, Patch};
use crate::http::{ok, tagged};
use crate::input;

pub(super) async fn show_profile(State(app): State<App>, user: User) -> Result<Response> {
    let account = store::account(&app.db.read().await?, user.id).await?;
    Ok(tagged(StatusCode::OK, &ProfileOut::from(&account)))
}

input! {
    /// Body of `PUT` and `PATCH auth/profile/`: what is left out stays as it is, `null` empties.
    pub(super) struct ProfileIn {
        /// Another address needs `current_password`, and counts once the mail sent there was answered.
        pub email: Option<EmailText>,
        pub current_password: Option<PasswordText>,
        pub username: Patch<Told>,
        /// Stands for `first_name` and `last_name`: the last word is the last name.
        pub name: Option<String>,
        pub first_name: Patch<Told>,
        pub last_name: Patch<Told>,
        pub phone: Patch<Told>,
        pub address: Patch<Told>,
    }
}

pub(super) async fn update_profile(
    State(app): State<App>,
    user: User,
    client: Client,
    if_match: IfMatch,
    In(body): In<ProfileIn>,
) -> Result<Response> {
    let update = ProfileUpdate {
        email: body.email.and_then(|email| email.0),
        current_password: body.current_password.and_then(|password| password.0),
        name: body.name,
        profile: ProfileChange {
            username: text(body.username),
            first_name: text(body.first_name),
            last_name: text(body.last_name),
            phone: text(body.phone),
            address: text(body.address),
        },
    };
    let look = |account: &Account| if_match.check(&[ProfileOut::from(account)]);
    let seen = if_match.given(&look);
    let account = update_profile::update_profile(&app, user, update, seen, &client).await?;
    Ok(tagged(StatusCode::OK, &ProfileOut::from(&account)))
}

fn text(field: Patch<Told>) -> Option<String> {
    match field {
        Patch::Absent => None,
        Patch::Null => Some(String::new()),
        Patch::Set(Told(text)) => Some(text.trim().to_owned()),
    }
}

input! {
    /// Body of `POST auth/change-password/`.
    pub(super) struct ChangePasswordIn {
        #[also("current_password")]
        pub old_password: PasswordText,
        pub new_password: NewPasswordText,
        /// The new password once more; checked when it is sent.
        pub new_password2: Option<String>,
        /// The same under another name.
        pub new_password_confirm: Option<String>,
    }
}

pub(super) async fn change_password(
    State(app): State<App>,
    user: User,
    client: Client,
    In(body): In<ChangePasswordIn>,
) -> Result<Response> {
    let again = [
        ("new_password2", body.new_password2),
        ("new_password_confirm", body.new_password_confirm),
    ];
    let change = PasswordChange {
        old: body.old_password.0,
        new: body.new_password.0,
        repeated: repeated(again),
    };
    change_password::change_password(&app, user, &client, &change).await?;
    Ok(ok(&MessageOut {
        message: "Password changed. All other sessions have been ended.",
    }))
}
