//! What always holds of text that strangers write. Property tests (below) and the fuzz targets (`fuzz/`) ask the same.
//!
//! To add one: a function here, a test below, a target and some seeds in `fuzz/`.

use std::net::IpAddr;

use db::Engine;
use hyper::HeaderMap;
use money::{Currency, Money};

use crate::catalog::search::{Matching, Words, fold, words_of_query};
use crate::clock::Time;
use crate::config::{Config, Sources};
use crate::http::access::address::address_behind;
use crate::http::extract::json;
use crate::import::rows::{Column, Mapping, Rows};
use crate::payments::providers::stripe::webhook;
use crate::payments::signature;

/// What we read `serde_json` reads, with the same value; and so we do what it then writes.
pub fn json(bytes: &[u8]) {
    let Ok(node) = json::parse(bytes) else {
        return;
    };
    let value = node.to_value();
    let theirs = serde_json::from_slice::<serde_json::Value>(bytes).ok();
    assert_eq!(theirs.as_ref(), Some(&value));
    let written = value.to_string();
    // Large numbers become floats there, and may be read back one bit off: by both alike.
    let again = json::parse(written.as_bytes()).ok();
    let theirs = serde_json::from_str::<serde_json::Value>(&written).ok();
    assert_eq!(again.map(|node| node.to_value()), theirs);
}

/// An amount that is taken is the amount that was written, to the last digit, and is read back as it is shown.
pub fn money(bytes: &[u8]) {
    let (Some(&first), Ok(text)) = (
        bytes.first(),
        std::str::from_utf8(bytes.get(1..).unwrap_or(&[])),
    ) else {
        return;
    };
    let codes = ["USD", "JPY", "KWD", "BDT"];
    let code = codes.get(usize::from(first) % codes.len());
    let Some(currency) = code.and_then(|code| Currency::parse(code).ok()) else {
        return;
    };
    let Ok(amount) = Money::parse(text, currency) else {
        return;
    };
    let shown = amount.format();
    assert_eq!(Money::parse(&shown, currency).ok(), Some(amount), "{text}");
    assert_eq!(plain(text), plain(&shown), "{text} became {shown}");
}

/// Without what does not change a number.
fn plain(text: &str) -> (bool, &str, &str) {
    let digits = text.trim_start_matches('-');
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
    let is_zero = whole.is_empty() && part.is_empty();
    (text.starts_with('-') && !is_zero, whole, part)
}

/// A header, a NUL, a body: nothing is believed that was not signed with the secret, and what was is.
pub fn signatures(bytes: &[u8]) {
    let (header, body) = at_nul(bytes);
    let Ok(header) = std::str::from_utf8(header) else {
        return;
    };
    let secret = "whsec_of_nobody";
    assert!(!signature::is_signed(&[secret, ""], &[body], header));
    let signed = signature::sign(secret, &[body]);
    assert!(signature::is_signed(&["other", secret], &[body], &signed));
    assert!(signature::is_signed(
        &[secret],
        &[body],
        &signed.to_uppercase()
    ));
    assert!(!signature::is_signed(&[secret], &[body, b"x"], &signed));

    let now = Time(1_772_366_400_000_000);
    assert!(webhook::check_signature(secret, header, body, now).is_err());
    let seconds = now.seconds().to_string();
    let signed = signature::sign(secret, &[seconds.as_bytes(), b".", body]);
    let whole = format!("t={seconds},v0=00,v1={signed}");
    assert!(webhook::check_signature(secret, &whole, body, now).is_ok());
    let later = Time(now.0 + 301_000_000);
    assert!(webhook::check_signature(secret, &whole, body, later).is_err());
}

fn at_nul(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    (parts.next().unwrap_or(&[]), parts.next().unwrap_or(&[]))
}

/// Values of `X-Forwarded-For`, a line each: whatever a client sends, it cannot be somebody else.
pub fn forwarded(bytes: &[u8]) {
    let flags = [
        ("ENVIRONMENT", "testing"),
        ("TRUSTED_PROXIES", "10.0.0.0/8"),
    ];
    let Ok(config) = Config::from_sources(&Sources::from_flags(&flags)) else {
        return;
    };
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(value) = line.try_into() {
            headers.append("x-forwarded-for", value);
        }
    }
    let (stranger, proxy) = (IpAddr::from([203, 0, 113, 9]), IpAddr::from([10, 0, 0, 1]));
    assert_eq!(address_behind(&headers, stranger, &config), stranger);
    // Whatever address is believed, it is in its shortest form.
    let believed = address_behind(&headers, proxy, &config);
    assert_eq!(believed, believed.to_canonical());
    // Our own proxy adds whom it sees.
    headers.append(
        "x-forwarded-for",
        hyper::http::HeaderValue::from_static("198.51.100.7"),
    );
    let seen = address_behind(&headers, proxy, &config);
    assert_eq!(seen, IpAddr::from([198, 51, 100, 7]));
}

/// A query becomes words and nothing else, and whatever is called so is found by it.
pub fn search_text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let words = words_of_query(&text);
    assert!(words.len() <= 16);
    for word in &words {
        assert!(!word.is_empty() && word.chars().count() <= 64, "{word}");
        assert!(word.chars().all(char::is_alphanumeric), "{word}");
    }
    assert_eq!(words_of_query(&words.join(" ")), words, "{text}");
    let stored = Words::of(&text, [], "");
    let title: Vec<&str> = stored.title.split(' ').collect();
    assert!(
        words.iter().all(|word| title.contains(&word.as_str())),
        "{text}"
    );
    assert_eq!(fold(&fold(&text)), fold(&text), "{text}");
    for (engine, quote) in [(Engine::Sqlite, '"'), (Engine::Postgres, '\'')] {
        let query = Matching::anywhere(engine, &words).0;
        let quotes = query.matches(quote).count();
        assert_eq!(quotes, words.len() * 2, "{query}");
    }
}

const COLUMNS: &[Column] = &[
    Column {
        name: "sku",
        headers: &["article"],
        required: true,
    },
    Column {
        name: "name",
        headers: &["title"],
        required: false,
    },
];

type Cells = Vec<(Option<String>, Option<String>)>;

/// A file is read to its end or refused; cells are clean, and written out again they are read again.
pub fn import_rows(bytes: &[u8]) {
    let Some((cells, lines)) = read(bytes.to_vec()) else {
        return;
    };
    assert!(lines.is_sorted(), "{lines:?}");
    for cell in cells.iter().flat_map(|(sku, name)| [sku, name]).flatten() {
        assert!(!cell.is_empty() && cell.trim() == cell && !cell.contains('\0'));
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut written = writer.write_record(["sku", "name"]).is_ok();
    for (sku, name) in &cells {
        let cell = |cell: &Option<String>| cell.clone().unwrap_or_default();
        written &= writer.write_record([cell(sku), cell(name)]).is_ok();
    }
    let text = writer.into_inner().unwrap_or_default();
    assert!(written);
    // Of the first line the separator is guessed; a first line of ours has a comma.
    let again = read(text).map(|(cells, _)| cells);
    assert_eq!(again, Some(cells));
}

/// Cells of the good rows, and where the rows begin; `None` when the file is refused as a whole.
fn read(bytes: Vec<u8>) -> Option<(Cells, Vec<u64>)> {
    let size = bytes.len() as u64;
    let text = Box::new(std::io::Cursor::new(bytes));
    let mut rows = Rows::of("text", text, size, COLUMNS, &Mapping::default()).ok()?;
    let (mut cells, mut lines) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next().ok()? {
        match row {
            Ok(row) => {
                lines.push(row.line);
                let cell = |name: &str| row.get(name).map(str::to_owned);
                cells.push((cell("sku"), cell("name")));
            }
            Err(fault) => lines.push(fault.line),
        }
    }
    Some((cells, lines))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        vec(any::<u8>(), 0..300)
    }

    /// Texts that get further than chance would.
    fn made_of(pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
        vec(select(pieces), 0..24).prop_map(|pieces| pieces.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn json_is_read_as_others_read_it(any in bytes(), made in made_of(&[
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"\\u00e9\"", "\"\\ud83d\\ude00\"", "1", "-0.50", "1e9", "true", "null", " ", "\n",
        ])) {
            json(&any);
            json(&made);
        }

        #[test]
        fn money_keeps_every_digit(any in bytes(), first in 0..4_u8, text in "-?[0-9]{0,20}\\.?[0-9]{0,6}") {
            money(&any);
            money(&[&[first], text.as_bytes()].concat());
        }

        #[test]
        fn nothing_is_believed_that_was_not_signed(any in bytes(), made in made_of(&[
            "t=", "v1=", "v0=", ",", "=", "1772366400", "00", "ff", "149f0921b8dab66ba5504a4de4e376f5", "\0", "{}", "é",
        ])) {
            signatures(&any);
            signatures(&made);
        }

        #[test]
        fn nobody_sends_another_address(any in bytes(), made in made_of(&[
            "1.2.3.4", "10.0.0.7", "::1", "[2001:db8::1]:80", ",", " ", "\n", ":99", "unknown", "::ffff:10.1.1.1", "é", "\0",
        ])) {
            forwarded(&any);
            forwarded(&made);
        }

        #[test]
        fn queries_are_words_and_find_what_is_called_so(any in bytes(), text in ".{0,80}", made in made_of(&[
            "Crème", "ß", "İ", "ﬁ", "\"", "'", "*", "OR", "NEAR(", ":", "-", "(", " ", "Ǆ", "ⅷ", "㎏", "ͅ", "ά", "\u{307}", "日本", "½",
        ])) {
            search_text(&any);
            search_text(text.as_bytes());
            search_text(&made);
        }

        #[test]
        fn files_are_read_or_refused(any in bytes(), made in made_of(&[
            "sku,name\n", "sku;title\r\n", "a", "b c", ",", ";", "\t", "\n", "\r\n", "\"", "\"\"", " ", "\0", "{", "}", "[", "]", "\"sku\":", "é",
        ])) {
            import_rows(&any);
            import_rows(&made);
            import_rows(&[b"sku,name\n", &*made].concat());
        }
    }

    #[test]
    fn the_seeds_of_the_fuzz_targets_hold() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
        type Holds = fn(&[u8]);
        let targets: [(&str, Holds); 6] = [
            ("json", json),
            ("money", money),
            ("signatures", signatures),
            ("forwarded", forwarded),
            ("search_text", search_text),
            ("import_rows", import_rows),
        ];
        for (name, holds) in targets {
            let files = std::fs::read_dir(folder.join(name)).unwrap();
            let files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
            assert!(!files.is_empty(), "{name}");
            files
                .iter()
                .for_each(|file| holds(&std::fs::read(file).unwrap()));
        }
    }
}
