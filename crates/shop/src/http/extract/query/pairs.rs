//! From the text of a query to its pairs.

use crate::error::{Error, Fault, Result};

pub(super) struct Pair {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) taken: bool,
}

/// The pairs of a query; none twice, all of it text.
pub(super) fn decode(query: &str) -> Result<Vec<Pair>> {
    let mut pairs: Vec<Pair> = Vec::new();
    let mut faults = Vec::new();
    let fault = |name: &str, code, detail: &str| Fault {
        attr: shown(name),
        code,
        detail: detail.to_owned(),
        in_query: true,
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (percent_decode(name), percent_decode(value)) {
            (Some(name), Some(_)) if pairs.iter().any(|pair| pair.name == name) => {
                faults.push(fault(&name, "duplicate", "This parameter stands twice."));
            }
            (Some(name), Some(value)) => pairs.push(Pair {
                name,
                value,
                taken: false,
            }),
            _ => faults.push(fault(name, "invalid", "Not percent-encoded UTF-8 text.")),
        }
        if pairs.len() + faults.len() > 100 {
            return Err(Error::faults(vec![fault(
                name,
                "invalid",
                "Too many parameters.",
            )]));
        }
    }
    if faults.is_empty() {
        Ok(pairs)
    } else {
        Err(Error::faults(faults))
    }
}

/// A name that a client chose, fit to be shown.
pub(super) fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(60).collect()
}

/// `None` for broken escapes, NUL, and what is not UTF-8.
fn percent_decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let (high, low) = (
                    char::from(bytes.next()?).to_digit(16)?,
                    char::from(bytes.next()?).to_digit(16)?,
                );
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(out)
        .ok()
        .filter(|text| !text.contains('\0'))
}
