//! An admin, made by whoever can run the program.

use super::account;
use super::store::{self, NewUser};
use crate::app::App;
use crate::caller::Role;
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::transact;

#[derive(Debug)]
pub struct NewSuperuser<'a> {
    pub email: &'a str,
    pub password: &'a str,
    pub username: Option<&'a str>,
}

/// Makes an account with the role `admin`. Its address counts as verified: no mail is needed to use it.
///
/// # Errors
/// All faulty fields at once: `email`, `username`, `password`.
pub async fn create_superuser(app: &App, new: &NewSuperuser<'_>) -> Result<UserId> {
    let email =
        account::parse_email(Some(new.email)).map_err(|fault| Error::faults(vec![fault]))?;
    let about = [&*email, new.username.unwrap_or_default(), crate::SHOP_NAME];
    let mut faults = app.accounts.rules.faults("password", new.password, &about);
    let (email_taken, username_taken) =
        store::names_taken(&app.db.read().await?, &email, new.username).await?;
    faults.extend(email_taken.then(account::email_taken));
    faults.extend(username_taken.then(account::username_taken));
    faults.extend(
        new.username
            .and_then(|username| account::username_fault(username, &email)),
    );
    if !faults.is_empty() {
        return Err(Error::faults(faults));
    }
    let password_hash = app.accounts.hasher.hash(new.password).await?;
    let now = app.clock.now();
    let user = NewUser {
        email: &email,
        username: new.username,
        password_hash: &password_hash,
        first_name: "",
        last_name: "",
        phone: "",
        address: "",
        role: Role::Admin,
        email_verified_at: Some(now),
    };
    transact!(app.db, tx => { store::add_user(tx, &user, now).await })
}
