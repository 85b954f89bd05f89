//! Recovery codes: 80 random bits each, so that their SHA-256 tells nothing.

use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};

use crate::accounts::tokens::random_bytes;
use crate::error::Result;

/// How many there are.
pub(super) const MANY: usize = 10;

/// New ones: `ABCD-EFGH-IJKL-MNOP`.
pub(super) fn draw() -> Result<Vec<String>> {
    (0..MANY)
        .map(|_| {
            let letters = BASE32_NOPAD.encode(&random_bytes::<10>()?);
            let groups = [
                &letters[..4],
                &letters[4..8],
                &letters[8..12],
                &letters[12..],
            ];
            Ok(groups.join("-"))
        })
        .collect()
}

/// Of what was typed, whatever its case and its groups.
pub(super) fn hash(typed: &str) -> [u8; 32] {
    let letters = typed.chars().filter(char::is_ascii_alphanumeric);
    let letters: String = letters.map(|c| c.to_ascii_uppercase()).collect();
    Sha256::digest(letters.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_differ_and_can_be_typed_in_any_way() {
        let codes = draw().unwrap();
        assert_eq!((codes.len(), codes[0].len()), (MANY, 19));
        assert!(
            codes
                .iter()
                .enumerate()
                .all(|(at, code)| !codes[..at].contains(code))
        );
        let typed = codes[0].to_lowercase().replace('-', " ");
        assert_eq!(hash(&codes[0]), hash(&typed));
        assert_ne!(hash(&codes[0]), hash(&codes[1]));
    }
}
