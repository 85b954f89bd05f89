//! Strong ETags: a digest of the body as it is before compression. A compressed body has other bytes, so its tag ends
//! with the coding (`"0a1b-gzip"`); what is compared is the part before that.

use axum::http::HeaderValue;
use sha2::{Digest, Sha256};

/// The tag of a body, with its quotes.
pub(super) fn of(body: &[u8]) -> String {
    let hash = Sha256::digest(body);
    hash[..12]
        .iter()
        .fold(String::from("\""), |tag, byte| format!("{tag}{byte:02x}"))
        + "\""
}

/// The tag of a body that was compressed after its tag was made.
pub(super) fn of_coded(tag: &str, coding: &str) -> String {
    match tag.strip_suffix('"') {
        Some(open) => format!("{open}-{coding}\""),
        None => tag.to_owned(),
    }
}

/// The tag of the same body before it was compressed.
pub(super) fn uncoded(tag: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("{}\"", plain(tag))).ok()
}

/// Whether two tags are of the same body, compressed or not.
pub(super) fn same(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

fn plain(tag: &str) -> &str {
    let tag = tag.strip_suffix('"').unwrap_or(tag);
    ["-gzip", "-br"]
        .iter()
        .find_map(|coding| tag.strip_suffix(coding))
        .unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compressed_body_keeps_a_strong_tag_of_its_own() {
        let tag = of(b"{}");
        assert_eq!(tag.len(), 26);
        let coded = of_coded(&tag, "br");
        assert!(
            coded.starts_with('"') && coded.ends_with("-br\""),
            "{coded}"
        );
        assert!(same(&tag, &coded) && coded != tag);
        assert!(!same(&tag, &of(b"[]")) && !same(&tag, &format!("W/{tag}")));
    }
}
