//! Names for URLs, made from names for people.

use std::collections::HashSet;

use db::Tx;

use super::search::fold;
use super::{SLUG_RULE, store};
use crate::error::{Error, Result};

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

/// What has slugs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Product,
    Category,
}

impl Kind {
    /// One of them, and many.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Kind::Product => ("product", "products"),
            Kind::Category => ("category", "categories"),
        }
    }
}

/// A slug that somebody chose: 400 when it cannot be one, 409 when it is taken.
pub(super) async fn chosen(tx: &Tx, kind: Kind, slug: &str) -> Result<String> {
    if !is_usable(slug) {
        return Err(Error::field("slug", "invalid", SLUG_RULE));
    }
    let slug = slug.to_owned();
    if store::taken_slugs(tx, kind, std::slice::from_ref(&slug))
        .await?
        .is_empty()
    {
        Ok(slug)
    } else {
        let (one, _) = kind.words();
        let detail = format!("A {one} with the slug \"{slug}\" already exists.");
        Err(Error::duplicate("slug", detail))
    }
}

/// `slug`, or the first of `slug-2`, `slug-3`, … that is not taken nor among `others`.
pub(super) async fn free(
    tx: &Tx,
    kind: Kind,
    slug: &str,
    others: &HashSet<String>,
) -> Result<String> {
    for round in 0..4 {
        let candidates = candidates(slug, round);
        let taken = store::taken_slugs(tx, kind, &candidates).await?;
        let is_free = |slug: &String| !taken.contains(slug) && !others.contains(slug);
        if let Some(free) = candidates.into_iter().find(is_free) {
            return Ok(free);
        }
    }
    let (_, many) = kind.words();
    let detail = format!("There are too many {many} of this name.");
    Err(Error::duplicate("name", detail))
}

/// A slug for `name`, or `None` when no Latin letter or digit is in it: then the caller takes the id.
/// The word for the kind goes before what would be read as an id or as a route.
pub(super) fn slug_of(name: &str, kind: Kind) -> Option<String> {
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
        Some(format!("{}-{slug}", kind.words().0))
    }
}

/// May somebody call a product or category so? Lowercase letters, digits and single dashes; not all digits, not a
/// word of the route table.
fn is_usable(slug: &str) -> bool {
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
fn candidates(slug: &str, round: u32) -> Vec<String> {
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
            slug_of("Crème Brûlée & Straße", Kind::Product).as_deref(),
            Some("creme-brulee-strasse")
        );
        assert_eq!(
            slug_of("  Men's  T-Shirt (XL) ", Kind::Product).as_deref(),
            Some("mens-t-shirt-xl")
        );
    }

    #[test]
    fn a_slug_is_never_an_id_nor_a_route() {
        assert_eq!(
            slug_of("2024", Kind::Category).as_deref(),
            Some("category-2024")
        );
        assert_eq!(
            slug_of("Featured", Kind::Product).as_deref(),
            Some("product-featured")
        );
        assert_eq!(
            slug_of("All", Kind::Category).as_deref(),
            Some("category-all")
        );
    }

    #[test]
    fn a_name_without_latin_letters_has_none() {
        assert_eq!(slug_of("дом", Kind::Category), None);
        assert_eq!(slug_of("茶 ☕", Kind::Category), None);
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
            slug_of(&"word ".repeat(500), Kind::Product)
                .is_some_and(|slug| slug.len() <= MAX_SLUG && is_usable(&slug))
        );
    }
}
