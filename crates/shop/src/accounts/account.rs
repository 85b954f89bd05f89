//! An account as its owner sees it, and the rules for what people tell of themselves.

use crate::caller::Role;
use crate::clock::Time;
use crate::error::Fault;
use crate::ids::UserId;
use crate::values::Email;

db::record! {
    #[derive(Clone, Debug)]
    pub struct Account {
        pub id: UserId,
        pub email: String,
        pub username: Option<String>,
        pub first_name: String,
        pub last_name: String,
        pub phone: String,
        pub address: String,
        pub role: Role,
        pub email_verified_at: Option<Time>,
        pub created_at: Time,
    }
}

impl Account {
    pub fn name(&self) -> String {
        [&*self.first_name, &*self.last_name]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// First and last name of a whole one: the last word is the last name.
pub(super) fn split_name(name: &str) -> (String, String) {
    let name = name.trim();
    let (first, last) = name.rsplit_once(char::is_whitespace).unwrap_or((name, ""));
    (first.trim_end().to_owned(), last.to_owned())
}

/// Characters of the longest e-mail address or username.
pub(super) const MOST_OF_NAME: usize = Email::MOST;

/// What an e-mail address or a username is looked up by: neither cares for case.
pub(crate) fn key(name: &str) -> String {
    name.trim().to_lowercase()
}

pub(super) fn fault(attr: &str, code: &'static str, detail: impl Into<String>) -> Fault {
    Fault {
        attr: attr.to_owned(),
        code,
        detail: detail.into(),
        in_query: false,
    }
}

/// The address of an account. An absent one is a fault too.
pub(super) fn parse_email(text: Option<&str>) -> Result<Email, Fault> {
    match text.map(str::trim) {
        None => Err(fault("email", "required", "This field is required.")),
        Some("") => Err(fault("email", "blank", "This field may not be blank.")),
        Some(text) => Email::parse(text)
            .ok_or_else(|| fault("email", "invalid", "Enter a valid email address.")),
    }
}

/// What is wrong with a username. An `@` would make it look like an e-mail address at sign-in: only the account's own
/// address may be its username, and is then found as the address.
pub(super) fn username_fault(username: &str, email: &str) -> Option<Fault> {
    let allowed = |c: char| c.is_alphanumeric() || ".+-_".contains(c);
    if username.chars().count() > 150 {
        Some(fault(
            "username",
            "max_length",
            "Ensure this field has no more than 150 characters.",
        ))
    } else if !username.chars().all(allowed) && key(username) != key(email) {
        Some(fault(
            "username",
            "invalid",
            "Enter a valid username: letters, digits and . + - _ only.",
        ))
    } else {
        None
    }
}

/// What is longer than its column is meant to be, or no line of text. `fields`: name and value.
pub(super) fn text_faults<'a>(
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> impl Iterator<Item = Fault> {
    fields.into_iter().filter_map(|(attr, value)| {
        let most = match attr {
            "phone" => 32,
            "address" => 1000,
            _ => 150,
        };
        let too_long = format!("Ensure this field has no more than {most} characters.");
        if value.chars().count() > most {
            Some(fault(attr, "max_length", too_long))
        } else if attr != "address" && value.contains(char::is_control) {
            let detail = "Send one line, without control characters.";
            Some(fault(attr, "invalid", detail))
        } else {
            None
        }
    })
}

pub(super) fn email_taken() -> Fault {
    fault("email", "unique", "A user with this email already exists.")
}

pub(super) fn username_taken() -> Fault {
    fault(
        "username",
        "unique",
        "A user with this username already exists.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_name_has_its_last_word_as_last_name() {
        for (name, first, last) in [
            ("Test User", "Test", "User"),
            (" Ada  Maria   Lovelace ", "Ada  Maria", "Lovelace"),
            ("Plato", "Plato", ""),
            ("", "", ""),
        ] {
            assert_eq!(
                split_name(name),
                (first.to_owned(), last.to_owned()),
                "{name}"
            );
        }
    }

    #[test]
    fn a_username_cannot_pass_for_somebody_elses_address() {
        for username in ["testuser", "John.Doe+1", "józef_-7", "Ann@Example.com"] {
            assert_eq!(
                username_fault(username, "ann@example.com"),
                None,
                "{username}"
            );
        }
        for username in ["bob@example.com", "two words", "<b>", &"x".repeat(151)] {
            assert!(
                username_fault(username, "ann@example.com").is_some(),
                "{username}"
            );
        }
    }
}
