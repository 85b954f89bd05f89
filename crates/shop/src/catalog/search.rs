//! What the search compares: words without case and accents, the same for texts and for queries; and how well a product
//! matches: first those that are called so, then those whose name begins so, then all others, then what is only similar.

use std::collections::HashSet;

use db::Engine;
use unicode_normalization::UnicodeNormalization;

const MAX_WORD: usize = 64;
const MAX_QUERY_WORDS: usize = 16;

/// The letters of a text without case and accents: `Crème Brûlée` → `creme brulee`, `Straße` → `strasse`.
pub(crate) fn fold(text: &str) -> String {
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

/// What the search table holds of a product: words with a space between them, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words {
    /// By which it is called.
    pub(crate) title: String,
    /// All others.
    pub(super) body: String,
}

impl Words {
    pub(crate) fn of<'a>(
        name: &'a str,
        skus: impl IntoIterator<Item = &'a str>,
        description: &'a str,
    ) -> Self {
        let mut seen = HashSet::new();
        Words {
            title: new_words(std::iter::once(name).chain(skus), &mut seen),
            body: new_words([description], &mut seen),
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.title
            .split(' ')
            .chain(self.body.split(' '))
            .filter(|word| !word.is_empty())
    }

    /// In the syntax of `tsvector`. Words are letters and digits, so none holds a quote.
    pub(super) fn as_vector(&self) -> String {
        let weighted = |words: &str, weight: &str| {
            let words = words.split(' ').filter(|word| !word.is_empty());
            words.fold(String::new(), |all, word| {
                format!("{all}'{word}':1{weight} ")
            })
        };
        weighted(&self.title, "A") + &weighted(&self.body, "")
    }
}

fn new_words<'a>(texts: impl IntoIterator<Item = &'a str>, seen: &mut HashSet<String>) -> String {
    let mut out = String::new();
    for text in texts {
        for word in words(&fold(text)) {
            if seen.insert(word.to_owned()) {
                out.push_str(if out.is_empty() { "" } else { " " });
                out.push_str(word);
            }
        }
    }
    out
}

/// The words of a query, each once.
pub(crate) fn words_of_query(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in words(&fold(text)).take(MAX_QUERY_WORDS) {
        if found.iter().all(|other| other != word) {
            found.push(word.to_owned());
        }
    }
    found
}

/// What a product must have: FTS5's syntax, or that of `tsquery`. Empty when no word is in the query: then nothing
/// can match. Words are letters and digits, so nothing a client writes is ever syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Matching(pub(crate) String);

impl Matching {
    /// Words that begin so, all of them, anywhere.
    pub(crate) fn anywhere(engine: Engine, words: &[String]) -> Self {
        Matching(all_of(engine, words, &[], "*"))
    }

    /// The ways to match, from the best to the weakest; each lets through all that those before it do. `similar`
    /// has for each word others that may have been meant. Without a word there is one, which nothing matches.
    pub(super) fn ways(engine: Engine, words: &[String], similar: &[Vec<String>]) -> Vec<Self> {
        if words.is_empty() {
            return vec![Self::anywhere(engine, words)];
        }
        let mut ways = vec![
            Matching(in_title(engine, words, &[], "")),
            Matching(in_title(engine, words, &[], "*")),
            Self::anywhere(engine, words),
        ];
        if similar.iter().any(|words| !words.is_empty()) {
            let anywhere = all_of(engine, words, &[], "*");
            let titled = in_title(engine, words, similar, "*");
            let or = match engine {
                Engine::Sqlite => "OR",
                Engine::Postgres => "|",
            };
            ways.push(Matching(format!("({anywhere}) {or} ({titled})")));
            ways.push(Matching(all_of(engine, words, similar, "*")));
        }
        ways
    }

    /// What matches so and not in the way before.
    pub(super) fn but_not(&self, engine: Engine, before: &Matching) -> Self {
        let not = match engine {
            Engine::Sqlite => "NOT",
            Engine::Postgres => "& !",
        };
        Matching(format!("({}) {not} ({})", self.0, before.0))
    }
}

fn in_title(engine: Engine, words: &[String], similar: &[Vec<String>], star: &str) -> String {
    match engine {
        Engine::Sqlite => format!("{{title}} : ({})", all_of(engine, words, similar, star)),
        Engine::Postgres => all_of(engine, words, similar, &format!("{star}A")),
    }
}

/// `suffix`: `*` for beginnings; `A` for words of the title.
fn all_of(engine: Engine, words: &[String], similar: &[Vec<String>], suffix: &str) -> String {
    let term = |word: &str| match engine {
        Engine::Sqlite => format!("\"{word}\"{suffix}"),
        Engine::Postgres if suffix.is_empty() => format!("'{word}'"),
        Engine::Postgres => format!("'{word}':{suffix}"),
    };
    let (and, or) = match engine {
        Engine::Sqlite => (" AND ", " OR "),
        Engine::Postgres => (" & ", " | "),
    };
    let terms: Vec<String> = words
        .iter()
        .enumerate()
        .map(|(at, word)| match similar.get(at) {
            Some(others) if !others.is_empty() => {
                let all: Vec<String> = std::iter::once(word)
                    .chain(others)
                    .map(|word| term(word))
                    .collect();
                format!("({})", all.join(or))
            }
            _ => term(word),
        })
        .collect();
    terms.join(and)
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

    fn query(engine: Engine, text: &str) -> String {
        Matching::anywhere(engine, &words_of_query(text)).0
    }

    #[test]
    fn a_product_is_its_words_each_once() {
        let words = Words::of("Red mug, red", ["MUG-RED-01"], "A mug to drink from");
        assert_eq!(
            (words.title.as_str(), words.body.as_str()),
            ("red mug 01", "a to drink from")
        );
        assert_eq!(
            words.as_vector(),
            "'red':1A 'mug':1A '01':1A 'a':1 'to':1 'drink':1 'from':1 "
        );
        assert_eq!(Words::of("", [" - "], ""), Words::default());
    }

    #[test]
    fn what_a_client_writes_is_never_syntax() {
        let hostile = "mug\" OR 1=1 -- NEAR(a b) 'x':* & !y";
        assert_eq!(
            query(Engine::Sqlite, hostile),
            r#""mug"* AND "or"* AND "1"* AND "near"* AND "a"* AND "b"* AND "x"* AND "y"*"#
        );
        assert_eq!(
            query(Engine::Postgres, "Tea's cup"),
            "'tea':* & 's':* & 'cup':*"
        );
        assert_eq!(query(Engine::Postgres, " ':*&| "), "");
    }

    #[test]
    fn each_way_lets_more_through() {
        let (words, similar) = (
            words_of_query("red labtop"),
            [vec![], vec!["laptop".to_owned()]],
        );
        let ways = |engine| -> Vec<String> {
            Matching::ways(engine, &words, &similar)
                .into_iter()
                .map(|way| way.0)
                .collect()
        };
        assert_eq!(
            ways(Engine::Sqlite),
            [
                r#"{title} : ("red" AND "labtop")"#,
                r#"{title} : ("red"* AND "labtop"*)"#,
                r#""red"* AND "labtop"*"#,
                r#"("red"* AND "labtop"*) OR ({title} : ("red"* AND ("labtop"* OR "laptop"*)))"#,
                r#""red"* AND ("labtop"* OR "laptop"*)"#,
            ]
        );
        assert_eq!(
            ways(Engine::Postgres),
            [
                "'red':A & 'labtop':A",
                "'red':*A & 'labtop':*A",
                "'red':* & 'labtop':*",
                "('red':* & 'labtop':*) | ('red':*A & ('labtop':*A | 'laptop':*A))",
                "'red':* & ('labtop':* | 'laptop':*)",
            ]
        );
    }

    #[test]
    fn long_input_stays_short() {
        let words = "abc ".repeat(5000) + &"x".repeat(5000);
        assert!(query(Engine::Sqlite, &words).len() < 100);
        assert_eq!(
            Words::of("é".repeat(5000).as_str(), [], "").title.len(),
            MAX_WORD
        );
    }
}
