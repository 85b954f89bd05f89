//! Words that look like one that somebody mistyped. The vocabulary is our own, so both engines find the same.
//!
//! Three letters in a row make a trigram; words that share most of them are looked at, and those few edits away are
//! taken. Only words of letters are known: a number or an article code that is mistyped means another one.

pub(super) mod store;

use std::collections::{BTreeMap, BTreeSet};

use db::{Conn, Tx};

use crate::error::Result;

const SHORTEST: usize = 4;
const LONGEST: usize = 24;
/// Words that share enough trigrams, to be compared letter by letter.
const COMPARED: i64 = 100;
/// Similar words that are searched for beside the one typed.
const MOST: usize = 8;

/// Adds what is new of a product's words. The caller holds the generation row, so nobody else does at the same time.
pub(super) async fn learn<'a>(tx: &Tx, words: impl Iterator<Item = &'a str>) -> Result<()> {
    let words: BTreeSet<&str> = words.filter(|word| is_known_kind(word)).collect();
    let known = store::known(tx, &words).await?;
    let new: Vec<(&str, Vec<String>)> = words
        .into_iter()
        .filter(|word| !known.contains(*word))
        .map(|word| (word, trigrams(word)))
        .collect();
    store::insert(tx, &new).await
}

/// For each word those that it may have been meant to be, the most similar first.
pub(super) async fn similar(conn: &Conn, words: &[String]) -> Result<Vec<Vec<String>>> {
    let mut all = Vec::with_capacity(words.len());
    for word in words {
        if !is_known_kind(word) {
            all.push(Vec::new());
            continue;
        }
        let length = word.chars().count();
        let edits = edits_allowed(length);
        // An edit costs up to three trigrams; that behind the last letter is lost where the word goes on.
        let shared = (length + 1).saturating_sub(3 * edits + 1).max(1);
        let shared = i64::try_from(shared).unwrap_or(1);
        let found = store::sharing(conn, &trigrams(word), shared, COMPARED).await?;
        let mut near: BTreeMap<(usize, usize), BTreeSet<String>> = BTreeMap::new();
        for candidate in found {
            let distance = distance_to_beginning(word, &candidate);
            if (1..=edits).contains(&distance) {
                near.entry((distance, candidate.chars().count()))
                    .or_default()
                    .insert(candidate);
            }
        }
        all.push(near.into_values().flatten().take(MOST).collect());
    }
    Ok(all)
}

fn is_known_kind(word: &str) -> bool {
    (SHORTEST..=LONGEST).contains(&word.chars().count()) && word.chars().all(char::is_alphabetic)
}

fn edits_allowed(length: usize) -> usize {
    if length < 8 { 1 } else { 2 }
}

/// Each once.
fn trigrams(word: &str) -> Vec<String> {
    let letters: Vec<char> = "  ".chars().chain(word.chars()).chain([' ']).collect();
    let all: BTreeSet<String> = letters
        .windows(3)
        .map(|three| three.iter().collect())
        .collect();
    all.into_iter().collect()
}

/// Letters to insert, drop, change or swap with their neighbour until `typed` begins `word`.
fn distance_to_beginning(typed: &str, word: &str) -> usize {
    let (typed, word): (Vec<char>, Vec<char>) = (typed.chars().collect(), word.chars().collect());
    let width = word.len() + 1;
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..width).collect();
    for (row, &letter) in typed.iter().enumerate() {
        let mut now = vec![row + 1; width];
        for at in 1..width {
            let same = usize::from(word[at - 1] != letter);
            now[at] = (last[at - 1] + same).min(last[at] + 1).min(now[at - 1] + 1);
            if row > 0 && at > 1 && letter == word[at - 2] && typed[row - 1] == word[at - 1] {
                now[at] = now[at].min(before[at - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, now);
    }
    last.into_iter().min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_is_one_edit() {
        for (typed, word, edits) in [
            ("labtop", "laptop", 1),
            ("latpop", "laptop", 1),
            ("lpatop", "laptop", 1),
            ("lapto", "laptops", 0),
            ("labto", "laptops", 1),
            ("keybord", "keyboards", 1),
            ("hedphons", "headphones", 2),
            ("mug", "laptop", 3),
        ] {
            assert_eq!(distance_to_beginning(typed, word), edits, "{typed} {word}");
        }
    }

    #[test]
    fn trigrams_stand_each_once() {
        assert_eq!(trigrams("aaaa"), ["  a", " aa", "aa ", "aaa"]);
        assert!(is_known_kind("straße") && !is_known_kind("mug") && !is_known_kind("ab12"));
    }
}
