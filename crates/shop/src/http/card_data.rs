//! Card data must not come here (PCI DSS, SAQ A): it is entered at the payment provider. A body that holds some is refused
//! before anything of it is looked at, kept or logged.

use super::aliases::BASE;
use super::extract::Node;
use crate::error::{Code, Error, Result};

/// Where people write freely, or might think that cards belong.
const GUARDED: &[&str] = &[
    "/orders/",
    "/payments/",
    "/addresses/",
    "/cart/",
    "/auth/profile/",
    "/auth/register/",
];

/// Member names, in lower case and without anything but letters and digits.
const NAMES: &[&str] = &[
    "cardnumber",
    "cardno",
    "cardnum",
    "ccnumber",
    "ccnum",
    "creditcard",
    "creditcardnumber",
    "debitcardnumber",
    "pan",
    "primaryaccountnumber",
    "cvv",
    "cvv2",
    "cvc",
    "cvc2",
    "cardcvv",
    "cardcvc",
    "cardcode",
    "cardsecuritycode",
    "trackdata",
    "track1",
    "track2",
    "pinblock",
];

/// Digits of a card number (ISO/IEC 7812).
const SHORTEST: usize = 13;
const LONGEST: usize = 19;

/// Are bodies sent to this path looked through?
pub(super) fn is_guarded(path: &str) -> bool {
    let below = path.strip_prefix(BASE).unwrap_or(path);
    GUARDED.iter().any(|area| below.starts_with(area))
}

/// # Errors
/// `card_data_not_accepted` for a card number in any value, or a member that is called like what stands on a card.
pub(super) fn refuse(node: &Node<'_>) -> Result<()> {
    match holds_card_data(node) {
        false => Ok(()),
        true => Err(refusal()),
    }
}

fn refusal() -> Error {
    Code::CardDataNotAccepted.with(
        "Card numbers and security codes are never sent to the shop. Enter them at the payment provider.",
    )
}

fn holds_card_data(node: &Node<'_>) -> bool {
    match node {
        Node::Null | Node::Bool(_) => false,
        Node::Number(text) => has_card_number(text, is_card_number),
        Node::String(text) => has_card_number(text, is_card_number),
        Node::Array(items) => items.iter().any(holds_card_data),
        Node::Object(members) => members.iter().any(|(name, value)| {
            has_card_number(name, is_card_number)
                || (is_of_a_card(name) && says_something(value))
                || {
                    match value {
                        // A password may be anything, and is kept as a hash.
                        _ if name.contains("password") => false,
                        Node::Number(text) if name == "phone" => has_card_number(text, is_no_phone),
                        Node::String(text) if name == "phone" => has_card_number(text, is_no_phone),
                        _ => holds_card_data(value),
                    }
                }
        }),
    }
}

fn is_of_a_card(name: &str) -> bool {
    let plain = name.chars().filter(char::is_ascii_alphanumeric);
    let plain: String = plain.map(|c| c.to_ascii_lowercase()).collect();
    NAMES.contains(&&*plain)
}

fn says_something(value: &Node<'_>) -> bool {
    match value {
        Node::Null => false,
        Node::String(text) => !text.trim().is_empty(),
        _ => true,
    }
}

/// A card number stands alone or in groups, between spaces or dashes: digits within words, such as signatures and ids of
/// providers, are none. Neither is what begins with `+`: a telephone number.
fn has_card_number(text: &str, is_card: fn(&str) -> bool) -> bool {
    // Most texts hold too few digits.
    if text.bytes().filter(u8::is_ascii_digit).count() < SHORTEST {
        return false;
    }
    let mut groups: Vec<&str> = Vec::new();
    let mut rest = text;
    loop {
        let start = rest.find(|c: char| !is_gap(c)).unwrap_or(rest.len());
        rest = &rest[start..];
        if rest.is_empty() {
            return any_number(&groups, is_card);
        }
        let end = rest.find(is_gap).unwrap_or(rest.len());
        let word = rest[..end].trim_matches(|c: char| ",;:.()[]\"'".contains(c));
        rest = &rest[end..];
        if !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()) {
            groups.push(word);
            continue;
        }
        if any_number(&groups, is_card) {
            return true;
        }
        groups.clear();
        // What goes on with digits belongs to the telephone number.
        if word.starts_with('+') {
            let end = rest.find(|c: char| !is_gap(c) && !c.is_ascii_digit());
            rest = &rest[end.unwrap_or(rest.len())..];
        } else if inside(word, is_card) {
            return true;
        }
    }
}

/// `card:4111…`: a word that has other signs in it.
fn inside(word: &str, is_card: fn(&str) -> bool) -> bool {
    let is_of_a_word = |c: char| c.is_alphanumeric() || c == '_';
    let parts = word.split(|c: char| !is_of_a_word(c));
    let numbers = parts.filter(|part| part.bytes().all(|b| b.is_ascii_digit()));
    let groups: Vec<&str> = numbers.filter(|part| !part.is_empty()).collect();
    groups.iter().any(|group| any_number(&[group], is_card))
}

fn is_gap(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}')
}

/// Do some neighbouring groups make a card number?
fn any_number(groups: &[&str], is_card: fn(&str) -> bool) -> bool {
    (0..groups.len()).any(|start| {
        let mut digits = String::new();
        groups[start..]
            .iter()
            .map_while(|group| {
                digits.push_str(group);
                (digits.len() <= LONGEST).then(|| digits.len() >= SHORTEST && is_card(&digits))
            })
            .any(|found| found)
    })
}

/// No card begins with 0. The last digit checks the others (Luhn).
fn is_card_number(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, byte)| {
            let digit = u32::from(byte - b'0');
            match at % 2 {
                0 => digit,
                _ if digit > 4 => digit * 2 - 9,
                _ => digit * 2,
            }
        })
        .sum();
    !digits.starts_with('0') && sum.is_multiple_of(10)
}

/// A card number that stands where a telephone number belongs. Those have at most 15 digits (E.164), and one in ten has a
/// right check digit: so short, only what begins as cards of that length do is one (American Express, Diners Club).
fn is_no_phone(digits: &str) -> bool {
    let begins: &[&str] = match digits.len() {
        16.. => &[""],
        15 => &["34", "37"],
        14 => &["300", "301", "302", "303", "304", "305", "36", "38", "39"],
        _ => &[],
    };
    begins.iter().any(|begin| digits.starts_with(begin)) && is_card_number(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_are_known_however_they_are_written() {
        for text in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "my card: 5555 5555 5555 4444, thanks",
            "378282246310005",
            "3782 822463 10005",
            "6304000000000000",
            "2 4111 1111 1111 1111 12/29",
            "card=4111111111111111",
            "(4222222222222)",
            "4111\u{a0}1111\u{2013}1111 1111",
            "6011000990139424 exp 12/29",
            "call +44 20 7946 0958; 4111111111111111",
        ] {
            assert!(has_card_number(text, is_card_number), "{text}");
        }
    }

    #[test]
    fn other_numbers_are_none() {
        for text in [
            "",
            "4111111111111112",
            "411111111111",
            "+4915123456787",
            "+49 1512 3456 787",
            "0000000000000000",
            "pay_4111111111111111",
            "a4111111111111111f",
            "cs_test_4111111111111111",
            "12 High Street, 10115 Berlin",
            "2026-01-31T12:00:00.000000Z",
            "9a1f4111111111111111c3",
            "1299.99",
        ] {
            assert!(!has_card_number(text, is_card_number), "{text}");
        }
    }

    #[test]
    fn telephone_numbers_need_no_plus() {
        for phone in [
            "4915123456787",
            "49 1512 3456787",
            "00491512345678",
            "447911123456",
            "5511987654328",
        ] {
            assert!(!has_card_number(phone, is_no_phone), "{phone}");
        }
        assert!(
            has_card_number("4915123456787", is_card_number),
            "its check digit is right"
        );
        for card in [
            "4111 1111 1111 1111",
            "378282246310005",
            "30569309025904",
            "my card is 5555555555554444",
        ] {
            assert!(has_card_number(card, is_no_phone), "{card}");
        }
    }

    #[test]
    fn names_of_what_stands_on_a_card_are_known() {
        for name in [
            "card_number",
            "cardNumber",
            "CVV",
            "cvc",
            "pan",
            "card-cvc",
            "Track 2",
        ] {
            assert!(is_of_a_card(name), "{name}");
        }
        for name in [
            "company",
            "span",
            "note",
            "cart_number",
            "payment_method",
            "razorpay_payment_id",
        ] {
            assert!(!is_of_a_card(name), "{name}");
        }
    }

    #[test]
    fn only_where_people_write_freely() {
        assert!(is_guarded("/api/v1/orders/") && is_guarded("/api/v1/orders/7/cancel/"));
        assert!(!is_guarded("/api/v1/products/") && !is_guarded("/api/v1/auth/login/"));
    }
}
