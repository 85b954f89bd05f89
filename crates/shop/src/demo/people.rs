//! Who buys in the demo.

use serde_json::json;

use super::chance::Chance;
use super::orders::Calendar;
use super::store;
use crate::accounts::{ImportedUser, adopt_hash, import_users};
use crate::app::App;
use crate::caller::Role;
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::values::Email;

const FIRST: &[&str] = &[
    "Ada", "Amir", "Anna", "Ben", "Carla", "Chen", "Daniel", "Elena", "Emre", "Fatima", "Femi",
    "Grace", "Hana", "Ivan", "Jonas", "Julia", "Kofi", "Lars", "Leila", "Lucas", "Maria", "Mei",
    "Nadia", "Noah", "Olga", "Omar", "Priya", "Rafael", "Sara", "Tom",
];
const LAST: &[&str] = &[
    "Adams", "Bauer", "Castillo", "Diallo", "Eriksson", "Fischer", "Garcia", "Hansen", "Ito",
    "Jansen", "Kowalski", "Lindgren", "Martin", "Novak", "Okafor", "Patel", "Quinn", "Rossi",
    "Schmidt", "Tanaka", "Ueda", "Varga", "Wilson", "Yilmaz", "Zhang",
];
const STREETS: &[&str] = &[
    "Mill Lane",
    "Station Road",
    "Park Street",
    "Harbour View",
    "Church Hill",
    "Garden Row",
    "Long Acre",
];
const TOWNS: &[(&str, &str, &str)] = &[
    ("Portland", "97205", "US"),
    ("Leeds", "LS1 4DY", "GB"),
    ("Hamburg", "20095", "DE"),
    ("Lyon", "69002", "FR"),
    ("Pune", "411001", "IN"),
    ("Utrecht", "3511", "NL"),
    ("Toronto", "M5V 2T6", "CA"),
    ("Aarhus", "8000", "DK"),
    ("Galway", "H91", "IE"),
    ("Porto", "4000", "PT"),
];
const BATCH: usize = 500;

#[derive(Clone)]
pub(super) struct Person {
    /// `None` for guests.
    pub(super) user: Option<UserId>,
    pub(super) email: String,
    /// JSON.
    pub(super) address: String,
}

/// One customer for every six orders.
pub(super) async fn add(
    app: &App,
    orders: u32,
    calendar: &Calendar,
    chance: &mut Chance,
) -> Result<Vec<Person>> {
    // Nobody can sign in with it.
    let password_hash = adopt_hash("!").map_err(Error::internal)?;
    let count = (orders as usize / 6).max(1);
    let mut users = Vec::with_capacity(count);
    for at in 0..count {
        let (first, last) = (*chance.of(FIRST), *chance.of(LAST));
        let email = address_of(first, last, at);
        users.push(ImportedUser {
            email: Email::parse(&email)
                .ok_or_else(|| Error::internal("an address of the demo is none"))?,
            username: None,
            password_hash: password_hash.clone(),
            first_name: first.to_owned(),
            last_name: last.to_owned(),
            phone: format!("+1 555 {:07}", chance.below(10_000_000)),
            address: String::new(),
            role: Role::Customer,
            is_active: true,
            email_verified: true,
            joined: Some(calendar.opening()),
        });
    }
    for batch in users.chunks(BATCH) {
        import_users(app, batch).await?;
    }
    let ids = store::customers(&app.db.read().await?).await?;
    let people = users.iter().filter_map(|user| {
        let email = user.email.to_string();
        let id = ids.get(&email)?;
        let name = format!("{} {}", user.first_name, user.last_name);
        Some(Person {
            user: Some(*id),
            address: home(&name, chance),
            email,
        })
    });
    Ok(people.collect())
}

/// Somebody without an account.
pub(super) fn guest(chance: &mut Chance) -> Person {
    let (first, last) = (*chance.of(FIRST), *chance.of(LAST));
    let email = address_of(first, last, 100_000 + chance.below(900_000));
    Person {
        user: None,
        email,
        address: home(&format!("{first} {last}"), chance),
    }
}

fn address_of(first: &str, last: &str, number: usize) -> String {
    format!(
        "{}.{}{number}@example.com",
        first.to_lowercase(),
        last.to_lowercase()
    )
}

fn home(name: &str, chance: &mut Chance) -> String {
    let (city, postal_code, country) = *chance.of(TOWNS);
    let line1 = format!("{} {}", chance.between(1, 240), chance.of(STREETS));
    json!({
        "full_name": name, "line1": line1, "line2": "", "city": city, "region": "", "postal_code": postal_code,
        "country": country, "phone": "",
    })
    .to_string()
}
