//! The answer when there is less than was asked for.

use serde_json::{Value, json};

use crate::error::{Code, Error};
use crate::ids::{ProductId, VariantId};

db::record! {
    /// A line that the stock cannot meet.
    pub struct ShortLine {
        pub product_id: ProductId,
        pub variant_id: VariantId,
        pub product_name: String,
        pub variant_title: String,
        pub requested: i64,
        pub available: i64,
    }
}

/// 409 `out_of_stock` with the member `lines`.
pub fn out_of_stock(lines: Vec<ShortLine>) -> Error {
    Code::OutOfStock
        .with(detail(&lines))
        .member("lines", lines.iter().map(as_json).collect::<Vec<_>>())
}

fn detail(lines: &[ShortLine]) -> String {
    match lines {
        [line] if line.available > 0 => {
            format!("Only {} of \"{}\" left.", line.available, name(line))
        }
        [line] => format!("\"{}\" is out of stock.", name(line)),
        _ => format!(
            "{} products are not in stock in the quantity asked for.",
            lines.len()
        ),
    }
}

fn name(line: &ShortLine) -> String {
    if line.variant_title.is_empty() {
        line.product_name.clone()
    } else {
        format!("{} ({})", line.product_name, line.variant_title)
    }
}

fn as_json(line: &ShortLine) -> Value {
    json!({
        "product_id": line.product_id,
        "product": line.product_name,
        "variant_id": line.variant_id,
        "variant": line.variant_title,
        "requested": line.requested,
        "available": line.available,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(title: &str, available: i64) -> ShortLine {
        ShortLine {
            product_id: ProductId(1),
            variant_id: VariantId(2),
            product_name: "Mug".into(),
            variant_title: title.into(),
            requested: 9,
            available,
        }
    }

    #[test]
    fn the_sentence_names_what_is_left() {
        assert_eq!(detail(&[line("", 3)]), "Only 3 of \"Mug\" left.");
        assert_eq!(detail(&[line("Red", 0)]), "\"Mug (Red)\" is out of stock.");
        assert_eq!(
            detail(&[line("", 0), line("Red", 1)]),
            "2 products are not in stock in the quantity asked for."
        );
    }
}
