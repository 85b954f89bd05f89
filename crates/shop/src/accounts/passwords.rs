//! Which passwords are taken: long enough, not too long to hash, not among the first that a guesser tries.
//! Any character is allowed and nothing is trimmed, but spaces alone are none; there are no rules of composition.

use super::account::fault;
use crate::error::Fault;

/// Longer ones are refused before anything is hashed.
pub(super) const MAX_BYTES: usize = 1024;

/// Lower case, one a line, sorted by bytes, after a head with its source and licence.
static COMMON: &str = include_str!("common_passwords.txt");

/// What a password is measured by.
#[derive(Clone, Debug)]
pub(super) struct PasswordRules {
    /// Characters.
    pub min_length: usize,
    /// A password that the documentation prints passes, although everybody knows it.
    pub allow_documented: bool,
}

impl PasswordRules {
    /// What is wrong with `password` in the field `attr`. `about` is what the account and the shop are called.
    pub(super) fn faults(&self, attr: &str, password: &str, about: &[&str]) -> Vec<Fault> {
        if let Some(fault) = length_fault(attr, password) {
            return vec![fault];
        }
        if password.trim().is_empty() {
            return vec![fault(attr, "blank", "This field may not be blank.")];
        }
        let mut faults = Vec::new();
        if password.chars().count() < self.min_length {
            let detail = format!(
                "This password is too short. It must contain at least {} characters.",
                self.min_length
            );
            faults.push(fault(attr, "password_too_short", detail));
        }
        let lower = password.to_lowercase();
        if is_common(&lower) && !(self.allow_documented && lower == "password123") {
            faults.push(fault(
                attr,
                "password_too_common",
                "This password is too common.",
            ));
        }
        if about
            .iter()
            .any(|name| names(name).any(|name| name == lower))
        {
            let detail =
                "The password must not be the e-mail address or a name of the account or the shop.";
            faults.push(fault(attr, "password_too_similar", detail));
        }
        faults
    }
}

/// What is too long to be hashed.
pub(super) fn length_fault(attr: &str, password: &str) -> Option<Fault> {
    let too_long = password.len() > MAX_BYTES;
    too_long.then(|| {
        fault(
            attr,
            "max_length",
            format!("Ensure this field has no more than {MAX_BYTES} bytes."),
        )
    })
}

/// A name in lower case and, of an e-mail address, its part before the `@`.
fn names(name: &str) -> impl Iterator<Item = String> {
    let name = name.trim().to_lowercase();
    let local = name.split_once('@').map(|(local, _)| local.to_owned());
    std::iter::once(name)
        .chain(local)
        .filter(|name| !name.is_empty())
}

/// Binary search in the text itself: the list costs no memory beyond the program's.
fn is_common(lower: &str) -> bool {
    let (_head, mut lines) = COMMON.split_once("\n\n").unwrap_or(("", COMMON));
    while !lines.is_empty() {
        let bytes = lines.as_bytes();
        let middle = bytes.len() / 2;
        let start = bytes[..middle]
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |at| at + 1);
        let end = bytes[middle..]
            .iter()
            .position(|&b| b == b'\n')
            .map_or(bytes.len(), |at| middle + at);
        match lower.cmp(&lines[start..end]) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => lines = &lines[..start],
            std::cmp::Ordering::Greater => lines = lines.get(end + 1..).unwrap_or(""),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(password: &str, rules: &PasswordRules) -> Vec<&'static str> {
        let about = ["ann@example.com", "AnnTheGreat", "Cartwright"];
        rules
            .faults("password", password, &about)
            .into_iter()
            .map(|fault| fault.code)
            .collect()
    }

    const DEVELOPMENT: PasswordRules = PasswordRules {
        min_length: 8,
        allow_documented: true,
    };
    const PRODUCTION: PasswordRules = PasswordRules {
        min_length: 8,
        allow_documented: false,
    };

    #[test]
    fn the_list_is_long_and_every_line_of_it_is_found() {
        let (_, lines) = COMMON.split_once("\n\n").unwrap();
        assert!(lines.lines().count() > 3_000);
        assert!(lines.lines().all(is_common));
        assert!(
            !is_common("")
                && !is_common("zzzzzzzzzzzzzzzzzzzzzz")
                && !is_common("!")
                && !is_common("# common")
        );
    }

    #[test]
    fn the_first_guesses_are_refused() {
        for password in ["12345678", "qwerty123", "Password1", "PASSWORD123"] {
            assert_eq!(
                codes(password, &PRODUCTION),
                ["password_too_common"],
                "{password}"
            );
        }
        assert_eq!(
            codes("1234567", &PRODUCTION),
            ["password_too_short", "password_too_common"]
        );
    }

    #[test]
    fn what_the_documents_print_is_taken() {
        let printed = [
            "SecurePass123",
            "Test123!",
            "SomeSecurePassword123",
            "SecurePassword123",
            "Bench-Pass-123",
        ];
        assert!(
            printed
                .iter()
                .all(|password| codes(password, &PRODUCTION).is_empty())
        );
        assert!(codes("password123", &DEVELOPMENT).is_empty());
        assert_eq!(codes("password123", &PRODUCTION), ["password_too_common"]);
    }

    #[test]
    fn spaces_alone_are_no_password() {
        for password in ["", " ", "        ", "\t\u{a0}\u{3000}       "] {
            assert_eq!(codes(password, &PRODUCTION), ["blank"], "{password:?}");
        }
        assert!(codes("   a    ", &PRODUCTION).is_empty());
    }

    #[test]
    fn names_of_the_account_and_the_shop_are_refused() {
        for password in [
            "ann@example.com",
            "ANN@example.com",
            "annthegreat",
            "cartwright",
        ] {
            assert_eq!(
                codes(password, &PRODUCTION),
                ["password_too_similar"],
                "{password}"
            );
        }
    }

    #[test]
    fn length_counts_characters_below_and_bytes_above() {
        assert_eq!(codes("ÄÖÜäöüß", &PRODUCTION), ["password_too_short"]);
        assert!(codes(&"ä ".repeat(300), &PRODUCTION).is_empty());
        assert!(codes(&"x".repeat(1024), &PRODUCTION).is_empty());
        assert_eq!(codes(&"x".repeat(1025), &PRODUCTION), ["max_length"]);
    }
}
