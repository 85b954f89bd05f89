//! `cartwright import users`: accounts of a Django shop with the hashes of their passwords, keyed by e-mail address.
//! An address that has an account already stays as it is, so a second run changes nothing.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Result, bail};

use super::pace::Pace;
use super::rows::{Column, Row, Rows};
use super::{Fault, Options, Progress, Report};
use crate::accounts::{ImportedUser, adopt_hash, import_users as write, key};
use crate::app::App;
use crate::caller::Role;
use crate::clock::Time;
use crate::values::Email;

const fn optional(name: &'static str, headers: &'static [&'static str]) -> Column {
    Column {
        name,
        headers,
        required: false,
    }
}

const COLUMNS: &[Column] = &[
    Column {
        name: "email",
        headers: &["email_address", "mail"],
        required: true,
    },
    Column {
        name: "password",
        headers: &["password_hash", "hash"],
        required: true,
    },
    optional("username", &["user_name", "login"]),
    optional("first_name", &[]),
    optional("last_name", &[]),
    optional("phone", &["phone_number", "mobile"]),
    optional("address", &[]),
    optional("is_active", &["active"]),
    optional("is_superuser", &["is_admin", "superuser"]),
    optional(
        "email_verified",
        &["is_verified", "is_email_verified", "verified"],
    ),
    optional("date_joined", &["joined", "created_at"]),
];

const BATCH: usize = 200;

/// # Errors
/// The file cannot be read, a row is faulty in a strict run (then nothing was written), or the database is away.
pub async fn import_users(
    app: &App,
    file: &Path,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Report> {
    let (users, mut report) = read(file, options)?;
    let total = users.len() as u64;
    if options.dry_run {
        report.imported = total;
        return Ok(report);
    }
    let (mut done, mut nameless) = (0, 0);
    let (mut pace, mut rest) = (Pace::new(app.db.engine(), 20, BATCH), users.as_slice());
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(pace.batch().min(rest.len()));
        rest = later;
        let made = pace.keep(|| write(app, batch)).await?;
        report.imported += made.made;
        nameless += made.without_username;
        done += batch.len() as u64;
        progress(done, total);
    }
    report.unchanged = total - report.imported;
    if nameless > 0 {
        report.notes.push(format!(
            "{nameless} usernames were taken or are none here; those accounts sign in with their email address"
        ));
    }
    Ok(report)
}

fn read(file: &Path, options: &Options) -> Result<(Vec<ImportedUser>, Report)> {
    let mut rows = Rows::open(file, COLUMNS, &options.columns)?;
    let (mut report, mut users, mut seen) = (Report::default(), Vec::new(), HashSet::new());
    while let Some(row) = rows.next()? {
        report.rows += 1;
        let user = row.and_then(|row| {
            let user = user(&row)?;
            match seen.insert(key(&user.email)) {
                true => Ok(user),
                false => Err(row.fault("the email address stands twice")),
            }
        });
        match user {
            Ok(user) => users.push(user),
            Err(fault) if options.strict => {
                bail!(
                    "Line {}: {}.\nNothing was written.",
                    fault.line,
                    fault.reason
                )
            }
            Err(fault) => report.fault(fault),
        }
    }
    Ok((users, report))
}

fn user(row: &Row) -> Result<ImportedUser, Fault> {
    let email = row
        .get("email")
        .ok_or_else(|| row.fault("no email address"))?;
    let email = Email::parse(email).ok_or_else(|| row.fault("the email address is not valid"))?;
    let hash = row
        .get("password")
        .ok_or_else(|| row.fault("no password hash"))?;
    let text = |name, most: usize| match row.get(name).unwrap_or_default() {
        text if text.chars().count() > most => {
            Err(row.fault(format!("{name} is longer than {most} characters")))
        }
        text => Ok(text.to_owned()),
    };
    let joined = match row.get("date_joined") {
        None => None,
        Some(text) => Some(moment(text).ok_or_else(|| row.fault("date_joined is no moment"))?),
    };
    Ok(ImportedUser {
        password_hash: adopt_hash(hash).map_err(|reason| row.fault(reason))?,
        username: row.get("username").map(str::to_owned),
        first_name: text("first_name", 150)?,
        last_name: text("last_name", 150)?,
        phone: text("phone", 32)?,
        address: text("address", 1000)?,
        role: match flag(row, "is_superuser", false)? {
            true => Role::Admin,
            false => Role::Customer,
        },
        is_active: flag(row, "is_active", true)?,
        email_verified: flag(row, "email_verified", false)?,
        joined,
        email,
    })
}

fn flag(row: &Row, name: &str, default: bool) -> Result<bool, Fault> {
    match row.get(name).map(str::to_lowercase).as_deref() {
        None => Ok(default),
        Some("true" | "t" | "1" | "yes") => Ok(true),
        Some("false" | "f" | "0" | "no") => Ok(false),
        Some(_) => Err(row.fault(format!("{name} is neither true nor false"))),
    }
}

/// As Django, PostgreSQL and JSON write it; UTC when it does not say.
fn moment(text: &str) -> Option<Time> {
    let text = text.replacen(' ', "T", 1);
    let zoned = text.parse::<jiff::Timestamp>().ok();
    let hours_only = || format!("{text}:00").parse::<jiff::Timestamp>().ok();
    let plain = || {
        let civil = text.parse::<jiff::civil::DateTime>().ok()?;
        Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    zoned.or_else(hours_only).or_else(plain).map(Time::from)
}
