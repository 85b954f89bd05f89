//! What the search compares: words without case and accents, the same for texts and for queries.

use unicode_normalization::UnicodeNormalization;

const MAX_WORD: usize = 64;
const MAX_QUERY_WORDS: usize = 16;

/// The letters of a text without case and accents: `Crème Brûlée` → `creme brulee`, `Straße` → `strasse`.
pub(super) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.nfkd().flat_map(char::to_lowercase) {
        match letter {
            '\u{300}'..='\u{36f}' => {}
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'þ' => out.push_str("th"),
            'ø' => out.push('o'),
            'ł' => out.push('l'),
            'đ' | 'ð' => out.push('d'),
            'ħ' => out.push('h'),
            'ı' => out.push('i'),
            'ς' => out.push('σ'),
            other => out.push(other),
        }
    }
    out
}

/// The words of a product, each once, with a space between them: what the search table holds.
pub(super) fn text_to_index<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut seen = std::collections::HashSet::new();
    let mut out = String::new();
    for text in texts {
        for word in words(&fold(text)) {
            if !seen.contains(word) {
                seen.insert(word.to_owned());
                out.push_str(if out.is_empty() { "" } else { " " });
                out.push_str(word);
            }
        }
    }
    out
}

/// A query in FTS5's syntax, or in that of `tsquery`. Words are letters and digits, so nothing a client writes is
/// ever syntax. `None` when no word is in it: then nothing can match.
pub(super) fn query(engine: db::Engine, text: &str) -> Option<String> {
    let folded = fold(text);
    let mut found: Vec<&str> = Vec::new();
    for word in words(&folded).take(MAX_QUERY_WORDS) {
        if !found.contains(&word) {
            found.push(word);
        }
    }
    let terms: Vec<String> = match engine {
        db::Engine::Sqlite => found.iter().map(|word| format!("\"{word}\"*")).collect(),
        db::Engine::Postgres => found.iter().map(|word| format!("'{word}':*")).collect(),
    };
    let and = match engine {
        db::Engine::Sqlite => " ",
        db::Engine::Postgres => " & ",
    };
    (!terms.is_empty()).then(|| terms.join(and))
}

fn words(folded: &str) -> impl Iterator<Item = &str> {
    folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| {
            let end = word
                .char_indices()
                .nth(MAX_WORD)
                .map_or(word.len(), |(at, _)| at);
            &word[..end]
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_and_case_do_not_count() {
        assert_eq!(
            fold("Crème BRÛLÉE, Łódź, Straße, İstanbul"),
            "creme brulee, lodz, strasse, istanbul"
        );
    }

    #[test]
    fn a_text_is_its_words_each_once() {
        assert_eq!(
            text_to_index(["Red mug, red", "A MUG-RED-01"]),
            "red mug a 01"
        );
        assert_eq!(text_to_index(["", " - "]), "");
    }

    #[test]
    fn what_a_client_writes_is_never_syntax() {
        let hostile = "mug\" OR 1=1 -- NEAR(a b) 'x':* & !y";
        assert_eq!(
            query(db::Engine::Sqlite, hostile).as_deref(),
            Some(r#""mug"* "or"* "1"* "near"* "a"* "b"* "x"* "y"*"#)
        );
        assert_eq!(
            query(db::Engine::Postgres, "Tea's cup").as_deref(),
            Some("'tea':* & 's':* & 'cup':*")
        );
        assert_eq!(query(db::Engine::Postgres, " ':*&| "), None);
    }

    #[test]
    fn long_input_stays_short() {
        let words = "abc ".repeat(5000) + &"x".repeat(5000);
        assert!(query(db::Engine::Sqlite, &words).unwrap().len() < 100);
        assert_eq!(text_to_index(["é".repeat(5000).as_str()]).len(), MAX_WORD);
    }
}
