//! Sign-up. Always as a customer; whoever has the first account of an address keeps it.

use super::account::{self, Account, fault, split_name};
use super::links::{self, Purpose};
use super::sign_in::{Adjustments, Tokens, open_session};
use super::store::{self, NewUser};
use crate::app::App;
use crate::caller::{CartToken, Client, Role};
use crate::error::{Error, Fault, Result};
use crate::events::{self, Event};
use crate::limits::{self, Limit, network};
use crate::transact;
use crate::values::Email;

/// What somebody tells of themselves, as it came: all of it is judged here, so that all faults stand in one answer.
#[derive(Debug, Default)]
pub(super) struct Registration {
    pub email: Option<String>,
    pub password: Option<String>,
    /// The fields in which the password was repeated, and what stood there.
    pub repeated: Vec<(&'static str, String)>,
    pub username: Option<String>,
    /// Stands for first and last name where those are not given.
    pub name: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub phone: Option<String>,
    pub address: Option<String>,
}

pub(super) struct Registered {
    pub account: Account,
    /// Absent when the address has to be verified first.
    pub tokens: Option<Tokens>,
    pub cart_adjustments: Adjustments,
}

/// Makes an account and, unless its address has to be verified first, signs it in and merges the guest's cart.
///
/// # Errors
/// All faulty fields at once; `rate_limited` for the eleventh of an address in an hour; `overloaded` when too many
/// passwords wait to be hashed.
pub(super) async fn register(
    app: &App,
    input: Registration,
    client: &Client,
    cart: Option<&CartToken>,
) -> Result<Registered> {
    let (email, password, person) = judge(app, input).await?;
    // Before it is counted: who finds no turn may come again.
    let turn = app.accounts.hasher.admit()?;
    limits::check(app, Limit::SignUpByAddress, &network(client.ip)).await?;
    let password_hash = turn.hash(&password).await?;
    drop(turn);
    let now = app.clock.now();
    let new_user = NewUser {
        email: &email,
        username: person.username.as_deref(),
        password_hash: &password_hash,
        first_name: &person.first_name,
        last_name: &person.last_name,
        phone: &person.phone,
        address: &person.address,
        role: Role::Customer,
        email_verified_at: None,
    };
    let (account, session) = transact!(app.db, tx => {
        let user = store::add_user(tx, &new_user, now).await?;
        events::record(tx, &Event::UserRegistered { user_id: user }, now).await?;
        let link = links::add_link(tx, user, Purpose::VerifyEmail, &email, client, now).await?;
        links::enqueue(tx, Some(link), now).await?;
        // Who cannot sign in yet keeps the guest's cart: it is merged at the first sign-in.
        let session = match app.config.require_email_verification {
            true => None,
            false => Some(open_session(app, tx, user, client, cart, now).await?),
        };
        Ok((store::account(tx, user).await?, session))
    })?;
    let tokens = session
        .as_ref()
        .map(|session| session.tokens(app, account.id, now))
        .transpose()?;
    let cart_adjustments = session
        .map(|session| session.cart_adjustments)
        .unwrap_or_default();
    Ok(Registered {
        account,
        tokens,
        cart_adjustments,
    })
}

struct Person {
    username: Option<String>,
    first_name: String,
    last_name: String,
    phone: String,
    address: String,
}

async fn judge(app: &App, input: Registration) -> Result<(Email, String, Person)> {
    let email = account::parse_email(input.email.as_deref());
    let address_or_nothing = email.as_deref().unwrap_or_default();
    let username = input
        .username
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty());
    let (first, last) = split_name(input.name.as_deref().unwrap_or_default());
    let trimmed =
        |text: Option<String>| text.map(|text| text.trim().to_owned()).unwrap_or_default();
    let person = Person {
        username,
        first_name: input
            .first_name
            .map_or(first, |name| name.trim().to_owned()),
        last_name: input.last_name.map_or(last, |name| name.trim().to_owned()),
        phone: trimmed(input.phone),
        address: trimmed(input.address),
    };

    let mut faults = password_faults(
        app,
        &input.password,
        &input.repeated,
        address_or_nothing,
        &person,
    );
    faults.extend(email.as_ref().err().cloned());
    faults.extend(
        person
            .username
            .as_deref()
            .and_then(|name| account::username_fault(name, address_or_nothing)),
    );
    faults.extend(account::text_faults([
        ("first_name", &*person.first_name),
        ("last_name", &person.last_name),
        ("phone", &person.phone),
        ("address", &person.address),
    ]));
    let conn = app.db.read().await?;
    let (email_taken, username_taken) =
        store::names_taken(&conn, address_or_nothing, person.username.as_deref()).await?;
    faults.extend(email_taken.then(account::email_taken));
    faults.extend(username_taken.then(account::username_taken));
    match (email, input.password) {
        (Ok(email), Some(password)) if faults.is_empty() => Ok((email, password, person)),
        _ => Err(Error::faults(faults)),
    }
}

fn password_faults(
    app: &App,
    password: &Option<String>,
    repeated: &[(&'static str, String)],
    email: &str,
    person: &Person,
) -> Vec<Fault> {
    let Some(password) = password else {
        return vec![fault("password", "required", "This field is required.")];
    };
    let about = [
        email,
        person.username.as_deref().unwrap_or_default(),
        crate::SHOP_NAME,
    ];
    let mut faults = app.accounts.rules.faults("password", password, &about);
    for (attr, repeated) in repeated {
        if repeated != password {
            faults.push(fault(
                attr,
                "password_mismatch",
                "The two passwords do not match.",
            ));
        }
    }
    faults
}
