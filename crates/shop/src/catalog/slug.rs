//! Names for URLs, made from names for people.

use super::search::fold;

const MAX_SLUG: usize = 80;

/// Segments that stand beside `{id}` and `{slug}` in the route table.
const ROUTE_WORDS: &[&str] = &[
    "admin",
    "all",
    "analytics",
    "featured",
    "images",
    "low-stock",
];

/// A slug for `name`, or `None` when no Latin letter or digit is in it: then the caller takes the id.
/// `kind` (`product`, `category`) goes before what would be read as an id or as a route.
pub(super) fn slug_of(name: &str, kind: &str) -> Option<String> {
    let mut slug = String::new();
    for letter in fold(name).chars() {
        if slug.len() >= MAX_SLUG {
            break;
        }
        if letter.is_ascii_alphanumeric() {
            slug.push(letter);
        } else if letter != '\'' && letter != '’' && !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() {
        None
    } else if is_usable(slug) {
        Some(slug.to_owned())
    } else {
        Some(format!("{kind}-{slug}"))
    }
}

/// May somebody call a product or category so? Lowercase letters, digits and single dashes; not all digits, not a
/// word of the route table.
pub(super) fn is_usable(slug: &str) -> bool {
    let parts_are_words = slug.split('-').all(|part| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    });
    parts_are_words
        && slug.len() <= MAX_SLUG + 20
        && !slug.bytes().all(|b| b.is_ascii_digit())
        && !ROUTE_WORDS.contains(&slug)
}

/// `slug` itself and then `slug-2`, `slug-3`, …: which of them are worth asking for, round by round.
pub(super) fn candidates(slug: &str, round: u32) -> Vec<String> {
    let numbers = match round {
        0 => return vec![slug.to_owned()],
        1 => 2..=20,
        2 => 21..=200,
        _ => 201..=2_000,
    };
    numbers.map(|n| format!("{slug}-{n}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_lowercase_words_with_dashes() {
        assert_eq!(
            slug_of("Crème Brûlée & Straße", "product").as_deref(),
            Some("creme-brulee-strasse")
        );
        assert_eq!(
            slug_of("  Men's  T-Shirt (XL) ", "product").as_deref(),
            Some("mens-t-shirt-xl")
        );
    }

    #[test]
    fn a_slug_is_never_an_id_nor_a_route() {
        assert_eq!(
            slug_of("2024", "category").as_deref(),
            Some("category-2024")
        );
        assert_eq!(
            slug_of("Featured", "product").as_deref(),
            Some("product-featured")
        );
        assert_eq!(slug_of("All", "category").as_deref(), Some("category-all"));
    }

    #[test]
    fn a_name_without_latin_letters_has_none() {
        assert_eq!(slug_of("дом", "category"), None);
        assert_eq!(slug_of("茶 ☕", "category"), None);
    }

    #[test]
    fn what_somebody_chose_is_checked() {
        assert!(is_usable("tea-cups-2"));
        for bad in [
            "", "Tea", "a--b", "-a", "a-", "12", "all", "tea_cup", "tee/x", "é",
        ] {
            assert!(!is_usable(bad), "{bad}");
        }
    }

    #[test]
    fn long_names_are_cut_at_a_length() {
        assert!(
            slug_of(&"word ".repeat(500), "product")
                .is_some_and(|slug| slug.len() <= MAX_SLUG && is_usable(&slug))
        );
    }
}
